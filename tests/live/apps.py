# SPDX-License-Identifier: Apache-2.0
"""The programs of tests/sites/apps: compiled here, or elsewhere where there is no compiler."""

import os
import pathlib
import shutil
import subprocess

from harness import ROOT

APPS = ROOT / "tests/sites/apps"


def build(tmp_path, source, *options, strip=False, name="orders"):
    program = tmp_path / name
    # A machine without a compiler has been given it (tests/vm/build-apps.sh).
    built = pathlib.Path(os.environ.get("CONNLEAK_APPS", "/nonexistent")) / "".join([source, *options])
    if built.exists():
        shutil.copy(built, program)
    else:
        compiler = "g++" if source.endswith("cpp") else "gcc"
        command = [compiler, "-O2", *options, APPS / source, "-o", program, "-pthread"]
        subprocess.run(command, check=True)
    if strip:
        subprocess.run(["strip", program], check=True)
    return program
