"""pyftpdlib as a server of one user: ADDRESS PORT ROOT USER PASSWORD allowed|refused"""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

address, port, root, user, password, hosts = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
authorizer = DummyAuthorizer()
authorizer.add_user(user, password, root, perm="elradfmwMT")
FTPHandler.authorizer = authorizer
FTPHandler.permit_foreign_addresses = hosts == "allowed"
FTPServer.max_cons = 20000
FTPServer((address, int(port)), FTPHandler).serve_forever()
