# SPDX-License-Identifier: Apache-2.0
"""Whose a connection is: inherited, passed on, opened by a thread, renamed, pid used again."""

import pytest

from harness import PROGRAMS, Client, DidNotStart, children_of, is_alive, wait_until

COUNT = 23
SPAWN_REFUSED = 125  # exit status of spawn-as


def owners(rows):
    return sorted((row["pid"], row["comm"]) for row in rows)


def test_list_after_fork_with_the_parent_alive_shows_each_once_under_the_opener(
    connleak, server, client
):
    port = server.listen()
    client.open_all(COUNT, port)
    client.command("keeper")

    assert owners(connleak.list_port(port)) == [(client.pid, "client")] * COUNT


def test_list_after_fork_with_the_parent_gone_shows_them_under_the_child(connleak, server, client):
    port = server.listen()
    ports = client.open_all(COUNT, port)
    parent = client.pid
    child = client.fork()
    assert child != parent and not is_alive(parent)

    rows = connleak.list_port(port)

    assert [row["pid"] for row in rows] == [child] * COUNT
    assert sorted(int(row["local"].rpartition(":")[2]) for row in rows) == sorted(ports)


def test_trace_across_fork_with_the_parent_gone_hands_them_to_the_child(connleak, server, client):
    port = server.listen()
    trace = connleak.trace(port)
    client.open_all(COUNT, port)
    opened = trace.wait_events("open", COUNT, pid=client.pid)

    child = client.fork()

    handed = trace.wait_events("seen", COUNT, timeout=30, pid=child)
    assert sorted(event["conn"] for event in handed) == sorted(event["conn"] for event in opened)
    assert trace.events("close") == []


@pytest.mark.parametrize("opener", ["exits", "closes"])
def test_list_after_passing_sockets_on_shows_them_under_the_holder(
    connleak, start, server, client, tmp_path, opener
):
    port = server.listen()
    ports = client.open_all(3, port)
    holder = start(Client)
    path = tmp_path / "socket"
    holder.command(f"listen {path}")
    for slot in range(3):
        client.command(f"pass {slot} {path}")
        holder.command("take")
    if opener == "exits":
        client.stop()
    else:
        client.command("close 0-2")

    rows = connleak.list_port(port)

    assert [row["pid"] for row in rows] == [holder.pid] * 3
    assert sorted(int(row["local"].rpartition(":")[2]) for row in rows) == sorted(ports)
    holder.command("exchange 0-2 10")


def test_trace_across_passing_sockets_on_hands_them_to_the_holder(
    connleak, start, server, client, tmp_path
):
    port = server.listen()
    trace = connleak.trace(port)
    client.open_all(1, port)
    conn = trace.wait_events("open", 1, pid=client.pid)[0]["conn"]
    holder = start(Client)
    path = tmp_path / "socket"
    holder.command(f"listen {path}")
    client.command(f"pass 0 {path}")
    holder.command("take")
    client.stop()

    trace.wait_events("seen", 1, timeout=30, conn=conn, pid=holder.pid)
    holder.command("close 0")

    closed = trace.wait_events("close", 1)
    assert [(event["conn"], event["by"]) for event in closed] == [(conn, "local")]


def test_trace_of_a_thread_that_opens_and_dies_names_process_and_thread(connleak, server, client):
    port = server.listen()
    trace = connleak.trace(port)

    tid = int(client.command(f"thread {COUNT} 127.0.0.1 {port}")[0])

    opened = trace.wait_events("open", COUNT)
    assert {(event["pid"], event["tid"], event["comm"]) for event in opened} == {
        (client.pid, tid, "client")
    }
    assert owners(connleak.list_port(port)) == [(client.pid, "client")] * COUNT
    assert trace.events("close", "exit") == []


def test_trace_of_a_process_whose_main_thread_has_ended_goes_on(connleak, server, client):
    port = server.listen()
    trace = connleak.trace(port)
    client.open_all(3, port)
    client.command("leave")
    client.open_all(5, port)

    trace.wait_events("open", 8, pid=client.pid)
    assert trace.events("exit", "close") == []
    assert owners(connleak.list_port(port)) == [(client.pid, "client")] * 8
    client.command("close 0-7")
    trace.wait_events("close", 8, by="local")


def test_trace_of_a_killed_process_with_an_heir_ends_when_the_heir_does(connleak, server, client):
    port = server.listen()
    client.open_all(COUNT, port)
    trace = connleak.trace(port)
    heir = int(client.command("keeper")[0])  # dies with its parent, a moment later
    client.kill()
    wait_until(lambda: not is_alive(heir), 10, "the heir is gone")

    closed = trace.wait_events("close", COUNT)
    assert len(closed) == COUNT
    assert {event["by"] for event in closed} == {"exit"}
    assert connleak.list_port(port) == []


def test_list_after_exec_shows_the_new_name(connleak, server, client, tmp_path):
    port = server.listen()
    client.open_all(COUNT, port)
    program = tmp_path / "renamed-app"
    program.symlink_to(PROGRAMS / "client")
    client.exec(program)

    rows = connleak.list_port(port)

    assert owners(rows) == [(client.pid, "renamed-app")] * COUNT


def test_trace_across_exec_keeps_the_connections(connleak, server, client, tmp_path):
    port = server.listen()
    trace = connleak.trace(port)
    client.open_all(COUNT, port)
    trace.wait_events("open", COUNT)
    program = tmp_path / "renamed-app"
    program.symlink_to(PROGRAMS / "client")

    client.exec(program)
    client.open_all(1, port)

    trace.wait_events("open", 1, comm="renamed-app")
    client.command(f"exchange 0-{COUNT} 10")
    trace.wait_events("io", COUNT + 1, sent=10)
    assert trace.events("close", "exit") == []


def test_list_of_a_client_in_its_own_pid_and_network_namespace_gives_both_pids(
    connleak, network, start
):
    network.server.listen("echo", "127.0.0.1", 5432)
    client = start(Client, *network.enter("unshare", "--pid", "--fork", "--kill-child", "--"))
    assert client.pid == 1
    host_pid = children_of(client.process.pid)[0]
    trace = connleak.start("trace", "--json", "--pid", host_pid)

    client.open_all(COUNT, 5432)

    opened = trace.wait_events("open", COUNT)
    assert {event["pid"] for event in opened} == {host_pid}
    rows = connleak.list("--pid", host_pid)
    assert len(rows) == COUNT
    assert {(row["pid"], row["ns_pid"], row["netns"]) for row in rows} == {
        (host_pid, 1, network.inode)
    }


@pytest.fixture
def start_as(start):
    """start_as(PID): a client with that process number."""

    def start_client(pid):
        try:
            client = start(Client, PROGRAMS / "spawn-as", pid)
        except DidNotStart as error:
            if error.status == SPAWN_REFUSED:
                pytest.skip("the kernel does not let a process number be chosen here")
            raise
        assert client.pid == pid
        return client

    return start_client


def test_trace_across_a_pid_used_again_keeps_the_two_processes_apart(
    connleak, start, start_as, server
):
    port = server.listen()
    first = start(Client)
    trace = connleak.trace(port)
    first.open_all(3, port)
    before = {event["pstart"] for event in trace.wait_events("open", 3, pid=first.pid)}
    first.kill()
    second = start_as(first.pid)
    second.open_all(5, port)

    wait_until(lambda: len(trace.events("open")) == 8, 10, "eight connections opened")

    after = {event["pstart"] for event in trace.events("open")} - before
    assert len(before) == 1 and len(after) == 1
    ended = trace.wait_events("close", 3)
    assert {event["by"] for event in ended} == {"exit"}
    trace.wait_events("exit", 1, pid=first.pid, pstart=before.pop())
    rows = connleak.list_port(port)
    assert {row["pid"] for row in rows} == {second.pid}
    assert {row["pstart"] for row in rows} == after
    assert len(rows) == 5


def test_list_with_the_openers_pid_used_again_blames_the_holder(connleak, start, start_as, server):
    port = server.listen()
    opener = start(Client)
    opener.open_all(3, port)
    used_again = opener.pid
    holder = opener.fork()
    namesake = start_as(used_again)
    namesake.open_all(5, port)

    rows = connleak.list_port(port)

    assert sorted(row["pid"] for row in rows) == sorted([holder] * 3 + [namesake.pid] * 5)


def test_trace_with_the_openers_pid_used_again_hands_over_to_the_holder(
    connleak, start, start_as, server
):
    port = server.listen()
    trace = connleak.trace(port)
    opener = start(Client)
    opener.open_all(3, port)
    used_again = opener.pid
    opened = trace.wait_events("open", 3, pid=used_again)
    holder = opener.fork()
    namesake = start_as(used_again)
    namesake.open_all(5, port)

    handed = trace.wait_events("seen", 3, timeout=30, pid=holder)
    assert sorted(event["conn"] for event in handed) == sorted(event["conn"] for event in opened)
    trace.wait_events("exit", 1, pid=used_again, pstart=opened[0]["pstart"])
    assert len(trace.wait_events("open", 8)) == 8
    assert trace.events("close") == []
