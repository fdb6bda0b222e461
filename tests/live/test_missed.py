# SPDX-License-Identifier: Apache-2.0
"""The kernel does not run the probe while it runs already, in what it has interrupted: such changes of
state are made up for.

Packets are handed to a processor that does little but run the probe, so they interrupt it now and then.
"""

import os

import pytest

from harness import CLIENTS, PYTHON, Client, LineProgram, Observer, wait_until

COUNT = 20  # of a round
ENOUGH = 80  # runs of the probe that were skipped; a good third were of the connections here
ROUNDS_MAX = 200
BY = ("local", "peer", "reset", "timeout", "exit", "ECONNREFUSED", "other")

FILTERED = "10.99.99.99"
AT_ONCE = 1000  # of connections that are established while nobody looks

pytestmark = pytest.mark.skipif(os.cpu_count() < 2, reason="one processor interrupts nobody")


class Interrupted:
    """Server and client on one processor, what they do to each other on another one."""

    def __init__(self, start, network, mode, address="127.0.0.1"):
        self.server, self.port = network.server, network.server.listen(mode, address)
        self.own = network.server.listen("hold")
        self.client = start(Client, *network.enter())
        ports = f"used={self.port},own={self.own}"
        self.observer = start(Observer, "--port", ports, "--pin", "none")
        steer = "mount -t sysfs sys /sys && echo 2 >/sys/class/net/lo/queues/rx-0/rps_cpus"
        network.run("unshare", "--mount", "sh", "-ec", steer)
        for pid in (self.server.pid, self.client.pid):
            os.sched_setaffinity(pid, {0})
        start(LineProgram, *network.enter(PYTHON, CLIENTS / "busy_opener.py", 1, self.own))
        self.opened, self.busy = 0, 0

    def rounds(self):
        """Until the kernel has skipped the probe often enough: the slots that the round is to use."""
        for _ in range(ROUNDS_MAX):
            wait_until(self._is_busy, 10, "opens that fail")
            yield self.opened, self.opened + COUNT - 1
            self.opened += COUNT
            if self.observer.ask("lost")["probe_missed"] >= ENOUGH:
                return
        raise AssertionError("the kernel has not skipped the probe")

    def _is_busy(self):
        """Whether the other processor runs the probe, which somebody else may have kept from it."""
        self.observer.look()
        before, self.busy = self.busy, self.observer.pool(self.own)["EADDRNOTAVAIL"]
        return self.busy > before

    def ends(self):
        """How the connections have ended; waits until all have."""
        wait_until(lambda: self.observer.look() and not self._is_open(), 10, "all have ended")
        pool = self.observer.pool(self.port)
        assert pool["opened"] == self.opened
        return {by: pool[by] for by in BY if pool[by]}

    def _is_open(self):
        pool = self.observer.pool(self.port)
        return pool["open"] or pool["opened"] < self.opened


@pytest.fixture
def interrupted(start, network):
    return lambda *how: Interrupted(start, network, *how)


def test_resets_that_the_probe_misses_are_told(interrupted):
    run = interrupted("hold")
    for first, last in run.rounds():
        run.client.open_all(COUNT, run.port)
        run.observer.look()
        run.server.command(f"rst {run.port}")
        # An error that the program has fetched is not the socket's any more.
        for slot in range(first, first + COUNT // 2):
            run.client.command(f"expect {slot} ECONNRESET")
        run.client.command(f"expect {last} ECONNRESET")
    assert run.ends() == {"reset": run.opened}


def test_last_fins_that_the_probe_misses_are_told(interrupted):
    run = interrupted("hold")
    for first, last in run.rounds():
        run.client.open_all(COUNT, run.port)
        run.client.command(f"shutdown {first}-{last} wr")
        run.observer.look()
        run.server.command(f"fin {run.port}")
        run.client.command(f"expect {last} eof")
    assert run.ends() == {"peer": run.opened}


def test_connections_whose_establishment_the_probe_misses_count_as_established(
    network, interrupted
):
    network.add_filtered_address(FILTERED)
    network.retry_connects(6)
    run = interrupted("rst", "0.0.0.0")
    for _ in range(AT_ONCE):
        run.client.begin(run.port, FILTERED)
    run.opened = AT_ONCE
    run.observer.look()
    network.let_through(FILTERED)
    for slot in range(AT_ONCE):
        run.client.command(f"expect {slot} ECONNRESET")
    assert run.ends() == {"reset": AT_ONCE}
    assert run.observer.pool(run.port)["established"] == AT_ONCE


def test_refusals_that_the_probe_misses_are_told(interrupted):
    run = interrupted("closed")
    for _ in run.rounds():
        for _ in range(COUNT):
            run.client.begin(run.port)
    assert run.ends() == {"ECONNREFUSED": run.opened}
