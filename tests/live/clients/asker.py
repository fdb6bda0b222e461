# SPDX-License-Identifier: Apache-2.0
"""asker.py: pools whose every byte is a question of 100 bytes or its answer; and their server.

listen MS SIZE                   ok PORT: answers with SIZE bytes, each after MS milliseconds
open NAME PORT COUNT SIZE        COUNT connections to a server of SIZE
pace NAME busy|light|TIMES       asks again at once; or seldom; or so often at once, and then not for a while
rest NAME                        when nobody asks any more and all is answered
wait_keepalive NAME              when the peer has acknowledged a keepalive probe on each connection
"""

import random
import socket
import struct
import threading
import time

from protocol import serve

QUESTION = b"?" * 100
LAST_DATA_RECV, LAST_ACK_RECV = 11, 12  # struct tcp_info: 32 bits each, behind 8 bytes

pools = {}


def answer(connection, seconds, size):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pending = 0
    while data := connection.recv(65536):
        pending += len(data)
        while pending >= len(QUESTION):
            pending -= len(QUESTION)
            if seconds:
                time.sleep(seconds)
            connection.sendall(b"!" * size)


def listen(milliseconds, size):
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept():
        while True:
            arguments = listener.accept()[0], int(milliseconds) / 1000, int(size)
            threading.Thread(target=answer, args=arguments, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return [listener.getsockname()[1]]


class Pool:
    def __init__(self, port, count, size):
        self.size = size
        self.pace = None
        self.changed = threading.Condition()
        self.asking = 0
        self.connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for connection in self.connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
            threading.Thread(target=self.work, args=[connection], daemon=True).start()

    def work(self, connection):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.pace)
                pace = self.pace
                self.asking += 1
            for _ in range(1 if pace in ("busy", "light") else int(pace)):
                connection.sendall(QUESTION)
                left = self.size
                while left:
                    left -= len(connection.recv(left))
            with self.changed:
                self.asking -= 1
                self.changed.notify_all()
                if pace != "busy":
                    # Until somebody wants another pace; the pauses of the connections differ.
                    self.changed.wait_for(lambda: self.pace != pace, random.uniform(0.2, 0.6))

    def set_pace(self, pace):
        with self.changed:
            self.pace = pace
            self.changed.notify_all()
            if not pace:
                self.changed.wait_for(lambda: self.asking == 0)


def has_been_probed(connection):
    words = struct.unpack_from("20I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 88), 8)
    return words[LAST_ACK_RECV] < words[LAST_DATA_RECV] - 900


def wait_keepalive(name):
    while not all(map(has_been_probed, pools[name].connections)):
        time.sleep(0.05)


serve(
    {
        "listen": listen,
        "open": lambda name, port, count, size: pools.update(
            {name: Pool(int(port), int(count), int(size))}
        ),
        "pace": lambda name, pace: pools[name].set_pace(pace),
        "rest": lambda name: pools[name].set_pace(None),
        "wait_keepalive": wait_keepalive,
    }
)
