#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each allocation of a command, from its start to its end, refused in turn.

The program is built with AddressSanitizer and tests/faults/refuse.c. It may go on where it can do
without, or say in one line that memory is out and exit with 1; it must not crash, leak (the agent's
leaks are not looked for), hang or be silent.

usage: refuse.py PROGRAM [--stride N]
"""

import argparse
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

SANITIZER = 99
TRIES_MAX = 20_000
# What is still running then hangs; others may use the machine.
SECONDS = 180
CONFIG = """port = orders=5432,6000-6010
endpoint = orders=10.0.0.7:5432,limit=50
endpoint = others=10.0.0.0/8
comm = orders-api
[detector]
LMIN = 6
"""
TRACE = """{"connleak_trace":1,"host":"node-a"}
{"t":1,"ev":"open","conn":1,"pid":7,"pstart":1,"comm":"app","remote":"10.0.0.7:5432"}
{"t":2,"ev":"established","conn":1}
{"t":3,"ev":"end"}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def write(path, text):
    pathlib.Path(path).write_text(text)
    return path


def commands(port, directory):
    alone = ["--state", "none", "--pin", "none", "--journal", "no"]
    alone += ["--socket", "none", "--listen", "none"]
    watch = ["--port", f"orders={port}", "--endpoint", "orders=127.0.0.1,limit=50"]
    yield ["replay", "--json", "-"]
    yield ["replay", "--config", write(f"{directory}/config", CONFIG), "-"]
    yield ["top", "--once", "--replay", write(f"{directory}/trace", TRACE)]
    yield ["check"]
    yield ["list", "--json", *watch]
    yield ["top", "--once", "-d", "0.1", *watch]
    yield ["explain", "--json", "--duration", "0.2", "--socket", "none", *watch, str(os.getpid())]
    yield ["run", *watch, "--", "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
    yield ["trace", "--json", "--duration", "0.2", "--interval", "0.1", *watch]
    whole = ["--state", directory, "--socket", f"{directory}/socket", "--listen", f"127.0.0.1:{free_port()}"]
    whole += ["--pin", "none", "--journal", "no", "--json"]
    for options in (alone, whole):
        yield ["agent", *options, "--duration", "0.2", "--interval", "0.1", *watch]


def run(program, command, number):
    # The agent gives up ptrace() and clone(), which the leak checker needs at the end: it would wait for ever.
    leaks = int(command[0] != "agent")
    environment = {
        **os.environ,
        "CONNLEAK_REFUSE": str(number),
        "ASAN_OPTIONS": f"exitcode={SANITIZER}:allocator_may_return_null=1:detect_leaks={leaks}",
        "UBSAN_OPTIONS": "halt_on_error=1",
    }
    return subprocess.run(
        [program, *command], input=TRACE, capture_output=True, text=True, env=environment, timeout=SECONDS
    )


def complaint(done):
    """What is wrong with how it ended; None = nothing."""
    said = [line for line in done.stderr.splitlines() if line != "allocation refused"]
    if done.returncode == 0:
        return None
    if done.returncode != 1:
        return f"exit status {done.returncode}: {' / '.join(said[:12])}"
    if not any("memory" in line.lower() for line in said):
        return f"exit status 1 and not a word of memory: {' / '.join(said[:3])}"
    return None


def refuse_each(program, command, stride):
    failed, number, refused = 0, 0, 0
    while number < TRIES_MAX:
        try:
            done = run(program, command, number)
        except subprocess.TimeoutExpired:
            print(f"  allocation {number}: still running after {SECONDS} s")
            failed, number = failed + 1, number + stride
            continue
        wrong = complaint(done)
        if wrong:
            failed += 1
            print(f"  allocation {number}: {wrong}", flush=True)
        if "allocation refused" not in done.stderr:
            break
        refused, number = refused + 1, number + stride
    print(f"{' '.join(command[:1])}: {refused} allocations refused, {failed} ended badly", flush=True)
    return failed + (refused == 0)


def main():
    parser = argparse.ArgumentParser(prog="refuse.py")
    parser.add_argument("program")
    parser.add_argument("--stride", type=int, default=1, help="only every Nth allocation")
    parser.add_argument("only", nargs="*", metavar="COMMAND")
    arguments = parser.parse_intermixed_args()
    program = pathlib.Path(arguments.program).resolve()
    with tempfile.TemporaryDirectory() as directory, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            failed = sum(
                refuse_each(program, command, arguments.stride)
                for command in commands(port, directory)
                if not arguments.only or command[0] in arguments.only
            )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
