#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads what the static checkers said, takes off the listed exceptions, and fails on the rest.

An exception that excuses nothing any more fails too, so that the list stays short; with --quick,
where some checks have not been run, it does not.

usage: judge.py [--quick] EXCEPTIONS OUTPUT...
"""

import collections
import pathlib
import re
import sys

# What clang-tidy, cppcheck and gcc all write; paths are relative or below the working directory.
FINDING = re.compile(r"^(?P<file>[^:\s]+):(?P<line>\d+):\d+: \w+: (?P<text>.*) \[(?P<checks>[^\]]+)\]$")


def read_exceptions(path):
    """{(check, file): why}; a line is CHECK FILE WHY..."""
    exceptions = {}
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3:
            sys.exit(f"{path}:{number}: an exception is CHECK FILE and a reason")
        exceptions[words[0], words[1]] = words[2]
    return exceptions


def findings(paths):
    """Each finding once, however many files include the header that it is in."""
    here = f"{pathlib.Path.cwd()}/"
    seen = set()
    for path in paths:
        for line in pathlib.Path(path).read_text(errors="replace").splitlines():
            match = FINDING.match(line)
            if not match:
                continue
            file = match["file"].removeprefix(here)
            if file.startswith("/"):
                continue  # generated, or the system's
            checks = match["checks"].removeprefix("-W").split(",")
            seen.add((file, int(match["line"]), checks[0], match["text"]))
    return sorted(seen)


def main(arguments):
    quick = arguments[:1] == ["--quick"]
    exceptions_path, *outputs = arguments[quick:]
    exceptions = read_exceptions(exceptions_path)
    used = collections.Counter()
    failed = 0
    for file, line, check, text in findings(outputs):
        if (check, file) in exceptions:
            used[check, file] += 1
            continue
        failed += 1
        print(f"{file}:{line}: {text} [{check}]")
    if not quick:
        for check, file in exceptions.keys() - used.keys():
            failed += 1
            print(f"{exceptions_path}: '{check} {file}' excuses nothing any more")
    print(f"lint: {failed} findings, {sum(used.values())} excused by {len(used)} exceptions")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
