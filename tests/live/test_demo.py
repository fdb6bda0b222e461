# SPDX-License-Identifier: Apache-2.0
"""The demonstration that a new user runs first."""

import os
import signal
import subprocess

import pytest

from harness import BUILD, ROOT, children_of, is_alive, patient, wait_until

RUN = ROOT / "tests/demo/run.sh"


@pytest.fixture
def demo(tmp_path):
    """demo(*prefix): the running demonstration; its temporary files go to tmp_path."""
    started = []

    def run(*prefix, build=BUILD):
        started.append(
            subprocess.Popen(
                [*prefix, RUN, build],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "TMPDIR": str(tmp_path), "DEMO_SECONDS": str(int(patient(60)))},
            )
        )
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=patient(30))


def test_demo_finds_the_leak_and_leaves_nothing(demo, tmp_path):
    process = demo()
    helpers = []

    def all_started():
        helpers[:] = children_of(process.pid)
        return len(helpers) >= 4

    wait_until(all_started, 30, "server, two clients and connleak")
    out, err = process.communicate(timeout=patient(90))

    assert (process.returncode, err) == (0, "")
    assert "LEAK leaky-app[" in out
    assert "healthy-app[" not in out
    assert not [pid for pid in helpers if is_alive(pid)]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_that_is_interrupted_stops_everything(demo, tmp_path, number):
    # Whoever runs the tests in the background has SIGINT ignored, which is inherited.
    process = demo("env", "--default-signal=INT")
    wait_until(lambda: len(children_of(process.pid)) >= 4, 30, "all started")
    helpers = children_of(process.pid)

    process.send_signal(number)
    _, err = process.communicate(timeout=patient(30))

    assert process.returncode == 128 + number
    assert err.count("\n") == 1
    assert not [pid for pid in helpers if is_alive(pid)]
    assert os.listdir(tmp_path) == []


def test_demo_without_root_says_so_in_one_line(demo):
    # Nobody may have no way to where this checkout is; what is tested comes before all files.
    script = RUN.read_text()
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "bash", "-s"],
        input=script,
        capture_output=True,
        text=True,
        timeout=patient(30),
        cwd="/",
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "root" in done.stderr


def test_demo_without_btf_says_so_in_one_line(demo, tmp_path):
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    process = demo("unshare", "--mount", "sh", "-c", hide, "sh")

    _, err = process.communicate(timeout=patient(60))

    assert process.returncode == 3
    assert err.count("\n") == 1 and "BTF" in err
    assert os.listdir(tmp_path) == []
