# SPDX-License-Identifier: Apache-2.0
"""The line protocol of the test programs: a command of words on stdin, one answer on stdout."""

import os
import sys


def serve(handlers):
    """Answers each line with what its handler returns; ends with the input."""
    print("ready", os.getpid(), flush=True)
    for line in sys.stdin:
        name, *words = line.split()
        try:
            answer = handlers[name](*words)
            print("ok", *(answer or []), flush=True)
        except Exception as error:  # whatever it is, the test is to see it
            print("error", type(error).__name__, str(error).replace("\n", " "), flush=True)
    os._exit(0)  # worker threads are not waited for


def parse_range(word):
    """FIRST-LAST or a single number, as a range."""
    first, _, last = word.partition("-")
    return range(int(first), int(last or first) + 1)
