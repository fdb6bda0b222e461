# SPDX-License-Identifier: Apache-2.0
"""The package in a booted Debian with systemd and journald: installed, alerting, upgraded, removed."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from package import BUILD, ROOT

HERE = pathlib.Path(__file__).resolve().parent

KERNEL = "6.1"
UNAVAILABLE = 77
NEXT_VERSION = "99.0-1"
# A clock that counts instructions: systemd gives a service 90 s to start, and that is to be the same
# however busy the machine below is. It allows one processor.
MACHINE = {"VM_CLOCK": "instructions", "VM_CPUS": "1", "VM_SECONDS": "3600"}


class Life:
    """What a virtual machine has seen of the package."""

    def __init__(self, path):
        self.path = path

    def lines(self, name):
        return (self.path / name).read_text().splitlines()

    def objects(self, name):
        return [json.loads(line) for line in self.lines(name)]


@pytest.fixture(scope="module")
def life(rootfs, deb, memory):
    kernels = BUILD / "vm"
    fetched = subprocess.run(
        [ROOT / "tests/vm/fetch-kernel.sh", KERNEL, kernels], capture_output=True, text=True
    )
    if fetched.returncode == UNAVAILABLE:
        pytest.skip(f"kernel {KERNEL}: {fetched.stderr.strip()}")
    assert fetched.returncode == 0, fetched.stderr
    out = memory / "life"
    out.mkdir()
    shutil.copy(deb.path, out / "first.deb")
    shutil.copy(deb.as_version(NEXT_VERSION, memory).path, out / "second.deb")
    shutil.copy(HERE / "system_script.sh", out / "script")
    for program in (BUILD / "live/server", BUILD / "demo/leaky-app"):
        shutil.copy(program, out)
    done = subprocess.run(
        [HERE / "boot-systemd.sh", kernels / KERNEL, rootfs, out],
        capture_output=True,
        text=True,
        env={**os.environ, **MACHINE},
    )
    if (keep := os.environ.get("CONNLEAK_KEEP_LIFE")):
        shutil.copytree(out, pathlib.Path(keep), dirs_exist_ok=True)
    assert done.returncode == 0, f"{done.stderr}\n{(out / 'output').read_text()[-4000:]}"
    return Life(out)


def test_install_starts_the_service_and_makes_the_group(life, deb):
    active, pid, version = life.lines("installed")

    assert (active, version) == ("active", deb.field("Version"))
    assert int(pid) > 1
    assert life.lines("group")[0].startswith("connleak:")


def test_leak_is_in_the_journal_with_its_fields(life):
    entries = life.objects("leak.json")
    raised = [entry for entry in entries if entry["CONNLEAK_STATE"] == "raised"]

    assert len(raised) == 1
    entry = raised[0]
    assert entry["CONNLEAK_PID"] == life.lines("leaky-pid")[0]
    assert entry["CONNLEAK_COMM"] == "leaky-app"
    assert entry["CONNLEAK_REMOTE"] == "127.0.0.1:7000"
    assert entry["CONNLEAK_WORKLOAD"] == "orders.service"
    assert entry["MESSAGE"].startswith("LEAK leaky-app[")
    assert len(entry["MESSAGE_ID"]) == 32
    assert entry["_SYSTEMD_UNIT"] == "connleak.service"


def test_leak_is_explained_by_the_catalog(life):
    text = "\n".join(life.lines("leak.explained"))

    # journalctl marks what comes from the catalog.
    assert "░░" in text or "-- " in text
    assert "Subject:" in text


def test_list_of_an_unprivileged_member_of_the_group_asks_the_agent(life):
    rows = life.objects("list.json")

    assert life.lines("list.err") == []
    assert {row["comm"] for row in rows} == {"leaky-app"}
    assert {row["workload"] for row in rows} == {"orders.service"}


def test_upgrade_restarts_the_service_and_knows_what_was_there(life):
    active, pid, version = life.lines("upgraded")

    assert (active, version) == ("active", NEXT_VERSION)
    assert pid != life.lines("installed")[1]
    rows = life.objects("list.upgraded.json")
    assert len(rows) > 5
    # It saw them open before the upgrade, and that has not been forgotten.
    assert [row["age_is_bound"] for row in rows] == [False] * len(rows)


def test_service_logs_no_warning_but_verdicts(life):
    warnings = [e for e in life.objects("warnings.json") if "CONNLEAK_KIND" not in e]

    assert [entry["MESSAGE"] for entry in warnings] == []


def test_remove_stops_it_and_leaves_nothing_in_the_kernel(life):
    assert life.lines("pins.before") != []
    assert life.lines("removed") == ["inactive"]


def test_purge_leaves_no_file_and_no_group(life):
    assert life.lines("files.installed") != []
    assert life.lines("purged") == []


def test_script_of_the_system_is_what_the_machine_ran(life):
    assert (life.path / "script").read_bytes() == (HERE / "system_script.sh").read_bytes()
    assert any(line.startswith("== end") for line in life.lines("output"))
