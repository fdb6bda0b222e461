#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process with a small healthy pool and a path that forgets connections, on command.

usage: leaker.py PORT. Lines in: "leak COUNT INTERVAL_S", "release" (closes what was forgotten),
"touch" (uses it once more). Prints "ready PID" and then "ok ..." for each line.
"""

import os
import socket
import sys
import threading
import time

HEALTHY = 3
PAUSE_S = 0.04


def exchange(connection):
    connection.sendall(b"question")
    if not connection.recv(100):
        raise ConnectionError("the server is gone")


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port))
    exchange(connection)
    return connection


def work(pool):
    """Uses the healthy connections in turn, for ever."""
    while True:
        for connection in pool:
            exchange(connection)
            time.sleep(PAUSE_S)


def main():
    port = int(sys.argv[1])
    pool = [connect(port) for _ in range(HEALTHY)]
    forgotten = []
    threading.Thread(target=work, args=[pool], daemon=True).start()
    print("ready", os.getpid(), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "leak":
            for _ in range(int(words[1])):
                forgotten.append(connect(port))
                time.sleep(float(words[2]))
        elif words[0] == "release":
            for connection in forgotten:
                connection.close()
            forgotten = []
        elif words[0] == "touch":
            for connection in forgotten:
                exchange(connection)
        print("ok", len(forgotten), flush=True)


if __name__ == "__main__":
    main()
