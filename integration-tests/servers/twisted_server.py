"""Twisted's FTP server for one user: ADDRESS PORT ROOT USER PASSWORD"""

import sys

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.protocols.ftp import FTPFactory, FTPRealm
from twisted.python import log
from twisted.python.filepath import FilePath

address, port, root, user, password = sys.argv[1:]
log.startLogging(sys.stderr)


class Realm(FTPRealm):
    def getHomeDirectory(self, avatar):
        return FilePath(root)


checker = InMemoryUsernamePasswordDatabaseDontUse()
checker.addUser(user, password)
reactor.listenTCP(int(port), FTPFactory(Portal(Realm(root), [checker])), interface=address)
reactor.run()
