# SPDX-License-Identifier: Apache-2.0
"""Hosts on which connleak cannot run, as it finds them on Debian's kernel: `check` names the reason."""

import shutil
import subprocess

import machine
import pytest

KERNEL = "6.1"
# What stands before `connleak check` there, and the words that its answer must have.
HOSTS = {
    "without-btf": ("sh /hide-btf", ["BTF"]),
    "without-cap-perfmon": (
        "setpriv --bounding-set -perfmon,-sys_admin --inh-caps -perfmon,-sys_admin",
        ["CAP_PERFMON"],
    ),
    "in-a-user-namespace": ("unshare --user --map-root-user", ["user namespace"]),
}


def boot(kernel, build, command, append=""):
    programs = [build / "connleak", shutil.which("setpriv"), shutil.which("unshare")]
    done = subprocess.run(
        [machine.HERE / "boot.sh", kernel, command, *programs],
        capture_output=True,
        text=True,
        timeout=900,
        env={**machine.os.environ, "VM_APPEND": append},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def answers_of(lines):
    """{host: (exit status, text)} from lines "HOST exit N" and "HOST out TEXT"."""
    found = {}
    for line in lines:
        host, kind, *text = line.split(" ", 2)
        status, said = found.get(host, (None, ""))
        found[host] = (int(text[0]), said) if kind == "exit" else (status, said + "".join(text) + "\n")
    return found


def ask(host, command):
    return (
        f"{command} >/tmp/out 2>&1\n"
        f'echo "{host} exit $?"\n'
        f'while read -r line; do echo "{host} out $line"; done </tmp/out\n'
    )


@pytest.fixture(scope="module")
def answers(build, kernel):
    command = "echo 'mount -t tmpfs none /sys/kernel/btf; exec \"$@\"' >/hide-btf\n"
    command += ask("as-it-is", "connleak check") + "".join(
        ask(host, f"{prefix} connleak check") for host, (prefix, _) in HOSTS.items() if host != "without-btf"
    )
    command += ask("without-btf", f"{HOSTS['without-btf'][0]} connleak check")
    return answers_of(boot(kernel(KERNEL), build, command))


def test_check_on_the_kernel_as_it_is_says_yes(answers):
    assert answers["as-it-is"][0] == 0, answers["as-it-is"][1]


@pytest.mark.parametrize("host", HOSTS)
def test_check_on_a_host_that_cannot_run_it_names_the_reason(answers, host):
    status, said = answers[host]

    assert status == 3, said
    for word in HOSTS[host][1]:
        assert word in said


def test_commands_under_lockdown_say_so(build, kernel):
    """Lockdown forbids to read kernel memory by address, without which no process has a name."""
    command = ask("check", "connleak check") + ask("list", "connleak list")
    answers = answers_of(
        boot(kernel(KERNEL), build, command, "lockdown=confidentiality lsm=lockdown,capability")
    )

    for status, said in answers.values():
        assert status == 3, said
        assert "locked down (confidentiality)" in " ".join(said.split())
