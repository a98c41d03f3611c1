"""The method `ftp` of apt: downloads, in clear. It talks to apt over its standard input and output."""
import os, subprocess, sys

env = os.environ
url = f"ftp://{env['FTP_LOGIN']}:{env['FTP_PASSWORD']}@{env['FTP_HOST']}:{env['FTP_PORT']}/d/a.bin"
items = ["APT::Sandbox::User=root", f"Acquire::ftp::Passive={str(env['FTP_MODE'] == 'passive').lower()}"]
method = subprocess.Popen([env["FTP_PROGRAM"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def hears():
    """The next message: its number, and its fields."""
    lines = iter(method.stdout.readline, "\n")
    first = next(lines)
    return first[:3], dict(line.rstrip("\n").split(": ", 1) for line in lines)


hears()
print("601 Configuration", *(f"Config-Item: {item}" for item in items), "", sep="\n", file=method.stdin, flush=True)
for step in sys.argv[1:]:
    print(step, flush=True)
    name = {"download": "whole", "resume-download": "part"}[step]
    print("600 URI Acquire", f"URI: {url}", f"Filename: {name}", "", sep="\n", file=method.stdin, flush=True)
    number, fields = "", {}
    while number not in ("201", "400"):
        number, fields = hears()
    if number == "400":
        sys.exit(str(fields))
method.stdin.close()
