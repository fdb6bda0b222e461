# SPDX-License-Identifier: Apache-2.0
"""load_sqlalchemy.py healthy|leaky PORT: an application with SQLAlchemy's QueuePool on psycopg2.

Requests come at a rate that swells and ebbs; the leaky one has a path that never gives its
connection back.

leaked        ok LOCALPORT... of the connections leaked so far
stop          ok QUERIES ERRORS
"""

import random
import socket
import sys
import threading
import time

import sqlalchemy

from protocol import serve

LEAK_EVERY_S = 1.5
LEAKS_MAX = 85  # the pool must not run dry: that would be another verdict


class Application:
    def __init__(self, mode, port):
        sizes = {"healthy": (5, 10), "leaky": (40, 60)}[mode]
        self.engine = sqlalchemy.create_engine(
            f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres",
            pool_size=sizes[0],
            max_overflow=sizes[1],
        )
        self.query = sqlalchemy.text("SELECT pg_sleep(:seconds)")
        self.stopping = threading.Event()
        self.rush = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.forgotten = []
        self.leaked = []
        self.queries = 0
        self.errors = 0

    def request(self):
        seconds = 0.5 if random.random() < 0.01 else random.uniform(0, 0.01)
        try:
            with self.engine.connect() as connection:
                connection.execute(self.query, {"seconds": seconds})
            with self.lock:
                self.queries += 1
        except sqlalchemy.exc.SQLAlchemyError:
            with self.lock:
                self.errors += 1

    def failing_request(self):
        """The fault: a request that fails after its query forgets what it has borrowed."""
        connection = self.engine.connect()
        connection.execute(self.query, {"seconds": 0})
        fd = connection.connection.fileno()
        with socket.fromfd(fd, socket.AF_INET, socket.SOCK_STREAM) as copy:
            self.leaked.append(copy.getsockname()[1])
        self.forgotten.append(connection)  # or the garbage collector would give it back

    def worker(self, rest_s):
        while not self.stopping.wait(random.uniform(0.005, rest_s)):
            self.request()

    def rusher(self):
        """One of those who come all at once, every now and then."""
        while not self.stopping.is_set():
            self.rush.acquire()
            self.request()

    def run_rushes(self, rushers):
        while not self.stopping.wait(random.uniform(4, 15)):
            self.rush.release(rushers)

    def leak(self):
        due = time.monotonic() + LEAK_EVERY_S
        while len(self.leaked) < LEAKS_MAX:
            if self.stopping.wait(max(0, due - time.monotonic())):
                return
            self.failing_request()
            due += LEAK_EVERY_S

    def start(self, mode):
        tasks = [(self.worker, (0.12 * (i + 1),)) for i in range(4)]
        tasks += [(self.rusher, ())] * 8 + [(self.run_rushes, (8,))]
        if mode == "leaky":
            tasks.append((self.leak, ()))
        for target, arguments in tasks:
            threading.Thread(target=target, args=arguments, daemon=True).start()

    def stop(self):
        self.stopping.set()
        return [self.queries, self.errors]


def main():
    mode, port = sys.argv[1], int(sys.argv[2])
    application = Application(mode, port)
    application.start(mode)
    serve({"leaked": lambda: list(application.leaked), "stop": application.stop})


if __name__ == "__main__":
    main()
