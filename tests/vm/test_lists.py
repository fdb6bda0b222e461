# SPDX-License-Identifier: Apache-2.0
"""What the lists of this directory name is there: a test that was renamed would be left out in silence."""

import machine
import pytest

NAMED = machine.core_tests() + machine.arm64_tests()
NAMED += [words[1] for words in machine.read_list("left-out")]


@pytest.mark.parametrize("name", NAMED)
def test_what_is_listed_exists(name):
    path, _, test = name.partition("::")
    source = (machine.ROOT / "tests/live" / path).read_text()

    assert not test or f"def {test.partition('[')[0]}(" in source


def test_each_omission_has_its_reason_and_kernel():
    labels = {words[0] for words in machine.read_list("kernels")} | {"*"}
    for label, what, *reason in machine.read_list("left-out"):
        assert label in labels and reason, what
