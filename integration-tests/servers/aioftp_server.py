"""aioftp as a server of one user: ADDRESS PORT ROOT USER PASSWORD"""

import asyncio
import logging
import pathlib
import sys

import aioftp

address, port, root, user, password = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
server = aioftp.Server([aioftp.User(user, password, base_path=pathlib.Path(root))])
asyncio.run(server.run(address, int(port)))
