# SPDX-License-Identifier: Apache-2.0
"""Threads that end and leave their connections: noticed, judged, and the same in a replay."""

import json

from harness import CLIENTS, PYTHON, LineProgram
from verdicts import QUICK

LEFT = 23
SETTINGS = QUICK[2:]  # a replay has no interval


def test_connections_of_threads_that_have_ended_are_a_leak(connleak, start, server, tmp_path):
    port = server.listen()
    path = tmp_path / "trace.jsonl"
    trace = connleak.trace(port, *QUICK, "--verdicts", "-o", path)
    program = start(LineProgram, PYTHON, CLIENTS / "threads.py", port)
    program.command("close 5")

    left = {int(word) for word in program.command(f"leave {LEFT}")}

    [verdict] = trace.wait_events("verdict", 1, kind="leak", state="raised")
    assert verdict["pid"] == program.pid
    assert verdict["evidence"][0]["name"] == "threads_ended"
    text = [e["text"] for e in verdict["evidence"] if e["name"] == "opener_threads"]
    assert text == [f"of {LEFT} suspects, the threads that opened {LEFT} have ended"]
    assert trace.stop() == 0
    events = [json.loads(line) for line in path.read_text().splitlines()]
    port_of = {e["conn"]: int(e["local"].rpartition(":")[2]) for e in events if e.get("local")}
    assert {port_of[conn] for conn in verdict["suspects"]} == left
    told = {e["conn"]: e["opener"] for e in events if "opener" in e}
    assert {port_of[conn] for conn in told if told[conn] == "ended"} == left
    # Those of threads that run were asked for as well: without them there is no comparison.
    assert "running" in told.values()
    replayed = connleak.run("replay", "--json", *SETTINGS, "--port", f"test={port}", path)
    assert verdict in [json.loads(line) for line in replayed.stdout.splitlines()]
