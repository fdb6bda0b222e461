# SPDX-License-Identifier: Apache-2.0
"""What is pinned survives the agent: killed, upgraded, stopped; and who may use it."""

import ctypes
import os
import pathlib
import re
import struct
import subprocess
import urllib.request

import pytest

from agent_http import Agent

from harness import AGENT_ALONE, Bpffs, Observer, free_port, patient, wait_until

# A moment of two sessions: both are rounded to microseconds.
SAME_S = 2e-6
FACTS = ("pid", "pstart", "comm", "remote", "local", "tid", "sent", "received", "age_is_bound")


@pytest.fixture
def observe(start, bpffs):
    """observe(PORT...): an observer that pins in the test's own file system."""

    def start_observer(*ports, options=(), **more):
        listed = ",".join(f"p{port}={port}" for port in ports)
        options = ["--port", listed, "--pin", bpffs.DIRECTORY, *options]
        return start(Observer, *options, prefix=bpffs.prefix, **more)

    return start_observer


def facts(connections):
    return {conn: {key: row[key] for key in FACTS} for conn, row in connections.items()}


def counts_of(words):
    return {key: int(value) for key, value in zip(words[::2], words[1::2])}


def start_agent(connleak, bpffs, *options):
    options = [*AGENT_ALONE, "--pin", bpffs.DIRECTORY, "--port", "test=7001", *options]
    return connleak.start("agent", *options, prefix=bpffs.prefix)


def said(running, words):
    return [line for line in running.err.lines if words in line]


def test_killed_in_a_storm_every_connection_and_count_goes_on(observe, server, client, start):
    echo, refused, reset = server.listen("echo"), server.listen("closed"), server.listen("rst")
    observer = observe(echo, refused, reset)
    client.open_all(23, echo)
    client.command("exchange 0-22 100")
    observer.look()
    held = observer.connections()
    assert len(held) == 23
    stormer = start(type(client))

    # As many sessions as fit into the storm; each is killed at another moment of its life.
    stormer.tell(f"storm 20000 5000 127.0.0.1 {echo} {refused} {reset}")
    sessions = 0
    while stormer.reader.fresh.empty():
        observer.kill()
        observer = observe(echo, refused, reset)
        for _ in range(sessions % 4):
            observer.look()
        sessions += 1
    counts = counts_of(stormer.answer())
    assert sessions > 1 and counts["other"] == 0

    observer.kill()
    observer = observe(echo, refused, reset)
    observer.look()
    after = observer.connections()
    assert facts(after) == facts(held)
    for conn, row in held.items():
        assert not after[conn]["age_is_bound"]
        assert after[conn]["opened_at"] == pytest.approx(row["opened_at"], abs=SAME_S)

    def pool_of(port, pid):
        pools = [p for p in observer.ask("pools") if p["pid"] == pid]
        return next(p for p in pools if p["remote"].endswith(f":{port}"))

    pool = pool_of(echo, stormer.pid)
    assert (pool["open"], pool["opened"], pool["established"]) == (0,) + (counts["closed"],) * 2
    assert pool["local"] == counts["closed"]
    pool = pool_of(refused, stormer.pid)
    assert (pool["opened"], pool["ECONNREFUSED"]) == (counts["refused"],) * 2
    pool = pool_of(reset, stormer.pid)
    assert (pool["opened"], pool["reset"]) == (counts["reset"],) * 2
    pool = pool_of(echo, client.pid)
    assert (pool["open"], pool["opened"], pool["local"]) == (23, 23, 0)

    # The ids go on: nothing that opens now has one that was given before.
    client.open_all(1, echo)
    observer.look()
    # And none was given twice for one, by the probes of two sessions.
    assert max(observer.connections()) == 23 + counts["opened"] + 1
    assert set(observer.ask("lost").values()) <= {0, observer.ask("lost")["probe_missed"]}


@pytest.fixture
def held_probe(bpffs):
    """A descriptor of the pinned probe: it stays attached when its successor replaces it."""
    descriptors = []

    def hold():
        path = f"/proc/{bpffs.process.pid}/root" + next(
            path for path in bpffs.pins() if path.endswith("on_set_state")
        )
        text = ctypes.create_string_buffer(path.encode())
        attributes = struct.pack("=QII", ctypes.addressof(text), 0, 0)
        number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]  # bpf(2)
        descriptors.append(ctypes.CDLL(None).syscall(number, 7, attributes, len(attributes)))
        assert descriptors[-1] >= 0
        return descriptors[-1]

    yield hold
    for descriptor in descriptors:
        os.close(descriptor)


def test_probes_of_two_sessions_side_by_side_count_once(observe, held_probe, server, client, start):
    echo, refused, reset = server.listen("echo"), server.listen("closed"), server.listen("rst")
    observer = observe(echo, refused, reset)
    observer.look()
    held_probe()
    observer.kill()
    observer = observe(echo, refused, reset)
    held_probe()
    observer.kill()

    # Three probes now see each change.
    observer = observe(echo, refused, reset)
    client.open_all(23, echo)
    client.command("exchange 0-22 10")
    client.command("close 0-9")
    stormer = start(type(client))
    counts = counts_of(stormer.command(f"storm 5000 5000 127.0.0.1 {echo} {refused} {reset}"))
    observer.look()
    client.open_all(1, echo)
    client.command("close 10-12")
    observer.look()

    pools = {(p["pid"], int(p["remote"].rpartition(":")[2])): p for p in observer.ask("pools")}
    assert pools[stormer.pid, echo]["opened"] == pools[stormer.pid, echo]["local"] == counts["closed"]
    assert pools[stormer.pid, refused]["ECONNREFUSED"] == counts["refused"]
    assert pools[stormer.pid, reset]["reset"] == counts["reset"]
    held = pools[client.pid, echo]
    assert (held["open"], held["opened"], held["local"]) == (11, 24, 13)
    assert len(observer.connections()) == 11
    # An id each, the last one for the connection that was opened last.
    assert max(observer.connections()) == 24 + counts["opened"]


def test_what_ends_while_nobody_looks_is_counted_and_not_shown(observe, server, client):
    port = server.listen()
    observer = observe(port)
    client.open_all(23, port)
    observer.look()
    observer.kill()

    client.command("close 0-9")
    client.open_all(5, port)
    client.command("close 23-24")
    observer = observe(port)
    observer.look()

    assert len(observer.connections()) == 16
    pool = observer.pool(port)
    assert (pool["open"], pool["opened"], pool["established"]) == (16, 28, 28)
    assert pool["local"] == 12
    # And in the session after that; what ended as told is not told again.
    client.command("close 10-12")
    observer.look()
    assert observer.pool(port)["local"] == 15
    observer.kill()
    observer = observe(port)
    observer.look()
    assert (observer.pool(port)["opened"], observer.pool(port)["local"]) == (28, 15)


def test_connection_passed_on_while_nobody_looks_is_its_holders(observe, server, client):
    port = server.listen()
    observer = observe(port)
    client.open_all(2, port)
    observer.look()
    before = observer.connections()
    observer.kill()

    child = client.fork()
    observer = observe(port)
    observer.look()

    after = observer.connections()
    assert set(after) == set(before)
    assert {row["pid"] for row in after.values()} == {child}
    for conn, row in before.items():
        assert after[conn]["opened_at"] == pytest.approx(row["opened_at"], abs=SAME_S)


def test_lower_bound_of_an_age_does_not_shrink(observe, server, client):
    port = server.listen()
    client.open_all(1, port)
    observer = observe(port)
    observer.look()
    [(conn, first)] = observer.connections().items()
    assert first["age_is_bound"]

    # The stamps that the bound was taken from are gone.
    client.command("exchange 0 100")
    observer.kill()
    observer = observe(port)
    observer.look()

    [(again, row)] = observer.connections().items()
    assert (again, row["age_is_bound"]) == (conn, True)
    # A tick of the kernel is at most 10 ms.
    assert row["opened_at"] <= first["opened_at"] + 0.011


def test_narrower_filter_hides_and_a_wider_one_shows_again(observe, server, client, start):
    one, two = server.listen(), server.listen()
    other = start(type(client))
    observer = observe(one, two)
    client.open_all(2, one)
    client.open_all(3, two)
    other.open_all(4, one)
    observer.look()
    all_of_them = observer.connections()
    observer.kill()

    observer = observe(one)
    observer.look()
    assert len(observer.connections()) == 6
    observer.kill()
    observer = observe(one, two, options=["--pid", str(client.pid)])
    observer.look()
    assert {row["pid"] for row in observer.connections().values()} == {client.pid}
    assert len(observer.connections()) == 5
    observer.kill()

    observer = observe(one, two)
    observer.look()
    assert facts(observer.connections()) == facts(all_of_them)
    client.command("close 0-4")
    observer.look()
    assert (observer.pool(two)["opened"], observer.pool(two)["local"]) == (3, 3)


def test_agent_says_what_it_goes_on_with_and_leaves_it_when_it_is_stopped(connleak, bpffs):
    first = start_agent(connleak, bpffs)
    assert first.complaints() == []
    pins = bpffs.pins()
    assert first.stop() == 0
    assert bpffs.pins() == pins

    second = start_agent(connleak, bpffs)
    assert len(second.complaints()) == 1
    assert said(second, f"going on with what the agent before has left in {bpffs.DIRECTORY}/")
    assert bpffs.pins() == pins


def test_every_connection_keeps_the_code_that_opened_it(
    connleak, bpffs, server, client, tmp_path, start
):
    port = server.listen()
    options = ["--port", f"test={port}", "--interval", "0.1", "--pin", bpffs.DIRECTORY]

    def start_it():
        return Agent(connleak, tmp_path, *options, prefix=bpffs.prefix)

    def sites(agent):
        answer = agent.api(f"/v1/explain/{client.pid}").json()
        conns = [conn for pool in answer.get("pools", []) for conn in pool["connections"]]
        return {conn["local"]: conn["site"] for conn in conns}

    agent = start_it()
    client.open_all(3, port)
    client.command(f"thread 2 127.0.0.1 {port}")
    wait_until(lambda: len(sites(agent)) == 5, 20, "all are there")
    wait_until(lambda: all(sites(agent).values()), 20, "their sites are known")
    before = sites(agent)
    assert len(set(before.values())) > 1, "a thread has another stack"
    agent.running.process.kill()
    agent.running.process.wait()
    os.unlink(agent.socket)  # or the next one would seem to be there already
    client.command("close 0")

    agent = start_it()
    wait_until(
        lambda: len(sites(agent)) == 4 and sites(agent).items() <= before.items(),
        20,
        lambda: f"{before} but for one; there is {sites(agent)}",
    )


def counter(port, name, **labels):
    """The sum of a metric over the series with these labels; 0 where there is none."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=patient(10)) as answer:
        lines = answer.read().decode().splitlines()
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.split("{")[0] == name and all(word in line for word in wanted)
    )


def test_counters_of_the_metrics_go_on_after_a_kill(connleak, bpffs, server, client):
    port, listen = server.listen(), free_port()
    refused = server.listen("closed")
    options = ["--port", f"test={port},none={refused}", "--interval", "0.1"]
    options += ["--listen", f"127.0.0.1:{listen}"]

    def count(what, **labels):
        return counter(listen, f"connleak_connections_{what}_total", **labels)

    agent = start_agent(connleak, bpffs, *options)
    client.open_all(23, port)
    wait_until(lambda: count("opened") == 23, 10, "all are counted")
    client.command("close 0-9")
    wait_until(lambda: count("closed", by="local") == 10, 10, "all ends are counted")
    agent.process.kill()
    agent.process.wait()

    client.open_all(3, port)
    client.command("close 23-24")
    assert client.open(1, refused)[0].error == "ECONNREFUSED"
    agent = start_agent(connleak, bpffs, *options)
    wait_until(lambda: count("opened") == 27, 10, "the counts go on")
    assert count("closed", by="local") == 12
    assert count("closed") == 12
    assert count("failed", error="ECONNREFUSED") == 1
    client.command("close 10-14")
    wait_until(lambda: count("closed") == 17, 10, "and on")
    assert count("opened") == 27


def test_capabilities_of_the_service_are_enough_to_keep_and_to_take_over(connleak, bpffs):
    capabilities = ["bpf", "perfmon", "sys_ptrace", "dac_read_search", "chown"]
    listed = "-all," + ",".join(f"+{name}" for name in capabilities)
    weak = ["setpriv", "--bounding-set", listed, "--inh-caps", listed, "--no-new-privs"]
    command = ["agent", *AGENT_ALONE, "--pin", bpffs.DIRECTORY, "--port", "test=7001"]
    for expected in ([], ["going on with what the agent before has left in"]):
        agent = connleak.start(*command, prefix=[*bpffs.prefix, *weak])
        assert len(agent.complaints()) == len(expected)
        for words in expected:
            assert said(agent, words)
        assert agent.stop() == 0
    done = connleak.run(
        *("agent", "--detach", "--pin", bpffs.DIRECTORY), prefix=[*bpffs.prefix, *weak], text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_second_agent_is_refused_by_the_pid_of_the_first(connleak, bpffs):
    first = start_agent(connleak, bpffs)
    arguments = ["agent", *AGENT_ALONE, "--pin", bpffs.DIRECTORY]
    done = connleak.run(*arguments, prefix=bpffs.prefix, text=True)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"connleak: another agent is running \(pid {first.process.pid}\): it has "
        rf"{bpffs.DIRECTORY}; with --pin none several can run side by side\n",
        done.stderr,
    )
    beside = connleak.start("agent", *AGENT_ALONE, "--port", "test=7001")
    assert beside.stop() == 0


def test_other_version_starts_fresh_and_says_so(connleak, bpffs):
    bpffs.run("mkdir", "-p", "-m", "700", bpffs.DIRECTORY, f"{bpffs.DIRECTORY}/1")
    pin = f"{bpffs.DIRECTORY}/1/conns"
    bpffs.run(
        *("bpftool", "map", "create", pin, "type", "array", "key", "4", "value", "4"),
        *("entries", "1", "name", "conns"),
    )
    agent = start_agent(connleak, bpffs)

    [line] = agent.complaints()
    assert f"{bpffs.DIRECTORY} is of version 1, this is version" in line
    assert "starting fresh" in line
    assert not [path for path in bpffs.pins() if path.startswith(f"{bpffs.DIRECTORY}/1/")]
    assert f"{bpffs.DIRECTORY}/1" not in bpffs.pins()
    assert len(bpffs.pins()) > 8


def test_other_layout_starts_fresh_and_names_what_differs(connleak, bpffs, observe, server, client):
    port = server.listen()
    client.open_all(1, port)
    observer = observe(port, limits=(64, 0, 0, 0, 0))
    observer.look()
    observer.kill()

    agent = start_agent(connleak, bpffs)
    [line] = agent.complaints()
    assert "the map pools has max_entries 64 and not 16384: starting fresh" in line
    assert agent.stop() == 0
    assert "going on with" in start_agent(connleak, bpffs).complaints()[0]


def test_maps_without_their_probe_start_fresh(connleak, bpffs):
    assert start_agent(connleak, bpffs).stop() == 0
    [probe] = [path for path in bpffs.pins() if path.endswith("on_set_state")]
    bpffs.run("rm", probe)
    [line] = start_agent(connleak, bpffs).complaints()
    assert "the probe cannot be had: No such file or directory: starting fresh" in line


def test_pins_of_an_agent_that_was_killed_while_it_pinned_are_swept_away(connleak, bpffs):
    bpffs.run("mkdir", "-p", "-m", "700", bpffs.DIRECTORY, f"{bpffs.DIRECTORY}/999-new")
    pin = f"{bpffs.DIRECTORY}/999-new/conns"
    bpffs.run(
        *("bpftool", "map", "create", pin, "type", "array", "key", "4", "value", "4"),
        *("entries", "1", "name", "conns"),
    )
    agent = start_agent(connleak, bpffs)
    assert agent.complaints() == []
    assert not [path for path in bpffs.pins() if "-new" in path]




def test_detach_removes_everything_and_says_what(connleak, bpffs):
    detach = ["agent", "--detach", "--pin", bpffs.DIRECTORY]
    agent = start_agent(connleak, bpffs)
    pins = bpffs.pins()

    done = connleak.run(*detach, prefix=bpffs.prefix, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"another agent is running (pid {agent.process.pid})" in done.stderr
    assert bpffs.pins() == pins

    assert agent.stop() == 0
    done = connleak.run(*detach, prefix=bpffs.prefix, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    objects = len(pins) - 2
    assert done.stdout == f"removed {objects} pinned objects and 2 directories of {bpffs.DIRECTORY}\n"
    assert "connleak" not in bpffs.run("ls", "/sys/fs/bpf").split()

    done = connleak.run(*detach, prefix=bpffs.prefix, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"nothing is pinned in {bpffs.DIRECTORY}\n"


def test_detach_leaves_what_is_not_connleaks(connleak, bpffs):
    assert start_agent(connleak, bpffs).stop() == 0
    objects = len(bpffs.pins()) - 2
    bpffs.run("mkdir", f"{bpffs.DIRECTORY}/theirs")
    done = connleak.run(
        *("agent", "--detach", "--pin", bpffs.DIRECTORY), prefix=bpffs.prefix, text=True
    )
    assert done.returncode == 0
    assert done.stdout.startswith(f"removed {objects} pinned objects and 1 directories")
    assert "stays" in done.stderr
    assert bpffs.pins() == [bpffs.DIRECTORY, f"{bpffs.DIRECTORY}/theirs"]


def test_bpf_file_system_is_mounted_where_it_is_missing(connleak, start):
    empty = start(Bpffs, mount="while umount /sys/fs/bpf 2>/dev/null; do :; done")
    agent = start_agent(connleak, empty)
    assert agent.complaints() == ["connleak: mounted the BPF file system on /sys/fs/bpf"]
    assert len(empty.pins()) > 8


def going_without(connleak, prefix, *reason, directory=Bpffs.DIRECTORY):
    options = [*AGENT_ALONE, "--port", "test=7001", "--pin", directory]
    agent = connleak.start("agent", *options, prefix=prefix)
    [line] = agent.complaints()
    for words in reason:
        assert words in line
    assert line.endswith(": going on without pins, ages begin anew at the next start")
    assert agent.stop() == 0


def test_without_the_right_to_mount_it_goes_on_and_says_so(connleak, start):
    empty = start(Bpffs, mount="while umount /sys/fs/bpf 2>/dev/null; do :; done")
    weak = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    going_without(
        *(connleak, [*empty.prefix, *weak], "no BPF file system on /sys/fs/bpf"),
        "cannot be mounted: Operation not permitted",
    )


@pytest.mark.parametrize(
    ("mount", "reason"),
    [
        ("mount -t bpf -o ro bpf /sys/fs/bpf", "cannot make /sys/fs/bpf/connleak: Read-only"),
        (
            "mount -t bpf bpf /sys/fs/bpf; mkdir -m 777 /sys/fs/bpf/connleak",
            "others than user 0 can write to /sys/fs/bpf/connleak",
        ),
        (
            "mount -t bpf bpf /sys/fs/bpf; mkdir -m 700 /sys/fs/bpf/connleak; "
            "chown nobody /sys/fs/bpf/connleak",
            "others than user 0 can write to /sys/fs/bpf/connleak",
        ),
        (
            "mount -t bpf bpf /sys/fs/bpf; ln -s /tmp /sys/fs/bpf/connleak",
            "/sys/fs/bpf/connleak: Not a directory",
        ),
    ],
)
def test_directory_that_cannot_be_trusted_or_written_is_not_used(connleak, start, mount, reason):
    going_without(connleak, start(Bpffs, mount=mount).prefix, reason)


def test_directory_elsewhere_is_not_used_and_not_made(connleak, tmp_path):
    directory = tmp_path / "pins"
    going_without(connleak, (), f"{directory} is not on a BPF file system", directory=directory)
    assert not os.path.exists(directory)


def attached_probes(pid):
    """How many probes on changes of state a process holds by their links."""
    directory = pathlib.Path(f"/proc/{pid}/fdinfo")
    texts = [(directory / name).read_text() for name in os.listdir(directory)]
    return sum("tp_name:\tinet_sock_set_state\n" in text for text in texts)


def test_every_probe_outlives_the_agent(observe, bpffs, server):
    """Kernels that run programs with others let in between need two: each sees what the other cannot."""
    for _ in range(2):
        observer = observe(server.listen())
        attached = attached_probes(observer.pid)
        assert attached in (1, 2)
        pins = [path for path in bpffs.pins() if os.path.basename(path).startswith("on_set_state")]
        assert len(pins) == attached
        observer.kill()


def test_agent_killed_again_and_again_at_its_start_leaves_one_probe(connleak, bpffs):
    """Whatever was half done, the next start sweeps up."""
    assert start_agent(connleak, bpffs).stop() == 0
    pins = bpffs.pins()
    command = ["agent", *AGENT_ALONE, "--pin", bpffs.DIRECTORY, "--port", "test=7001"]
    argv = [*bpffs.prefix, str(connleak.path), *command]
    for ms in range(20, 320, 30):
        done = subprocess.run(
            ["timeout", "--signal=KILL", f"{ms / 1000}", *argv], capture_output=True, timeout=patient(20)
        )
        assert done.returncode in (-9, 137), done.stderr
    agent = start_agent(connleak, bpffs)
    assert bpffs.pins() == pins
    assert agent.stop() == 0
    assert bpffs.pins() == pins
