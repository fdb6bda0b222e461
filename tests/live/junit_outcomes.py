# SPDX-License-Identifier: Apache-2.0
"""junit_outcomes.py FILE: a line a test of pytest's report: outcome, name, reason and id, by tabs."""

import sys
import xml.etree.ElementTree as ElementTree


def outcome_of(case):
    for kind, outcome in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        element = case.find(kind)
        if element is not None:
            return outcome, element.get("message") or ""
    return "passed", ""


for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    outcome, reason = outcome_of(case)
    path, name = case.get("classname", ""), case.get("name", "")
    module = path.rpartition(".")[2]
    words = " ".join(reason.split())[:200]
    print(outcome, f"{module} {name}", words or "-", f"{path.replace('.', '/')}.py::{name}", sep="\t")
