#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps the probe running on one processor: opens of connections that fail before a packet is sent.

usage: busy_opener.py PROCESSOR PORT. Its one connection to PORT takes the only local port that its other
socket may use, so that each connect() of that one has two changes of state and ends in EADDRNOTAVAIL.
"""

import errno
import os
import socket
import sys
import threading


def socket_at(address):
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind(address)
    return own


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


def main():
    threading.Thread(target=end_with_stdin, daemon=True).start()
    os.sched_setaffinity(0, {int(sys.argv[1])})
    server = ("127.0.0.1", int(sys.argv[2]))
    connected = socket_at(("127.0.0.1", 0))
    connected.connect(server)
    other = socket_at(connected.getsockname())
    print("ready", os.getpid(), flush=True)
    while other.connect_ex(server) == errno.EADDRNOTAVAIL:
        pass
    sys.exit("busy_opener.py: its port is free")


main()
