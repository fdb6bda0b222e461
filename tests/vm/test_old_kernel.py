# SPDX-License-Identifier: Apache-2.0
"""A kernel that is too old: connleak refuses with the reason, and does nothing else."""

import subprocess

import machine
import pytest

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


@pytest.fixture(scope="module", params=KERNELS)
def answers(request, build, kernel):
    """What connleak says there: {command: {"exit": [...], "out": [...], "err": [...]}}."""
    done = subprocess.run(
        [machine.HERE / "boot.sh", kernel(request.param), SCRIPT, build / "connleak"],
        capture_output=True,
        text=True,
        timeout=900,
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
