# SPDX-License-Identifier: Apache-2.0
"""The tests leave no systems behind, however they end."""

import os
import pathlib
import subprocess
import sys

import pytest

from harness import LineReader, patient
from package import run
from scratch import remove, remove_left_behind, scratch_directory

HOLD = """
import sys
from scratch import scratch_directory
with scratch_directory(sys.argv[1]) as path:
    (path / "system").mkdir()
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has a directory below tmp_path, and that directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    path = pathlib.Path(LineReader(process.stdout).next(patient(10)))
    yield process, path
    process.kill()
    process.wait()


def test_directory_of_a_run_that_was_killed_is_removed_by_the_next(holder, tmp_path):
    process, path = holder
    stopped = []

    remove_left_behind(tmp_path, stopped.append)
    assert path.is_dir() and stopped == []

    process.kill()
    process.wait()
    remove_left_behind(tmp_path, stopped.append)
    assert not path.exists() and stopped == [path]


def test_directory_of_a_run_that_ended_is_gone(tmp_path):
    with scratch_directory(tmp_path) as path:
        assert path.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_is_mounted_there_is_not_emptied(tmp_path):
    hosts, path = tmp_path / "host", tmp_path / "left"
    for place in (hosts, path / "inner"):
        place.mkdir(parents=True)
    (hosts / "file").touch()
    run("mount", "--bind", hosts, path / "inner")

    remove(path)

    assert (hosts / "file").exists()
    assert not path.exists()
