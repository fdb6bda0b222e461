# SPDX-License-Identifier: Apache-2.0
"""The RPM package, built by rpmbuild as far as that can be done without an RPM distribution."""

from package import BUILD, ROOT, run


def test_rpm_is_built_and_holds_program_and_unit():
    # What it is built with is known to dpkg here, not to rpm.
    run("make", "-s", f"BUILD={BUILD}", "RPM_FLAGS=--nodeps", "rpm", cwd=ROOT)

    (path,) = (BUILD / "rpm/RPMS").glob("*/connleak-0*.rpm")
    listed = run("rpm", "-qlp", path).split()
    assert {"/usr/bin/connleak", "/etc/connleak/connleak.conf"} <= set(listed)
    assert any(name.endswith("/connleak.service") for name in listed)
    scripts = run("rpm", "-qp", "--scripts", path)
    assert "groupadd -r connleak" in scripts and "--detach" in scripts
