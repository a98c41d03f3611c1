"""aioftp: coroutines. It has no active mode and resumes no TLS session."""
import asyncio, os, ssl, sys
import aioftp

env = os.environ
kind = env["FTP_TLS"]
content = open("content", "rb").read()


def tls():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[env["FTP_TLS_VERSION"]]
    context.minimum_version = context.maximum_version = version
    return context


async def main():
    ftp = aioftp.Client(ssl=tls() if kind == "implicit" else None, socket_timeout=60)
    await ftp.connect(env["FTP_HOST"], int(env["FTP_PORT"]))
    if kind == "explicit":
        await ftp.upgrade_to_tls(sslcontext=tls())
    await ftp.login(env["FTP_LOGIN"], env["FTP_PASSWORD"])

    async def lists():
        names = [str(path) async for path, _ in ftp.list("d")]
        open("listing", "w").write("\n".join(names))

    async def download(remote, local, offset=0):
        async with ftp.download_stream(remote, offset=offset) as stream:
            with open(local, "ab" if offset else "wb") as file:
                async for block in stream.iter_by_block():
                    file.write(block)

    async def upload():
        async with ftp.upload_stream("up.bin") as stream:
            await stream.write(content)

    async def resume_upload():
        async with ftp.append_stream("half.bin") as stream:
            await stream.write(content[70000:])

    async def abort():
        stream = await ftp.download_stream("big.bin")
        await stream.read(1000)
        await ftp.abort()
        stream.close()
        await download("d/a.bin", "after")

    steps = {
        "list": lists,
        "download": lambda: download("d/a.bin", "whole"),
        "resume-download": lambda: download("d/a.bin", "part", 70000),
        "upload": upload,
        "resume-upload": resume_upload,
        "rename": lambda: ftp.rename("old.bin", "new.bin"),
        "delete": lambda: ftp.remove("gone.bin"),
        "abort": abort,
    }
    for step in sys.argv[1:]:
        print(step, flush=True)
        await steps[step]()
    await ftp.quit()


asyncio.run(main())
