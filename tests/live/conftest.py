# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the live tests: whatever a test starts, its fixture stops."""

import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

import databases
import harness


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("the live tests load eBPF programs and must be run as root", returncode=1)
    if not harness.CONNLEAK.exists():
        pytest.exit(f"{harness.CONNLEAK} is not there; run make first", returncode=1)
    # A shell's background jobs ignore it and hand that on: what is started here would never get one.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def connleak():
    connleak = harness.Connleak()
    yield connleak
    connleak.stop_all()


@pytest.fixture
def anybodys():
    """A directory that every user can write into."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o777)
        yield pathlib.Path(path)


@pytest.fixture
def start():
    """start(Program, ...): a test program that ends with the test."""
    programs = []

    def start_program(program, *arguments, **options):
        programs.append(program(*arguments, **options))
        return programs[-1]

    yield start_program
    for program in reversed(programs):
        program.stop()


@pytest.fixture
def server(start):
    return start(harness.Server)


@pytest.fixture
def client(start):
    return start(harness.Client)


@pytest.fixture
def network(start):
    return start(harness.Network)


@pytest.fixture
def bpffs(start):
    return start(harness.Bpffs)


def daemon_fixture(start_daemon):
    @pytest.fixture(scope="session")
    def daemon():
        running = start_daemon()
        yield running
        running.stop()

    return daemon


@pytest.fixture(scope="session")
def node_packages():
    done = subprocess.run(
        [harness.NODE / "install.sh"], capture_output=True, text=True, timeout=harness.patient(600)
    )
    assert done.returncode == 0, done.stderr


postgresql = daemon_fixture(databases.start_postgresql)
mariadb = daemon_fixture(databases.start_mariadb)
redis = daemon_fixture(databases.start_redis)
