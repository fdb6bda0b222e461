# SPDX-License-Identifier: Apache-2.0
"""The RPM spec: parsed by rpm, and held against what `make install` installs."""

import re
import subprocess

import pytest

from package import BUILD, ROOT, run

SPEC = ROOT / "packaging/rpm/connleak.spec"
UNITDIR = "/usr/lib/systemd/system"


@pytest.fixture(scope="module")
def spec():
    return run("rpmspec", "-P", SPEC)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    destination = tmp_path_factory.mktemp("rpm")
    words = [f"BUILD={BUILD}", f"DESTDIR={destination}", "PREFIX=/usr", f"UNITDIR={UNITDIR}"]
    run("make", "-s", *words, "install", cwd=ROOT)
    return destination


def section(spec, name):
    return re.search(rf"^%{name}\n(.*?)(?=^%(?:changelog|post|pre|files|build)|\Z)", spec, re.M | re.S)[1]


def test_spec_names_the_version_of_the_program():
    out = run("rpmspec", "-q", "--qf", "%{name} %{version}\n", SPEC)

    assert out.split() == run(BUILD / "connleak", "--version").split()


def test_spec_lists_every_installed_file_and_no_other(spec, installed):
    lines = [line.split()[-1] for line in section(spec, "files").splitlines() if "/" in line]
    patterns = [line for line in lines if line.startswith("/")]
    found = set()
    for pattern in patterns:
        matches = list(installed.glob(pattern[1:]))
        assert matches, f"{pattern} is not installed"
        for match in matches:
            # With a slash behind it, a directory stands for all that is in it.
            found.update(match.rglob("*") if pattern.endswith("/") else [match])

    files = {path for path in installed.rglob("*") if path.is_file()}
    assert files == {path for path in found if path.is_file()}


def test_spec_asks_for_the_libraries_that_the_program_links(spec):
    needed = run("make", "-s", "-p", "-n", f"BUILD={BUILD}", "help", cwd=ROOT)
    libraries = re.search(r"^PKGS := (.*)$", needed, re.M)[1].split()

    for library in libraries:
        assert f"pkgconfig({library})" in spec


def test_spec_scripts_are_shell(spec, tmp_path):
    for name in ("pre", "post", "preun", "postun"):
        script = tmp_path / name
        body = re.search(rf"^%{name}\n(.*?)(?=^%)", spec, re.M | re.S)[1]
        script.write_text(body)
        assert body.strip()
        assert subprocess.run(["sh", "-n", script]).returncode == 0
