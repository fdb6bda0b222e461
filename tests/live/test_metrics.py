# SPDX-License-Identifier: Apache-2.0
"""The metrics of a running agent: exact counts, bounded label sets, valid whatever names there are."""

import os
import shutil
import tempfile

import pytest
from agent_http import Agent, Page, promtool

from harness import PROGRAMS, Client, free_port

LABELS = ["workload", "namespace", "pod", "container", "endpoint", "database"]
FAST = ["--interval", "0.1"]
STATES = ["connecting", "busy", "idle", "stale", "peer_closed"]


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="connleak-metrics-") as path:
        yield path


@pytest.fixture
def agent(connleak, directory):
    def start_agent(port, *arguments):
        return Agent(connleak, directory, "--port", f"test={port}", *FAST, *arguments)

    return start_agent


def test_counts_are_exact(agent, server, client):
    port, refused = server.listen(), free_port()
    agent = agent(f"{port},test2={refused}")
    endpoint = f"127.0.0.1:{port}"
    client.open_all(23, port)
    client.command("exchange 0-22 10")
    client.command("close 0-4")
    for outcome in client.open(3, refused):
        assert outcome.error == "ECONNREFUSED"
    page = agent.wait_page(
        lambda page: page.sum("connleak_connections_closed_total", endpoint=endpoint) == 5
        and page.sum("connleak_connections_failed_total") == 3,
        "5 closed and 3 failed",
    )
    assert page.one("connleak_connections_opened_total", endpoint=endpoint).value == 23
    assert page.one("connleak_connections_closed_total", endpoint=endpoint, by="local").value == 5
    failed = page.find("connleak_connections_failed_total", error="ECONNREFUSED")
    assert {s.labels["endpoint"]: s.value for s in failed} == {
        endpoint: 0,
        f"127.0.0.1:{refused}": 3,
    }
    states = page.states(endpoint=endpoint)
    assert sorted(states) == sorted(STATES)
    assert sum(states.values()) == 18
    assert page.one("connleak_tracked_connections").value == 18
    assert page.one("connleak_connect_duration_seconds_count", endpoint=endpoint).value >= 18
    for sample in page.find("connleak_connections", endpoint=endpoint):
        assert list(sample.labels) == [*LABELS, "state"]
        assert sample.labels["database"] == "test"
    lost = {s.labels["reason"]: s.value for s in page.find("connleak_lost_total")}
    # Skipped runs of the probe are made up for; stacks have a rate of their own.
    assert {r for r, n in lost.items() if n and not r.startswith("stack_")} <= {"probe_missed"}
    expected = {"ring_full", "end_missed", "table_full", "verdicts_full", "journal_failed"}
    assert expected | {"state_failed", "stack_rate"} <= set(lost)
    assert page.one("connleak_build_info").value == 1


def test_short_connections_count_too(agent, server, client):
    """A thousand connections that come and go between two looks: none of them is seen by itself."""
    echo, refused, reset = server.listen(), server.listen("closed"), server.listen("rst")
    agent = agent(f"{echo},refused={refused},reset={reset}", "--interval", "1")
    words = client.command(f"storm 1000 5000 127.0.0.1 {echo} {refused} {reset}")
    counts = {key: int(value) for key, value in zip(words[::2], words[1::2])}
    assert counts["opened"] == 1000 and counts["other"] == 0
    page = agent.wait_page(
        lambda page: page.sum("connleak_connections_closed_total")
        + page.sum("connleak_connections_failed_total")
        == 1000,
        "all of them have ended",
    )
    assert page.sum("connleak_connections_opened_total") == 1000
    failed = page.one(
        "connleak_connections_failed_total",
        endpoint=f"127.0.0.1:{refused}",
        error="ECONNREFUSED",
    )
    assert failed.value == counts["refused"]
    endpoint = f"127.0.0.1:{echo}"
    assert page.sum("connleak_connections_closed_total", endpoint=endpoint) == counts["closed"]
    lifetimes = page.sum("connleak_connection_lifetime_seconds_count")
    assert lifetimes == page.sum("connleak_connections_closed_total")
    assert sum(page.states().values()) == 0


def test_counters_outlive_the_process(agent, server, start):
    port = server.listen()
    agent = agent(port)
    for round_number in range(1, 4):
        client = start(Client)
        client.open_all(4, port)
        client.kill()
        page = agent.wait_page(
            lambda page, n=round_number: page.sum("connleak_connections_closed_total") == 4 * n,
            "all closed",
        )
        assert page.one("connleak_connections_opened_total").value == 4 * round_number
        assert sum(page.states().values()) == 0


def test_a_storm_of_workloads_is_one_counted_series(agent, server, client):
    ports = [server.listen() for _ in range(8)]
    agent = agent(",".join(str(port) for port in ports), "--metrics-series", "3")
    for port in ports:
        client.open_all(2, port)
    page = agent.wait_page(
        lambda page: page.sum("connleak_connections_opened_total") == 16, "16 opened"
    )
    opened = page.find("connleak_connections_opened_total")
    assert len(opened) == 4
    other = page.one("connleak_connections_opened_total", workload="(other)")
    assert other.value == 10
    assert [other.labels[name] for name in LABELS[1:]] == [""] * 5
    assert page.one("connleak_metrics_overflow_total").value == 5
    assert sum(page.states(workload="(other)").values()) == 10
    client.command("close 0-15")
    agent.wait_page(lambda page: page.sum("connleak_connections_closed_total") == 16, "16 closed")


def test_per_process_has_a_label_more(agent, server, start):
    port = server.listen()
    clients = [start(Client), start(Client)]
    agent = agent(port, "--metrics-per-process")
    for client in clients:
        client.open_all(3, port)
    page = agent.wait_page(
        lambda page: page.sum("connleak_connections_opened_total") == 6, "6 opened"
    )
    by_pid = {s.labels["pid"]: s.value for s in page.find("connleak_connections_opened_total")}
    assert by_pid == {str(client.pid): 3 for client in clients}
    clients[0].kill()
    page = agent.wait_page(
        lambda page: not page.find("connleak_connections", pid=str(clients[0].pid)),
        "the process is gone from the page",
    )
    assert page.one("connleak_connections_opened_total", pid="").value == 3
    assert page.one("connleak_connections_closed_total", pid="", by="exit").value == 3
    assert page.one("connleak_connections_opened_total", pid=str(clients[1].pid)).value == 3


def test_hostile_names_stay_values(agent, server, start, directory):
    name = 'a"b\\c\n# TYPE x{} 1 \x1b[2J'
    program = os.path.join(directory, name)
    shutil.copy(PROGRAMS / "client", program)
    client = start(lambda: Client(program=program))
    port = server.listen()
    agent = agent(port)
    client.open_all(2, port)
    page = agent.wait_page(
        lambda page: page.sum("connleak_connections_opened_total") == 2, "2 opened"
    )
    workload = page.one("connleak_connections_opened_total").labels["workload"]
    assert "\x1b" not in workload and "\n" not in workload
    for accept in ("application/openmetrics-text", "text/plain"):
        answer = agent.get("/metrics", headers={"Accept": accept})
        assert b"\x1b" not in answer.body
        Page(answer.text, accept != "text/plain")


def test_both_formats_say_the_same(agent, server, client):
    port = server.listen()
    agent = agent(port, "--endpoint", f"orders-db=127.0.0.1:{port},limit=100")
    client.open_all(5, port)
    page = agent.wait_page(
        lambda page: page.sum("connleak_connections_opened_total") == 5, "5 opened"
    )
    assert page.one("connleak_endpoint_limit", endpoint="orders-db").value == 100
    classic = agent.get("/metrics")
    assert classic.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    checked = promtool("check", "metrics", input=classic.text)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    other = Page(classic.text, False)

    def series(page):
        moving = ("connleak_tick", "connleak_http")
        return {
            (s.name, tuple(sorted(s.labels.items()))) for s in page.samples
            if not s.name.startswith(moving)
        }

    assert series(page) == series(other)
    assert page.families["connleak_connect_duration_seconds"].unit == "seconds"


def test_nothing_but_names_leaves_the_host(agent, server, start):
    """No command line, no environment, nothing of what is sent."""
    secret = "hunter2secret"
    client = start(Client, "env", f"PGPASSWORD={secret}")
    port = server.listen()
    agent = agent(port)
    client.open_all(2, port)
    client.command("exchange 0-1 100")
    agent.wait_page(lambda page: page.sum("connleak_connections_opened_total") == 2, "2 opened")
    pages = [agent.get("/metrics").text, agent.api("/v1/pools").text]
    pages += [agent.api("/v1/connections").text, agent.api(f"/v1/explain/{client.pid}").text]
    for text in pages:
        assert secret not in text and "PGPASSWORD" not in text
