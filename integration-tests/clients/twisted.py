"""Twisted's FTP client, in clear."""
import os, sys

from twisted.internet import defer, protocol, reactor
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.protocols.ftp import FTPClient, FTPFileListProtocol

env = os.environ
content = open("content", "rb").read()


class Bytes(protocol.Protocol):
    """Writes what comes, and may stop after the first bytes."""

    def __init__(self, file, stops=False):
        self.file, self.stops = file, stops

    def dataReceived(self, data):
        self.file.write(data)
        if self.stops:
            self.transport.abortConnection()

    def connectionLost(self, reason):
        self.file.close()


async def stores(started):
    consumer, done = started
    sender = await consumer
    sender.write(content[stores.start:])
    sender.finish()
    await done


async def lists(ftp):
    found = FTPFileListProtocol()
    await ftp.list("d", found)
    open("listing", "w").write("\n".join(file["filename"] for file in found.files))


async def upload(ftp):
    stores.start = 0
    await stores(ftp.storeFile("up.bin"))


async def resume_upload(ftp):
    stores.start = 70000
    await stores(ftp.storeFile("half.bin", offset=70000))


async def abort(ftp):
    try:
        await ftp.retrieveFile("big.bin", Bytes(open("some", "wb"), stops=True))
    except Exception as error:
        print(error)
    await ftp.retrieveFile("d/a.bin", Bytes(open("after", "wb")))


steps = {
    "list": lists,
    "download": lambda ftp: ftp.retrieveFile("d/a.bin", Bytes(open("whole", "wb"))),
    "resume-download": lambda ftp: ftp.retrieveFile("d/a.bin", Bytes(open("part", "ab")), offset=70000),
    "upload": upload,
    "resume-upload": resume_upload,
    "rename": lambda ftp: ftp.rename("old.bin", "new.bin"),
    "delete": lambda ftp: ftp.removeFile("gone.bin"),
    "abort": abort,
}


async def main():
    client = FTPClient(env["FTP_LOGIN"], env["FTP_PASSWORD"], passive=env["FTP_MODE"] == "passive")
    ftp = await connectProtocol(HostnameEndpoint(reactor, env["FTP_HOST"], int(env["FTP_PORT"])), client)
    await ftp.queueStringCommand("TYPE I")
    for step in sys.argv[1:]:
        print(step, flush=True)
        await steps[step](ftp)
    await ftp.quit()


code = 0


def failed(failure):
    global code
    code = 1
    failure.printTraceback()


done = defer.ensureDeferred(main())
done.addErrback(failed)
done.addBoth(lambda _: reactor.callWhenRunning(reactor.stop))
reactor.run()
sys.exit(code)
