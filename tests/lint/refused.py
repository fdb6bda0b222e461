#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the tests with memory refused come to every allocation of agent/core and agent/screen.

usage: refused.py COUNTS       what gcovr --json has counted while only these tests ran
"""

import json
import pathlib
import re
import sys

CALL = re.compile(r"\b(malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf)\(")


def statement(lines, number):
    """The lines of the statement that this line is in: the compiler counts for one of them."""
    first = last = number
    while first > 1 and not lines[first - 2].rstrip().endswith((";", "{", "}", "*/")):
        first -= 1
    while last < len(lines) and not lines[last - 1].rstrip().endswith((";", "{")):
        last += 1
    return range(first, last + 1)


def main():
    missed = total = 0
    for file in json.load(open(sys.argv[1]))["files"]:
        counts = {line["line_number"]: line["count"] for line in file["lines"]}
        lines = pathlib.Path(file["file"]).read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if not CALL.search(line) or line.lstrip().startswith(("*", "/*")):
                continue
            total += 1
            if not any(counts.get(at) for at in statement(lines, number)):
                missed += 1
                print(f"{file['file']}:{number}: never refused: {line.strip()}")
    print(f"allocations refused: {total - missed} of {total}")
    return 1 if missed or not total else 0


sys.exit(main())
