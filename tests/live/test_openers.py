# SPDX-License-Identifier: Apache-2.0
"""Threads that end and leave their connections: noticed, judged, and the same in a replay."""

import json

from harness import CLIENTS, PYTHON, LineProgram, wait_until
from verdicts import QUICK

LEFT = 23
# A verdict is raised while threads are still ending, where the machine is slow: its lines follow.
SETTINGS = [*QUICK[2:], "--set", "UPDATE=0", "--set", "UPDATE_SHARE=0.01"]


def wait_all_named(trace):
    """The line that names those of all threads; one that is new alone is worth none."""

    def last():
        lines = [v for v in trace.events("verdict") if v["kind"] == "leak"]
        return next((v for v in lines[-1:] if len(v["suspects"]) >= LEFT - 1), None)

    return wait_until(last, 20, lambda: f"{LEFT} named; there is {trace.events('verdict')}")


def test_connections_of_threads_that_have_ended_are_a_leak(connleak, start, server, tmp_path):
    port = server.listen()
    path = tmp_path / "trace.jsonl"
    trace = connleak.trace(port, *QUICK[:2], *SETTINGS, "--verdicts", "-o", path)
    program = start(LineProgram, PYTHON, CLIENTS / "threads.py", port)
    program.command("close 5")

    left = {int(word) for word in program.command(f"leave {LEFT}")}

    verdict = wait_all_named(trace)
    assert verdict["pid"] == program.pid
    assert verdict["evidence"][0]["name"] == "threads_ended"
    text = [e["text"] for e in verdict["evidence"] if e["name"] == "opener_threads"]
    named = len(verdict["suspects"])
    assert text == [f"of {named} suspects, the threads that opened {named} have ended"]
    assert trace.stop() == 0
    events = [json.loads(line) for line in path.read_text().splitlines()]
    port_of = {e["conn"]: int(e["local"].rpartition(":")[2]) for e in events if e.get("local")}
    told = {e["conn"]: e["opener"] for e in events if "opener" in e}
    ended = {port_of[conn] for conn in told if told[conn] == "ended"}
    assert {port_of[conn] for conn in verdict["suspects"]} <= ended <= left
    # Those of threads that run were asked for as well: without them there is no comparison.
    assert "running" in told.values()
    replayed = connleak.run("replay", "--json", *SETTINGS, "--port", f"test={port}", path)
    assert verdict in [json.loads(line) for line in replayed.stdout.splitlines()]
