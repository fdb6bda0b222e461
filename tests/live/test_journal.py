# SPDX-License-Identifier: Apache-2.0
"""Verdicts in a real journald: fields, catalog, no repeats, and what happens while it is away.

journald runs alone, in a mount namespace where /run and the catalog are its own.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile


import pytest

from harness import AGENT_ALONE, ROOT, freeze, patient, wait_until
from test_daemon import Manager, said
from verdicts import LEAKED, QUICK, Leaker

SOCKET = "/run/systemd/journal/socket"
MESSAGE_ID_LEAK = "9799c9085e7a4ee7a70f1dac0a5a7a39"
SET_UP = f"""set -e
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/systemd/journal /run/catalog
    cp {ROOT}/packaging/systemd/connleak.catalog /run/catalog
    mount --bind /run/catalog /usr/lib/systemd/catalog
    mkdir -p /var/lib/systemd/catalog
    mount -t tmpfs tmpfs /var/lib/systemd/catalog
    mount -t tmpfs tmpfs /var/log
    journalctl --update-catalog
    echo ready
    exec sleep infinity
"""


class Journal:
    """A place with a journald that can be stopped and started."""

    def __init__(self):
        self.place = subprocess.Popen(
            ["unshare", "-m", "bash", "-c", SET_UP], stdout=subprocess.PIPE, text=True
        )
        assert self.place.stdout.readline() == "ready\n"
        self.daemon = None
        self.start()

    def enter(self, *argv):
        return ["nsenter", f"--mount=/proc/{self.place.pid}/ns/mnt", "--", *argv]

    def start(self):
        self.daemon = subprocess.Popen(
            self.enter("/lib/systemd/systemd-journald"), stderr=subprocess.DEVNULL
        )
        wait_until(self._answers, 20, "journald answers")

    def _answers(self):
        # Its namespace is seen through the root of a process in it.
        path = f"/proc/{self.place.pid}/root{SOCKET}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            return probe.connect_ex(path) == 0

    def fill(self):
        """Makes a stopped journald's queue full; a sender has a bound of its own, so several."""
        while self._fill_from_one_sender() > 0:
            pass

    def _fill_from_one_sender(self):
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            filler.connect(f"/proc/{self.place.pid}/root{SOCKET}")
            with contextlib.suppress(BlockingIOError):
                while True:
                    filler.send(b"MESSAGE=filler\n")
                    sent += 1
        return sent

    def stop(self):
        self.daemon.kill()
        self.daemon.wait()

    def read(self, *arguments):
        subprocess.run(self.enter("journalctl", "--sync"), check=True)
        argv = self.enter("journalctl", "--no-pager", "--all", *arguments)
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def entries(self, *matches):
        return [json.loads(line) for line in self.read("-o", "json", *matches).splitlines()]

    def wait_entries(self, count, *matches):
        wait_until(lambda: len(self.entries(*matches)) >= count, 30, f"{count} entries {matches}")
        return self.entries(*matches)

    def close(self):
        if self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        self.place.kill()
        self.place.wait()
        self.place.stdout.close()


@pytest.fixture
def journal():
    journal = Journal()
    yield journal
    journal.close()


@pytest.fixture
def manager():
    with tempfile.TemporaryDirectory(prefix="connleak-journal-") as directory:
        manager = Manager(directory)
        yield manager
        manager.close()


def start_agent(connleak, journal, port, *arguments, **options):
    return connleak.start(
        *("agent", *AGENT_ALONE, "--config", "none", "--journal", "yes", *QUICK),
        *("--endpoint", f"orders-db=127.0.0.1:{port},limit=400", *arguments),
        prefix=journal.enter(),
        **options,
    )


def test_verdict_has_an_entry_when_raised_and_when_cleared_and_no_other(
    connleak, journal, server, start
):
    port = server.listen()
    leaker = start(Leaker, port)
    agent = start_agent(connleak, journal, port, "--json")
    leaker.leak()
    told = agent.wait_events("verdict", 1, timeout=40, kind="leak", state="raised")[0]
    leaker.command("release")
    agent.wait_events("verdict", 1, timeout=40, kind="leak", state="cleared")

    journal.wait_entries(1, "CONNLEAK_STATE=cleared", f"CONNLEAK_PID={leaker.pid}")
    entries = journal.entries("CONNLEAK_KIND=leak", f"CONNLEAK_PID={leaker.pid}")
    raised, *changes, cleared = entries
    assert [raised["CONNLEAK_STATE"], cleared["CONNLEAK_STATE"]] == ["raised", "cleared"]
    # When nothing is leaked any more it is less severe, if it stands for so long.
    assert {entry["CONNLEAK_STATE"] for entry in changes} <= {"updated"}
    severities = [entry["CONNLEAK_SEVERITY"] for entry in entries[:-1]]
    assert all(one != next for one, next in zip(severities, severities[1:])), severities
    expected = {
        "MESSAGE_ID": MESSAGE_ID_LEAK,
        "PRIORITY": "2",
        "SYSLOG_IDENTIFIER": "connleak",
        "CONNLEAK_SEVERITY": "critical",
        "CONNLEAK_COMM": leaker.comm,
        "CONNLEAK_REMOTE": f"127.0.0.1:{port}",
        "CONNLEAK_DATABASE": "orders-db",
        "CONNLEAK_ENDPOINT": "orders-db",
        "CONNLEAK_LIMIT": "400",
        "CONNLEAK_ID": str(told["id"]),
        "_TRANSPORT": "journal",
    }
    assert {key: raised.get(key) for key in expected} == expected
    assert raised["MESSAGE"].startswith("LEAK ") and cleared["MESSAGE"].startswith("CLEARED ")
    assert cleared["PRIORITY"] == "5"
    assert 5 <= int(raised["CONNLEAK_STALE"]) <= LEAKED
    assert int(raised["CONNLEAK_OPEN"]) > int(raised["CONNLEAK_STALE"])
    assert raised["CONNLEAK_WORKLOAD"]
    assert "connect (leaker.py:" in str(raised["CONNLEAK_SITE"])  # one, or a list of them
    # Unknown is left out, not empty and not 0.
    assert not {"CONNLEAK_POD", "CONNLEAK_NAMESPACE", "CONNLEAK_CONTAINER"} & set(raised)
    assert "" not in raised.values()

    explained = journal.read("-x", "CONNLEAK_STATE=raised")
    assert f"Subject: {leaker.comm}[{leaker.pid}] leaks connections to 127.0.0.1:{port}" in explained
    for part in ("What it means", "Usual causes", "What to do", f"connleak explain {leaker.pid}"):
        assert part in explained
    assert "@CONNLEAK" not in explained
    assert "CONNLEAK_" not in explained.replace("CONNLEAK_SITE", "").replace(
        f"CONNLEAK_ID={told['id']}", ""
    )


def test_journal_that_is_slow_or_down_loses_no_verdict_and_stalls_nothing(
    connleak, journal, server, start, manager
):
    port = server.listen()
    leaker = start(Leaker, port)
    agent = start_agent(
        *(connleak, journal, port, "--json"), env=manager.environment(WATCHDOG_USEC="1000000")
    )
    freeze(journal.daemon.pid)
    journal.fill()
    leaker.leak()
    wait_until(lambda: said(agent, "busy; verdicts wait"), 40, "it says that the journal is slow")
    manager.wait("WATCHDOG=1", manager.count("WATCHDOG=1") + 3)
    journal.daemon.send_signal(signal.SIGCONT)
    wait_until(lambda: said(agent, "takes entries again"), 20, "it says that the journal is back")
    assert len(journal.wait_entries(1, "CONNLEAK_STATE=raised")) == 1

    journal.stop()
    leaker.command("release")
    wait_until(lambda: said(agent, "refused; verdicts wait"), 40, "it says that the journal is gone")
    manager.wait("WATCHDOG=1", manager.count("WATCHDOG=1") + 3)
    journal.start()
    assert len(journal.wait_entries(1, "CONNLEAK_STATE=cleared")) == 1
    agent.stop()
    # Those two at least: a change of the severity may have been to be told meanwhile.
    pattern = re.compile(r"the journal took ([2-9]) verdicts late, 0 never")
    assert any(pattern.search(line) for line in agent.err.lines), agent.err.lines


def test_service_writes_to_the_journal_by_itself_and_nothing_twice(
    connleak, journal, server, start, tmp_path
):
    """Standard output and error are journald's stream, as systemd hands them to a service."""
    port = server.listen()
    leaker = start(Leaker, port)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.connect(f"/proc/{journal.place.pid}/root/run/systemd/journal/stdout")
        stream.sendall(b"connleak\nconnleak.service\n6\n1\n0\n0\n0\n")
        status = os.fstat(stream.fileno())
        alone = [word for word in AGENT_ALONE if word not in ("--journal", "no")]
        agent = subprocess.Popen(
            journal.enter(
                *(str(connleak.path), "agent", *alone, "--config", "none", *QUICK),
                *("--port", f"orders={port}"),
            ),
            stdout=stream,
            stderr=stream,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
        )

        def texts():
            entries = journal.entries(f"_PID={agent.pid}")
            return [entry["MESSAGE"] for entry in entries if "CONNLEAK_KIND" not in entry]

        try:
            wait_until(lambda: any("watching 1 port" in text for text in texts()), 20, "it watches")
            leaker.leak()
            journal.wait_entries(1, "CONNLEAK_STATE=raised")
        finally:
            agent.terminate()
            assert agent.wait(patient(10)) == 0
    entries = journal.entries(f"_PID={agent.pid}")
    assert [text for text in texts() if "SUSPECT" in text or "LEAK" in text] == []
    assert [entry.get("CONNLEAK_STATE") for entry in entries].count("raised") == 1
