"""A small server on pyftpdlib for wharf-bench to measure: anonymous sessions over a directory, logging off.

Arguments: port, directory, first and last passive port, user id, group id, number of worker processes, the most
octets per second of a download (0: no limit), and, for a server that speaks TLS, the file of certificate and key.

The processes are forked here: those that pyftpdlib 2.2 forks itself share one epoll, and lose transfers.
"""

import logging
import os
import random
import socket
import sys
import warnings

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, ThrottledDTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

port, directory, first, last, user, group, workers, rate, *certificate = sys.argv[1:]
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

authorizer = DummyAuthorizer()
authorizer.add_anonymous(directory, perm="elradfmwMT")


class Throttled(ThrottledDTPHandler):
    write_limit = int(rate)


class Handler(TLS_FTPHandler if certificate else FTPHandler):
    if certificate:
        # Read before the identity changes.
        certfile = certificate[0]
    else:
        dtp_handler = Throttled if int(rate) else DTPHandler
    passive_ports = range(int(first), int(last) + 1)
    timeout = 3600


Handler.authorizer = authorizer
if certificate:
    Handler.get_ssl_context()
listener = socket.create_server(("127.0.0.1", int(port)), backlog=4096)
os.setgroups([])
os.setgid(int(group))
os.setuid(int(user))
for _ in range(int(workers) - 1):
    if os.fork() == 0:
        # Those that inherit the same state of the generator draw the same passive ports.
        random.seed()
        break
server = FTPServer(listener, Handler)
server.max_cons = 0
server.max_cons_per_ip = 0
server.serve_forever(handle_exit=False)
