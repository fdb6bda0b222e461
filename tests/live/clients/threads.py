#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process in which each thread has a connection of its own, as in programs without a pool.

usage: threads.py PORT. WORKERS threads use theirs all the time. Lines in: "leave COUNT" (so many
threads open one, use it and end, and nobody closes it; answers with their local ports), "close
COUNT" (the same, but each closes its own). Prints "ready PID" and then "ok ..." for each line.
"""

import os
import sys
import threading
import time

from leaker import connect, exchange

WORKERS = 8
PAUSE_S = 0.1


def work(port):
    connection = connect(port)
    while True:
        exchange(connection)
        time.sleep(PAUSE_S)


def main():
    port = int(sys.argv[1])
    left = []

    def leave():
        connection = connect(port)
        exchange(connection)
        left.append(connection)

    def close():
        connect(port).close()

    for _ in range(WORKERS):
        threading.Thread(target=work, args=[port], daemon=True).start()
    print("ready", os.getpid(), flush=True)
    for line in sys.stdin:
        word, count = line.split()
        threads = [
            threading.Thread(target={"leave": leave, "close": close}[word])
            for _ in range(int(count))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("ok", *[connection.getsockname()[1] for connection in left], flush=True)


main()
