#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The live tests on the kernels of tests/vm/kernels, as one table: test by kernel.

What is left out on a kernel, and why, is in tests/vm/left-out; a test that skips there by itself
counts as failed. --core runs the tests of tests/vm/core-tests only, as arm64 always does. Every file of
tests has a report of its own, which stays in BUILD-DIRECTORY/vm/LABEL-out/reports: --print makes the
table of those, and runs nothing. Exits with 1 when anything failed, or a kernel could not be had.

usage: matrix.py BUILD-DIRECTORY [--core | --print] [--files NAME,...] [LABEL...]
"""

import argparse
import concurrent.futures
import os
import pathlib
import sys

import machine

REFUSED = ("5.10",)  # test_old_kernel.py has those that connleak must refuse
CORE_SECONDS, LIVE_SECONDS = 1800, 4 * 3600
# The long form has a clock that counts instructions, so that it does not matter how busy the machine
# below is; it allows one processor. The short form has two, and the time of day.
LIVE_MACHINE = {"VM_CLOCK": "instructions", "VM_CPUS": "1", "VM_MEMORY": "3072"}


def all_labels():
    return [words[0] for words in machine.read_list("kernels") if words[0] not in REFUSED]


def only_core(label):
    return label.endswith("-arm64")


def groups_of(label, arguments):
    if arguments.core or only_core(label):
        groups = {"core": machine.core_tests()}
        if only_core(label):
            groups["sites"] = machine.arm64_tests()
        return groups
    files = machine.live_files(label)
    if arguments.files:
        files = [name for name in arguments.files if name in files]
    return {name.removesuffix(".py"): [name] for name in files}


def run_kernel(label, build, groups):
    """{test: (outcome, reason)}, or None where the kernel is not to be had."""
    core = "core" in groups
    try:
        reports = machine.run_tests(
            *(label, build, groups, CORE_SECONDS if core else LIVE_SECONDS),
            **({} if core else LIVE_MACHINE),
        )
    except machine.Unavailable as error:
        print(f"{label}: {error}", flush=True)
        return None
    outcomes = {test: how for group in reports.values() for test, how in group.items()}
    print_summary(label, outcomes)
    return outcomes


def run_kernels(labels, build, arguments):
    """{label: outcomes}. Machines that count instructions run on one processor each, and do not mind
    what runs beside them: as many at once as there are processors. The others one after the other.
    """
    groups = {label: groups_of(label, arguments) for label in labels}
    alone = [label for label in labels if "core" in groups[label]]
    together = [label for label in labels if label not in alone]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {label: pool.submit(run_kernel, label, build, groups[label]) for label in together}
    found = {label: future.result() for label, future in running.items()}
    found.update({label: run_kernel(label, build, groups[label]) for label in alone})
    return {label: found[label] for label in labels}


def reports_of(label, build):
    return build / "vm" / f"{label}-out/reports"


def read_kernel(label, build):
    """The same of what earlier runs have left; core-tests count where the file itself was not run."""
    found = {}
    for path in sorted(reports_of(label, build).glob("*.xml"), key=lambda path: path.stem != "core"):
        found.update(machine.outcomes_of(path))
    return found or None


def print_summary(label, outcomes):
    counts = {
        word: sum(outcome == word for outcome, _ in outcomes.values())
        for word in ("passed", "failed", "skipped")
    }
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    print(f"{label}: {told}", flush=True)
    for test, (outcome, reason) in outcomes.items():
        if outcome != "passed":
            print(f"  {outcome} {test}: {reason[:200]}")


def cell(outcomes, function):
    """How the variants of a test went: their number, or how many of them did not pass."""
    if outcomes is None:
        return "?"
    own = [outcome for test, (outcome, _) in outcomes.items() if test.partition("[")[0] == function]
    bad = sum(outcome != "passed" for outcome in own)
    return f"FAILED {bad} of {len(own)}" if bad else str(len(own) or "-")


def not_run(label, build):
    """The files that belong to this kernel and have left no report of their own there."""
    if only_core(label):
        return []
    reports = reports_of(label, build)
    files = machine.live_files(label)
    return [name for name in files if not (reports / name).with_suffix(".xml").exists()]


def print_table(results, build, core):
    functions = {test.partition("[")[0] for outcomes in results.values() for test in outcomes or {}}
    width = max((len(function) for function in functions), default=0)
    print(f"\n{'variants passed; - was not run':<{width}} " + " ".join(f"{x:>12}" for x in results))
    for function in sorted(functions):
        cells = " ".join(f"{cell(outcomes, function):>12}" for outcomes in results.values())
        print(f"{function:<{width}} {cells}")
    if core:
        return
    for label in results:
        missing = not_run(label, build)
        if missing:
            print(f"not run on {label}: {', '.join(missing)}")
    for label, what, *reason in machine.read_list("left-out"):
        if label == "*" or label in results:
            print(f"left out on {label if label != '*' else 'all'}: {what}: {' '.join(reason)}")


def main():
    parser = argparse.ArgumentParser(prog="matrix.py")
    parser.add_argument("build")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--core", action="store_true", help="the tests of core-tests only")
    form.add_argument("--print", action="store_true", help="run nothing, print what has been run")
    parser.add_argument("--files", type=lambda names: names.split(","), help="of tests/live, by comma")
    parser.add_argument("labels", nargs="*", metavar="LABEL", help=" ".join(all_labels()))
    arguments = parser.parse_intermixed_args()
    unknown = set(arguments.labels) - set(all_labels())
    if unknown:
        sys.exit(f"matrix.py: no kernel is called {', '.join(unknown)}")
    build = pathlib.Path(arguments.build).resolve()
    labels = arguments.labels or all_labels()
    if arguments.print:
        results = {label: read_kernel(label, build) for label in labels}
        for label, outcomes in results.items():
            print_summary(label, outcomes or {})
    else:
        results = run_kernels(labels, build, arguments)
    print_table(results, build, arguments.core)
    ended = [outcome for one in results.values() if one for outcome, _ in one.values()]
    sys.exit(None in results.values() or not ended or any(x != "passed" for x in ended))


if __name__ == "__main__":
    main()
