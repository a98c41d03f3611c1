"""Runs COMMAND once for each connection, as inetd does: ADDRESS PORT COMMAND..."""

import os
import signal
import socket
import sys

address, port, *command = sys.argv[1:]
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
family = socket.AF_INET6 if ":" in address else socket.AF_INET
listener = socket.create_server((address, int(port)), family=family, backlog=128)
while True:
    connection, _ = listener.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (0, 1, 2):
            os.dup2(connection.fileno(), number)
        os.execvp(command[0], command)
    connection.close()
