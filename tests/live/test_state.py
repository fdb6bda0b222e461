# SPDX-License-Identifier: Apache-2.0
"""What the agent keeps over a restart, and state directories that do not work."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

from agent_http import UnixConnection, ask
from harness import AGENT_ALONE, children_of, patient, state_of, wait_until
from test_daemon import said
from verdicts import QUICK, Leaker

RUNTIME = 1
VERDICT = 4


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="connleak-state-") as path:
        yield pathlib.Path(path)


@pytest.fixture
def keep(connleak, directory):
    """Starts an agent that keeps its state; what is given goes behind."""

    def start(*arguments, **options):
        return connleak.start(
            *("agent", *AGENT_ALONE, "--config", "none", "--json", *QUICK),
            *("--state", directory, *arguments),
            **options,
        )

    return start


def kept(directory):
    return json.loads((directory / "state.json").read_text())


def names_of(directory):
    return set(kept(directory)["verdicts"][0]["suspects"])


def names_beyond(directory, named):
    """All that are named, as soon as one of them is new."""
    names = names_of(directory)
    return names if names - named else None


def verdicts_of(agent, leaker):
    return [event for event in agent.events("verdict") if event["pid"] == leaker.pid]


def raise_leak(keep, start, server, directory):
    port = server.listen()
    leaker = start(Leaker, port)
    agent = keep("--port", f"orders={port}")
    leaker.leak()
    told = agent.wait_events("verdict", 1, timeout=40, kind="leak", state="raised")[0]
    wait_until(
        lambda: (directory / "state.json").exists() and kept(directory)["verdicts"],
        20,
        "the verdict is kept",
    )
    return port, leaker, agent, told


def test_restart_tells_nothing_twice_and_clears_under_the_same_id(keep, start, server, directory):
    port, leaker, agent, told = raise_leak(keep, start, server, directory)
    # Nothing is written at the end of one that is killed.
    agent.process.send_signal(signal.SIGKILL)
    agent.wait(10)
    named = names_of(directory)
    again = keep("--port", f"orders={port}", "--fail-on", "leak")
    assert said(again, "1 verdict carried over from the run before")
    # The leak goes on, the new run finds it by itself, and it is the same one.
    leaker.leak()
    # What is known as of a former run has the time of that.
    wait_until(lambda: "known_ns" not in kept(directory)["verdicts"][0], 40, "found again")
    # With all that lies there still, and more.
    now = wait_until(lambda: names_beyond(directory, named), 40, "others are named")
    assert named < now
    known = [event for event in verdicts_of(again, leaker) if event["state"] != "updated"]
    assert known == []
    assert again.stop() == VERDICT
    assert kept(directory)["verdicts"][0]["id"] == told["id"]

    last = keep("--port", f"orders={port}")
    leaker.command("release")
    cleared = last.wait_events("verdict", 1, timeout=20, state="cleared")
    assert [event["id"] for event in cleared] == [told["id"]]
    assert [event["state"] for event in verdicts_of(last, leaker)] == ["cleared"]
    wait_until(lambda: kept(directory)["verdicts"] == [], 20, "no verdict is kept any more")
    assert last.stop() == 0
    assert kept(directory)["next_id"] > told["id"]


def test_one_verdict_has_one_id_wherever_it_is_shown(keep, start, server, directory):
    assert keep("--duration", "0.1").wait(20) == 0
    state = kept(directory)
    (directory / "state.json").write_text(json.dumps(state | {"next_id": 41}))
    port = server.listen()
    leaker = start(Leaker, port)
    path = str(directory / "socket")
    agent = keep("--port", f"orders={port}", "--socket", path)
    leaker.leak()
    told = agent.wait_events("verdict", 1, timeout=40, kind="leak", state="raised")[0]
    assert told["id"] >= 41
    (pool,) = ask(UnixConnection(path), "/v1/pools").json()["pools"]
    assert pool["verdict_detail"]["id"] == told["id"]
    explained = ask(UnixConnection(path), f"/v1/explain/{leaker.pid}").json()
    assert told["id"] in [verdict["id"] for verdict in explained["pools"][0]["verdicts"]]
    (listed,) = ask(UnixConnection(path), "/v1/verdicts").lines()
    assert listed["id"] == told["id"]

    # The next run has not found it yet.
    assert agent.stop() == 0
    keep("--port", f"orders={port}", "--socket", path, "--set", "T0=600")
    wait_until(lambda: os.path.exists(path), 20, "the socket is there")
    (pool,) = wait_until(
        lambda: ask(UnixConnection(path), "/v1/pools").json()["pools"], 20, "a pool"
    )
    assert (pool["verdict"], pool["verdict_detail"]["id"]) == ("leak", told["id"])
    (pool,) = ask(UnixConnection(path), f"/v1/explain/{leaker.pid}").json()["pools"]
    assert [verdict["id"] for verdict in pool["verdicts"]] == [told["id"]]


def test_restart_after_the_process_has_ended_clears_once(keep, start, server, directory):
    port, leaker, agent, told = raise_leak(keep, start, server, directory)
    assert agent.stop() == 0
    leaker.stop()
    again = keep("--port", f"orders={port}")
    again.wait_events("verdict", 1, state="cleared", id=told["id"], pid=leaker.pid)
    assert again.stop() == 0
    assert len(again.events("verdict")) == 1
    third = keep("--port", f"orders={port}")
    assert third.stop() == 0
    assert third.events("verdict") == []


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "no JSON"),
        (b'{"connleak_state":1,"verdicts":[', "no JSON"),
        (b'{"connleak_state":7}', "it has version 7, this connleak knows 1"),
        (b"\x00\xff\x1b[31m" * 1000, "no JSON"),
        (b"[" * 100000, "no JSON"),
        (None, "File too large"),
    ],
    ids=["empty", "cut", "future", "binary", "deep", "large"],
)
def test_state_that_is_damaged_is_put_aside_and_said(keep, directory, content, reason):
    file = directory / "state.json"
    if content is None:
        with open(file, "wb") as sparse:
            sparse.truncate(1 << 40)
    else:
        file.write_bytes(content)
    agent = keep("--port", "7001")
    lines = said(agent, "state.json")
    assert len(lines) == 1 and reason in lines[0] and "put aside" in lines[0], agent.err.lines
    assert (directory / "state.json.bad").stat().st_size == (
        1 << 40 if content is None else len(content)
    )
    assert agent.stop() == 0
    assert kept(directory)["verdicts"] == []


def mounted(directory, options, fill=""):
    """A prefix that gives the command a file system of its own at the directory."""
    script = f'mount -t tmpfs -o {options} tmpfs "$0" && {fill or ":"} && exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, directory]


FAULTY = {
    "full": lambda directory: mounted(
        directory, "size=4k", 'head -c 4096 /dev/zero >"$0/filler"'
    ),
    "read-only": lambda directory: mounted(directory, "ro"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_state_directory_that_cannot_be_written_is_said_once_and_watching_goes_on(
    keep, start, server, directory, fault
):
    port = server.listen()
    leaker = start(Leaker, port)
    agent = keep("--port", f"orders={port}", prefix=FAULTY[fault](directory))
    leaker.leak()
    agent.wait_events("verdict", 1, timeout=40, kind="leak", state="raised", pid=leaker.pid)
    wait_until(lambda: said(agent, "cannot be written"), 20, "it says so")
    leaker.command("release")
    agent.wait_events("verdict", 1, timeout=40, kind="leak", state="cleared", pid=leaker.pid)
    assert agent.stop() == 0
    assert len(said(agent, "cannot be written")) == 1, agent.err.lines
    assert said(agent, "the state could not be written or read"), agent.err.lines


class Disk:
    """A file system of its own at the directory, for those with the prefix, that can be stopped."""

    def __init__(self, directory, image):
        with open(image, "wb") as sparse:
            sparse.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
        script = 'mount -o loop "$0" "$1" && echo ready && exec sleep infinity'
        self.directory = directory
        self.process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script, image, directory],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self.is_mounted = self.process.stdout.readline() == b"ready\n"
        self.prefix = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--"]

    def run(self, *argv):
        done = subprocess.run([*self.prefix, *argv], capture_output=True, text=True, timeout=patient(20))
        return done.stdout

    def freeze(self):
        self.run("fsfreeze", "--freeze", self.directory)

    def thaw(self):
        self.run("fsfreeze", "--unfreeze", self.directory)

    def stop(self):
        if self.is_mounted:
            self.thaw()
        self.process.kill()
        self.process.communicate()


def test_disk_that_does_not_answer_holds_up_nobody(
    keep, start, server, client, directory, tmp_path
):
    disk = start(Disk, directory, tmp_path / "image")
    if not disk.is_mounted:
        pytest.skip("no loop device to mount a file system from")
    port = server.listen()
    leaker = start(Leaker, port)
    path = str(tmp_path / "socket")
    agent = keep("--port", f"orders={port}", "--socket", path, prefix=disk.prefix)

    def writers(): # nsenter has become the agent
        return [pid for pid in children_of(agent.process.pid)
                if state_of(pid) == "D"]  # it waits for a disk

    def count():
        pools = ask(UnixConnection(path), "/v1/pools").json()["pools"]
        return sum(pool["open"] for pool in pools if pool["pid"] == client.pid)

    disk.freeze()
    leaker.leak()
    agent.wait_events("verdict", 1, timeout=40)
    wait_until(writers, 20, "a process waits for the disk")
    client.open_all(23, port)
    wait_until(lambda: count() == 23, 20, "the agent goes on looking")
    assert writers()
    assert disk.run("cat", f"{directory}/state.json") == ""

    disk.thaw()
    wait_until(lambda: disk.run("cat", f"{directory}/state.json"), 20, "the state is written")
    wait_until(lambda: not writers(), 20, "nobody waits any more")
    disk.freeze()
    assert agent.stop() == 0
    assert said(agent, "is not written"), agent.err.lines


def test_state_directory_that_cannot_be_made_is_said(connleak):
    agent = connleak.start(
        *("agent", *AGENT_ALONE, "--config", "none", "--state", "/proc/no/such"),
    )
    assert said(agent, "/proc/no/such: cannot be opened"), agent.err.lines
    assert agent.stop() == 0


def test_state_directory_of_another_agent_is_refused(keep, connleak, directory):
    keep("--port", "7001")
    second = connleak.run(
        *("agent", *AGENT_ALONE, "--config", "none", "--state", directory, "--port", "7001"),
        timeout=30,
    )
    assert second.returncode == RUNTIME
    assert b"another connleak agent keeps its state there" in second.stderr


def test_state_directory_comes_from_the_service_manager(connleak, directory):
    alone = [word for word in AGENT_ALONE if word != "--state"]
    alone.remove("none")
    agent = connleak.start(
        *("agent", *alone, "--config", "none", "--port", "7001"),
        env={**os.environ, "STATE_DIRECTORY": f"{directory}:/elsewhere"},
    )
    assert agent.stop() == 0
    assert kept(directory)["connleak_state"] == 1
    assert subprocess.run(["stat", "-c", "%a", directory / "state.json"], capture_output=True,
                          text=True, check=True).stdout == "600\n"
