# SPDX-License-Identifier: Apache-2.0
"""The host that connleak runs on: what `check` says, and what happens where it cannot run."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import AGENT_ALONE, patient, wait_until

HOST = 3
WATCHING_COMMANDS = [
    ["list"],
    ["top", "--once"],
    ["trace", "--duration", "1"],
    ["agent", *AGENT_ALONE, "--duration", "1"],
]


@pytest.fixture
def public_connleak(connleak):
    """A copy in a place where anybody may run it."""
    directory = tempfile.mkdtemp(prefix="connleak-public-")
    os.chmod(directory, 0o755)
    connleak.path = shutil.copy(connleak.path, directory)
    os.chmod(connleak.path, 0o755)
    yield connleak
    shutil.rmtree(directory)


def assert_refused(done, *words):
    assert done.returncode == HOST, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("command", WATCHING_COMMANDS, ids=lambda command: command[0])
def test_command_without_permission_exits_with_3_and_says_what_is_needed(public_connleak, command):
    done = public_connleak.run(
        *command,
        prefix=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"],
        text=True,
    )

    assert_refused(done, "CAP_BPF")


def test_list_with_no_more_than_two_capabilities_works(public_connleak, server, client):
    port = server.listen()
    client.open_all(23, port)
    capabilities = "+bpf,+perfmon"

    done = public_connleak.run(
        *("list", "--json", "--port", port),
        prefix=[
            *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
            *(f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}", "--"),
        ],
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["pid"] for line in done.stdout.splitlines()] == [client.pid] * 23


@pytest.mark.parametrize("command", WATCHING_COMMANDS, ids=lambda command: command[0])
def test_command_without_btf_exits_with_3_and_says_so(connleak, command):
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'

    done = connleak.run(*command, prefix=["unshare", "--mount", "sh", "-c", hide, "sh"], text=True)

    assert_refused(done, "BTF")


def test_trace_without_btf_does_not_touch_the_file_that_was_to_be_written(connleak, tmp_path):
    path = tmp_path / "trace.jsonl"
    path.write_text("precious\n")
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'

    done = connleak.run(
        *("trace", "-o", path), prefix=["unshare", "--mount", "sh", "-c", hide, "sh"], text=True
    )

    assert_refused(done, "BTF")
    assert path.read_text() == "precious\n"


def test_replay_without_permission_works(public_connleak):
    trace = b'{"connleak_trace":1}\n{"t":1.0,"ev":"end"}\n'

    done = public_connleak.run(
        *("replay", "--json", "-"),
        prefix=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"],
        input=trace,
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_check_on_a_host_that_can_run_it_exits_with_0(connleak):
    done = connleak.run("check", text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert "BTF" in done.stdout


def test_check_as_json_is_json(connleak):
    done = connleak.run("check", "--json", text=True)

    assert done.returncode == 0
    for line in done.stdout.splitlines():
        json.loads(line)
    assert done.stdout


def test_check_without_permission_says_what_to_do(public_connleak):
    done = public_connleak.run(
        "check",
        prefix=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"],
        text=True,
    )

    assert done.returncode == HOST
    assert "CAP_BPF" in done.stdout


def test_check_without_btf_exits_with_3(connleak):
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'

    done = connleak.run("check", prefix=["unshare", "--mount", "sh", "-c", hide, "sh"], text=True)

    assert done.returncode == HOST
    assert "BTF" in done.stdout


def programs_held_by(pid):
    """The ids of the eBPF programs that a process has open, itself or by a link."""
    held = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            held.update(re.findall(r"^prog_id:\s*(\d+)$", path.read_text(), re.MULTILINE))
    return {int(program) for program in held}


def programs_loaded():
    done = subprocess.run(
        ["bpftool", "prog", "show", "--json"],
        capture_output=True,
        check=True,
        timeout=patient(10),
        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"},
    )
    return {program["id"] for program in json.loads(done.stdout)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_agent_that_is_stopped_leaves_no_program_behind(connleak, number):
    agent = connleak.start("agent", *AGENT_ALONE, "--json", "--port", "7001")
    held = programs_held_by(agent.process.pid)
    assert held and held <= programs_loaded()

    agent.process.send_signal(number)
    status = agent.wait(timeout=10)

    assert status == (-number if number == signal.SIGKILL else 0)
    # The kernel frees programs a moment after the last reference is gone.
    wait_until(lambda: not held & programs_loaded(), 10, "the programs are gone")
