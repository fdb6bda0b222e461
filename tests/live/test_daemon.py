# SPDX-License-Identifier: Apache-2.0
"""The agent as a daemon: what it tells its manager, what it does on SIGHUP and SIGTERM."""

import os
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

from harness import AGENT_ALONE, LineReader, freeze, patient, wait_until
from verdicts import LEAKED, QUICK, Leaker

USAGE = 2


class Manager:
    """The other end of $NOTIFY_SOCKET, which always listens: who tells it something waits for it."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.messages = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        while True:
            message = self.socket.recv(65536)
            if not message:
                return
            self.messages += message.decode().splitlines()

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()

    def catch_up(self):
        """Returns when all that has been sent so far has been received."""
        mark = "X_TEST=caught up"
        count = self.count(mark)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as marker:
            marker.sendto(mark.encode(), self.path)
        self.wait(mark, count + 1)

    def environment(self, **more):
        return {**os.environ, "NOTIFY_SOCKET": self.path, **more}

    def received(self):
        """Every assignment so far, in order."""
        return list(self.messages)

    def count(self, message):
        return self.received().count(message)

    def wait(self, message, count=1, timeout=20):
        wait_until(lambda: self.count(message) >= count, timeout, f"{count} x {message}")

    def wait_status(self, part, timeout=20):
        def latest():
            statuses = [line for line in self.received() if line.startswith("STATUS=")]
            return statuses and part in statuses[-1]

        wait_until(
            latest, timeout, lambda: f"status with {part!r}; there is {self.received()}"
        )


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="connleak-daemon-") as path:
        yield path


@pytest.fixture
def manager(directory):
    manager = Manager(directory)
    yield manager
    manager.close()


@pytest.fixture
def config(directory):
    """Writes the config file and gives its name."""

    def write(text, name="connleak.conf"):
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    return write


def said(agent, part):
    return [line for line in agent.err.lines if part in line]


def reload(agent, outcome):
    """Returns the line that says what came of it."""
    before = len(said(agent, "reload"))
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(said(agent, "reload")) > before, 10, "the outcome of a reload")
    line = said(agent, "reload")[-1]
    assert outcome in line, agent.err.lines
    return line


def test_agent_tells_its_manager_when_it_is_ready_and_when_it_stops(connleak, manager):
    agent = connleak.start("agent", *AGENT_ALONE, "--config", "none", env=manager.environment())
    manager.wait("READY=1")
    manager.wait_status("connections in")
    agent.process.send_signal(signal.SIGTERM)
    assert agent.wait(10) == 0
    manager.wait("STOPPING=1")
    assert manager.received()[-1] == "STOPPING=1"


def test_agent_feeds_the_watchdog_only_while_it_looks(connleak, manager):
    environment = manager.environment(WATCHDOG_USEC="1000000")
    agent = connleak.start("agent", *AGENT_ALONE, "--config", "none", env=environment)
    manager.wait("WATCHDOG=1", 3)
    freeze(agent.process.pid)
    manager.catch_up()
    fed = manager.count("WATCHDOG=1")
    # Another one that lives shows that the time of several feedings has passed.
    with tempfile.TemporaryDirectory() as place:
        witness = Manager(place)
        second = connleak.start(
            *("agent", *AGENT_ALONE, "--config", "none"),
            env=witness.environment(WATCHDOG_USEC="1000000"),
        )
        witness.wait("WATCHDOG=1", 4)
        second.stop()
        witness.close()
    manager.catch_up()
    assert manager.count("WATCHDOG=1") == fed
    agent.process.send_signal(signal.SIGCONT)
    manager.wait("WATCHDOG=1", fed + 1)
    assert agent.stop() == 0


def test_reload_takes_ports_and_names_while_connections_stay(
    connleak, manager, config, server, client
):
    first, second = server.listen(), server.listen()
    path = config(f"port = one={first}\n")
    agent = connleak.start(
        *("agent", *AGENT_ALONE, "--config", path, "--pid", client.pid), env=manager.environment()
    )
    client.open_all(23, first)
    client.open_all(7, second)
    manager.wait_status("23 connections in 1 pools")
    config(f"port = one={first},two={second}\n[detector]\nT0 = 20s\n")
    config(f"endpoint = db=127.0.0.1:{second},limit=40\ninterval = 0.5\n", "connleak.conf.d/a.conf")
    line = reload(agent, "reloaded: applied: port, endpoint, detector settings, interval")
    assert line.count("\n") == 0
    # Those of the second port were open before it was watched.
    manager.wait_status("30 connections in 2 pools")
    manager.wait("RELOADING=1")
    manager.wait("READY=1", 2)
    reload(agent, "reloaded: nothing has changed")
    assert agent.stop() == 0


@pytest.mark.parametrize(
    "text, reason",
    [
        ("port = 5432\nprot = 1\n", "connleak.conf:2: unknown key 'prot'"),
        ("[detector]\nT0 = soon\n", "connleak.conf:2: setting T0: 'soon'"),
        ("cgroup = /no/such/place\n", "no such directory in the cgroup file system"),
        ("\x00", "connleak.conf:1: a control character"),
        (None, "connleak.conf: No such file"),
    ],
)
def test_reload_of_a_bad_config_is_refused_and_the_old_one_goes_on(
    connleak, manager, config, server, client, text, reason
):
    port, other = server.listen(), server.listen()
    path = config(f"port = {port}\n")
    agent = connleak.start(
        *("agent", *AGENT_ALONE, "--config", path, "--pid", client.pid), env=manager.environment()
    )
    if text is None:
        os.unlink(path)
    else:
        config(text)
    reload(agent, "reload refused, the old configuration goes on")
    assert said(agent, reason), agent.err.lines
    client.open_all(3, other)
    client.open_all(4, port)
    manager.wait_status("4 connections in 1 pools")
    assert agent.stop() == 0


def test_reload_says_what_waits_for_the_next_start(connleak, config):
    path = config("port = 7001\n")
    agent = connleak.start("agent", *AGENT_ALONE, "--config", path)
    config("port = 7001\njson = yes\n")
    reload(agent, "waits for the next start: json")
    assert agent.stop() == 0


def blocks_hangup(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        blocked = next(line for line in file if line.startswith("SigBlk:"))
    return int(blocked.split()[1], 16) & 1


def test_hangup_while_it_starts_is_a_reload(connleak):
    argv = [str(connleak.path), "agent", *AGENT_ALONE, "--config", "none"]
    agent = subprocess.Popen(argv, stderr=subprocess.PIPE)
    errors = LineReader(agent.stderr)
    try:
        wait_until(lambda: blocks_hangup(agent.pid), 10, "SIGHUP is blocked")
        agent.send_signal(signal.SIGHUP)
        wait_until(
            lambda: any("reloaded: nothing has changed" in line for line in errors.lines),
            20,
            lambda: f"a reload; there is {errors.lines}",
        )
    finally:
        agent.terminate()
        status = agent.wait(timeout=patient(10))
        errors.close()
    assert status == 0


def test_default_config_and_its_drop_ins_are_read(connleak, directory):
    """In a mount namespace of its own, where /etc can be another one."""
    script = """set -e
        mkdir "$1/etc" && cp -a /etc/passwd /etc/group /etc/ld.so.cache "$1/etc/"
        mkdir -p "$1/etc/connleak/connleak.conf.d"
        mount --bind "$1/etc" /etc
        echo "interval = 7" >/etc/connleak/connleak.conf.d/a.conf
        "$2" agent --check-config
        echo "port = 5432,5432" >/etc/connleak/connleak.conf
        echo "no = key" >/etc/connleak/connleak.conf.d/b.conf
        "$2" agent --check-config
    """
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "-", directory, connleak.path],
        capture_output=True,
        text=True,
        timeout=patient(30),
    )
    assert done.stdout == "/etc/connleak/connleak.conf.d/a.conf: 1 values\n"
    assert done.returncode == USAGE
    lines = done.stderr.splitlines()
    assert len(lines) == 2, lines
    assert lines[0].startswith("connleak: /etc/connleak/connleak.conf.d/b.conf:1: unknown key")
    assert lines[1].startswith("connleak: /etc/connleak/connleak.conf:1: port '5432,5432'")


def test_frozen_agent_that_wakes_takes_the_gap_for_nothing_and_goes_on(
    connleak, manager, server, start
):
    """A healthy process opens, works and closes while nobody looks, and leaks after that."""
    port = server.listen()
    leaker = start(Leaker, port)
    agent = connleak.start(
        *("agent", *AGENT_ALONE, "--config", "none", "--json", *QUICK, "--port", f"orders={port}"),
        env=manager.environment(WATCHDOG_USEC="1000000"),
    )
    manager.wait_status("3 connections in 1 pools")
    freeze(agent.process.pid)
    # Ten times as long as it takes for a silence to count.
    leaker.leak(20, 0.5)
    leaker.command("release")
    agent.process.send_signal(signal.SIGCONT)
    manager.wait("WATCHDOG=1", manager.count("WATCHDOG=1") + 6)
    manager.wait_status("3 connections in 1 pools")
    assert agent.events("verdict") == []
    assert agent.complaints() == []
    leaker.forgotten = 0
    leaker.leak()
    raised = agent.wait_events("verdict", 1, timeout=40, state="raised", pid=leaker.pid)[0]
    assert raised["stale"] <= LEAKED
    assert agent.stop() == 0
