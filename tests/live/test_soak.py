# SPDX-License-Identifier: Apache-2.0
"""Memory and descriptors of an agent that runs for long: eight hours through replay in compressed
time, and real churn for SOAK_SECONDS. `make soak` is the long form of the second.
"""

import os
import pathlib
import random
import socket
import subprocess
import tempfile
import time

from harness import AGENT_ALONE, patient

SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "25"))
HOURS = 8
PROCESS_LIFE_S = 900
POOL = 8
# What the allocator keeps back of one busy moment; a leak of 16 bytes an event would be 5 MB.
SLACK_KB = 1024
# A process that is about to end is watched by a descriptor, and so is a client of the socket.
SLACK_FDS = 8


def memory_kb(pid):
    """Its own memory: the kernel's ring, which is mapped, fills page by page up to its 4 MB."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon:")).split()[1])


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def churn(hours):
    """The lines of a trace: processes come and go, each with a pool that works and is renewed."""
    dice = random.Random(1)
    yield '{"connleak_trace":1,"host":"soak","realtime":"2026-11-20T08:00:00Z"}'
    conn, pid, t = 0, 1000, 1.0
    while t < hours * 3600:
        pid += 1
        begin = t
        live = []
        while t < begin + PROCESS_LIFE_S:
            t += dice.expovariate(8)
            if len(live) < POOL:
                conn += 1
                live.append([conn, 0])
                yield (
                    f'{{"t":{t:.6f},"ev":"open","conn":{conn},"pid":{pid},"pstart":{begin:.3f},'
                    f'"comm":"app","remote":"10.0.0.{pid % 200}:5432"}}'
                )
                yield f'{{"t":{t:.6f},"ev":"established","conn":{conn}}}'
                continue
            place = dice.randrange(len(live))
            number, sent = live[place]
            if dice.random() < 0.03:
                live.pop(place)
                yield f'{{"t":{t:.6f},"ev":"close","conn":{number},"by":"local"}}'
                continue
            live[place][1] = sent = sent + dice.randrange(50, 500)
            yield (
                f'{{"t":{t:.6f},"ev":"io","conn":{number},"sent":{sent},"received":{sent * 3},'
                f'"last_send":{t:.6f},"last_recv":{t:.6f}}}'
            )
        for number, _ in live:
            yield f'{{"t":{t:.6f},"ev":"close","conn":{number},"by":"exit"}}'
        yield f'{{"t":{t:.6f},"ev":"exit","pid":{pid},"pstart":{begin:.3f}}}'
    yield f'{{"t":{t:.6f},"ev":"end"}}'


def test_eight_hours_of_churn_take_no_more_memory_than_two(connleak):
    sizes = []
    with tempfile.TemporaryFile() as out:
        replay = subprocess.Popen(
            [connleak.path, "replay", "--json", "-"], stdin=subprocess.PIPE, stdout=out
        )
        lines, count = [], 0
        for line in churn(HOURS):
            lines.append(line)
            count += 1
            # What is written is read, but for what a pipe holds.
            if len(lines) == 2000:
                replay.stdin.write(("\n".join(lines) + "\n").encode())
                lines = []
                sizes.append(memory_kb(replay.pid))
        replay.stdin.write(("\n".join(lines) + "\n").encode())
        replay.stdin.close()
        assert replay.wait(60) == 0
        out.seek(0)
        assert out.read() == b"", "a healthy process has a verdict"
    quarter = len(sizes) // 4
    print(f"{count} events, {sizes[quarter]} kB after 2 h, {sizes[-1]} kB after {HOURS} h")
    assert max(sizes[quarter:]) - max(sizes[: quarter + 1]) < SLACK_KB, sizes[:: quarter // 4 or 1]


def test_real_churn_leaves_memory_and_descriptors_as_they_were(connleak, server):
    port = server.listen()
    with tempfile.TemporaryDirectory(prefix="connleak-soak-") as directory:
        agent = connleak.start(
            *("agent", *AGENT_ALONE, "--config", "none", "--interval", "0.1", "--json"),
            *("--state", directory, "--socket", f"{directory}/socket", "--port", f"soak={port}"),
        )
        pid = agent.process.pid
        sizes, descriptors = [], []
        end = time.monotonic() + SOAK_SECONDS
        opened = 0
        while time.monotonic() < end or len(sizes) < 8:
            # Processes that live for a moment, and one that stays.
            churner = subprocess.run(
                ["bash", "-c", f"for i in 1 2 3 4; do exec 3<>/dev/tcp/127.0.0.1/{port}; done"],
                timeout=patient(30),
            )
            assert churner.returncode == 0
            for connection in [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]:
                connection.close()
            connleak.run("list", "--socket", f"{directory}/socket", timeout=30)
            opened += 24
            sizes.append(memory_kb(pid))
            descriptors.append(fd_count(pid))
            # An even pace: what is remembered of the processes of the last seconds is even then.
            time.sleep(0.05)
        assert agent.stop() == 0
        assert agent.events("verdict") == []
    half = len(sizes) // 2
    print(f"{opened} connections: {sizes[half]} kB at half, {sizes[-1]} kB at the end, "
          f"{descriptors[half]} and {descriptors[-1]} descriptors")
    assert max(sizes[half:]) - max(sizes[:half]) < SLACK_KB, sizes
    assert max(descriptors[half:]) <= max(descriptors[:half]) + SLACK_FDS, descriptors
