# SPDX-License-Identifier: Apache-2.0
"""Real pools, recorded: what leaked is raised and named, and about the others nothing is said.

Needs no privileges, no server and none of the pools; see README.md on how the traces were made.
"""

import collections
import functools
import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]
from harness import CONNLEAK, patient  # noqa: E402

import trace_file  # noqa: E402

INDEX = trace_file.read_index()
LEAKING = [name for name, entry in INDEX.items() if entry["verdicts"]]
HEALTHY = [name for name, entry in INDEX.items() if not entry["verdicts"]]
TRACE_SIZE_MAX = 300_000
ALL_SIZE_MAX = 3_000_000


def replay(text, names, *filters):
    """The settings are those of the recording, which all in it share."""
    settings = INDEX[names[0]].get("settings", {})
    options = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    done = subprocess.run(
        [CONNLEAK, "replay", "--json", *options, *filters, "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=patient(60),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@functools.lru_cache(maxsize=None)
def verdicts_on(name):
    return replay(trace_file.read_text(name), [name])


def said(verdict):
    """A verdict in a line, for the one who has to find out why."""
    return f"{verdict['t']:.0f} s: {verdict['state']} {verdict['kind']}: {verdict['summary']}"


def hint(name):
    return f"{INDEX[name]['why']}; zcat {trace_file.path_of(name)} | connleak replay --json -"


def raised(verdicts):
    return [verdict for verdict in verdicts if verdict["state"] == "raised"]


@pytest.mark.parametrize("name", HEALTHY)
def test_replay_of_a_healthy_pool_says_nothing(name):
    assert [said(verdict) for verdict in verdicts_on(name)] == [], hint(name)


@pytest.mark.parametrize("name", LEAKING)
def test_replay_of_a_leaking_pool_raises_the_verdict(name):
    entry = INDEX[name]
    kinds = {verdict["kind"] for verdict in raised(verdicts_on(name))}

    assert kinds, f"nothing is raised: {hint(name)}"
    assert kinds <= set(entry["verdicts"]), hint(name)
    for verdict in verdicts_on(name):
        assert (verdict["pid"], verdict["comm"]) == (entry["pid"], entry["comm"])
        assert verdict["database"] == entry["database"]


@pytest.mark.parametrize("name", LEAKING)
def test_replay_of_a_leaking_pool_suspects_only_what_leaked(name):
    leaked = set(INDEX[name]["leaked"])

    for verdict in verdicts_on(name):
        if verdict["state"] == "cleared":
            continue
        wrong = sorted(set(verdict["suspects"]) - leaked)
        assert wrong == [], f"{said(verdict)}; {hint(name)}"


@pytest.mark.parametrize("name", [name for name in LEAKING if "evidence" in INDEX[name]])
def test_replay_leads_with_the_evidence_that_only_one_test_can_have(name):
    leads = {verdict["evidence"][0]["name"] for verdict in raised(verdicts_on(name))}
    assert leads == {INDEX[name]["evidence"]}, hint(name)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("name", HEALTHY)
def test_a_restart_on_a_healthy_pool_says_nothing(name, share):
    verdicts = replay(trace_file.restarted(name, share), [name])
    assert [said(verdict) for verdict in verdicts] == []


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("name", LEAKING)
def test_a_restart_on_a_leaking_pool_says_nothing_wrong(name, share):
    entry = INDEX[name]
    verdicts = replay(trace_file.restarted(name, share), [name])
    for verdict in verdicts:
        assert verdict["kind"] in entry["verdicts"], said(verdict)
        if verdict["state"] != "cleared":
            assert set(verdict["suspects"]) <= set(entry["leaked"]), said(verdict)
    # Most of a leak is still to come; a small pool is exhausted by the few that were before.
    assert raised(verdicts) or share > 0.1 or "exhausted" in entry["verdicts"]


def recordings():
    """The traces by the recording they were cut out of, for only those share their ids, and by
    their settings, of which a replay has one.
    """
    names_of = collections.defaultdict(list)
    for name, entry in INDEX.items():
        names_of[entry["recording"], json.dumps(entry.get("settings"))].append(name)
    return list(names_of.values())


@pytest.mark.parametrize("names", recordings(), ids=lambda names: f"{len(names)} processes")
def test_replay_of_processes_side_by_side_says_of_each_what_it_says_of_it_alone(names):
    together = replay(trace_file.merged(names), names)

    for name in names:
        mine = [verdict for verdict in together if verdict["pid"] == INDEX[name]["pid"]]
        alone = {verdict["kind"] for verdict in raised(verdicts_on(name))}
        assert {verdict["kind"] for verdict in raised(mine)} == alone, hint(name)


def test_replay_with_filters_says_what_is_said_of_that_process_alone():
    names = max(recordings(), key=len)
    leaking = next(name for name in names if INDEX[name]["verdicts"])
    pid, comm = INDEX[leaking]["pid"], INDEX[leaking]["comm"]
    together = trace_file.merged(names)

    alone = replay(together, names, "--pid", str(pid))
    assert alone == verdicts_on(leaking)
    assert {verdict["comm"] for verdict in replay(together, names, "--comm", comm)} == {comm}
    assert replay(together, names, "--pid", str(pid), "--port", "1") == []


def test_traces_are_indexed_small_and_neutral():
    files = sorted(trace_file.RECORDED.glob("*.gz"))

    assert [trace_file.path_of(name) for name in sorted(INDEX)] == files
    assert max(file.stat().st_size for file in files) < TRACE_SIZE_MAX
    assert sum(file.stat().st_size for file in files) < ALL_SIZE_MAX
    for name, entry in INDEX.items():
        text = trace_file.read_text(name)
        assert json.loads(text.partition("\n")[0])["host"] == "recorded"
        events = trace_file.read_events(name)
        paths = {event["exe"] for event in events if "exe" in event}
        assert all(path.startswith("/usr/") for path in paths)
        assert not any("cgroup" in event for event in events)
        opened = {event["conn"] for event in events if event["ev"] == "open"}
        assert set(entry["leaked"]) <= opened
        assert bool(entry["leaked"]) == bool(entry["verdicts"])
