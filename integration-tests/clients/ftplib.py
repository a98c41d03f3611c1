"""Python's ftplib. It resumes the TLS session of the control connection only if it is told to."""
import ftplib, io, os, socket, ssl, sys

env = os.environ
host, port, kind = env["FTP_HOST"], int(env["FTP_PORT"]), env["FTP_TLS"]
content = open("content", "rb").read()


class Private(ftplib.FTP_TLS):
    def connect(self, *args, **kwargs):
        if kind == "explicit":
            return super().connect(*args, **kwargs)
        self.sock = self.context.wrap_socket(socket.create_connection((host, port), 60))
        self.af, self.host, self.timeout = self.sock.family, host, 60
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

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
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[env["FTP_TLS_VERSION"]]
        context.minimum_version = context.maximum_version = version
        ftp = Private(context=context, timeout=60, encoding="utf-8")
    ftp.connect(host, port)
    ftp.login(env["FTP_LOGIN"], env["FTP_PASSWORD"])
    if kind != "clear":
        ftp.prot_p()
    ftp.set_pasv(env["FTP_MODE"] == "passive")
    return ftp


ftp = connect()


def get(remote, local, mode="wb", rest=None):
    with open(local, mode) as file:
        ftp.retrbinary("RETR " + remote, file.write, rest=rest)


def abort():
    data = ftp.transfercmd("RETR big.bin")
    data.recv(1000)
    data.close()
    ftp.abort()  # ABOR, in clear as urgent data
    try:
        ftp.voidresp()
    except ftplib.error_temp:
        ftp.voidresp()
    get("d/a.bin", "after")


steps = {
    "list": lambda: open("listing", "w").write("\n".join(ftp.nlst("d") + [n for n, _ in ftp.mlsd("d")])),
    "download": lambda: get("d/a.bin", "whole"),
    "resume-download": lambda: get("d/a.bin", "part", "ab", 70000),
    "upload": lambda: ftp.storbinary("STOR up.bin", io.BytesIO(content)),
    "resume-upload": lambda: ftp.storbinary("STOR half.bin", io.BytesIO(content[70000:]), rest=70000),
    "rename": lambda: ftp.rename("old.bin", "new.bin"),
    "delete": lambda: ftp.delete("gone.bin"),
    "abort": abort,
}
for step in sys.argv[1:]:
    print(step, flush=True)
    steps[step]()
ftp.quit()
