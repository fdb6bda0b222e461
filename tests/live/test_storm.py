# SPDX-License-Identifier: Apache-2.0
"""Counters under 5,000 short connections a second: every one counted, none lost."""

import json
import os
import socket

import pytest

from harness import AGENT_ALONE, Observer

# An emulated machine asks for fewer.
PER_SECOND = int(os.environ.get("CONNLEAK_STORM_PER_SECOND", "5000"))
TOTAL = PER_SECOND * 10


def ended(table):
    """How many connections of all pools have come to an end."""
    ends = [end for pool in table["pools"] for end in (pool["failed"], pool["closed"])]
    return sum(sum(counts.values()) for counts in ends)


def counts_of(words):
    """The client's own counts: "opened N refused N ..."."""
    return {key: int(value) for key, value in zip(words[::2], words[1::2])}


def filled(counts, **expected):
    """Counts and expectation with the same keys, so that anything unexpected shows."""
    keys = set(counts) | set(expected)
    return (
        {key: counts.get(key, 0) for key in keys},
        {key: expected.get(key, 0) for key in keys},
    )


def test_top_through_5000_short_connections_a_second_counts_every_one(connleak, server, client):
    echo, refused, reset = server.listen("echo"), server.listen("closed"), server.listen("rst")
    ports = f"echo={echo},refused={refused},reset={reset}"
    agent = connleak.start("agent", *AGENT_ALONE, "--json", "--port", ports)
    top = connleak.start(
        *("top", "--json", "-d", "0.5", "--port", ports, "--pid", client.pid)
    )

    command = f"storm {TOTAL} {PER_SECOND} 127.0.0.1 {echo} {refused} {reset}"
    counts = counts_of(client.command(command))
    assert (counts["opened"], counts["other"]) == (TOTAL, 0)
    screen = top.wait_table(lambda table: ended(table) == TOTAL, "all have ended")
    assert top.stop() == 0
    assert screen["lost"] == 0
    pools = {int(pool["remote"].rpartition(":")[2]): pool for pool in screen["pools"]}
    assert set(pools) == {echo, refused, reset}
    assert {pool["pid"] for pool in pools.values()} == {client.pid}

    assert pools[echo]["opened"] == pools[echo]["established"] == counts["closed"]
    assert pools[refused]["opened"] == counts["refused"]
    assert pools[refused]["established"] == 0
    assert pools[reset]["opened"] == pools[reset]["established"] == counts["reset"]
    for port, failed, closed in (
        (echo, {}, {"local": counts["closed"]}),
        (refused, {"ECONNREFUSED": counts["refused"]}, {}),
        (reset, {}, {"reset": counts["reset"]}),
    ):
        actual, expected = filled(pools[port]["failed"], **failed)
        assert actual == expected
        actual, expected = filled(pools[port]["closed"], **closed)
        assert actual == expected
        assert pools[port]["open"] == 0

    assert agent.stop() == 0
    assert agent.complaints() == [] and top.complaints() == []
    # Connects that are refused or reset at this rate are a storm; those that work are nothing.
    verdicts = {(v["kind"], v["remote"]) for v in map(json.loads, agent.out.lines)}
    assert verdicts <= {("storm", f"127.0.0.1:{port}") for port in (refused, reset)}


class Doorman:
    """A server of short answers, which ends each connection itself."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def talk(self, greeting, *answers):
        """One connection: a word of the client before each answer, then the server's FIN."""
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            with self.listener.accept()[0] as server:
                server.sendall(greeting)
                for answer in answers:
                    client.sendall(b"a word")
                    assert server.recv(100) == b"a word"
                    server.sendall(answer)
            while client.recv(1000):
                pass


def test_server_that_ends_a_talk_has_turned_nobody_away(start, connleak):
    """A MySQL client that connects for each statement says QUIT, and the server closes first."""
    sorry = b"sorry, too many clients already"
    refusing, answering = Doorman(), Doorman()
    with refusing.listener, answering.listener:
        ports = f"refusing={refusing.port},answering={answering.port}"
        observer = start(Observer, "--port", ports, "--pin", "none")
        trace = connleak.start("trace", "--json", "--port", ports)
        for _ in range(5):
            refusing.talk(sorry)  # MySQL, Redis
            refusing.talk(b"", sorry)  # PostgreSQL
            refusing.talk(b"", b"N", sorry)  # the same where TLS was asked for
            answering.talk(b"greeting", b"OK", b"1 row", b"")
        observer.look()
    assert (observer.pool(refusing.port)["opened"], observer.pool(refusing.port)["early"]) == (15, 15)
    assert (observer.pool(answering.port)["opened"], observer.pool(answering.port)["early"]) == (5, 0)
    # A recording says as much.
    closes = trace.wait_events("close", 20)
    remotes = {event["conn"]: event["remote"] for event in trace.events("open")}
    segments = {refusing.port: [], answering.port: []}
    for close in closes:
        segments[int(remotes[close["conn"]].split(":")[1])].append(close.get("segments", 0))
    assert sorted(segments[refusing.port]) == 5 * [0] + 5 * [1] + 5 * [2]
    assert segments[answering.port] == 5 * [3]


@pytest.mark.skipif(os.cpu_count() < 2, reason="nothing happens while a look is under way")
def test_connections_that_change_while_they_are_looked_at_are_told_whole(start, server, client):
    echo, refused, reset = server.listen("echo"), server.listen("closed"), server.listen("rst")
    ports = f"echo={echo},refused={refused},reset={reset}"
    observer = start(Observer, "--port", ports, "--pin", "none")
    client.tell(f"storm {TOTAL} {PER_SECOND * 2} 127.0.0.1 {echo} {refused} {reset}")
    while not client.has_answered():
        observer.look()
    counts = counts_of(client.answer())
    observer.look()
    for port, count in (echo, counts["closed"]), (reset, counts["reset"]):
        pool = observer.pool(port)
        assert (pool["opened"], pool["established"]) == (count, count)


def test_top_counts_what_is_open_and_what_went(connleak, server, client):
    port = server.listen()
    client.open_all(5, port)
    top = connleak.start("top", "--json", "-d", "0.2", "--port", f"ledger={port}")
    client.open_all(23, port)
    server.wait_accepted(port, 28)
    client.command("close 0-1")
    client.command("close 10-12")

    screen = top.wait_table(
        lambda table: ended(table) == 5 and table["pools"][0]["opened"] == 23, "5 have ended"
    )
    assert top.stop() == 0
    assert screen["lost"] == 0
    assert len(screen["pools"]) == 1
    pool = screen["pools"][0]
    assert (pool["pid"], pool["comm"], pool["database"]) == (client.pid, "client", "ledger")
    assert (pool["open"], pool["opened"], pool["established"]) == (23, 23, 23)
    assert filled(pool["closed"], local=5)[0] == filled(pool["closed"], local=5)[1]
    assert pool["verdict"] is None


def test_top_as_text_has_a_line_a_pool(connleak, server, client):
    port = server.listen()
    client.command("name orders-api")
    client.open_all(23, port)

    done = connleak.run("top", "--once", "-d", "1", "--port", f"ledger={port}", text=True)

    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if "orders-api" in line]
    assert len(lines) == 1
    assert "23" in lines[0].split()
