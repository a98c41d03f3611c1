"""libcurl through PycURL: one handle, whose control connection serves all steps."""
import os, sys
import pycurl

env = os.environ
kind = env["FTP_TLS"]
scheme = "ftps" if kind == "implicit" else "ftp"
curl = pycurl.Curl()


def handle(path, **options):
    curl.reset()
    curl.setopt(curl.URL, f"{scheme}://{env['FTP_HOST']}:{env['FTP_PORT']}/{path}")
    curl.setopt(curl.USERNAME, env["FTP_LOGIN"])
    curl.setopt(curl.PASSWORD, env["FTP_PASSWORD"])
    curl.setopt(curl.TIMEOUT, 60)
    if env["FTP_MODE"] == "active":
        curl.setopt(curl.FTPPORT, "-")
    if kind != "clear":
        curl.setopt(curl.USE_SSL, curl.USESSL_ALL)
        curl.setopt(curl.SSL_VERIFYPEER, 0)
        curl.setopt(curl.SSL_VERIFYHOST, 0)
        version = {
            "1.2": curl.SSLVERSION_TLSv1_2 | curl.SSLVERSION_MAX_TLSv1_2,
            "1.3": curl.SSLVERSION_TLSv1_3,
        }[env["FTP_TLS_VERSION"]]
        curl.setopt(curl.SSLVERSION, version)
    for name, value in options.items():
        curl.setopt(getattr(curl, name), value)


def get(path, local, mode="wb", **options):
    with open(local, mode) as file:
        handle(path, WRITEDATA=file, **options)
        curl.perform()


def put(path, start, **options):
    with open("content", "rb") as file:
        file.seek(start)
        handle(path, UPLOAD=1, READDATA=file, **options)
        curl.perform()


def quote(*commands):
    handle("", QUOTE=list(commands), NOBODY=1)
    curl.perform()


def abort():
    handle("big.bin", WRITEFUNCTION=lambda some: 0)
    try:
        curl.perform()
        raise SystemExit("the download was not stopped")
    except pycurl.error as error:
        assert error.args[0] == pycurl.E_WRITE_ERROR, error
    get("d/a.bin", "after")


steps = {
    "list": lambda: get("d/", "listing"),
    "download": lambda: get("d/a.bin", "whole"),
    "resume-download": lambda: get("d/a.bin", "part", "ab", RESUME_FROM=70000),
    "upload": lambda: put("up.bin", 0),
    "resume-upload": lambda: put("half.bin", 70000, APPEND=1),
    "rename": lambda: quote("RNFR old.bin", "RNTO new.bin"),
    "delete": lambda: quote("DELE gone.bin"),
    "abort": abort,
}
for step in sys.argv[1:]:
    print(step, flush=True)
    steps[step]()
curl.close()
