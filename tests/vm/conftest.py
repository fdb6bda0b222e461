# SPDX-License-Identifier: Apache-2.0
"""Where the build is, as the live tests say it too."""

import os

import machine
import pytest


@pytest.fixture(scope="session")
def build():
    return (machine.ROOT / os.environ.get("CONNLEAK_BUILD", "build")).resolve()


@pytest.fixture(scope="session")
def kernel(build):
    """kernel("6.1"): its directory; skips where the mirror has it no more."""

    def fetch(label):
        try:
            return machine.fetch_kernel(label, build)
        except machine.Unavailable as error:
            pytest.skip(str(error))

    return fetch
