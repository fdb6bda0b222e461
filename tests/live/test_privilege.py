# SPDX-License-Identifier: Apache-2.0
"""What the running agent can still do, and that it is enough."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from harness import AGENT_ALONE, CLIENTS, PROGRAMS, ROOT, LineProgram, children_of, wait_until
from test_daemon import said
from verdicts import QUICK, Leaker

UNIT = ROOT / "packaging/systemd/connleak.service"
DAC_OVERRIDE, DAC_READ_SEARCH, KILL, SYS_PTRACE, PERFMON, BPF = 1, 2, 5, 19, 38, 39
KEPT = {DAC_READ_SEARCH, SYS_PTRACE, PERFMON, BPF}


def read_status(text):
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def status_of(pid):
    return read_status(pathlib.Path(f"/proc/{pid}/status").read_text())


def caps_of(status, which):
    """The numbers of linux/capability.h that are in a set."""
    mask = int(status[which], 16)
    return {number for number in range(64) if mask & 1 << number}


def test_agent_gives_up_what_it_does_not_need(connleak):
    agent = connleak.start("agent", *AGENT_ALONE, "--config", "none")
    pid = agent.process.pid
    wait_until(lambda: status_of(pid)["Seccomp"] == "2", 10, "system calls are restricted")
    status = status_of(pid)
    assert caps_of(status, "CapEff") == KEPT
    assert caps_of(status, "CapPrm") == KEPT
    assert caps_of(status, "CapBnd") == KEPT
    assert caps_of(status, "CapInh") == caps_of(status, "CapAmb") == set()
    assert status["NoNewPrivs"] == "1"
    assert agent.stop() == 0
    assert said(agent, "seccomp") == []


@pytest.mark.parametrize(
    "command, more",
    [
        (["trace"], set()),
        (["top", "-b", "--socket", "none"], {DAC_OVERRIDE}), # its w writes where a user may
        (["explain", "--socket", "none", "--duration", "60"], set()),
    ],
    ids=["trace", "top", "explain"],
)
def test_commands_with_probes_of_their_own_give_it_up_too(
    connleak, server, client, command, more
):
    port = server.listen()
    client.open_all(1, port)
    subject = [client.pid] if command[0] == "explain" else []
    running = connleak.start(*command, "--port", port, *subject)
    status = status_of(running.process.pid)
    assert caps_of(status, "CapEff") == caps_of(status, "CapPrm") == KEPT | more
    assert status["NoNewPrivs"] == "1"
    assert running.stop() == 0


@pytest.mark.parametrize("options, more", [([], set()), (["--junit"], {DAC_OVERRIDE})], ids=["", "junit"])
def test_run_gives_it_up_before_the_command_begins_which_keeps_it(connleak, server, tmp_path, options, more):
    options = [*options, tmp_path / "junit.xml"] if options else []
    words = ["sh", "-c", "cat /proc/$PPID/status; echo ---; exec cat /proc/self/status"]
    done = connleak.run("run", "--port", str(server.listen()), *options, "--", *words)
    assert done.returncode == 0, done
    ours, commands = [read_status(text) for text in done.stdout.decode().split("---\n")]
    assert caps_of(ours, "CapEff") == caps_of(ours, "CapPrm") == KEPT | {KILL} | more
    assert (ours["NoNewPrivs"], commands["NoNewPrivs"]) == ("1", status_of("self")["NoNewPrivs"])
    for which in ("CapEff", "CapPrm", "CapBnd"):
        assert caps_of(commands, which) == caps_of(status_of("self"), which)


def test_agent_without_privileges_still_tells_who_other_users_are(connleak, server, start, anybodys):
    """A process of another user, and code to be named, that come after all was given up."""
    port = server.listen()
    agent = connleak.start(
        *("agent", *AGENT_ALONE, "--config", "none", "--json", *QUICK, "--port", f"orders={port}")
    )
    pid = agent.process.pid
    wait_until(lambda: status_of(pid)["Seccomp"] == "2", 10, "system calls are restricted")
    script = shutil.copy(CLIENTS / "leaker.py", anybodys)
    leaker = start(Leaker, port, *("setpriv", "--reuid=nobody", "--clear-groups"), script=script)
    leaker.leak()
    raised = agent.wait_events("verdict", 1, timeout=40, state="raised", pid=leaker.pid)[0]
    assert raised["workload"].startswith("python3")
    # The one that reads other processes' files has less still.
    for child in children_of(pid):
        assert caps_of(status_of(child), "CapEff") <= {DAC_READ_SEARCH, SYS_PTRACE}
    assert agent.stop() == 0
    assert said(agent, "seccomp") == []


@pytest.mark.parametrize("reads", [True, False], ids=["with", "without"])
def test_code_that_is_its_owners_own_needs_the_right_to_read(connleak, server, start, reads):
    """What CAP_DAC_READ_SEARCH is for: a file that only its owner can read has no names else."""
    port = server.listen()
    with tempfile.TemporaryDirectory(prefix="connleak-private-") as directory:
        program = shutil.copy(PROGRAMS / "client", directory)
        os.chmod(program, 0o700)
        shutil.chown(program, "nobody")
        shutil.chown(directory, "nobody") # its mode is 0700, too
        caps = "-all,+bpf,+perfmon,+sys_ptrace" + (",+dac_read_search" if reads else "")
        limited = ["setpriv", "--inh-caps=-all", f"--bounding-set={caps}"]
        trace = connleak.start("trace", "--json", "--port", port, prefix=limited)
        client = start(LineProgram, "setpriv", "--reuid=nobody", "--clear-groups", program)
        client.command(f"open 1 blocking 127.0.0.1 {port}")

        def site():
            found = [event["site"] for event in trace.events() if event.get("site")]
            return found[0] if found else None

        named = wait_until(site, 20, "the code is named")
        assert ("its file cannot be opened" in named) != reads, named
        assert ("client_" in named or "main" in named) == reads, named
        assert [event["exe"] for event in trace.events("open")] == [program]
        assert trace.stop() == 0


def test_unit_is_hardened():
    done = subprocess.run(
        # "OK" in its own words; what it holds against it is what an agent of this kind has to have.
        ["systemd-analyze", "security", "--offline=true", "--threshold=35", "--no-pager", UNIT],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
