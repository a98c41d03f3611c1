"""aioftp as a server of one user: ADDRESS PORT ROOT USER PASSWORD [CERTIFICATE]

With a certificate, TLS begins with the first byte.
"""

import asyncio
import logging
import pathlib
import ssl
import sys

import aioftp

address, port, root, user, password, *certificate = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
tls = None
if certificate:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate[0])
server = aioftp.Server([aioftp.User(user, password, base_path=pathlib.Path(root))], ssl=tls)
asyncio.run(server.run(address, int(port)))
