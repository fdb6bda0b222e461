# SPDX-License-Identifier: Apache-2.0
"""Processes in containers, in the kubelet's cgroups: named as Kubernetes names them."""

import json

import pytest

from containers import LAYOUTS, Container, PodLogs
from harness import AGENT_ALONE, BUILD, PROGRAMS

COUNT = 23
NAMES = ("namespace", "pod", "container")
# A second of silence is long for the leaky program, and no hour is to be waited for.
QUICK = [word for pair in ("T0=1", "HOLD=1", "TICK=1") for word in ("--set", pair)]


class ContainedClient(Container):
    """clients/client.c in a container."""

    def __init__(self, **options):
        super().__init__(PROGRAMS / "client", **options)

    def open_all(self, count, port):
        words = self.command(f"open {count} blocking 127.0.0.1 {port}")
        assert [word.partition(":")[2].isdigit() for word in words] == [True] * count

    def _ready(self):
        pid = super()._ready()
        assert pid == 1  # of its own pid namespace
        return pid


class Leaky(Container):
    """demo/leaky_app.c in a container: forgets a connection twice a second."""

    def __init__(self, port, **options):
        super().__init__(BUILD / "demo" / "leaky-app", port, **options)


@pytest.fixture
def pod_logs(start):
    return start(PodLogs)


def names_of(row):
    return {key: row[key] for key in NAMES}


def nobody():
    return dict.fromkeys(NAMES)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_list_in_a_container_names_pod_namespace_container_and_its_own_pid(
    connleak, start, server, pod_logs, layout
):
    client = start(ContainedClient, layout=layout)
    pod_logs.add(client)
    port = server.listen()
    client.open_all(COUNT, port)

    rows = connleak.list("--port", f"test={port}", "--pod-logs", pod_logs.path)

    assert len(rows) == COUNT
    for row in rows:
        assert names_of(row) == client.names
        assert row["workload"] == "shop/orders-7d9f-x2x9z/api"
        assert (row["pid"], row["ns_pid"]) == (client.pid, 1)


def test_list_without_the_logs_of_a_kubelet_shows_ids(connleak, start, server, pod_logs):
    client = start(ContainedClient)
    port = server.listen()
    client.open_all(1, port)

    for directory in (pod_logs.path, "none", "/proc/self/fd"):
        rows = connleak.list("--port", f"test={port}", "--pod-logs", directory)
        assert [names_of(row) for row in rows] == [nobody()]
        assert rows[0]["workload"] == f"pod {client.uid[:13]}/{client.id[:12]}"


def test_list_with_logs_that_are_not_there_is_refused_and_names_them(connleak):
    done = connleak.run("list", "--pod-logs", "/no/such/directory", text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert "/no/such/directory" in done.stderr and len(done.stderr.splitlines()) == 1


def test_list_with_hostile_names_of_logs_shows_ids(connleak, start, server, pod_logs):
    client = start(ContainedClient)
    client.names["pod"] = "\033[2J\n$(reboot)"
    pod_logs.link(client).symlink_to("/etc/shadow")
    port = server.listen()
    client.open_all(1, port)

    rows = connleak.list("--port", f"test={port}", "--pod-logs", pod_logs.path)

    assert [names_of(row) for row in rows] == [nobody()]


def test_agent_and_trace_name_the_container_of_a_leak_and_outlive_it(
    connleak, start, server, pod_logs, tmp_path
):
    port = server.listen()
    path = tmp_path / "trace.jsonl"
    watch = [*QUICK, "--port", f"test={port}"]
    logs = ("--pod-logs", pod_logs.path)
    agent = connleak.start("agent", *AGENT_ALONE, "--json", *watch, *logs)
    trace = connleak.start("trace", "--json", "--verdicts", "-o", path, *watch, *logs)
    leaky = start(Leaky, port)
    # The link comes after the container and, likely, after its first connections.
    pod_logs.add(leaky)

    for running in (agent, trace):
        verdict = running.wait_events("verdict", 1, timeout=60, kind="leak", state="raised")[0]
        assert names_of(verdict) == leaky.names
        assert verdict["workload"] == "shop/orders-7d9f-x2x9z/api"
        assert (verdict["pid"], verdict["ns_pid"]) == (leaky.pid, 1)
        assert verdict["summary"].startswith(
            f"LEAK leaky-app[{leaky.pid}] in shop/orders-7d9f-x2x9z/api -> 127.0.0.1:{port}"
        )
    # Gone while it is watched: container, cgroup, link and pod directory at once.
    pod_logs.stop()
    leaky.delete()
    for running in (agent, trace):
        cleared = running.wait_events("verdict", 1, timeout=60, kind="leak", state="cleared")[0]
        assert names_of(cleared) == leaky.names
        assert running.stop() == 0
        assert running.complaints() == []
    done = connleak.run("replay", "--json", *watch, path, text=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == trace.events("verdict")


def test_agent_over_containers_that_come_and_go_reports_no_error(
    connleak, start, server, pod_logs
):
    port = server.listen()
    agent = connleak.start(
        *("agent", *AGENT_ALONE, "--json", "--port", f"test={port}", "--interval", "0.1"),
        *("--pod-logs", pod_logs.path),
    )
    for number in range(5):
        client = start(ContainedClient, layout=list(LAYOUTS)[number], pod=f"orders-{number}")
        pod_logs.add(client)
        client.open_all(3, port)
        client.delete()
        pod_logs.link(client).unlink()

    last = start(ContainedClient, pod="last")
    pod_logs.add(last)
    last.open_all(1, port)
    rows = connleak.list("--port", f"test={port}", "--pod-logs", pod_logs.path)

    assert [row["pod"] for row in rows] == ["last"]
    assert agent.stop() == 0
    assert agent.complaints() == []
