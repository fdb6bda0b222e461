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
PYTEST_DONE = (0, 1)  # all passed, some failed


class Unavailable(Exception):
    """A kernel, or what runs on it, is not to be had from the mirror."""


def read_list(name):
    """Lines of words; what follows a # is a comment."""
    lines = (line.partition("#")[0].split() for line in (HERE / name).read_text().splitlines())
    return [words for words in lines if words]


def core_tests():
    return [words[0] for words in read_list("core-tests")]


def left_out(label):
    """{test: reason} of what is not run on a kernel; LABEL may be * for all."""
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
        return "/", build, {}
    done = subprocess.run([HERE / "build-arm64.sh", build], capture_output=True, text=True)
    if done.returncode == UNAVAILABLE:
        raise Unavailable(f"arm64: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    root = build / "vm/arm64-root"
    busybox = root / "bin/busybox"
    return root, build / "arm64", {"VM_ARCH": "arm64", "VM_BUSYBOX": str(busybox)}


def run_tests(label, build, tests, seconds):
    """{test: (outcome, reason)} of pytest in a machine with that kernel; a dead machine raises."""
    build = pathlib.Path(build).resolve()
    kernel = fetch_kernel(label, build)
    root, its_build, environment = root_of(label, build)
    out = build / "vm" / f"{label}-out"
    out.mkdir(parents=True, exist_ok=True)
    (out / "junit.xml").unlink(missing_ok=True)
    words = ["/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-v"]
    words += ["--tb=short", "--junitxml=/mnt/out/junit.xml"]
    words += [word for test in left_out(label) for word in ("--deselect", f"tests/live/{test}")]
    words += [f"tests/live/{test}" for test in tests] or ["tests/live"]
    script = out / "command"
    script.write_text(f"export CONNLEAK_BUILD={shlex.quote(str(its_build))}\n{shlex.join(words)}\n")
    places = {
        "VM_ROOT": str(root),
        "VM_SHARE": f"{ROOT} {its_build}",
        "VM_SECONDS": str(seconds),
    }
    done = subprocess.run(
        [HERE / "run-shared.sh", kernel, out, script],
        cwd=ROOT,
        env={**os.environ, **places, **environment},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    if done.returncode not in PYTEST_DONE:
        console = (out / "console").read_text(errors="replace")
        raise RuntimeError(f"{label}: exit status {done.returncode}\n{console[-3000:]}{done.stderr}")
    return outcomes_of(out / "junit.xml")


def outcomes_of(path):
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
