# SPDX-License-Identifier: Apache-2.0
"""What the tests of the packages share: the package itself, built once, and a Debian to put it in."""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
# The harness of the live tests drives connleak and its clients here too.
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]
from package import BUILD, ROOT, Deb, run  # noqa: E402
from podman import Podman  # noqa: E402
from scratch import remove_left_behind, scratch_directory  # noqa: E402


@pytest.fixture(scope="session")
def memory():
    """A directory that is gone afterwards, in memory where there is some: it takes whole systems."""
    for parent in ("/dev/shm", tempfile.gettempdir()):
        remove_left_behind(parent, stop_left_behind)
    parent = "/dev/shm" if shutil.disk_usage("/dev/shm").free > 2 << 30 else tempfile.gettempdir()
    with scratch_directory(parent) as path:
        yield path


def stop_left_behind(path):
    if (directory := path / "podman").is_dir():
        Podman(directory).stop()


@pytest.fixture(scope="session")
def deb():
    """Built as `make deb` does it."""
    run("make", "-s", f"BUILD={BUILD}", "deb", cwd=ROOT)
    paths = sorted((BUILD / "deb").glob("connleak_*.deb"))
    assert len(paths) == 1, paths
    return Deb(paths[0])


@pytest.fixture(scope="session")
def rootfs(memory, deb):
    """A Debian with systemd and what the package depends on; nobody writes into it."""
    path = memory / "rootfs"
    run(HERE / "rootfs.sh", path, *deb.depends(), env={**os.environ, "TMPDIR": str(memory)})
    return path
