# SPDX-License-Identifier: Apache-2.0
"""`connleak list`: every open connection, once, with the right owner, age and bytes."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import socket
import time
import uuid

import pytest

from agent_http import Agent

from harness import CLIENTS, NODE, PYTHON, Client, LineProgram, Network, wait_until

COUNT = 23
HOST_NETNS = os.stat("/proc/self/ns/net").st_ino
# The kernel stamps what is sent and received by its ticks, the longest of which take 10 ms.
TICK_S = 0.02

DRIVERS = {
    "psycopg2": (["postgresql"], [PYTHON, CLIENTS / "dbclient.py", "postgresql"]),
    "node-pg": (["postgresql", "node_packages"], ["node", NODE / "dbclient.js"]),
    "pymysql": (["mariadb"], [PYTHON, CLIENTS / "dbclient.py", "mysql"]),
    "redis-py": (["redis"], [PYTHON, CLIENTS / "dbclient.py", "redis"]),
}


def start_s(pid):
    """When a process has started, in seconds since boot."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(stat[19]) / os.sysconf("SC_CLK_TCK")


def ports_of(rows):
    return sorted(int(row["local"].rpartition(":")[2]) for row in rows)


@pytest.mark.parametrize("driver", DRIVERS)
def test_list_with_23_connections_of_a_driver_shows_exactly_these(connleak, start, request, driver):
    fixtures, argv = DRIVERS[driver]
    daemon = [request.getfixturevalue(fixture) for fixture in fixtures][0]
    program = start(LineProgram, *argv, daemon.port)
    ports = sorted(int(word) for word in program.command(f"open {COUNT}"))

    rows = connleak.list_port(daemon.port, name="orders")

    assert len(rows) == COUNT
    assert ports_of(rows) == ports
    assert len({row["conn"] for row in rows}) == COUNT
    comm = pathlib.Path(f"/proc/{program.pid}/comm").read_text().rstrip("\n")
    for row in rows:
        assert row["pid"] == program.pid
        assert row["ns_pid"] == program.pid
        assert row["pstart"] == pytest.approx(start_s(program.pid), abs=0.02)
        assert row["comm"] == comm
        assert row["remote"] == f"127.0.0.1:{daemon.port}"
        assert row["local"].startswith("127.0.0.1:")
        assert row["database"] == "orders"
        assert row["state"] == "established"
        assert row["netns"] == HOST_NETNS

    before = {row["conn"]: (row["sent"], row["received"]) for row in rows}
    program.command(f"query 0-{COUNT - 1}")
    ports_before = {row["local"]: before[row["conn"]] for row in rows}
    for row in connleak.list_port(daemon.port):
        sent, received = ports_before[row["local"]]
        assert row["sent"] > sent
        assert row["received"] > received

    program.command(f"close 0-{COUNT - 1}")
    assert connleak.list_port(daemon.port) == []


def test_list_of_idle_connections_counts_every_byte_once(connleak, server, client):
    port = server.listen()
    client.open_all(3, port)
    client.command("exchange 1 100")
    client.command("exchange 2 1000000")
    client.command("exchange 2 1")

    rows = sorted(connleak.list_port(port), key=lambda row: ports_of([row]))

    by_port = sorted((row["sent"], row["received"]) for row in rows)
    assert by_port == [(0, 0), (100, 100), (1000001, 1000001)]


def test_list_of_connections_older_than_the_observation_bounds_their_age(connleak, server, client):
    port = server.listen()
    opening = time.monotonic()
    client.open_all(COUNT, port)
    exchanging = time.monotonic()
    client.command(f"exchange 0-{COUNT - 1} 100")
    exchanged = time.monotonic()
    wait_until(lambda: time.monotonic() - exchanged > 1, 10, "a second of silence")

    listing = time.monotonic()
    rows = connleak.list_port(port)
    listed = time.monotonic()

    assert len(rows) == COUNT
    for row in rows:
        assert row["age_is_bound"] is True
        # A lower bound is right as long as it is no more than the truth.
        assert row["idle_s"] - TICK_S <= row["age_s"] <= listed - opening + TICK_S
        assert row["idle_is_bound"] is False
        assert listing - exchanged - TICK_S <= row["idle_s"] <= listed - exchanging + TICK_S


def test_list_with_one_busy_connection_resets_only_its_idle_age(connleak, server, client):
    port = server.listen()
    ports = client.open_all(COUNT, port)
    client.command(f"exchange 0-{COUNT - 1} 100")
    exchanged = time.monotonic()
    for step in range(1, 3):
        wait_until(lambda: time.monotonic() - exchanged > step, 10, "a second of silence")
        used = time.monotonic()
        client.command("exchange 7 1")

    listing = time.monotonic()
    rows = {ports_of([row])[0]: row for row in connleak.list_port(port)}
    listed = time.monotonic()

    assert rows[ports[7]]["idle_s"] <= listed - used + TICK_S
    for slot in set(range(COUNT)) - {7}:
        assert rows[ports[slot]]["idle_s"] >= listing - exchanged - TICK_S


@pytest.mark.parametrize(
    "address, listen, remote",
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:{}"),
        ("::1", "::1", "[::1]:{}"),
        ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1:{}"),
    ],
    ids=["ipv4", "ipv6", "v4-mapped"],
)
def test_list_of_an_address_family_writes_its_endpoint(
    connleak, server, client, address, listen, remote
):
    port = server.listen("echo", listen)
    ports = client.open_all(COUNT, port, address)

    rows = connleak.list_port(port)

    assert ports_of(rows) == sorted(ports)
    assert {row["remote"] for row in rows} == {remote.format(port)}


def test_list_during_a_handshake_says_connecting(connleak, server, client):
    port = server.listen("deaf")
    for _ in range(5):
        client.begin(port)

    def states():
        return sorted(row["state"] for row in connleak.list_port(port))

    # The backlog takes two; the others are still knocking.
    wait_until(
        lambda: states() == ["connecting"] * 3 + ["established"] * 2,
        10,
        "three connections in the handshake",
    )


def test_list_after_the_peers_fin_says_peer_closed(connleak, server, client):
    port = server.listen()
    client.open_all(3, port)
    server.wait_accepted(port, 3)
    server.command(f"fin {port}")
    client.command("expect 0 eof")
    client.command("expect 2 eof")
    client.command("close 1")

    assert [row["state"] for row in connleak.list_port(port)] == ["peer_closed"] * 2


def test_list_with_the_server_on_the_same_host_leaves_its_sockets_out(
    connleak, start, server, client
):
    database = server.listen()
    elsewhere = server.listen()
    client.open_all(COUNT, database)
    server.wait_accepted(database, COUNT)
    # This one's accepted socket has a watched remote port: the client is bound to it.
    watched = server.listen("closed")
    server.command(f"stop {watched}")
    bound = start(Client)
    slot = bound.command(f"socket 127.0.0.1 {watched}")[0]
    bound.command(f"connect {slot} blocking 127.0.0.1 {elsewhere}")
    server.wait_accepted(elsewhere, 1)

    rows = connleak.list("--port", f"{database},{watched}")

    assert [row["pid"] for row in rows] == [client.pid] * COUNT


def test_list_with_a_raw_socket_to_the_port_leaves_it_out(connleak, server, client):
    """It has the protocol of TCP, a peer and a state "established", and is no connection."""
    port = server.listen()
    client.open_all(COUNT, port)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.connect(("127.0.0.1", port))
        rows = connleak.list_port(port)
    assert [row["pid"] for row in rows] == [client.pid] * COUNT


def test_list_with_a_pid_filter_shows_that_process_only(connleak, start, server, client):
    port = server.listen()
    client.open_all(3, port)
    start(Client).open_all(5, port)

    rows = connleak.list("--port", str(port), "--pid", str(client.pid))

    assert [row["pid"] for row in rows] == [client.pid] * 3


def test_list_with_a_comm_filter_shows_that_name_only(connleak, start, server, client):
    port = server.listen()
    client.open_all(3, port)
    named = start(Client)
    named.command("name orders-api")
    named.open_all(5, port)

    rows = connleak.list("--port", str(port), "--comm", "orders-api")

    assert [(row["pid"], row["comm"]) for row in rows] == [(named.pid, "orders-api")] * 5


def cgroup2_mount():
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, path, kind = line.split()[:3]
        if kind == "cgroup2":
            return pathlib.Path(path)
    return None


@pytest.fixture
def make_cgroup():
    """make_cgroup(PATH): the new cgroup, which everybody is moved out of in the end."""
    mount = cgroup2_mount()
    if not mount:
        pytest.skip("no cgroup2 hierarchy is mounted")
    made = []

    def make(path):
        for parent in reversed([pathlib.Path(path), *pathlib.Path(path).parents[:-1]]):
            with contextlib.suppress(FileExistsError):
                (mount / parent).mkdir()
                made.append(mount / parent)
        return mount / path

    yield make
    for directory in reversed(made):
        for pid in (directory / "cgroup.procs").read_text().split():
            (mount / "cgroup.procs").write_text(pid)
        # Others may have put something into a slice since, and then it is theirs to remove.
        with contextlib.suppress(OSError):
            directory.rmdir()


@pytest.fixture
def pod(make_cgroup):
    """A cgroup as the kubelet and containerd name it, and the container's id."""
    container = uuid.uuid4().hex * 2
    uid = str(uuid.uuid4()).replace("-", "_")
    return (
        make_cgroup(
            "kubepods.slice/kubepods-burstable.slice/"
            f"kubepods-burstable-pod{uid}.slice/cri-containerd-{container}.scope"
        ),
        container,
    )


def test_list_with_a_cgroup_filter_shows_what_is_in_it_and_below(
    connleak, start, server, client, make_cgroup
):
    port = server.listen()
    client.open_all(3, port)
    inside = start(Client)
    outer = make_cgroup(f"connleak-test-{os.getpid()}")
    inner = make_cgroup(f"connleak-test-{os.getpid()}/inner")
    (inner / "cgroup.procs").write_text(str(inside.pid))
    inside.open_all(5, port)

    rows = connleak.list("--port", str(port), "--cgroup", str(outer))

    assert [row["pid"] for row in rows] == [inside.pid] * 5


def test_list_with_ports_as_ranges_and_names_watches_all_of_them(connleak, server, client):
    named, numbered = server.listen(), server.listen()
    client.open_all(2, named)
    client.open_all(3, numbered)

    rows = connleak.list("--port", f"ledger={named},{numbered}-{numbered}")

    assert sorted((row["remote"], row["database"] or "") for row in rows) == sorted(
        [(f"127.0.0.1:{named}", "ledger")] * 2 + [(f"127.0.0.1:{numbered}", "")] * 3
    )


def test_list_with_two_network_namespaces_keeps_equal_endpoints_apart(connleak, start):
    networks = [start(Network), start(Network)]
    clients = []
    for network in networks:
        # Nothing else is in there, so a well-known port is free.
        network.server.listen("echo", "127.0.0.1", 5432)
        clients.append(start(Client, *network.enter()))
        clients[-1].open_all(COUNT, 5432)

    rows = connleak.list("--pid", ",".join(str(client.pid) for client in clients))

    assert {row["database"] for row in rows} == {"postgresql"}
    assert {row["remote"] for row in rows} == {"127.0.0.1:5432"}
    for network, client in zip(networks, clients):
        assert [row["netns"] for row in rows if row["pid"] == client.pid] == [network.inode] * COUNT


def test_list_of_8000_connections_shows_every_one(connleak, start, server, tmp_path):
    port = server.listen()
    clients = [start(Client), start(Client)]
    ports = [number for client in clients for number in client.open_all(4000, port)]

    rows = connleak.list_port(port)

    assert ports_of(rows) == sorted(ports)
    assert len({row["conn"] for row in rows}) == 8000

    # The agent takes many steps for these, and both lists wait for each other.
    agent = Agent(connleak, tmp_path, "--port", f"test={port}")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        targets = ["/v1/connections", "/v1/connections?format=text"] * 2
        lists = [answer.text.splitlines() for answer in pool.map(agent.api, targets)]
    for objects, table in (lists[:2], lists[2:]):
        assert ports_of(json.loads(line) for line in objects) == sorted(ports)
        assert len(table) == 8001
        assert len({line.index(f"127.0.0.1:{port} ") for line in table[1:]}) == 1, "aligned"


def test_list_of_a_process_in_a_pod_names_the_container(connleak, server, client, pod):
    cgroup, container = pod
    (cgroup / "cgroup.procs").write_text(str(client.pid))
    port = server.listen()
    client.open_all(1, port)

    row = connleak.list_port(port)[0]

    assert container[:12] in row["workload"]


def test_list_as_text_has_a_line_a_connection_and_marks_bounds(connleak, server, client):
    port = server.listen()
    client.command("name orders-api")
    client.open_all(COUNT, port)

    done = connleak.run("list", "--port", f"ledger={port}", text=True)

    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if "orders-api" in line]
    assert len(lines) == COUNT
    for line in lines:
        assert str(client.pid) in line
        assert f"127.0.0.1:{port}" in line
        assert ">= " in line


def test_list_of_a_name_with_control_characters_is_safe_to_print(connleak, server, client):
    port = server.listen()
    client.command("name \x1b[31mred\x07\udcff")  # the last one is not UTF-8
    client.open_all(1, port)

    done = connleak.run("list", "--port", str(port))

    assert done.returncode == 0
    assert b"\x1b" not in done.stdout and b"\x07" not in done.stdout
    assert len(connleak.list_port(port)) == 1  # and JSON is valid
