# SPDX-License-Identifier: Apache-2.0
"""Real pools under load until the leaky ones are found, a minute at least: the healthy ones are left alone."""

import json
import os
import time

import pytest

from harness import AGENT_ALONE, CLIENTS, NODE, PYTHON, Connleak, LineProgram, wait_until

SECONDS_MIN, SECONDS_MAX = 60, 120
# Half-way round the world from UTC: sentences tell local time, and a replay the same.
ENVIRONMENT = {**os.environ, "TZ": "XST-5:45"}
LEAK_STANDS = 4  # exit status with --fail-on
LOADS = {
    "sqlalchemy": [PYTHON, CLIENTS / "load_sqlalchemy.py"],
    "node-pg": ["node", NODE / "load.js"],
}


class Recording:
    """What four pools do, healthy and leaky, with everything that was said about them."""

    def __init__(self, connleak, port, path):
        self.path = path
        self.connleak = connleak
        self.programs = {}
        self.leaked = {}
        self.work = {}
        self.port_option = ("--port", f"postgresql={port}")
        trace = connleak.start(
            *("trace", "--json", "--verdicts", *self.port_option, "-o", path), env=ENVIRONMENT
        )
        # The daemon sees short connections as counts only; it is to come to the same judgement.
        agent = connleak.start(
            *("agent", *AGENT_ALONE, "--json", "--fail-on", "leak", *self.port_option)
        )
        try:
            for mode in ("healthy", "leaky"):
                for load, argv in LOADS.items():
                    self.programs[load, mode] = LineProgram(*argv, mode, port)
            started = time.monotonic()
            wait_until(
                lambda: time.monotonic() - started >= SECONDS_MIN
                and all(self.has_raised_all(watcher) for watcher in (trace, agent)),
                SECONDS_MAX,
                "both have raised both leaks",
            )
            for name, program in self.programs.items():
                self.leaked[name] = {int(word) for word in program.command("leaked")}
                self.work[name] = [int(word) for word in program.command("stop")]
            self.status = trace.stop()
            self.agent_status = agent.stop()
        finally:
            for program in self.programs.values():
                program.stop()
            connleak.stop_all()
        self.complaints = trace.complaints() + agent.complaints()
        self.events = [json.loads(line) for line in path.read_text().splitlines()]
        self.verdicts = trace.events()  # events go to the file, verdicts to the screen
        self.agent_verdicts = agent.events()

    def has_raised_all(self, watcher):
        raised = {verdict["pid"] for verdict in watcher.events() if verdict["state"] == "raised"}
        return {self.programs[load, "leaky"].pid for load in LOADS} <= raised

    def verdicts_on(self, name):
        return [v for v in self.verdicts if v["pid"] == self.programs[name].pid]


@pytest.fixture(scope="module")
def recording(postgresql, node_packages, tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "trace.jsonl"
    return Recording(Connleak(), postgresql.port, path)


def test_recording_of_four_pools_is_complete(recording):
    assert recording.status == 0
    assert recording.complaints == []
    assert recording.events[-1]["ev"] == "end"
    assert [event for event in recording.events if event.get("ev") == "lost"] == []
    # A judgement is worth something only if there was something to judge.
    for queries, errors in recording.work.values():
        assert queries > 1000
        assert errors == 0


@pytest.mark.parametrize("load", LOADS)
def test_healthy_pool_under_load_gets_no_verdict(recording, load):
    assert recording.verdicts_on((load, "healthy")) == []


@pytest.mark.parametrize("load", LOADS)
def test_leaky_pool_under_load_is_raised_as_a_leak(recording, load):
    verdicts = recording.verdicts_on((load, "leaky"))

    assert {verdict["kind"] for verdict in verdicts} == {"leak"}
    assert [verdict["state"] for verdict in verdicts].count("raised") == 1
    assert len({verdict["id"] for verdict in verdicts}) == 1
    raised = next(verdict for verdict in verdicts if verdict["state"] == "raised")
    assert raised["database"] == "postgresql"
    assert raised["summary"].startswith("LEAK ")
    assert raised["evidence"] and all(item["text"] for item in raised["evidence"])


@pytest.mark.parametrize("load", LOADS)
def test_suspects_of_a_leaky_pool_are_connections_that_leaked(recording, load):
    name = load, "leaky"
    port_of = {
        event["conn"]: int(event["local"].rpartition(":")[2])
        for event in recording.events
        if event.get("ev") in ("open", "seen")
    }

    for verdict in recording.verdicts_on(name):
        if verdict["state"] not in ("raised", "updated"):
            continue
        suspects = [port_of[conn] for conn in verdict["suspects"]]
        assert len(suspects) == len(set(suspects)) >= 5
        assert set(suspects) <= recording.leaked[name]


def test_nobody_else_is_blamed(recording):
    leaky = {recording.programs[load, "leaky"].pid for load in LOADS}

    assert {verdict["ev"] for verdict in recording.verdicts} == {"verdict"}
    assert {verdict["pid"] for verdict in recording.verdicts} == leaky


def test_agent_on_the_same_pools_raises_the_same_leaks(recording):
    raised = [verdict for verdict in recording.agent_verdicts if verdict["state"] == "raised"]

    assert sorted((verdict["pid"], verdict["kind"]) for verdict in raised) == sorted(
        (recording.programs[load, "leaky"].pid, "leak") for load in LOADS
    )
    assert {verdict["pid"] for verdict in recording.agent_verdicts} == {
        recording.programs[load, "leaky"].pid for load in LOADS
    }
    assert recording.agent_status == LEAK_STANDS


def test_replay_of_the_recording_gives_the_same_verdicts(recording):
    done = recording.connleak.run(
        *("replay", "--json", *recording.port_option, recording.path), text=True, env=ENVIRONMENT
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == recording.verdicts


def test_replay_of_the_recording_exits_with_4_when_a_leak_is_to_fail(recording):
    done = recording.connleak.run("replay", "--fail-on", "leak", recording.path, text=True)

    assert done.returncode == LEAK_STANDS
    for load in LOADS:
        assert f"[{recording.programs[load, 'leaky'].pid}]" in done.stdout
        assert f"[{recording.programs[load, 'healthy'].pid}]" not in done.stdout
