# SPDX-License-Identifier: Apache-2.0
"""The places where the last send can be seen: each by itself, where the kernel has it."""

import pathlib
import platform
import subprocess

import pytest

from harness import PROGRAMS

TRACEPOINT, FENTRY, KPROBE = range(3)


def has_tracepoint():
    return b"btf_trace_sock_send_length" in pathlib.Path("/sys/kernel/btf/vmlinux").read_bytes()


def has_kprobes():
    return pathlib.Path("/sys/kernel/tracing/kprobe_events").exists()


@pytest.mark.parametrize("place", [TRACEPOINT, FENTRY, KPROBE], ids=["tracepoint", "fentry", "kprobe"])
def test_sender_is_seen_at_each_place_that_the_kernel_has(place):
    words = [PROGRAMS / "sender-probe", str(place)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    # A kernel that is built for kprobes lets fentry attach as well; arm64 has that since 6.4 only.
    expected = {
        TRACEPOINT: has_tracepoint(),
        FENTRY: has_kprobes() and platform.machine() == "x86_64",
        KPROBE: has_kprobes(),
    }
    if done.returncode == 0 or expected[place]:
        assert done.stdout.startswith("seen: thread the-sender, "), done
    else:
        names = "tracepoint sock_send_length", "fentry of tcp_sendmsg", "kprobe of tcp_sendmsg"
        assert done.returncode == 3, done
        assert done.stdout.startswith(f"cannot see who sends last ({names[place]}: "), done
