"""ftputil: files of a server as files of Python, above ftplib."""
import ftplib, os, shutil, ssl, sys
import ftputil

env = os.environ
content = open("content", "rb").read()


class Login:
    def connected(self, host, user, password):
        self.connect(host, int(env["FTP_PORT"]), timeout=60)
        self.login(user, password)
        self.set_pasv(env["FTP_MODE"] == "passive")


class Clear(ftplib.FTP, Login):
    def __init__(self, host, user, password):
        super().__init__(encoding="utf-8")
        self.connected(host, user, password)


class Private(ftplib.FTP_TLS, Login):
    def __init__(self, host, user, password):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[env["FTP_TLS_VERSION"]]
        context.minimum_version = context.maximum_version = version
        super().__init__(context=context, encoding="utf-8")
        self.connected(host, user, password)
        self.prot_p()

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(conn, session=self.sock.session) if self._prot_p else conn, size


kind = {"clear": Clear, "explicit": Private}[env["FTP_TLS"]]
ftp = ftputil.FTPHost(env["FTP_HOST"], env["FTP_LOGIN"], env["FTP_PASSWORD"], session_factory=kind)


def resume_download():
    with ftp.open("d/a.bin", "rb", rest=70000) as source, open("part", "ab") as target:
        shutil.copyfileobj(source, target)


def resume_upload():
    with ftp.open("half.bin", "wb", rest=70000) as target:
        target.write(content[70000:])


def abort():
    source = ftp.open("big.bin", "rb")
    source.read(1000)
    source.close()
    ftp.download("d/a.bin", "after")


steps = {
    "list": lambda: open("listing", "w").write("\n".join(ftp.listdir("d"))),
    "download": lambda: ftp.download("d/a.bin", "whole"),
    "resume-download": resume_download,
    "upload": lambda: ftp.upload("content", "up.bin"),
    "resume-upload": resume_upload,
    "rename": lambda: ftp.rename("old.bin", "new.bin"),
    "delete": lambda: ftp.remove("gone.bin"),
    "abort": abort,
}
for step in sys.argv[1:]:
    print(step, flush=True)
    steps[step]()
ftp.close()
