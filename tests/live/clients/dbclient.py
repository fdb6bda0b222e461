# SPDX-License-Identifier: Apache-2.0
"""dbclient.py postgresql|mysql|redis PORT: opens connections with the usual Python drivers.

open COUNT    ok LOCALPORT...
query RANGE   one round trip on each
close RANGE
"""

import socket
import sys

from protocol import parse_range, serve


class Postgresql:
    def __init__(self, port):
        import psycopg2

        self.connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres")

    def local_port(self):
        copy = socket.fromfd(self.connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        with copy:
            return copy.getsockname()[1]

    def query(self):
        self.connection.cursor().execute("SELECT 1")

    def close(self):
        self.connection.close()


class Mysql:
    def __init__(self, port):
        import pymysql

        self.connection = pymysql.connect(host="127.0.0.1", port=port, user="root")

    def local_port(self):
        return self.connection._sock.getsockname()[1]

    def query(self):
        self.connection.cursor().execute("SELECT 1")

    def close(self):
        self.connection.close()


class Redis:
    def __init__(self, port):
        import redis

        self.connection = redis.Connection(host="127.0.0.1", port=port)
        self.connection.connect()

    def local_port(self):
        return self.connection._sock.getsockname()[1]

    def query(self):
        self.connection.send_command("PING")
        self.connection.read_response()

    def close(self):
        self.connection.disconnect()


KINDS = {"postgresql": Postgresql, "mysql": Mysql, "redis": Redis}


def main():
    kind, port = KINDS[sys.argv[1]], int(sys.argv[2])
    connections = []

    def open_(count):
        added = [kind(port) for _ in range(int(count))]
        connections.extend(added)
        return [connection.local_port() for connection in added]

    def each(method):
        def run(word):
            for i in parse_range(word):
                getattr(connections[i], method)()

        return run

    serve({"open": open_, "query": each("query"), "close": each("close")})


if __name__ == "__main__":
    main()
