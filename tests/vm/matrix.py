#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The live tests on every kernel of tests/vm/kernels, as one table: kernel by test.

What is left out on a kernel, and why, is in tests/vm/left-out; a test that skips there by itself
counts as failed. arm64 and --core run the tests of tests/vm/core-tests only. Exits with 1 when
anything failed, or a kernel could not be had.

usage: matrix.py BUILD-DIRECTORY [--core] [LABEL...]
"""

import argparse
import pathlib
import sys

import machine

REFUSED = ("5.10",)  # test_old_kernel.py has those that connleak must refuse
SECONDS = {True: 1800, False: 7200}


def all_labels():
    return [words[0] for words in machine.read_list("kernels") if words[0] not in REFUSED]


def run_kernel(label, build, core):
    core = core or label.endswith("-arm64")
    tests = machine.core_tests() if core else []
    try:
        outcomes = machine.run_tests(label, build, tests, SECONDS[core])
    except (machine.Unavailable, RuntimeError) as error:
        print(f"{label}: {error}", flush=True)
        return None
    counts = {
        word: sum(outcome == word for outcome, _ in outcomes.values())
        for word in ("passed", "failed", "skipped")
    }
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    print(f"{label}: {told}", flush=True)
    for test, (outcome, reason) in outcomes.items():
        if outcome != "passed":
            print(f"  {outcome} {test}: {reason[:200]}")
    return outcomes


def cell(outcomes, function):
    """How the variants of a test went: their number, or how many of them did not pass."""
    if outcomes is None:
        return "?"
    own = [outcome for test, (outcome, _) in outcomes.items() if test.partition("[")[0] == function]
    bad = sum(outcome != "passed" for outcome in own)
    return f"FAILED {bad} of {len(own)}" if bad else str(len(own) or "-")


def print_table(results):
    functions = {test.partition("[")[0] for outcomes in results.values() for test in outcomes or {}}
    width = max((len(function) for function in functions), default=0)
    print(f"\n{'variants passed; - is left out':<{width}} " + " ".join(f"{x:>12}" for x in results))
    for function in sorted(functions):
        cells = " ".join(f"{cell(outcomes, function):>12}" for outcomes in results.values())
        print(f"{function:<{width}} {cells}")
    for label in results:
        for test, reason in machine.left_out(label).items():
            print(f"left out on {label}: {test}: {reason}")


def main():
    parser = argparse.ArgumentParser(prog="matrix.py")
    parser.add_argument("build")
    parser.add_argument("--core", action="store_true", help="the tests of core-tests only")
    parser.add_argument("labels", nargs="*", metavar="LABEL", help=" ".join(all_labels()))
    arguments = parser.parse_intermixed_args()
    unknown = set(arguments.labels) - set(all_labels())
    if unknown:
        sys.exit(f"matrix.py: no kernel is called {', '.join(unknown)}")
    build = pathlib.Path(arguments.build).resolve()
    results = {
        label: run_kernel(label, build, arguments.core)
        for label in arguments.labels or all_labels()
    }
    print_table(results)
    ended = [outcome for one in results.values() if one for outcome, _ in one.values()]
    sys.exit(None in results.values() or not ended or any(x != "passed" for x in ended))


if __name__ == "__main__":
    main()
