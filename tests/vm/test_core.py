# SPDX-License-Identifier: Apache-2.0
"""The core of the live tests on the oldest kernel that is supported: the short form of `make vm`."""

import machine
import pytest

KERNEL = "6.1"
SECONDS = 900


@pytest.fixture(scope="module")
def outcomes(build, kernel):
    kernel(KERNEL)
    return machine.run_tests(KERNEL, build, {"core": machine.core_tests()}, SECONDS)["core"]


@pytest.mark.parametrize("test", machine.core_tests())
def test_passes_on_the_oldest_kernel(outcomes, test):
    own = {name: how for name, how in outcomes.items() if name == test or name.startswith(f"{test}[")}

    assert own
    assert {name: how for name, how in own.items() if how[0] != "passed"} == {}
