# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built, checked by lintian, and installed into a Debian of its own."""

import contextlib
import gzip
import os
import re
import subprocess

import pytest

from package import BUILD, ROOT, run

COMMANDS = ("agent", "check", "explain", "list", "replay", "top", "trace")


class System:
    """A copy of a Debian that a test may change: a layer of memory above it, and a chroot."""

    def __init__(self, rootfs, memory):
        self.path = memory / "system"
        work = memory / "layer"
        for directory in (self.path, work / "upper", work / "work"):
            directory.mkdir(parents=True)
        layers = f"lowerdir={rootfs},upperdir={work}/upper,workdir={work}/work"
        run("mount", "-t", "overlay", "-o", layers, "overlay", self.path)
        # No service is started in a chroot.
        policy = self.path / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)

    def run(self, *argv):
        return run("chroot", self.path, *argv, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def dpkg(self, *argv):
        return self.run("dpkg", *argv)

    def copy(self, deb):
        (self.path / "root" / deb.path.name).write_bytes(deb.path.read_bytes())
        return f"/root/{deb.path.name}"

    def has_group(self):
        return "connleak:" in (self.path / "etc/group").read_text()

    def files_named(self, pattern):
        places = [self.path / place for place in ("etc", "usr", "var", "lib")]
        out = run("find", *places, "-xdev", "-name", pattern, "-not", "-path", "*/dpkg/*")
        return [line[len(str(self.path)) :] for line in out.splitlines()]

    def stop(self):
        with contextlib.suppress(AssertionError):
            run("umount", self.path)


@pytest.fixture(scope="module")
def system(rootfs, memory):
    system = System(rootfs, memory)
    yield system
    system.stop()


def test_package_has_no_complaint_of_lintian(deb):
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", deb.path],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_package_has_the_version_of_the_program(deb):
    program = run(BUILD / "connleak", "--version").split()

    assert program == ["connleak", deb.field("Version").rpartition("-")[0]]


def test_package_holds_program_unit_pages_and_completion(deb):
    files = deb.files()

    assert files["/usr/bin/connleak"] == "-rwxr-xr-x"
    expected = {
        "/etc/connleak/connleak.conf",
        "/lib/systemd/system/connleak.service",
        "/usr/share/bash-completion/completions/connleak",
        "/usr/share/connleak/grafana/connleak.json",
        "/usr/share/connleak/prometheus/connleak.rules.yml",
        "/usr/share/connleak/prometheus/prometheus.yml",
        "/usr/share/doc/connleak/copyright",
        "/usr/share/man/man8/connleak.8.gz",
        *(f"/usr/share/man/man8/connleak-{command}.8.gz" for command in COMMANDS),
    }
    assert expected <= set(files)
    assert {path for path in files if files[path] not in ("-rw-r--r--", "-rwxr-xr-x")} == set()
    catalogs = (ROOT / "packaging/systemd").glob("*.catalog")
    assert {f"/usr/lib/systemd/catalog/{path.name}" for path in catalogs} <= set(files)


def test_package_pages_are_of_what_the_program_takes(deb, memory):
    tree = memory / "pages"
    run("dpkg-deb", "-x", deb.path, tree)
    for command in COMMANDS:
        page = gzip.decompress(
            (tree / f"usr/share/man/man8/connleak-{command}.8.gz").read_bytes()
        ).decode()
        assert "@OPTIONS@" not in page
        assert re.search(r"\.SH OVERHEAD", page)


def test_package_lives_from_install_to_purge(deb, system, memory):
    system.dpkg("-i", system.copy(deb))
    version = system.run("/usr/bin/connleak", "--version")
    assert version.split()[1] in deb.field("Version")
    assert system.has_group()
    wanted = system.path / "etc/systemd/system/multi-user.target.wants/connleak.service"
    assert os.readlink(wanted).endswith("/systemd/system/connleak.service")
    # What the unit runs is there, in a system that has nothing but what the package asks for.
    verify = ("systemd-analyze", "verify", "--recursive-errors=no", "--man=no")
    run(*verify, f"--root={system.path}", "connleak.service")
    system.run("/usr/bin/connleak", "agent", "--check-config")

    # A changed config survives the upgrade, and the state does.
    config = system.path / "etc/connleak/connleak.conf"
    config.write_text(config.read_text() + "port = 5432\n")
    state = system.path / "var/lib/connleak"
    state.mkdir(exist_ok=True)
    (state / "alerts").write_text("{}")
    system.dpkg("-i", system.copy(deb.as_version("99.0-1", memory)))
    assert "99.0-1" in system.dpkg("-s", "connleak")
    assert config.read_text().endswith("port = 5432\n")
    assert (state / "alerts").exists()

    system.dpkg("-r", "connleak")
    assert not (system.path / "usr/bin/connleak").exists()
    assert config.exists() and (state / "alerts").exists()

    (system.path / "etc/connleak/connleak.conf.d/own.conf").parent.mkdir(exist_ok=True)
    system.dpkg("-P", "connleak")
    assert not system.has_group()
    assert system.files_named("*connleak*") == []


def test_install_below_another_prefix_names_its_own_program(tmp_path):
    run("make", "-s", f"BUILD={BUILD}", "install", f"DESTDIR={tmp_path}", cwd=ROOT)

    unit = (tmp_path / "usr/local/lib/systemd/system/connleak.service").read_text()
    assert "ExecStart=/usr/local/bin/connleak agent" in unit
    assert (tmp_path / "usr/local/bin/connleak").exists()
    assert (tmp_path / "usr/local/etc/connleak/connleak.conf").exists()
