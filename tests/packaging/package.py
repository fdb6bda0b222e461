# SPDX-License-Identifier: Apache-2.0
"""Packages, and commands that have to succeed."""

import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / os.environ.get("CONNLEAK_BUILD", "build")


def run(*argv, **options):
    """Its output; fails the test with what it said when it fails."""
    argv = [str(word) for word in argv]
    options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **options}
    done = subprocess.run(argv, check=False, **options)
    said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}" if options["capture_output"] else ""
    assert done.returncode == 0, f"{' '.join(argv)}: exit status {done.returncode}\n{said}"
    return done.stdout


class Deb:
    """A binary package."""

    def __init__(self, path):
        self.path = path

    def field(self, name):
        return run("dpkg-deb", "-f", self.path, name).strip()

    def depends(self):
        return [re.split(r"[ (|]", word)[0] for word in self.field("Depends").split(", ")]

    def files(self):
        lines = run("dpkg-deb", "-c", self.path).splitlines()
        return {words[5][1:]: words[0] for words in map(str.split, lines) if words[0][0] == "-"}

    def as_version(self, version, directory):
        """The same package under another version."""
        tree = directory / f"tree-{version}"
        run("dpkg-deb", "-R", self.path, tree)
        control = tree / "DEBIAN/control"
        text = re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.M)
        control.write_text(text)
        path = directory / f"connleak_{version}.deb"
        run("dpkg-deb", "-b", tree, path)
        shutil.rmtree(tree)
        return Deb(path)
