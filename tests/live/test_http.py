# SPDX-License-Identifier: Apache-2.0
"""The agent's port and socket: what they serve, to whom, and that no client holds the agent up."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest
from agent_http import ALONE, Agent, ask

from harness import CONNLEAK, LineReader, free_port, freeze, patient, wait_until

RUNTIME, HOST = 1, 3
NOBODY = 65534


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="connleak-http-") as path:
        os.chmod(path, 0o755)
        yield path


@pytest.fixture
def agent(connleak, directory):
    def start_agent(*arguments):
        return Agent(connleak, directory, "--interval", "0.1", *arguments)

    return start_agent


@pytest.fixture
def watched(agent, server, client):
    """An agent that watches five open connections."""
    port = server.listen()
    running = agent("--port", f"test={port}")
    running.server_port = port
    client.open_all(5, port)
    running.client = client
    wait_until(lambda: len(running.api("/v1/connections").lines()) == 5, 10, "5 connections")
    return running


# --- the port ---------------------------------------------------------------------------------


def test_health(agent):
    agent = agent()
    for path in ("/healthz", "/readyz"):
        answer = agent.get(path)
        assert (answer.status, answer.text) == (200, "ok\n")


def test_a_stopped_agent_is_not_healthy_when_it_wakes(agent):
    """Whoever asks during the first looks after a long stop is told so or waits for a look."""
    agent = agent()
    pid = agent.running.process.pid
    freeze(pid)
    try:
        sock = agent.connect()
        sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    finally:
        os.kill(pid, signal.SIGCONT)
    sock.settimeout(patient(10))
    assert sock.recv(100).startswith(b"HTTP/1.1 200")
    sock.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_the_port_is_read_only(agent, method):
    agent = agent()
    answer = agent.get("/metrics", method=method, body=b"x" * 100_000)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    assert "error" in answer.json()
    assert agent.refused("method") == 1


def test_head_has_no_body(agent):
    answer = agent().get("/metrics", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


@pytest.mark.parametrize("path", ["/v1/pools", "/v1/connections", "/v1/explain/1", "/", "/metricsx"])
def test_the_port_serves_no_details(agent, path):
    answer = agent().get(path)
    assert answer.status == 404
    assert answer.json()["status"] == 404


def test_size_of_a_request_is_bounded(agent):
    agent = agent()
    assert agent.get("/healthz?" + "x" * 5000).status == 414
    assert agent.get("/healthz", headers={"X-Large": "x" * 9000}).status == 431
    assert agent.refused("size") == 2
    # Beyond what the server reads at all.
    with contextlib.suppress(OSError):
        assert agent.get("/healthz", headers={"X-Huge": "x" * 60000}).status in (400, 431)
    with contextlib.suppress(OSError):
        assert agent.get("/" + "x" * 60000).status in (400, 414)
    wait_until(lambda: agent.refused("unfinished") >= 2, 10, "two requests that were never whole")
    assert agent.get("/healthz").status == 200


def test_what_is_no_http_is_cut_off_and_counted(agent):
    agent = agent()
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 500):
        with agent.connect() as sock:
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while sock.recv(4096):
                    pass
    wait_until(lambda: agent.refused("unfinished") >= 3, 10, "garbage is counted")
    assert agent.get("/healthz").status == 200


def test_slow_clients_lock_nobody_out(agent):
    """A hundred connections that send a byte now and then, and never a whole request."""
    agent = agent()
    slow = [agent.connect() for _ in range(100)]
    before = agent.ticks()
    for round_number in range(5):
        for sock in slow:
            with contextlib.suppress(OSError):
                sock.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: "[round_number : round_number + 1])
        assert agent.get("/healthz").status == 200
    wait_until(lambda: agent.ticks() > before + 10, 10, "the looks go on")
    wait_until(lambda: agent.refused("connections") >= 60, 10, "60 are turned away")
    for sock in slow:
        sock.close()


def test_clients_that_do_not_read_cost_neither_looks_nor_memory(agent, server, client):
    """They ask for pages and never take them."""
    ports = [server.listen() for _ in range(60)]
    agent = agent("--port", ",".join(str(port) for port in ports))
    for port in ports:
        client.open_all(1, port)
    agent.wait_page(lambda page: page.sum("connleak_tracked_connections") == 60, "60 tracked")
    lazy = []
    for _ in range(100):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.connect(("127.0.0.1", agent.port))
        sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        lazy.append(sock)
    before = agent.ticks()
    wait_until(lambda: agent.ticks() > before + 10, 10, "the looks go on")
    statm = pathlib.Path(f"/proc/{agent.running.process.pid}/statm").read_text()
    assert int(statm.split()[1]) * 4096 < 200 * 1024 * 1024
    for sock in lazy:
        sock.close()


def test_a_hammered_port_does_not_stall_the_looks(agent):
    """Scrapes as fast as they go from four processes: looks come in time all the same."""
    agent = agent()
    script = (
        "import socket,sys\n"
        "while True:\n"
        " s=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\n"
        " s.sendall(b'GET /metrics HTTP/1.0\\r\\n\\r\\n')\n"
        " while s.recv(65536): pass\n"
        " s.close()\n"
    )
    argv = ["/usr/bin/python3", "-c", script, str(agent.port)]
    hammers = [subprocess.Popen(argv, stderr=subprocess.DEVNULL) for _ in range(4)]
    try:
        before, requests = agent.ticks(), agent.page().sum("connleak_http_requests_total")
        agent.wait_page(
            lambda page: page.one("connleak_tick_duration_seconds_count").value >= before + 30
            and page.sum("connleak_http_requests_total") > requests + 100,
            "30 looks and 100 answers",
            30,
        )
    finally:
        for hammer in hammers:
            hammer.kill()
            hammer.wait()


def test_port_of_ipv6(connleak, directory):
    port = free_port("::1")
    path = os.path.join(directory, "agent.sock")
    connleak.start("agent", *ALONE, "--listen", f"[::1]:{port}", "--socket", path)
    wait_until(lambda: os.path.exists(path), 10, "the agent listens")
    answer = ask(http.client.HTTPConnection("::1", port, timeout=patient(10)), "/healthz")
    assert (answer.status, answer.text) == (200, "ok\n")


# --- the socket -------------------------------------------------------------------------------


def test_socket_has_mode_and_goes_with_the_agent(agent):
    agent = agent()
    status = os.lstat(agent.socket)
    assert stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o660
    assert agent.running.stop() == 0
    assert not os.path.exists(agent.socket)


def test_a_dead_socket_is_replaced_and_a_living_one_is_not(connleak, agent, directory):
    path = os.path.join(directory, "agent.sock")
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(path)
    dead.close()
    agent = agent()
    assert agent.api("/healthz").status == 200
    second = connleak.run("agent", *ALONE, "--listen", "none", "--socket", path, text=True)
    assert second.returncode == RUNTIME
    assert f"--socket {path}: another agent answers there" in second.stderr
    assert agent.api("/healthz").status == 200


def test_what_cannot_be_opened_ends_the_start(connleak, directory):
    plain = os.path.join(directory, "plain")
    pathlib.Path(plain).write_text("keep me")
    done = connleak.run("agent", *ALONE, "--listen", "none", "--socket", plain, text=True)
    assert done.returncode == RUNTIME
    assert "is there and is not a socket" in done.stderr
    assert pathlib.Path(plain).read_text() == "keep me"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = connleak.run("agent", *ALONE, "--listen", address, "--socket", "none", text=True)
    assert done.returncode == RUNTIME
    assert f"--listen {address}: Address already in use" in done.stderr


def test_api_serves_pools_connections_and_verdicts(watched):
    pools = watched.api("/v1/pools")
    assert pools.headers["Content-Type"] == "application/json"
    (pool,) = pools.json()["pools"]
    assert (pool["pid"], pool["open"]) == (watched.client.pid, 5)
    assert pool["remote"] == f"127.0.0.1:{watched.server_port}"
    rows = watched.api("/v1/connections").lines()
    assert len({row["conn"] for row in rows}) == 5
    assert {row["pid"] for row in rows} == {watched.client.pid}
    assert watched.api(f"/v1/connections?pid={watched.client.pid + 1}").lines() == []
    table = watched.api("/v1/connections?format=text").text.splitlines()
    assert table[0].split()[:2] == ["PID", "COMM"] and len(table) == 6
    assert watched.api("/v1/verdicts").lines() == []


@pytest.mark.parametrize(
    "target, status, part",
    [
        ("/v1/nothing", 404, "/v1/pools"),
        ("/v1/explain/4194304", 404, "there is no process 4194304"),
        ("/v1/explain/1", 404, "process 1 has no connection"),
        ("/v1/explain/0", 404, "/v1/explain/PID"),
        ("/v1/pools?format=text", 400, "json is served"),
        ("/v1/connections?format=xml", 400, "json and text"),
        ("/v1/connections?pid=1,x", 400, "process ids"),
    ],
)
def test_api_errors_are_json(agent, target, status, part):
    answer = agent().api(target)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["status"] == status and part in answer.json()["error"]


def as_nobody(group, *argv):
    """As a user without any privilege, of one group; the program is where he can read it."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={group}", "--clear-groups", *argv]


def test_list_needs_no_privilege_with_the_agent(watched, directory):
    program = shutil.copy(CONNLEAK, directory)
    argv = [program, "list", "--json", "-v", "--socket", watched.socket]
    os.chown(watched.socket, 0, 12345)
    done = subprocess.run(as_nobody(12345, *argv), capture_output=True, text=True, timeout=patient(30))
    assert done.returncode == 0, done.stderr
    assert f"from the agent at {watched.socket}" in done.stderr
    assert len(done.stdout.splitlines()) == 5
    # Of another group: nothing but own probes is left, which this user may not load.
    done = subprocess.run(as_nobody(12346, *argv), capture_output=True, text=True, timeout=patient(30))
    assert done.returncode == HOST
    assert f"{watched.socket}: Permission denied; root and the members of its" in done.stderr


def test_list_from_the_agent_is_list(watched, connleak):
    def rows(*arguments):
        done = connleak.run("list", "--json", *arguments)
        assert (done.returncode, done.stderr) == (0, b""), done
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [{key: row[key] for key in ("pid", "remote", "local", "state")} for row in rows]

    own = ["--socket", "none", "--port", f"test={watched.server_port}"]
    assert rows("--socket", watched.socket) == rows(*own)
    pid = ["--pid", str(watched.client.pid)]
    assert len(rows("--socket", watched.socket, *pid)) == 5
    assert rows("--socket", watched.socket, "--pid", "1") == []


def test_list_uses_own_probes_for_what_the_agent_cannot_serve(watched, connleak, server, client):
    other = server.listen()
    client.open_all(2, other)
    done = connleak.run(
        "list", "--json", "--socket", watched.socket, "--port", other, text=True
    )
    assert len(done.stdout.splitlines()) == 2
    assert "own probes, not the agent: it cannot serve --port" in done.stderr


def test_explain_from_the_agent(watched, connleak):
    pid = watched.client.pid
    done = connleak.run("explain", pid, "--json", "--socket", watched.socket, text=True)
    assert done.returncode == 0, done.stderr
    (pool,) = json.loads(done.stdout)["pools"]
    assert (pool["pid"], pool["open"], len(pool["connections"])) == (pid, 5, 5)
    assert sum(column["opens"] for column in pool["timeline"]["columns"] if column) == 5
    done = connleak.run("explain", pid, "--socket", watched.socket, text=True)
    assert f"[{pid}] -> 127.0.0.1:{watched.server_port} (test)" in done.stdout
    assert "no verdict on this pool" in done.stdout
    gone = connleak.run("explain", 4194304, "--socket", watched.socket, text=True)
    assert gone.returncode == RUNTIME
    assert "there is no process 4194304" in gone.stderr


class Impostor:
    """Something that listens where the agent should, and answers with given bytes."""

    def __init__(self, path, answer):
        script = (
            "import socket,sys\n"
            "s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print('ready 0',flush=True)\n"
            "c,_=s.accept(); c.recv(4096); c.sendall(sys.stdin.buffer.read()); c.close()\n"
        )
        argv = ["/usr/bin/python3", "-c", script, path]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reader = LineReader(self.process.stdout)
        assert self.reader.next(10)
        self.process.stdin.write(answer)
        self.process.stdin.close()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.reader.close()


def refusal(length, body=b'{"error":"\\u001b[31mbad\\nnews"}'):
    return b"HTTP/1.0 500 X\r\nContent-Length: %d\r\n\r\n%s" % (len(body) + length, body)


@pytest.mark.parametrize(
    "answer, part",
    [
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nbody", "not connleak's agent", id="no length"),
        pytest.param(
            b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabc", "not connleak's agent", id="cut"
        ),
        pytest.param(
            b"HTTP/1.0 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
            "not connleak's agent",
            id="endless",
        ),
        pytest.param(b"\x1b[2J" * 5000, "too long", id="noise"),
        pytest.param(b"", "not connleak's agent", id="nothing"),
        pytest.param(refusal(1), "not connleak's agent", id="cut refusal"),
        pytest.param(refusal(0), "\\x1b[31mbad\\x0anews", id="refusal"),
    ],
)
def test_an_impostor_is_refused_without_harm(connleak, start, directory, answer, part):
    path = os.path.join(directory, "agent.sock")
    start(Impostor, path, answer)
    done = connleak.run("list", "--socket", path)
    assert (done.returncode, done.stdout) == (RUNTIME, b"")
    assert part.encode() in done.stderr
    assert b"\x1b" not in done.stderr and done.stderr.count(b"\n") == 1


def test_an_answer_of_an_impostor_does_nothing_to_a_terminal(connleak, start, directory):
    path = os.path.join(directory, "agent.sock")
    body = "\x1b[2J\u202ecaf\u00e9 \u2588 \\x41\n\0\u009b1m\n".encode()
    answer = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    start(Impostor, path, answer)
    done = connleak.run("list", "--socket", path)
    expected = "\\x1b[2J\\xe2\\x80\\xaecaf\u00e9 \u2588 \\x41\n\\x00\\xc2\\x9b1m\n"
    assert (done.returncode, done.stdout.decode()) == (0, expected)
