//! Python's FTP libraries with our server.

use ftp_proto::dialect::Dialect;
use integration_tests::foreign::{Desk, Tool};
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Site, USER, sample};

/// ftplib: every operation that it has; the script asserts what comes back.
const FTPLIB: &str = r#"
import ftplib, io, sys
host, port, user, password, passive = sys.argv[1:]
content = open("content", "rb").read()
ftp = ftplib.FTP(encoding="utf-8")
ftp.connect(host, int(port), timeout=60)
ftp.login(user, password)
ftp.set_pasv(passive == "passive")
name = "two żółw's.bin"
assert ftp.nlst("d") in (["d/" + name], [name]), ftp.nlst("d")
assert [(n, f["size"]) for n, f in ftp.mlsd("d", ["type", "size"]) if f["type"] == "file"] == [(name, str(len(content)))]
lines = []
ftp.dir("d", lines.append)
assert any(name in line for line in lines), lines
ftp.cwd("d")
assert ftp.pwd() == "/d"
got = io.BytesIO()
ftp.retrbinary("RETR " + name, got.write)
assert got.getvalue() == content
rest = io.BytesIO()
ftp.retrbinary("RETR " + name, rest.write, rest=70000)
assert rest.getvalue() == content[70000:]
ftp.cwd("..")
ftp.mkd('new "dir"')
assert ftp.size("d/" + name) == len(content)
ftp.storbinary("STOR half", io.BytesIO(content[:70000]))
ftp.storbinary("STOR half", io.BytesIO(content[70000:]), rest=70000)
ftp.storbinary("STOR quarter", io.BytesIO(content[:50000]))
ftp.sendcmd("REST 50000")  # before the TYPE and the PASV that storbinary sends (E14)
ftp.storbinary("STOR quarter", io.BytesIO(content[50000:]))
ftp.sendcmd("REST 70000")
got = io.BytesIO()
ftp.retrbinary("RETR quarter", got.write)
assert got.getvalue() == content[70000:]
ftp.delete("quarter")
ftp.storlines("STOR text", io.BytesIO(b"one\ntwo\n"))
lines = []
ftp.retrlines("RETR text", lines.append)
assert lines == ["one", "two"], lines
ftp.rename("half", 'new "dir"/full name ł.bin')
ftp.delete("text")
ftp.voidcmd("NOOP")
data, size = ftp.ntransfercmd("RETR d/" + name)
data.recv(1)
data.close()
try:
    ftp.voidresp()
except ftplib.all_errors:
    pass
assert ftp.voidcmd("NOOP").startswith("200")
ftp.quit()
"#;

/// aioftp: a coroutine for each operation.
const AIOFTP: &str = r#"
import asyncio, sys
import aioftp
host, port, user, password, _ = sys.argv[1:]
content = open("content", "rb").read()
name = "two żółw's.bin"

async def main():
    async with aioftp.Client.context(host, int(port), user, password) as ftp:
        listed = [(str(path), facts["type"]) async for path, facts in ftp.list("/", recursive=True)]
        assert sorted(listed) == [("/d", "dir"), ("/d/" + name, "file")], listed
        await ftp.download("d/" + name, "copy", write_into=True)
        assert open("copy", "rb").read() == content
        async with ftp.download_stream("d/" + name, offset=70000) as stream:
            rest = b"".join([block async for block in stream.iter_by_block()])
        assert rest == content[70000:]
        await ftp.make_directory("new/deep")
        await ftp.upload("content", "new/deep/up ł.bin", write_into=True)
        async with ftp.upload_stream("half") as stream:
            await stream.write(content[:70000])
        async with ftp.append_stream("half") as stream:
            await stream.write(content[70000:])
        assert (await ftp.stat("half"))["size"] == str(len(content))
        await ftp.make_directory('new "dir"')
        await ftp.rename("half", 'new "dir"/full name ł.bin')
        await ftp.remove("new")
        assert not await ftp.exists("new")

asyncio.run(main())
"#;

fn works_with_our_server(tool: &Tool, script: &str, mode: &str) {
    let content = sample(200_000);
    let server = Site::new("python").file("d/two \u{17c}\u{f3}\u{142}w's.bin", &content).start();
    let at = server.address(Dialect::Rfc959);
    let desk = Desk::new();
    desk.put("content", &content);
    desk.put("script.py", script);
    let (host, port) = (at.ip().to_string(), at.port().to_string());
    desk.run(tool, &["script.py", &host, &port, USER, PASSWORD, mode]);
    assert_eq!(
        server.names(),
        ["d/", "d/two \u{17c}\u{f3}\u{142}w's.bin", "new \"dir\"/", "new \"dir\"/full name \u{142}.bin"]
    );
    assert_eq!(server.bytes("new \"dir\"/full name \u{142}.bin"), content);
}

#[test]
fn ftplib_does_everything_passive_and_active() {
    let python = or_skip!(Tool::plain_python());
    for mode in ["passive", "active"] {
        works_with_our_server(&python, FTPLIB, mode);
    }
}

#[test]
fn aioftp_does_everything() {
    works_with_our_server(&or_skip!(Tool::python("aioftp")), AIOFTP, "passive");
}
