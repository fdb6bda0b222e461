# SPDX-License-Identifier: Apache-2.0
"""The live tests inside a virtual machine: which, on which kernel, and how each of them ended."""

import os
import pathlib
import shlex
import subprocess
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
UNAVAILABLE = 77


class Unavailable(Exception):
    """A kernel, or what runs on it, is not to be had from the mirror."""


def read_list(name):
    """Lines of words; what follows a # is a comment."""
    lines = (line.partition("#")[0].split() for line in (HERE / name).read_text().splitlines())
    return [words for words in lines if words]


def core_tests():
    return [words[0] for words in read_list("core-tests")]


def arm64_tests():
    return [words[0] for words in read_list("arm64-tests")]


def left_out(label):
    """{test or file: reason} of what is not run on a kernel; LABEL may be * for all."""
    rows = read_list("left-out")
    return {words[1]: " ".join(words[2:]) for words in rows if words[0] in ("*", label)}


def fetch_kernel(label, build):
    done = subprocess.run(
        [HERE / "fetch-kernel.sh", label, build / "vm"], capture_output=True, text=True, timeout=900
    )
    if done.returncode == UNAVAILABLE:
        raise Unavailable(f"kernel {label}: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return build / "vm" / label


def root_of(label, build):
    """What the machine's file system and its build of connleak are: ours, or those of its own."""
    if not label.endswith("-arm64"):
        subprocess.run([HERE / "build-apps.sh", build / "sites", "gcc"], check=True)
        return "/", build, {}
    done = subprocess.run([HERE / "build-arm64.sh", build], capture_output=True, text=True)
    if done.returncode == UNAVAILABLE:
        raise Unavailable(f"arm64: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    root = build / "vm/arm64-root"
    busybox = root / "bin/busybox"
    # A processor that signs return addresses, as those of today do.
    environment = {"VM_ARCH": "arm64", "VM_BUSYBOX": str(busybox), "VM_CPU": "max,pauth-impdef=on"}
    return root, build / "arm64", environment


def live_files(label):
    """The files of tests/live that are run on a kernel, without those that are left out as a whole."""
    names = {path.name for path in (ROOT / "tests/live").glob("test_*.py")}
    return sorted(names - set(left_out(label)))


def command_for(label, build, groups):
    """A shell script: pytest for each group of tests, its report in /mnt/out/reports/GROUP.xml."""
    words = ["/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-q"]
    words += ["--tb=short", "--durations=3"]
    words += [
        word
        for test in left_out(label)
        if "::" in test
        for word in ("--deselect", f"tests/live/{test}")
    ]
    lines = [
        f"export CONNLEAK_BUILD={shlex.quote(str(build))}",
        "export CONNLEAK_APPS=$CONNLEAK_BUILD/sites",
        "CONNLEAK_PATIENCE=$(/usr/bin/python3 -B tests/vm/patience.py)",
        "export CONNLEAK_PATIENCE CONNLEAK_OWN_MACHINE=1 CONNLEAK_STORM_PER_SECOND=500",
        'echo "deadlines are multiplied by $CONNLEAK_PATIENCE"',
    ]
    for group, tests in groups.items():
        report = f"/mnt/out/reports/{group}"
        places = [f"tests/live/{test}" for test in tests]
        lines.append(f"echo {shlex.quote(group)}")
        lines.append(shlex.join([*words, f"--junitxml={report}.xml", *places]) + f" >{report}.log 2>&1")
        lines.append(f'echo "ended with $?: $(tail -n 1 {report}.log)"')
    return "\n".join(lines) + "\n"


def run_tests(label, build, groups, seconds, **environment):
    """Runs pytest in a machine with that kernel, once for each of {group: tests}.

    Returns {group: {test: (outcome, reason)}}; a group without a report, for instance because the
    machine died before its end, has one failure of its own name.
    """
    build = pathlib.Path(build).resolve()
    kernel = fetch_kernel(label, build)
    root, its_build, its_environment = root_of(label, build)
    out = build / "vm" / f"{label}-out"
    reports = out / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    for group in groups:
        (reports / f"{group}.xml").unlink(missing_ok=True)
    script = out / "command"
    script.write_text(command_for(label, its_build, groups))
    places = {
        "VM_ROOT": str(root),
        "VM_SHARE": f"{ROOT} {its_build}",
        "VM_SECONDS": str(seconds),
    }
    done = subprocess.run(
        [HERE / "run-shared.sh", kernel, out, script],
        cwd=ROOT,
        env={**os.environ, **places, **its_environment, **environment},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    if done.returncode != 0:
        console = (out / "console").read_text(errors="replace")
        print(f"{label}: exit status {done.returncode}\n{console[-3000:]}{done.stderr}", flush=True)
    return {group: outcomes_of(reports / f"{group}.xml") for group in groups}


def outcomes_of(path):
    """{test: (outcome, reason)} of a report of pytest; what has left none has failed."""
    if not path.exists():
        return {path.stem: ("failed", "no report: see console and log beside it")}
    found = {}
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname').rpartition('.')[2]}.py::{case.get('name')}"
        outcome, reason = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                outcome, reason = "failed", (child.get("message") or "").partition("\n")[0]
            elif child.tag == "skipped" and outcome == "passed":
                outcome, reason = "skipped", child.get("message") or ""
        found[name] = (outcome, reason)
    return found
