#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How many times as long as on an idle machine the deadlines of the live tests are to be on this one.

Prints the figure (CONNLEAK_PATIENCE): twice what this machine is slower than one that is not emulated,
at what the tests mostly do.
"""

import statistics
import subprocess
import sys
import time

# A process of the interpreter that computes a little, on an idle machine that is not emulated.
REFERENCE_S = 0.05
ROUNDS = 5
LIMITS = 6, 60


def seconds_of_a_process():
    started = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", "sum(range(10 ** 6))"], check=True)
    return time.monotonic() - started


measured = statistics.median(seconds_of_a_process() for _ in range(ROUNDS))
print(f"{min(max(2 * measured / REFERENCE_S, LIMITS[0]), LIMITS[1]):.0f}")
