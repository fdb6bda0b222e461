# SPDX-License-Identifier: Apache-2.0
"""threads_app.py healthy|pool|leaking PORT: a connection a thread, without a pool (psycopg2).

One request in 25 has a thread of its own do part of its work. In mode pool all threads share a
ThreadedConnectionPool instead, so that those which opened a connection come and go, too.
"""

import itertools
import sys
import threading

import psycopg2
from psycopg2.pool import ThreadedConnectionPool

from load import Load, statements

HELP_EVERY = 25


def work(connection):
    with connection.cursor() as cursor:
        for seconds in statements():
            cursor.execute("SELECT pg_sleep(%s)", (seconds,))
    connection.commit()


class OwnConnections:
    """Kept in a list, to be closed at shutdown: so they do not go with their threads."""

    def __init__(self, dsn):
        self.dsn = dsn
        self.local = threading.local()
        self.all = []

    def take(self):
        if not hasattr(self.local, "connection"):
            self.local.connection = psycopg2.connect(self.dsn)
            self.all.append(self.local.connection)
        return self.local.connection

    def give(self, connection):
        pass

    def close(self):
        self.all.remove(self.local.connection)
        self.local.connection.close()


class SharedConnections:
    def __init__(self, dsn):
        self.pool = ThreadedConnectionPool(4, 100, dsn)
        self.take = self.pool.getconn
        self.give = self.pool.putconn

    def close(self):
        pass


def main():
    mode, port = sys.argv[1:]
    dsn = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    connections = (SharedConnections if mode == "pool" else OwnConnections)(dsn)
    numbers = itertools.count(1)

    def ask():
        connection = connections.take()
        try:
            work(connection)
        finally:
            connections.give(connection)

    def help_out(errors):
        try:
            ask()
            connections.close()
        except Exception as error:
            errors.append(error)

    def request():
        if next(numbers) % HELP_EVERY:
            ask()
            return
        errors = []
        helper = threading.Thread(target=help_out, args=(errors,))
        helper.start()
        ask()
        helper.join()
        if errors:
            raise errors[0]

    def failing_request():
        """The fault: the thread ends and does not close what it has opened."""
        ports = []

        def forget():
            connection = connections.take()
            work(connection)
            with connection.cursor() as cursor:
                cursor.execute("SELECT inet_client_port()")
                ports.append(cursor.fetchone()[0])
            connection.commit()

        helper = threading.Thread(target=forget)
        helper.start()
        helper.join()
        return ports[0]

    Load(request, failing_request if mode == "leaking" else None).run()


if __name__ == "__main__":
    main()
