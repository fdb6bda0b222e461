# SPDX-License-Identifier: Apache-2.0
"""To whom an answer is owed: also where it is asked again in the tick of the answer before.

Every question has 100 bytes and every answer of a pool as many, so what a look says of the bytes is the
truth about what it says of their stamps.
"""

import json

import pytest

from harness import CLIENTS, PYTHON, LineProgram, wait_until

COUNT = 10
QUESTION = 100
TIES = 50  # looks that are to be seen, of each kind that matters
# Of a pool: milliseconds and bytes of an answer, and how it is asked.
POOLS = {
    "full": (40, 500, "busy"),  # again at once, as where somebody waits
    "slow": (300, 500, "busy"),  # acknowledged long before it is answered
    "quick": (0, 500, "20"),  # twenty within a few ticks, and then nothing
    "large": (0, 100000, "2"),
}
# "An answer is owed" is told of one that was sent a microsecond after what was received.
TIE_S = 0.0000015


class Look:
    def __init__(self, event, name):
        self.event = event
        self.questions = event["sent"] / QUESTION
        self.answers = event["received"] / POOLS[name][1]
        self.gap_s = event["last_send"] - event["last_recv"]
        self.is_tie = event["received"] > 0 and abs(self.gap_s) < TIE_S
        self.says_owed = self.gap_s > 0
        # Part of an answer says nothing of the order of stamps.
        self.is_sure = self.answers == int(self.answers)
        self.is_owed = self.questions > self.answers

    def __repr__(self):
        return json.dumps(self.event)


@pytest.fixture
def asked(start):
    """(the program that asks, port by pool); it has begun to."""
    server = start(LineProgram, PYTHON, CLIENTS / "asker.py")
    ports = {}
    client = start(LineProgram, PYTHON, CLIENTS / "asker.py")
    for name, (milliseconds, size, pace) in POOLS.items():
        ports[name] = int(server.command(f"listen {milliseconds} {size}")[0])
        client.command(f"open {name} {ports[name]} {COUNT} {size}")
        client.command(f"pace {name} {pace}")
    return client, ports


def looks_by_pool(events, ports):
    name_of_port = {port: name for name, port in ports.items()}
    name_of = {
        event["conn"]: name_of_port[int(event["remote"].rpartition(":")[2])]
        for event in events
        if event["ev"] in ("open", "seen")
    }
    looks = {name: [] for name in ports}
    for event in events:
        if event["ev"] == "io":
            name = name_of[event["conn"]]
            looks[name].append(Look(event, name))
    return looks


def ties(looks, is_owed):
    return [look for look in looks if look.is_tie and look.is_sure and look.is_owed == is_owed]


def wrong(looks):
    return [look for look in looks if look.is_sure and look.is_owed != look.says_owed]


def test_answer_is_told_to_be_owed_exactly_where_it_is(connleak, asked):
    client, ports = asked
    option = ",".join(f"{name}={port}" for name, port in ports.items())
    trace = connleak.start("trace", "--json", "--port", option, "--interval", "0.1")

    def looks():
        return looks_by_pool(trace.events("open", "seen", "io"), ports)

    def is_enough():
        seen = looks()
        return all(len(ties(seen[name], True)) >= TIES for name in ("full", "slow")) and all(
            len(ties(seen[name], False)) >= TIES for name in ("quick", "large")
        )

    wait_until(is_enough, 10, lambda: {name: len(of) for name, of in looks().items()})

    seen = looks()
    assert {name: wrong(of) for name, of in seen.items()} == {name: [] for name in POOLS}
    for name in ("full", "slow"):
        assert sum(look.says_owed for look in seen[name]) / len(seen[name]) >= 0.85


def test_nothing_is_owed_where_a_keepalive_probe_was_acknowledged(connleak, asked):
    client, ports = asked
    for name in ports:
        client.command(f"rest {name}")
    client.command("wait_keepalive quick")

    # A new session, so that quiet connections are told too.
    trace = connleak.start("trace", "--json", "--port", f"quick={ports['quick']}")
    events = trace.wait_events("io", COUNT)

    looks = [Look(event, "quick") for event in events]
    assert any(look.is_tie for look in looks)
    assert wrong(looks) == []
    assert not any(look.is_owed for look in looks)


def test_pool_of_mysql_is_not_held_to_owe_what_closes_a_statement(connleak, asked):
    """It has no answer, so of stamps in one tick nothing is said."""
    client, ports = asked
    trace = connleak.start(
        "trace", "--json", "--port", f"mysql={ports['full']}", "--interval", "0.1"
    )

    def seen():
        looks = looks_by_pool(trace.events("open", "seen", "io"), {"full": ports["full"]})["full"]
        return ties(looks, True)

    wait_until(lambda: len(seen()) >= TIES, 10, "ties")
    assert not any(look.says_owed for look in seen())


def test_pool_that_is_asked_again_at_once_is_raised_as_saturated(connleak, asked):
    client, ports = asked
    client.command("pace full light")
    for name in set(ports) - {"full"}:
        client.command(f"rest {name}")
    trace = connleak.start(
        *("trace", "--json", "--verdicts", "--port", f"orders={ports['full']}"),
        *("--interval", "0.1", "--set", "TICK=0.1", "--set", "PLATEAU=5"),
    )
    # It has to be seen with room to spare: else it takes ten minutes to be sure.
    wait_until(lambda: len(trace.events("io")) >= 3 * COUNT, 10, "the pool under light load")
    client.command("pace full busy")

    def raised():
        return [event for event in trace.events("verdict") if event["state"] == "raised"]

    wait_until(raised, 20, "a verdict is raised")
    assert {verdict["kind"] for verdict in raised()} == {"saturated"}
    busy = next(item["text"] for item in raised()[0]["evidence"] if item["name"] == "busy")
    assert f"of {COUNT} open connections" in busy
    assert int(busy.partition("%")[0].rpartition(" ")[2]) >= 85
