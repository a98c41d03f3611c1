"""pyftpdlib as a server of one user: ADDRESS PORT ROOT USER PASSWORD [CERTIFICATE] allowed|refused

With a certificate, nothing goes in clear.
"""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib import handlers
from pyftpdlib.servers import FTPServer

address, port, root, user, password, *certificate, hosts = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
authorizer = DummyAuthorizer()
authorizer.add_user(user, password, root, perm="elradfmwMT")
if certificate:
    FTPHandler = handlers.TLS_FTPHandler
    FTPHandler.certfile = certificate[0]
    FTPHandler.tls_control_required = FTPHandler.tls_data_required = True
else:
    FTPHandler = handlers.FTPHandler
FTPHandler.authorizer = authorizer
FTPHandler.permit_foreign_addresses = hosts == "allowed"
FTPServer.max_cons = 20000
FTPServer((address, int(port)), FTPHandler).serve_forever()
