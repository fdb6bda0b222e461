# SPDX-License-Identifier: Apache-2.0
"""connleak's connections against the kernel's own, one for one, under random churn; with the source
killed and started again at random too. `make churn` is the long form.
"""

import os
import random
import time

import pytest

from churn import Churn, sockets_of_ss, wait_same
from harness import Client, Network, Observer

SECONDS = float(os.environ.get("CONNLEAK_CHURN_SECONDS", "15"))
SEEDS = range(int(os.environ.get("CONNLEAK_CHURN_SEEDS", "3")))
STEPS = 250
SESSIONS_MIN = 4
SAME_S = 2e-6


@pytest.fixture
def observe(start, bpffs):
    def start_observer(ports):
        listed = ",".join(f"p{port}={port}" for port in ports)
        options = ["--port", listed, "--pin", bpffs.DIRECTORY]
        return start(Observer, *options, prefix=bpffs.prefix)

    return start_observer


@pytest.mark.parametrize("seed", SEEDS)
def test_random_opens_closes_forks_and_passes_leave_the_kernels_table(
    observe, start, tmp_path, seed
):
    churn = Churn(start, start(Network), seed, tmp_path)
    for _ in range(20):
        churn.step()
    observer = observe(churn.ports.values())
    for number in range(STEPS):
        churn.step()
        if churn.random.random() < 0.1:
            observer.look()
        if number % 50 == 49:
            wait_same(observer, churn)
    wait_same(observer, churn)
    assert churn.opened > 500
    lost = observer.ask("lost")
    assert {key: lost[key] for key in lost if key != "probe_missed"} == dict.fromkeys(
        (key for key in lost if key != "probe_missed"), 0
    )


class Ages:
    """What a connection was when it was met first, it is for ever."""

    def __init__(self):
        self.first = {}

    def check(self, connections):
        for conn, row in connections.items():
            first = self.first.setdefault(conn, row)
            for key in ("local", "remote", "tid", "age_is_bound"):
                assert row[key] == first[key], (first, row)
            if not row["age_is_bound"]:
                assert abs(row["opened_at"] - first["opened_at"]) <= SAME_S, (first, row)
            assert row["sent"] >= first["sent"]
            first["sent"] = row["sent"]


def test_killed_at_random_under_churn_it_is_the_kernels_table_and_counts_add_up(
    observe, start, connleak, tmp_path
):
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    churn = Churn(start, start(Network), seed, tmp_path)
    stormer = start(Client, *churn.network.enter())
    echo, refused, reset = (churn.ports[mode] for mode in ("echo", "closed", "rst"))
    ages, observer, sessions, missed = Ages(), observe(churn.ports.values()), 0, 0
    total = int(SECONDS * 500)
    stormer.tell(f"storm {total} 500 127.0.0.1 {echo} {refused} {reset}")

    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline or stormer.reader.fresh.empty() or sessions < SESSIONS_MIN:
        churn.step()
        if churn.random.random() < 0.1:
            observer.look()
            ages.check(observer.connections())
        if churn.random.random() < 0.03:
            missed += missed_until_now(observer)
            observer.kill()
            observer = observe(churn.ports.values())
            sessions += 1
    words = stormer.answer()
    counts = {key: int(value) for key, value in zip(words[::2], words[1::2])}
    missed += missed_until_now(observer)
    observer.kill()
    observer = observe(churn.ports.values())
    wait_same(observer, churn)
    missed += missed_until_now(observer)
    ages.check(observer.connections())
    # A `list` with probes of its own finds the same, though not since when.
    listed = {
        (row["local"], row["remote"])
        for row in connleak.list("--port", ",".join(f"p{port}={port}" for port in churn.ports.values()))
        if row["netns"] == churn.network.inode
    }
    assert listed == set(sockets_of_ss(churn.network, set(churn.ports.values())))
    assert counts["other"] == 0

    pools = {
        int(pool["remote"].rpartition(":")[2]): pool
        for pool in observer.ask("pools")
        if pool["pid"] == stormer.pid
    }
    print(f"the kernel has skipped {missed} runs of the probe")
    # A reset of all connections by the server can hit one of the storm's before it is closed.
    ended = ("local", "reset", "peer")
    opens = counts["opened"] - counts["refused"] - counts["reset"]
    assert pools[echo]["open"] == 0
    assert_adds_up(pools[echo], ended, opens, missed)
    assert_adds_up(pools[refused], ["ECONNREFUSED"], counts["refused"], missed)
    assert_adds_up(pools[reset], ["reset"], counts["reset"], missed)
    assert missed or pools[echo]["established"] == opens


def missed_until_now(observer):
    """How often the kernel has skipped the probe in this session."""
    observer.look()
    return observer.ask("lost")["probe_missed"]


def assert_adds_up(pool, ways, count, missed):
    """So many were opened and have ended in one of these ways, but for what the kernel has skipped.

    One whose open it has skipped is found by a walk, and counts as an end without an open.
    """
    ended = sum(pool[way] for way in ways)
    assert count - missed <= pool["opened"] <= count, (pool, count, missed)
    assert count - missed <= ended <= pool["opened"] + missed, (pool, count, missed)
