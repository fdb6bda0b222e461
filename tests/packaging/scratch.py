# SPDX-License-Identifier: Apache-2.0
"""A directory for whole systems, and the removal of those that killed runs have left behind.

Whoever has one holds a lock on it, which the kernel takes back when he dies, however he dies.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile

from package import run

PREFIX = "connleak-packaging-"


@contextlib.contextmanager
def locked(path, how=fcntl.LOCK_EX):
    """Whether it could be: with LOCK_NB somebody else may hold it."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(fd, how)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def mounted_below(path):
    """What is mounted there or below, the last one first."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    places = [line.split()[4] for line in lines]
    return [place for place in reversed(places) if f"{place}/".startswith(f"{path}/")]


def remove(path):
    """Not through a mount: what is mounted there may be the host's own."""
    for place in mounted_below(path):
        with contextlib.suppress(AssertionError):
            run("umount", "--lazy", place)
    if not mounted_below(path):
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def scratch_directory(parent):
    """A new directory below parent, gone afterwards."""
    # Between its making and its lock it looks like one that was left behind.
    with locked(parent):
        path = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        own = contextlib.ExitStack()
        own.enter_context(locked(path))
    with own:
        try:
            yield path
        finally:
            remove(path)


def remove_left_behind(parent, stop):
    """Those that nobody holds any more; stop(path) ends what still runs in one."""
    with locked(parent):
        for path in pathlib.Path(parent).glob(f"{PREFIX}*"):
            with locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB) as nobodys:
                if nobodys:
                    stop(path)
                    remove(path)
