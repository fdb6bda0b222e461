# SPDX-License-Identifier: Apache-2.0
"""Every way to lose something, forced: it is counted, said by name, and nothing else is wrong.

The maps of the observer have the room that a test gives them; the rest is as in the agent.
"""

import collections
import json
import os
import signal
import subprocess

import pytest

from agent_http import Agent

from harness import PROGRAMS, Client, Observer, Server, freeze, patient, wait_until
from test_storm import counts_of, ended

PAGE = 4096


@pytest.fixture
def observe(start):
    def start_observer(*ports, limits=(0, 0, 0, 0, 0), **options):
        listed = ",".join(f"p{port}={port}" for port in ports)
        return start(Observer, "--port", listed, "--pin", "none", limits=limits, **options)

    return start_observer


@pytest.fixture
def optmem_max(network):
    """optmem_max(BYTES) for the namespace: the limit that the kernel charges records to."""
    path = "/proc/sys/net/core/optmem_max"
    own = network.enter()
    if subprocess.run([*own, "test", "-e", path], check=False).returncode != 0:
        # Before Linux 6.8 (f5769faeec36) it is the whole machine's.
        if not os.environ.get("CONNLEAK_OWN_MACHINE"):
            pytest.skip("net.core.optmem_max is not the network namespace's")
        own = []
    before = subprocess.run([*own, "cat", path], check=True, capture_output=True, text=True).stdout

    def write(value):
        subprocess.run([*own, "tee", path], input=f"{value}\n", check=True, text=True, capture_output=True)

    yield write
    write(before.strip())


def losses(observer):
    """What was lost, by name. A probe that interrupted itself is no loss."""
    lost = observer.ask("lost")
    del lost["probe_missed"]
    return {reason: count for reason, count in lost.items() if count}


def closed(pool):
    return {by: pool[by] for by in ("local", "peer", "reset", "timeout", "exit") if pool[by]}


def test_map_of_pools_that_is_full_counts_what_it_has_no_room_for(observe, server, client, start):
    port = server.listen()
    other = start(Client)
    observer = observe(port, limits=(1, 0, 0, 0, 0))
    for number in range(23):
        client.open_all(1, port)
        client.command(f"close {number}")
    for number in range(7):
        other.open_all(1, port)
        other.command(f"close {number}")
    other.open_all(2, port)
    observer.look()

    assert losses(observer) == {"pools_full": 7}
    by_pid = {pool["pid"]: pool for pool in observer.ask("pools")}
    assert (by_pid[client.pid]["opened"], closed(by_pid[client.pid])) == (23, {"local": 23})
    # What is open is known all the same, and its end is told.
    assert by_pid[other.pid]["open"] == 2
    other.command("close 7")
    observer.look()
    assert [row["pid"] for row in observer.connections().values()] == [other.pid]


def test_ring_of_a_page_that_is_full_loses_reasons_and_no_ends(observe, server, client):
    port = server.listen()
    observer = observe(port, limits=(0, 0, 0, PAGE, 0))
    client.open_all(200, port)
    observer.look()
    assert len(observer.connections()) == 200

    client.command("close 0-199")
    observer.look()  # what the ring had room for; the loss asks for a full pass
    told = observer.pool(port)
    observer.look()

    assert observer.connections() == {}
    pool = observer.pool(port)
    lost = losses(observer)
    assert lost["ring_full"] == lost["end_missed"] == 200 - told["local"]
    assert 0 < told["local"] < 200
    assert (pool["opened"], closed(pool)) == (200, {"local": 200})


def test_ends_of_a_process_that_the_ring_had_no_room_for_are_its_exit(observe, server, client):
    port = server.listen()
    observer = observe(port, limits=(0, 0, 0, PAGE, 0))
    client.open_all(200, port)
    observer.look()
    client.kill()
    wait_until(lambda: observer.look() and not observer.connections(), 20, "all have ended")
    # That process is gone by then, so nobody holds the rest to be closed by its own doing.
    assert losses(observer)["ring_full"] > 0
    assert closed(observer.pool(port)) == {"exit": 200}


def test_room_for_one_sample_a_pass_tells_of_all(observe, server, client):
    port = server.listen()
    client.open_all(3, port)
    observer = observe(port, limits=(0, 0, 1, 0, 0))
    client.open_all(23, port)
    observer.look()
    assert len(observer.connections()) == 26
    client.command("exchange 0-25 100")
    observer.look()
    assert {row["sent"] for row in observer.connections().values()} == {100}
    assert losses(observer) == {}


def test_room_for_samples_grows_with_what_there_is_to_tell(observe, server, client):
    """More in use than there is room for at first; then few again."""
    port, count = server.listen(), 400
    client.open_all(count, port)
    observer = observe(port, limits=(0, 0, 100, 0, 0))
    observer.look()
    assert len(observer.connections()) == count
    for sent in (100, 200):
        client.command(f"exchange 0-{count - 1} 100")
        observer.look()
        assert [row["sent"] for row in observer.connections().values()] == [sent] * count
    for number in range(20):  # and it shrinks
        client.command(f"exchange {number} 1")
        observer.look()
    assert sum(row["sent"] for row in observer.connections().values()) == 200 * count + 20
    client.command(f"exchange 0-{count - 1} 100")
    client.command(f"close 0-{count - 24}")
    observer.look()
    assert [row["sent"] for row in observer.connections().values()] == [300] * 23
    assert losses(observer) == {}


def test_listeners_without_room_are_counted(observe, server, client, start):
    port = server.listen()
    more = [server.listen() for _ in range(3)]
    client.open_all(1, port)
    observer = observe(port, limits=(0, 1, 0, 0, 0))
    observer.look()
    # Those of this host are among them, so the number is not known.
    assert losses(observer)["listeners_full"] >= len(more)
    assert len(observer.connections()) >= 1


def test_refused_storage_is_counted_and_made_up_for(observe, start, network, optmem_max):
    """The kernel charges records to the socket's option memory, which has a limit."""
    client = start(Client, *network.enter())
    port = network.server.listen()
    observer = observe(port)
    client.open_all(2, port)
    optmem_max(1)
    client.open_all(23, port)
    observer.look()
    assert losses(observer) == {"storage_refused": 23}
    assert len(observer.connections()) == 2

    # Ends of what has no record are no news, and what is still open is found by the next start.
    client.command("close 2-11")
    optmem_max(131072)
    observer.look()
    assert len(observer.connections()) == 2
    observer.kill()
    observer = observe(port)
    observer.look()
    assert len(observer.connections()) == 15
    assert losses(observer) == {}


@pytest.fixture
def start_named(start, tmp_path):
    """start_named(NAME): a client that is called so."""

    def start_client(name, *prefix):
        client = start(Client, *prefix)
        program = tmp_path / name
        program.symlink_to(PROGRAMS / "client")
        client.exec(program)
        return client

    return start_client


def names_of(observer):
    return collections.Counter((row["pid"], row["comm"]) for row in observer.connections().values())


def test_names_of_which_only_one_has_a_number_are_all_told(
    observe, server, start_named, tmp_path
):
    """The others are with their connections, and as right: of openers and of who holds them since."""
    port = server.listen()
    first, second, third = (start_named(f"{name}-app") for name in ("first", "second", "third"))
    observer = observe(port, limits=(0, 0, 0, 0, 1))
    first.open_all(3, port)
    second.open_all(23, port)
    third.open_all(5, port)
    third.command("close 0-4")
    third.open_all(7, port)
    observer.look()
    assert names_of(observer) == {
        (first.pid, "first-app"): 3,
        (second.pid, "second-app"): 23,
        (third.pid, "third-app"): 7,
    }

    for giver, taker, slots in ((first, second, [0]), (second, third, [0, 1]), (third, first, [5, 6, 7])):
        path = tmp_path / f"from-{giver.pid}"
        taker.command(f"listen {path}")
        for slot in slots:
            giver.command(f"pass {slot} {path}")
            taker.command("take")
            giver.command(f"close {slot}")
    observer.ask("walk")
    observer.look()
    assert names_of(observer) == {
        (first.pid, "first-app"): 3 - 1 + 3,
        (second.pid, "second-app"): 23 + 1 - 2,
        (third.pid, "third-app"): 7 + 2 - 3,
    }
    assert losses(observer) == {}


def test_names_that_the_kernel_has_no_room_for_are_counted_and_unknown(
    observe, start_named, network, optmem_max
):
    first, second = (start_named(f"{name}-app", *network.enter()) for name in ("first", "second"))
    port = network.server.listen()
    observer = observe(port, limits=(0, 0, 0, 0, 1))
    first.open_all(3, port)
    optmem_max(400)  # a socket's list of storages and a record are some 300 bytes, a name is 128
    second.open_all(23, port)
    observer.look()
    assert losses(observer) == {"detail_refused": 23}
    assert names_of(observer) == {(first.pid, "first-app"): 3, (second.pid, ""): 23}


def test_walks_without_end_still_find_who_holds_it(observe, server, client):
    """A record has a byte for the number of the walk that found its owner."""
    port = server.listen()
    observer = observe(port)
    client.open_all(3, port)
    for _ in range(252):
        observer.ask("walk")
        observer.look()
    assert names_of(observer) == {(client.pid, "client"): 3}
    for _ in range(5):
        heir = client.fork()
        observer.ask("walk")
        observer.look()
        assert names_of(observer) == {(heir, "client"): 3}
    assert losses(observer) == {}


def test_agent_says_what_it_loses_and_what_follows(connleak, start, network, optmem_max, tmp_path):
    client = start(Client, *network.enter())
    port = network.server.listen()
    agent = Agent(connleak, tmp_path, "--port", f"test={port}", "--interval", "0.1")
    optmem_max(1)
    client.open_all(23, port)
    said = "connleak: lost, storage_refused: "
    lines = wait_until(
        lambda: [line for line in agent.running.err.lines if line.startswith(said)], 10, "a line"
    )
    assert lines[0].endswith("(net.core.optmem_max): their connections are not seen")
    agent.wait_page(
        lambda page: page.sum("connleak_lost_total", reason="storage_refused") == 23, "all counted"
    )
    client.open_all(5, port)
    agent.wait_page(
        lambda page: page.sum("connleak_lost_total", reason="storage_refused") == 28, "these too"
    )
    # No second line within a minute; at the end of the run all of them are said.
    assert len([line for line in agent.running.err.lines if line.startswith(said)]) == 1
    assert agent.running.stop() == 0
    assert "connleak: 28 records lost: storage_refused" in agent.running.err.lines


def test_20000_connections_that_close_at_once_are_all_told(observe, start):
    servers = [start(Server) for _ in range(2)]
    ports = [server.listen(address="0.0.0.0") for server in servers]
    clients = [start(Client) for _ in range(20)]
    observer = observe(*ports)
    for number, client in enumerate(clients):
        # One address has not enough local ports.
        client.open_all(1000, ports[number % 2], f"127.0.0.{number % 4 + 1}")
    observer.look()
    assert len(observer.connections()) == 20000

    for client in clients:
        client.process.send_signal(signal.SIGKILL)
    assert observer.ask("wake") is True, "the ring asks to be looked at before the next tick"
    for client in clients:
        client.process.wait()
    observer.look()
    wait_until(lambda: observer.look() and not observer.connections(), 20, "all have ended")
    pools = observer.ask("pools")
    assert sum(pool["opened"] for pool in pools) == 20000
    assert sum(sum(closed(pool).values()) for pool in pools) == 20000
    # A kernel that preempts the probe skips it for the next task: such an end is missed first, and
    # then noticed by its absence.
    missed = 20000 - sum(pool["exit"] for pool in pools)
    assert missed <= observer.ask("lost")["probe_missed"]
    assert losses(observer) == ({"end_missed": missed} if missed else {})


def test_frozen_agent_that_wakes_has_lost_nothing(connleak, server, client, start):
    echo, refused, reset = server.listen("echo"), server.listen("closed"), server.listen("rst")
    ports = f"echo={echo},refused={refused},reset={reset}"
    client.open_all(23, echo)
    top = connleak.start("top", "--json", "-d", "0.2", "--port", ports)
    freeze(top.process.pid)

    client.command("close 0-9")
    client.open_all(5, echo)
    stormer = start(Client)
    words = stormer.command(f"storm 10000 5000 127.0.0.1 {echo} {refused} {reset}")
    counts = counts_of(words)
    top.process.send_signal(signal.SIGCONT)
    all_ended = counts["closed"] + counts["refused"] + counts["reset"] + 10
    screen = top.wait_table(lambda table: ended(table) == all_ended, "all have ended")
    assert top.stop() == 0
    assert screen["lost"] == 0
    pools = {(pool["pid"], int(pool["remote"].rpartition(":")[2])): pool for pool in screen["pools"]}
    held = pools[client.pid, echo]
    assert (held["open"], held["opened"], held["closed"]["local"]) == (18, 5, 10)
    assert pools[stormer.pid, echo]["closed"]["local"] == counts["closed"]
    assert pools[stormer.pid, refused]["failed"] == {"ECONNREFUSED": counts["refused"]}
    assert pools[stormer.pid, reset]["closed"]["reset"] == counts["reset"]


def test_stacks_and_processes_without_room_are_counted():
    done = subprocess.run([PROGRAMS / "sender-probe", "limits"], capture_output=True, text=True, timeout=patient(30))
    assert done.returncode == 0, done
    full, often = map(json.loads, done.stdout.splitlines())
    # A ring of a page holds no stack, the map of sends one, and that of processes its first.
    assert full == {"rate": 0, "ring": 5, "sends": 4, "processes": 3, "taken": 0, "seen": 1}
    # One stack a second: what is not taken is counted.
    assert often["taken"] + often["rate"] == 5 and often["rate"] > 0
    assert (often["ring"], often["sends"], often["seen"]) == (0, 0, 5)
