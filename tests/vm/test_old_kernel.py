# SPDX-License-Identifier: Apache-2.0
"""A kernel that is too old: connleak refuses with the reason, and does nothing else."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / os.environ.get("CONNLEAK_BUILD", "build")
CONNLEAK = pathlib.Path(os.environ.get("CONNLEAK", BUILD / "connleak"))
UNAVAILABLE = 77
KERNELS = ["5.10"]

# Each command's lines are marked with the command and the stream they came on.
SCRIPT = """
for command in check list trace; do
	connleak $command >/tmp/out 2>/tmp/err
	echo "$command exit $?"
	while read -r line; do echo "$command out $line"; done </tmp/out
	while read -r line; do echo "$command err $line"; done </tmp/err
done
"""


def fetch_kernel(version):
    done = subprocess.run(
        [HERE / "fetch-kernel.sh", version, BUILD / "vm"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode == UNAVAILABLE:
        pytest.skip(f"kernel {version}: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return BUILD / "vm" / version


@pytest.fixture(scope="module", params=KERNELS)
def answers(request):
    """What connleak says there: {command: {"exit": [...], "out": [...], "err": [...]}}."""
    kernel = fetch_kernel(request.param)
    done = subprocess.run(
        [HERE / "boot.sh", kernel, SCRIPT, CONNLEAK], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    answers = {}
    for line in done.stdout.splitlines():
        command, stream, *text = line.split(" ", 2)
        answers.setdefault(command, {}).setdefault(stream, []).append("".join(text))
    return answers


@pytest.mark.parametrize("command", ["list", "trace"])
def test_command_on_an_old_kernel_exits_with_3_and_names_the_kernel(answers, command):
    answer = answers[command]

    assert answer["exit"] == ["3"]
    assert "out" not in answer
    assert len(answer["err"]) == 1
    assert "kernel" in answer["err"][0] and "5.11" in answer["err"][0]


def test_check_on_an_old_kernel_exits_with_3_and_says_what_to_do(answers):
    answer = answers["check"]

    assert answer["exit"] == ["3"]
    assert any("5.11" in line for line in answer["out"])
