"""thinFTP as a server of one user: ADDRESS PORT ROOT USER PASSWORD"""

import sys
from argparse import Namespace

from thinftp.logger import get_logger
from thinftp.server import start_server

address, port, root, user, password = sys.argv[1:]
start_server(Namespace(bind=address, port=int(port), directory=root, user=user, pswd=password, lgr=get_logger(debug=True)))
