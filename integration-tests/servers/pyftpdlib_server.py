"""pyftpdlib as a server of one user: ADDRESS PORT ROOT USER PASSWORD [CERTIFICATE|ignores-case] allowed|refused

With a certificate, nothing goes in clear. With ignores-case, names are found in any case, as on Windows.
"""

import logging
import os
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib import handlers
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.servers import FTPServer


class OneCase(AbstractedFS):
    """Files whose names keep their case, and are found in any."""

    def ftp2fs(self, ftppath):
        found = self.root
        for name in os.path.relpath(super().ftp2fs(ftppath), self.root).split(os.sep):
            there = os.listdir(found) if os.path.isdir(found) else []
            alike = [other for other in there if other.lower() == name.lower()]
            found = os.path.join(found, alike[0] if alike and name != "." else name)
        return os.path.normpath(found)


address, port, root, user, password, *certificate, hosts = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
authorizer = DummyAuthorizer()
authorizer.add_user(user, password, root, perm="elradfmwMT")
ignores_case = certificate == ["ignores-case"]
if certificate and not ignores_case:
    FTPHandler = handlers.TLS_FTPHandler
    FTPHandler.certfile = certificate[0]
    FTPHandler.tls_control_required = FTPHandler.tls_data_required = True
else:
    FTPHandler = handlers.FTPHandler
FTPHandler.authorizer = authorizer
if ignores_case:
    FTPHandler.abstracted_fs = OneCase
FTPHandler.permit_foreign_addresses = hosts == "allowed"
FTPServer.max_cons = 20000
FTPServer((address, int(port)), FTPHandler).serve_forever()
