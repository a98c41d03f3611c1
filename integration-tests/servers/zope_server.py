"""Zope's FTP server for one user: ADDRESS PORT ROOT USER PASSWORD"""

import asyncore
import datetime
import logging
import os
import pathlib
import shutil
import sys

from zope.interface import implementer
from zope.security.interfaces import Unauthorized
from zope.server.ftp.server import FTPServer
from zope.server.interfaces.ftp import IFileSystem, IFileSystemAccess
from zope.server.taskthreads import ThreadedTaskDispatcher

address, port, root, user, password = sys.argv[1:]
logging.basicConfig(level=logging.INFO)


@implementer(IFileSystem)
class Files:
    """What the server wants to know of files."""

    def at(self, path):
        return pathlib.Path(root, path.lstrip("/"))

    def type(self, path):
        at = self.at(path)
        return "d" if at.is_dir() else "f" if at.is_file() else None

    def names(self, path, filter=None):
        return [name for name in os.listdir(self.at(path)) if filter is None or filter(name)]

    def ls(self, path, filter=None):
        return [self.lsinfo(f"{path}/{name}") for name in self.names(path, filter)]

    def lsinfo(self, path):
        return {"type": self.type(path), "name": os.path.basename(path), "size": self.size(path), "mtime": self.mtime(path)}

    def readfile(self, path, outstream, start=0, end=None):
        with open(self.at(path), "rb") as file:
            file.seek(start)
            shutil.copyfileobj(file, outstream)

    def mtime(self, path):
        return datetime.datetime.fromtimestamp(self.at(path).stat().st_mtime, datetime.timezone.utc)

    def size(self, path):
        return self.at(path).stat().st_size

    def mkdir(self, path):
        self.at(path).mkdir()

    def remove(self, path):
        self.at(path).unlink()

    def rmdir(self, path):
        self.at(path).rmdir()

    def rename(self, old, new):
        self.at(old).rename(self.at(new))

    def writefile(self, path, instream, start=None, end=None, append=False):
        with open(self.at(path), "ab" if append else "r+b" if start else "wb") as file:
            if start and not append:
                file.seek(start)
            shutil.copyfileobj(instream, file)
            file.truncate()

    def writable(self, path):
        return os.access(self.at(path).parent, os.W_OK)


@implementer(IFileSystemAccess)
class Access:
    """Who may log in."""

    def authenticate(self, credentials):
        if credentials != (user, password):
            raise Unauthorized()

    def open(self, credentials):
        self.authenticate(credentials)
        return Files()


tasks = ThreadedTaskDispatcher()
tasks.setThreadCount(4)
server = FTPServer(address, int(port), Access(), task_dispatcher=tasks)
asyncore.loop()
