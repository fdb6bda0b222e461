# SPDX-License-Identifier: Apache-2.0
"""fork_app.py leaking PORT: a program that forks helpers while its pool (psycopg 3) is open.

Each helper has a copy of whatever was open when it began, and knows nothing of it. The pool retires
its own connections after ten seconds or so; those that a helper holds stay.
"""

import os
import socket
import sys
import threading
import time

from psycopg_pool import ConnectionPool

from load import Load, statements

FORK_EVERY_S = 12
HELPERS = 16  # then it has all that it needs


def local_port(connection):
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as duplicate:
        return duplicate.getsockname()[1]


def main():
    _, port = sys.argv[1:]
    connections = {}  # by local port
    inherited = set()
    lifeline, end = os.pipe()

    def note(connection):
        connections[local_port(connection)] = connection

    pool = ConnectionPool(
        f"host=127.0.0.1 port={port} user=postgres dbname=postgres",
        min_size=4,
        max_lifetime=10,
        configure=note,
        open=False,
    )

    def request():
        with pool.connection() as connection:
            for seconds in statements():
                connection.execute("SELECT pg_sleep(%s)", (seconds,))

    def fork_helpers():
        for _ in range(HELPERS):
            time.sleep(FORK_EVERY_S)
            inherited.update(p for p, connection in connections.items() if not connection.closed)
            if os.fork() == 0:
                os.close(end)
                os.read(lifeline, 1)  # until the parent ends
                os._exit(0)

    def begin():
        pool.open()
        threading.Thread(target=fork_helpers, daemon=True).start()

    load = Load(request, begin=begin)
    load.leaked = LeakedPorts(connections, inherited)
    load.run()


class LeakedPorts:
    """What helpers have a copy of and the pool has closed, as of the moment it is asked for."""

    def __init__(self, connections, inherited):
        self.connections = connections
        self.inherited = inherited

    def __iter__(self):
        return (port for port in sorted(self.inherited) if self.connections[port].closed)


if __name__ == "__main__":
    main()
