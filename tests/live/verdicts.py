# SPDX-License-Identifier: Apache-2.0
"""What tests of the agent share that need a verdict soon: a leak of 23 and settings for it."""

import pathlib

from harness import CLIENTS, PYTHON, LineProgram

LEAKED = 23
HEALTHY = 3  # what clients/leaker.py has open before it leaks

# A test has seconds where an operator has minutes; what is tested is what becomes of a verdict.
QUICK = [
    *("--interval", "0.2", "--set", "T0=1", "--set", "TICK=0.2", "--set", "HOLD=0"),
    *("--set", "EXPOSURE=0", "--set", "A=20", "--set", "A_SUSPECT=5", "--set", "CREDIT=0"),
]


class Leaker(LineProgram):
    """clients/leaker.py, or a copy of it; see there for the commands."""

    def __init__(self, port, *prefix, script=CLIENTS / "leaker.py"):
        self.forgotten = 0
        super().__init__(*prefix, PYTHON, script, port)
        self.comm = pathlib.Path(f"/proc/{self.pid}/comm").read_text().rstrip("\n")

    def leak(self, count=LEAKED, interval_s=0.3):
        self.forgotten += count
        assert self.command(f"leak {count} {interval_s}") == [str(self.forgotten)]
