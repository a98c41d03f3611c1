"""A proxy in front of pyftpdlib, for one user: ADDRESS PORT ROOT USER PASSWORD ftp-proxy|proftpd PROGRAM MODULES

The proxy gets its libraries by PROXY_LIBRARIES.
"""

import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

address, port, root, user, password, kind, program, modules = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
authorizer = DummyAuthorizer()
authorizer.add_user(user, password, root, perm="elradfmwMT")
FTPHandler.authorizer = authorizer
behind = ThreadedFTPServer((address, 0), FTPHandler)
behind_port = behind.socket.getsockname()[1]
state = pathlib.Path(tempfile.mkdtemp(dir=pathlib.Path(root).parents[1]))
configurations = {
    "ftp-proxy": f"""[-Global-]
Listen {address}
Port {port}
DestinationAddress {address}
DestinationPort {behind_port}
ServerType standalone
User daemon
Group daemon
LogDestination {state}/log
LogLevel INF
SameAddress yes
ForkLimit 1000
MaxClients 100
""",
    "proftpd": f"""ModulePath {modules}
ServerName proxy
ServerType standalone
DefaultAddress {address}
UseIPv6 off
Port {port}
SocketBindTight on
User daemon
Group daemon
RequireValidShell off
UseReverseDNS off
WtmpLog off
TransferLog none
SystemLog {state}/log
PidFile {state}/pid
ScoreboardFile {state}/score
LoadModule mod_tls.c
LoadModule mod_proxy.c
ProxyEngine on
ProxyTables {state}/tables
ProxyRole reverse
ProxyReverseServers ftp://{address}:{behind_port}
<IfModule mod_delay.c>
DelayEngine off
</IfModule>
""",
}
(state / "conf").write_text(configurations[kind])
shutil.chown(state, "daemon", "daemon")
options = {"ftp-proxy": ["-d", "-n", "-f"], "proftpd": ["-n", "-q", "-c"]}[kind]
environment = {**os.environ, "LD_LIBRARY_PATH": os.environ["PROXY_LIBRARIES"]}
subprocess.Popen([program, *options, str(state / "conf")], env=environment)
behind.serve_forever()
