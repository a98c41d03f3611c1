"""Python's ftplib as a referee: fetches files from a server and prints the SHA-256 of each.

HOST PORT clear|explicit USER; the password in REFEREE_PASSWORD, the paths on standard input, one on each line.
Each file has a session of its own, so that a server that demands resumption sees the session of that control connection.
"""

import ftplib
import hashlib
import os
import ssl
import sys

host, port, kind, user = sys.argv[1:]


class Private(ftplib.FTP_TLS):
    """Resumes the session of the control connection on the data connection, as some servers demand."""

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            conn = self.context.wrap_socket(conn, session=self.sock.session)
        return conn, size


def connect():
    if kind == "clear":
        ftp = ftplib.FTP(timeout=60, encoding="utf-8")
    else:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        ftp = Private(context=context, timeout=60, encoding="utf-8")
    ftp.connect(host, int(port))
    ftp.login(user, os.environ["REFEREE_PASSWORD"])
    if kind != "clear":
        ftp.prot_p()
    return ftp


for path in sys.stdin.read().splitlines():
    ftp = connect()
    digest = hashlib.sha256()
    ftp.retrbinary("RETR " + path, digest.update)
    ftp.close()
    print(digest.hexdigest(), path, flush=True)
