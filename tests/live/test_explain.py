# SPDX-License-Identifier: Apache-2.0
"""connleak explain: everything that is known of one process, watched or from a recording."""

import json
import os
import re
from pathlib import Path

import pytest

RUNTIME, USAGE = 1, 2
PID_MAX = 4194303  # of Linux; no process has a greater number
PID, NEIGHBOUR = 4711, 4712
MANUALS = Path(__file__).parents[2] / "packaging/man"
HISTORY_S, LEAK_S, EVERY_S = 600, 240, 10
LEAKED = LEAK_S // EVERY_S
RIVALS = ["traffic_spike", "network", "slow_database", "pool_too_small", "oversized", "storm"]
UTF8 = {**os.environ, "LC_ALL": "C.UTF-8"}
ASCII = {**os.environ, "LC_ALL": "C"}


class Recording:
    """A trace written by hand: four connections at work every second, ten minutes of health, then
    one of them is forgotten every ten seconds and another one opened in its place."""

    def __init__(self):
        self.lines = [{"connleak_trace": 1, "host": "node-a", "realtime": "2026-11-20T08:00:00Z"}]
        self.counters = {}

    def add(self, t, ev, **keys):
        self.lines.append({"t": round(t, 6), "ev": ev, **keys})

    def open(self, t, conn, pid=PID, remote="10.0.3.7:5432"):
        owner = {"pid": pid, "pstart": 3.5, "comm": "orders-api", "remote": remote}
        self.counters[conn] = 0
        self.add(t, "open", conn=conn, local=f"10.0.0.1:{40000 + conn}", **owner)
        self.add(t + 0.0011, "established", conn=conn)

    def use(self, t, conns):
        for conn in conns:
            self.counters[conn] += 1
            count = self.counters[conn]
            sent = {"sent": 100 * count, "received": 900 * count}
            times = {"last_send": t - 0.01, "last_recv": t - 0.008, "rtt_us": 240}
            self.add(t, "io", conn=conn, **sent, **times)

    def leak(self):
        work = [1, 2, 3, 4]
        for conn in work:
            self.open(1 + conn * 0.01, conn)
        for t in range(2, HISTORY_S + LEAK_S + 1):
            if t > HISTORY_S and t % EVERY_S == 0:
                work = [*work[1:], work[-1] + 1]
                self.open(t - 0.5, work[-1])
            self.use(t, work)
        self.add(HISTORY_S + LEAK_S + 1, "end")
        return self.text()

    def text(self):
        return "".join(json.dumps(line) + "\n" for line in self.lines)


@pytest.fixture(scope="module")
def leak(tmp_path_factory):
    path = tmp_path_factory.mktemp("explain") / "leak.jsonl"
    path.write_text(Recording().leak())
    return path


def explain(connleak, *arguments, **options):
    done = connleak.run("explain", *arguments, **options)
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout.decode("utf-8", "strict")


def only_pool(connleak, *arguments):
    explained = json.loads(explain(connleak, "--json", *arguments))
    assert len(explained["pools"]) == 1
    return explained["pools"][0]


def assert_one_line(done, status, *words):
    error = done.stderr.decode()
    assert (done.returncode, done.stdout) == (status, b""), done
    assert error.startswith("connleak: ") and error.count("\n") == 1, error
    assert all(word in error for word in words), error


def test_recorded_leak_is_told_from_its_rivals(connleak, leak):
    (verdict,) = only_pool(connleak, PID, "--replay", leak)["verdicts"]
    rivals = {rival["name"]: rival for rival in verdict["rivals"]}

    assert (verdict["kind"], verdict["pid"]) == ("leak", PID)
    assert list(rivals) == RIVALS  # a leak is no rival to itself
    for rival in rivals.values():
        assert rival["ruling"] == "ruled_out", rival
        assert re.search(r"\d", rival["text"]), rival
    assert "10 min" in rivals["traffic_spike"]["text"]
    assert "0 retransmits" in rivals["network"]["text"]
    assert re.search(r"Not traffic: queries/s [+-]\d+%\. ", verdict["summary"])
    assert "Not the network: connect p99 1.1 ms, 0 failures. " in verdict["summary"]


def test_replay_gives_the_same_differential(connleak, leak):
    done = connleak.run("replay", "--json", leak)
    raised = [json.loads(line) for line in done.stdout.splitlines()]
    raised = [verdict for verdict in raised if verdict["state"] == "raised"]

    assert [verdict["kind"] for verdict in raised] == ["leak"]
    assert [rival["name"] for rival in raised[0]["rivals"]] == RIVALS
    text = connleak.run("replay", leak).stdout.decode()
    assert re.search(r"^  ruled out  traffic spike: ", text, re.MULTILINE)


def test_timeline_adds_up_and_connections_are_grouped(connleak, leak):
    pool = only_pool(connleak, PID, "--replay", leak)
    columns = [column for column in pool["timeline"]["columns"] if column]
    groups = [conn["group"] for conn in pool["connections"]]

    assert sum(column["opens"] for column in columns) == 4 + LEAKED
    assert sum(column["closes"] for column in columns) == 0
    assert [columns[0]["open"], columns[-1]["open"]] == [4, 4 + LEAKED]
    assert columns[0]["stale"] == 0 and columns[-1]["stale"] >= LEAKED - 2
    assert len(groups) == 4 + LEAKED
    assert groups.count("suspect") == pool["verdicts"][0]["stale"]
    leaked = {conn["conn"] for conn in pool["connections"] if conn["group"] == "suspect"}
    assert leaked == set(pool["verdicts"][0]["suspects"]) <= set(range(1, LEAKED + 1))
    assert pool["connections"][0]["local"] == "10.0.0.1:40001"
    assert pool["figures"]["rtt_us"] == pytest.approx(240, rel=0.01)


def keys_of(value):
    if isinstance(value, list):
        return {key for item in value for key in keys_of(item)}
    if isinstance(value, dict):
        return set(value) | keys_of(list(value.values()))
    return set()


def test_each_key_of_the_json_is_in_the_manual(connleak, leak):
    explained = json.loads(explain(connleak, "--json", PID, "--replay", leak))
    verdicts = [pool.pop("verdicts") for pool in explained["pools"]]
    connections = [pool.pop("connections") for pool in explained["pools"]]
    assert keys_of(verdicts) and keys_of(connections)
    for command, keys in (
        ("replay", keys_of(verdicts)),
        ("list", keys_of(connections) - {"group"}),
        ("explain", keys_of(explained) | {"verdicts", "connections", "group"}),
    ):
        manual = (MANUALS / f"connleak-{command}.8.in").read_text()
        output = manual[manual.index(".SH OUTPUT") : manual.index(".SH EXIT STATUS")]
        assert keys <= set(re.findall(r"\w+", output)), f"connleak-{command}(8)"


def test_text_has_a_plot_that_the_locale_can_show(connleak, leak):
    fancy = explain(connleak, PID, "--replay", leak, env=UTF8)
    plain = explain(connleak, PID, "--replay", leak, env=ASCII)

    assert "\u2588" in fancy
    assert plain.isascii()
    for text in fancy, plain:
        assert text.startswith(f"orders-api[{PID}] -> 10.0.3.7:5432 (postgresql)\n")
        for row in "opens", "closes", "open", "stale", "busy":
            assert len(re.findall(rf"^  {row} +\|.*\|", text, re.MULTILINE)) == 1, row
        assert "Connections held to be leaked: " in text
        assert max(len(line) for line in text.splitlines() if "|" in line) <= 100


def test_figures_where_a_full_pool_may_look_idle_are_bounds(connleak, leak):
    assert "busy 0%\n" in explain(connleak, PID, "--replay", leak)
    options = ("--replay", leak, "--port", "mysql=5432")
    assert "busy 0% or more\n" in explain(connleak, PID, *options)
    explained = json.loads(explain(connleak, "--json", PID, *options))
    assert explained["pools"][0]["figures"]["owed_is_bound"] is True


def test_pool_of_a_process_that_has_exited_is_explained(connleak):
    recording = Recording()
    recording.open(1, 1)
    recording.open(2, 2, NEIGHBOUR)
    recording.use(3, [1])
    recording.add(5, "close", conn=1, by="exit")
    recording.add(5, "exit", pid=PID, pstart=3.5)
    recording.add(60, "end")
    data = recording.text().encode()
    done = connleak.run("explain", PID, "--replay", "-", input=data)

    assert (done.returncode, done.stderr) == (0, b""), done
    assert b"no verdict on this pool" in done.stdout
    assert str(NEIGHBOUR).encode() not in done.stdout


def test_process_that_is_not_in_the_recording_is_one_line(connleak, leak):
    done = connleak.run("explain", 99, "--replay", leak)
    assert_one_line(done, RUNTIME, "99", "no connection", "leak.jsonl")


def test_recording_is_explained_without_a_word_about_an_agent_that_is_there(connleak, leak):
    explain(connleak, PID, "--replay", leak, "--socket", leak)


def test_recording_that_is_wrong_is_one_line(connleak, tmp_path):
    path = tmp_path / "wrong.jsonl"
    path.write_text(Recording().text() + '{"t":1.0,"ev":"established","conn":9}\n')
    assert_one_line(connleak.run("explain", PID, "--replay", path), RUNTIME, "wrong.jsonl:2")
    assert_one_line(connleak.run("explain", PID, "--replay", tmp_path / "no"), RUNTIME, "no")


@pytest.mark.parametrize("words", [(), ("0",), ("orders-api",), ("-1",), ("7", "8")])
def test_pid_that_is_none_is_a_usage_error(connleak, words):
    done = connleak.run("explain", "--", *words)
    assert_one_line(done, USAGE, "explain")


def test_process_that_does_not_exist_is_one_line(connleak):
    assert_one_line(connleak.run("explain", PID_MAX + 1), RUNTIME, f"no process {PID_MAX + 1}")


def test_process_that_is_no_client_is_said_so(connleak, server):
    port = server.listen()
    done = connleak.run("explain", server.pid, "--duration", "0.5", "--port", port)
    error = done.stderr.decode().splitlines()

    assert (done.returncode, done.stdout) == (RUNTIME, b"")
    assert error[-1].startswith(f"connleak: process {server.pid} has no connection")


def test_live_client_is_explained_with_what_was_open_before(connleak, server, client):
    port = server.listen()
    ports = client.open_all(23, port)
    client.command("exchange 0-4 100")
    done = connleak.run(
        *("explain", client.pid, "--json", "--duration", "2", "--port", f"test={port}")
    )
    assert done.returncode == 0, done
    (pool,) = json.loads(done.stdout)["pools"]

    assert (pool["pid"], pool["open"], pool["database"]) == (client.pid, 23, "test")
    found = {int(conn["local"].rpartition(":")[2]) for conn in pool["connections"]}
    assert found == set(ports)
    assert all(conn["age_is_bound"] for conn in pool["connections"])
    assert pool["verdicts"] == []
    assert [column["open"] for column in pool["timeline"]["columns"] if column][-1] == 23


def test_live_trace_tells_the_round_trip(connleak, server, client):
    port = server.listen()
    trace = connleak.trace(port)
    client.open_all(1, port)
    client.command("exchange 0 1000")
    (event,) = trace.wait_events("io", 1)[:1]
    assert event["rtt_us"] > 0
