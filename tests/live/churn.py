# SPDX-License-Identifier: Apache-2.0
"""Programs that do what they like with connections, and what the kernel itself says of those.

Everything is drawn from one seed, but for what the machine decides: who is scheduled when.
"""

import os
import pathlib
import random
import signal
import subprocess

from harness import Client, is_alive, patient, wait_until

SLOTS = 400  # of a client, so that it does not run out
MODES = ("echo", "hold", "fin", "rst", "closed")
WAYS = ("blocking", "nonblocking")
# Of /proc/net/tcp: what can be held and is a connection: ESTABLISHED, SYN_SENT, FIN_WAIT1 and 2,
# CLOSE_WAIT.
HELD_STATES = {"01": "established", "02": "connecting", "04": "half", "05": "half", "08": "peer"}


def parse_address(word):
    address, _, port = word.partition(":")
    octets = [str(byte) for byte in reversed(bytes.fromhex(address))]
    return f"{'.'.join(octets)}:{int(port, 16)}"


def sockets_of_proc(pid, ports):
    """Connections to the ports in the network namespace of pid that somebody holds: local, remote."""
    found = set()
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        remote = parse_address(words[2])
        if words[3] in HELD_STATES and words[9] != "0" and int(remote.split(":")[1]) in ports:
            found.add((parse_address(words[1]), remote))
    return found


def sockets_of_ss(network, ports):
    """The same as `ss -tn` tells it, with the processes that hold each."""
    states = ["established", "syn-sent", "fin-wait-1", "fin-wait-2", "close-wait"]
    arguments = ["ss", "-tnpH"] + [word for state in states for word in ("state", state)]
    done = subprocess.run(network.enter(*arguments), capture_output=True, text=True, timeout=patient(20))
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        local, remote = words[3], words[4]
        if int(remote.rpartition(":")[2]) in ports and "pid=" in line:
            holders = {int(part.split(",")[0]) for part in line.split("pid=")[1:]}
            found[local, remote] = holders
    return found


class Actor:
    """A client and what it may still use."""

    def __init__(self, start, network):
        self.client = start(Client, *network.enter())
        self.slots = 0
        self.held = set()

    def took(self, count):
        self.held.update(range(self.slots, self.slots + count))
        self.slots += count


class Churn:
    """One step is one thing that one of the programs does."""

    def __init__(self, start, network, seed, directory):
        self.start, self.network, self.directory = start, network, directory
        self.random = random.Random(seed)
        self.server = network.server
        self.ports = {mode: self.server.listen(mode) for mode in MODES}
        self.actors = [Actor(start, network) for _ in range(4)]
        self.opened = 0

    def step(self):
        actor = self.random.choice(self.actors)
        acts = [self.open] * 6 + [self.close] * 4 + [self.exchange] * 3
        acts += [self.half_close, self.disconnect, self.fork, self.hand_on, self.replace]
        acts += [self.end_by_server]
        self.random.choice(acts)(actor)

    def settle(self):
        """Ends what ends by itself: nothing in the kernel is on its way."""
        wait_until(lambda: not self._is_moving(), 10, "no connection is closing")

    def _is_moving(self):
        for line in pathlib.Path(f"/proc/{self.server.pid}/net/tcp").read_text().splitlines()[1:]:
            # SYN_SENT, FIN_WAIT1, CLOSING, LAST_ACK
            if line.split()[3] in ("02", "04", "0B", "09"):
                return True
        return False

    def pick(self, actor):
        return self.random.choice(sorted(actor.held)) if actor.held else None

    def open(self, actor):
        count = self.random.randint(1, 20)
        if actor.slots + count > SLOTS:
            self.replace(actor)
        mode = self.random.choice(("echo",) * 4 + MODES)
        way = self.random.choice(WAYS)
        outcomes = actor.client.open(count, self.ports[mode], way=way)
        self.opened += count
        for number, outcome in enumerate(outcomes):
            # Those that the server ends at once can be anything by now; they are left alone.
            if not outcome.error and mode in ("echo", "hold"):
                actor.held.add(actor.slots + number)
        actor.slots += count

    def close(self, actor):
        for _ in range(self.random.randint(1, 15)):
            slot = self.pick(actor)
            if slot is None:
                return
            if self.random.random() < 0.2:
                actor.client.command(f"linger {slot}")
            actor.client.command(f"close {slot}")
            actor.held.discard(slot)

    def exchange(self, actor):
        slot = self.pick(actor)
        if slot is not None:
            actor.client.command(f"send {slot} {self.random.randint(1, 3000)}")

    def half_close(self, actor):
        slot = self.pick(actor)
        if slot is not None:
            actor.client.command(f"shutdown {slot} wr")
            actor.held.discard(slot)

    def disconnect(self, actor):
        slot = self.pick(actor)
        if slot is not None:
            actor.client.command(f"disconnect {slot}")
            actor.held.discard(slot)

    def fork(self, actor):
        actor.client.fork()

    def hand_on(self, actor):
        slot, other = self.pick(actor), self.random.choice(self.actors)
        if slot is None or other is actor or other.slots >= SLOTS:
            return
        path = self.directory / f"{self.random.getrandbits(64):x}"
        other.client.command(f"listen {path}")
        actor.client.command(f"pass {slot} {path}")
        other.client.command("take")
        actor.client.command(f"close {slot}")
        actor.held.discard(slot)
        other.took(1)

    def replace(self, actor):
        """Ends without closing anything."""
        os.kill(actor.client.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(actor.client.pid), 10, "it is gone")
        actor.client.stop()
        actor.__init__(self.start, self.network)

    def end_by_server(self, actor):
        mode = self.random.choice(("echo", "hold"))
        self.server.command(f"{self.random.choice(('fin', 'rst'))} {self.ports[mode]}")
        # Whoever had one of these finds out when it uses it.
        for some in self.actors:
            some.held.clear()


def compare(observer, churn):
    """'' where the observer's connections are the kernel's, one for one; else what differs."""
    observer.look()
    shown = {(row["local"], row["remote"]): row for row in observer.connections().values()}
    ports = set(churn.ports.values())
    holders = sockets_of_ss(churn.network, ports)
    proc = sockets_of_proc(churn.server.pid, ports)
    if set(holders) != proc:
        return f"ss and /proc/net/tcp differ by {set(holders) ^ proc}"
    missing, extra = set(holders) - set(shown), set(shown) - set(holders)
    strangers = [key for key in holders if key in shown and shown[key]["pid"] not in holders[key]]
    if missing or extra or strangers:
        return f"missing {missing}, too many {extra}, not the holder's {strangers}"
    return ""


def wait_same(observer, churn, timeout=20):
    """A process that exits leaves its connections behind a little later than it is waited for."""
    difference = ["never compared"]

    def is_same():
        difference[0] = compare(observer, churn)
        return not difference[0]

    churn.settle()
    assert observer.ask("walk") == 0
    wait_until(is_same, timeout, lambda: f"the same connections: {difference[0]}")
