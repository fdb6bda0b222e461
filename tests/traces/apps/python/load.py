# SPDX-License-Identifier: Apache-2.0
"""The day of a small application: workers that think and ask, rushes, and nights without work.

A program gives the requests; it then answers these commands, one a line, by the protocol of
tests/live/clients/protocol.py:

day           work begins, or begins again
night         no new request is begun
leaked        ok LOCALPORT... of the connections leaked so far
stop          ok REQUESTS ERRORS
"""

import itertools
import pathlib
import random
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "live/clients"))
from protocol import serve  # noqa: E402

WORKERS = 6
THINK_S = 0.4  # mean; exponential, so that some wait long
RUSH = 8  # requests that come all at once
RUSH_EVERY_S = 10, 20
LEAK_EVERY = 50  # requests; the others all give back what they borrow


def statements():
    """How long the statements of one request take. One in a hundred is slow."""
    if random.random() < 0.01:
        return [0.5]
    return [random.uniform(0, 0.015) for _ in range(random.randint(1, 3))]


class Load:
    """begin() is called at the first day: what a pool opens at once is to be seen, too."""

    def __init__(self, request, failing_request=None, begin=None, leak_every=LEAK_EVERY):
        self.request = request
        self.begin = begin
        self.leak_every = leak_every
        self.failing_request = failing_request
        self.daytime = threading.Event()
        self.stopping = threading.Event()
        self.rush = threading.Semaphore(0)
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.leaked = []
        self.requests = 0
        self.errors = 0

    def serve_one(self):
        with self.lock:
            number = next(self.numbers)
        try:
            if self.failing_request and number % self.leak_every == 0:
                port = self.failing_request()
                if port:
                    self.leaked.append(port)
            else:
                self.request()
            with self.lock:
                self.requests += 1
        except Exception as error:  # counted; a healthy application has none
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            with self.lock:
                self.errors += 1

    def worker(self):
        while not self.stopping.wait(min(3, 0.02 + random.expovariate(1 / THINK_S))):
            self.daytime.wait()
            self.serve_one()

    def rusher(self):
        while True:
            self.rush.acquire()
            self.serve_one()

    def run_rushes(self):
        while not self.stopping.wait(random.uniform(*RUSH_EVERY_S)):
            self.daytime.wait()
            self.rush.release(RUSH)

    def day(self):
        if self.begin:
            self.begin()
            self.begin = None
        self.daytime.set()

    def stop(self):
        self.stopping.set()
        return [self.requests, self.errors]

    def run(self):
        for target in [self.worker] * WORKERS + [self.rusher] * RUSH + [self.run_rushes]:
            threading.Thread(target=target, daemon=True).start()
        serve(
            {
                "day": self.day,
                "night": self.daytime.clear,
                "leaked": lambda: list(self.leaked),
                "stop": self.stop,
            }
        )
