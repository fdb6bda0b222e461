#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What connleak costs, side by side with others, in one run on this machine.

The machine may be shared and its clock uneven, so that what is compared is measured in turns, round
by round, and every row tells its spread. Nothing here fails on a figure; a row that could not be
measured says why. As root.

usage: bench.py BUILD-DIRECTORY [--quick] [--json FILE] [PART...]
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

import stacks_bench
from watch import (
    Agent,
    Program,
    children_cpu_ns,
    cpu_ns,
    cpu_of,
    free_port,
    maps_bytes,
    programs_of,
    raise_files,
    rss_bytes,
    run_count,
    run_ns,
    slab_bytes,
)

HOLD_MAX = 9_800
IDLE_S = 5
RATE_S = 4


class Bench:
    def __init__(self, build, quick):
        self.build = pathlib.Path(build).resolve()
        self.connleak = self.build / "connleak"
        self.load = self.build / "bench/load"
        self.rounds = 3 if quick else 7
        self.seconds = 0.5 if quick else 1.0
        self.sizes = (1_000, 10_000) if quick else (1_000, 10_000, 100_000)
        self.rows = []

    def row(self, part, what, unit, figures, note=""):
        figures = sorted(figures)
        median = statistics.median(figures) if figures else None
        self.rows.append(
            {
                "part": part,
                "what": what,
                "unit": unit,
                "runs": len(figures),
                "min": figures[0] if figures else None,
                "median": median,
                "max": figures[-1] if figures else None,
                "note": note,
            }
        )
        print_row(self.rows[-1])

    def run_load(self, mode, port, seconds=None, options=()):
        """Rounds of the loop: in a second of processor time, in a second, and how many."""
        done = subprocess.run(
            [self.load, mode, str(seconds or self.seconds), str(port), *options],
            check=True,
            capture_output=True,
            text=True,
        )
        count, wall_ns, processor_ns = map(int, done.stdout.split())
        return count * 1e9 / processor_ns, count * 1e9 / wall_ns, count

    @contextlib.contextmanager
    def held(self, conn_count, process_count=None, pool_count=1):
        """Open connections, a port and as many pools a process: [program], ports."""
        process_count = process_count or -(-conn_count // HOLD_MAX)
        each = conn_count // process_count
        ports = [free_port() for _ in range(process_count)]
        with contextlib.ExitStack() as stack:
            programs = [
                stack.enter_context(
                    Program(self.load, "hold", each, port, pool_count, ready="ready")
                )
                for port in ports
            ]
            yield programs, ",".join(f"bench{i}={port}" for i, port in enumerate(ports))


def print_row(row):
    if row["median"] is None:
        print(f"{row['what']:<66} {'not measured: ' + row['note']}")
        return
    figures = " ".join(f"{row[key]:>11,.4g}" for key in ("min", "median", "max"))
    print(f"{row['what']:<66} {figures}  {row['unit']}  {row['note']}", flush=True)


# --- peers on the same hook -------------------------------------------------------------------------

# They need tracefs, which not every machine has mounted.
TRACEFS = ("unshare", "-m", "sh", "-c")
TRACEFS += ('mount -t tracefs t /sys/kernel/tracing 2>/dev/null; exec "$0"',)


def peers(bench, port):
    """(name, what starts it, why not); each watches every connection of the machine but ours."""
    empty = [bench.build / "bench/attach", bench.build / "bench/empty.bpf.o"]
    yield "an empty program on the same hook", lambda: Program(*empty, ready="ready")
    yield "connleak agent", lambda: Agent(bench.connleak, port, "--no-stacks")
    yield "connleak agent, with stacks", lambda: Agent(bench.connleak, port)
    for name in ("tcplife", "tcpstates", "tcpconnlat"):
        path = shutil.which(name, path="/usr/sbin:/usr/bin")
        yield name, (lambda path=path: Program(*TRACEFS, path)) if path else None


def why_not():
    """Why a program of others can have ended at once."""
    if pathlib.Path("/sys/bus/event_source/devices/kprobe").exists():
        return "it does not run on this kernel"
    return "it does not run on this kernel, which has no kprobes"


def wait_for_programs(program):
    deadline = time.monotonic() + 15
    while not programs_of(program.pid):
        if program.process.poll() is not None:
            raise RuntimeError(why_not())
        if time.monotonic() > deadline:
            raise RuntimeError("it loads no program")
        time.sleep(0.1)
    time.sleep(0.3)  # from loaded to attached, which nothing tells of
    if program.process.poll() is not None or not programs_of(program.pid):
        raise RuntimeError(why_not())


def bench_connect(bench):
    """Kernel time a connection, and what is left of the loop's rate, taking turns."""
    port = free_port()
    stacks = list(peers(bench, port))
    kernel, rates, user, children = ({name: [] for name, _ in stacks} for _ in range(4))
    alone, reasons = [], {name: "not installed" for name, _ in stacks}
    for number in range(bench.rounds):
        alone.append(bench.run_load("connects", port)[0])
        for name, start in stacks:
            if not start or reasons[name] == "":
                continue
            try:
                with start() as program:
                    wait_for_programs(program)
                    rates[name].append(bench.run_load("connects", port)[0] / alone[-1])
                    with Program(bench.build / "bench/attach", "--stats", ready="ready"):
                        before, spent = run_ns(program.pid), cpu_ns(program.pid)
                        started = children_cpu_ns(program.pid)
                        count = bench.run_load("connects", port)[2]
                        kernel[name].append((run_ns(program.pid) - before) / count)
                        user[name].append((cpu_ns(program.pid) - spent) / count)
                        children[name].append((children_cpu_ns(program.pid) - started) / count)
            except (RuntimeError, OSError) as error:
                if number == 0:
                    start = None
                reasons[name] = str(error)
    bench.row("connect", "connect and close, nothing attached", "a CPU second", alone)
    for name, _ in stacks:
        why = "" if kernel[name] else reasons[name]
        bench.row("connect", f"{name}: kernel time, open to close", "ns", kernel[name], why)
        bench.row("connect", f"{name}: its process", "ns a connection", user[name], why)
        if any(children[name]):
            what = f"{name}: its symbolizer"
            bench.row("connect", what, "ns a connection", children[name])
        bench.row("connect", f"{name}: rate of the loop", "of alone", rates[name], why)


def bench_copied(bench):
    """The same loop, from below more stack than is copied, with each of its stacks copied."""
    port, sizes = free_port(), (4096, 16384)
    kernel, left = {size: [] for size in sizes}, {size: [] for size in sizes}
    with Program(bench.build / "bench/attach", "--stats", ready="ready"):
        for _ in range(bench.rounds):
            for size in sizes:
                copying = Program(bench.build / "bench/copying", port, size, ready="ready")
                with copying:
                    before = run_ns(copying.pid)
                    count = bench.run_load("connects", port, options=("32768",))[2]
                    kernel[size].append((run_ns(copying.pid) - before) / count)
                    copied, _, each = map(int, copying.ask("end").split())
                left[size].append(count - copied if each == size else count)
    for size in sizes:
        what = f"each stack copied, {size // 1024} KB"
        bench.row("copied", f"{what}: kernel time, open to close", "ns", kernel[size])
        bench.row("copied", f"{what}: opens without a copy", "connections", left[size])


def bench_stacks(bench):
    """What a stack costs by how it is taken, of a client that is twenty calls deep."""
    rounds = 1 if bench.rounds < 5 else stacks_bench.ROUNDS
    for mode, figures in stacks_bench.run(bench.build, rounds=rounds):
        for key in sorted({key for one in figures for key in one}):
            unit = "ms" if "ms" in key else "ns"
            values = [one.get(key, 0) for one in figures]
            bench.row("stacks", f"{mode[0]}: {key.removesuffix(' (ms)')}", unit, values)


def bench_echo(bench):
    port, alone, ratio, runs = free_port(), [], [], []
    for _ in range(bench.rounds):
        alone.append(bench.run_load("echo", port)[0])
        with Agent(bench.connleak, port) as agent:
            with Program(bench.build / "bench/attach", "--stats", ready="ready"):
                before = run_count(agent.pid)
                count = bench.run_load("echo", port)[2]
                runs.append((run_count(agent.pid) - before) / count)
            ratio.append(bench.run_load("echo", port)[0] / alone[-1])
    bench.row("echo", "a byte there and back, nothing attached", "a CPU second", alone)
    bench.row("echo", "the same with the agent", "of alone", ratio)
    bench.row("echo", "runs of the agent's programs for one of them", "runs", runs)


# --- the agent --------------------------------------------------------------------------------------


def agent_cost(agent, programs, busy):
    """CPU of one tick in ms, over some ticks of a second each."""
    start, spent = time.monotonic(), cpu_ns(agent.pid)
    while time.monotonic() < start + IDLE_S:
        if busy:
            for program in programs:
                program.ask("touch")
        time.sleep(max(0, min(1, start + IDLE_S - time.monotonic())))
    return (cpu_ns(agent.pid) - spent) / 1e6 / (time.monotonic() - start)


def read_proc():
    return cpu_of(["/bin/sh", "-c", "ls -l /proc/[0-9]*/fd; cat /proc/net/tcp /proc/net/tcp6"])


def bench_tick(bench):
    for size in (0, *bench.sizes):
        with contextlib.ExitStack() as stack:
            programs, ports = [], "bench=1"
            if size:
                programs, ports = stack.enter_context(bench.held(size))
            slab = slab_bytes()
            started = time.monotonic()
            agent = stack.enter_context(Agent(bench.connleak, 1, "--port", ports))
            ready_s = time.monotonic() - started
            time.sleep(2)
            added = slab_bytes() - slab
            label = f"{size:,} connections"
            idle = [agent_cost(agent, programs, False) for _ in range(3)]
            bench.row("tick", f"agent, {label}, idle", "ms CPU a second", idle)
            bench.row("tick", f"agent, {label}: from start to ready", "s", [ready_s])
            bench.row("memory", f"agent, {label}: RSS", "MB", [rss_bytes(agent.pid) / 1e6])
            bench.row("memory", f"kernel, {label}: maps", "MB", [maps_bytes(agent.pid) / 1e6])
            if not size:
                nothing = rss_bytes(agent.pid)
                continue
            each = (rss_bytes(agent.pid) - nothing) / size
            bench.row("memory", f"agent, {label}: RSS for each", "bytes", [each])
            bench.row("memory", f"kernel, {label}: slab for each", "bytes", [added / size])
            busy = [agent_cost(agent, programs, True) for _ in range(3)]
            bench.row("tick", f"agent, {label}, all used each second", "ms CPU a second", busy)
            each = (rss_bytes(agent.pid) - nothing) / size
            bench.row("memory", f"agent, {label}, all used: RSS for each", "bytes", [each])
            ss = [cpu_of(["ss", "-tinp"]) * 1e3 for _ in range(3)]
            bench.row("tick", f"ss -tinp, {label}", "ms CPU a look", ss)
            proc = [read_proc() * 1e3 for _ in range(3)]
            bench.row("tick", f"reading /proc, {label}", "ms CPU a look", proc)


def bench_processes(bench):
    for count in (10, 100, 1_000)[: len(bench.sizes)]:
        with bench.held(count * 10, count) as (programs, ports):
            with Agent(bench.connleak, 1, "--port", ports) as agent:
                time.sleep(2)
                cost = [agent_cost(agent, programs, False) for _ in range(3)]
                what = f"agent, {count:,} processes of 10 connections"
                bench.row("processes", f"{what}, idle", "ms CPU a second", cost)
                bench.row("processes", f"{what}: RSS", "MB", [rss_bytes(agent.pid) / 1e6])


def bench_pools(bench):
    for count in (10, 100, 250)[: len(bench.sizes)]:
        with bench.held(HOLD_MAX, 1, count) as (programs, ports):
            with Agent(bench.connleak, 1, "--port", ports) as agent:
                time.sleep(2)
                cost = [agent_cost(agent, programs, False) for _ in range(3)]
                what = f"agent, {HOLD_MAX:,} connections of one process in {count} pools"
                bench.row("pools", f"{what}, idle", "ms CPU a second", cost)
                bench.row("pools", f"{what}: RSS", "MB", [rss_bytes(agent.pid) / 1e6])


def bench_startup(bench):
    for size in (0, 20_000):
        took = []
        with contextlib.ExitStack() as stack:
            ports = "bench=1"
            if size:
                _, ports = stack.enter_context(bench.held(size))
            for _ in range(bench.rounds):
                started = time.monotonic()
                with Agent(bench.connleak, 1, "--port", ports):
                    took.append(time.monotonic() - started)
        bench.row("startup", f"agent, {size:,} sockets open: from start to ready", "s", took)


def bench_rate(bench):
    """The highest rate that the loop reaches: nothing may be missed."""
    port, cpu, missed, lost, rates = free_port(), [], [], [], []
    command = ["top", "--once", "--json", "-d", str(RATE_S + 3), "--port", f"bench={port}"]
    for _ in range(bench.rounds):
        watch = subprocess.Popen(
            [bench.connleak, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        watch.stderr.readline()  # it says that it is watching
        with Agent(bench.connleak, port) as agent:
            spent, start = cpu_ns(agent.pid), time.monotonic()
            _, rate, count = bench.run_load("connects", port, RATE_S)
            cpu.append((cpu_ns(agent.pid) - spent) / 1e7 / (time.monotonic() - start))
            rates.append(rate)
            if watch.poll() is not None:
                raise RuntimeError("the machine is too slow: the load outlasted the watch")
            screen = json.loads(watch.communicate(timeout=60)[0])
        missed.append(count - sum(pool["opened"] for pool in screen["pools"]))
        lost.append(screen["lost"])
    bench.row("rate", "connect and close with the agent", "a second", rates)
    bench.row("rate", "agent at that rate", "% of a processor", cpu)
    bench.row("rate", "opened by the loop less counted as opened", "connections", missed)
    bench.row("rate", "records lost", "records", lost)


def bench_core(bench):
    done = subprocess.run(
        [bench.build / "bench/core-bench", "--json"], check=True, capture_output=True, text=True
    )
    for line in done.stdout.splitlines():
        row = json.loads(line)
        figures = [row["min"], row["median"], row["max"]]
        bench.row("core", f"core: {row['what']}", row["unit"], figures)


PARTS = {
    "core": bench_core,
    "connect": bench_connect,
    "copied": bench_copied,
    "stacks": bench_stacks,
    "echo": bench_echo,
    "rate": bench_rate,
    "startup": bench_startup,
    "tick": bench_tick,
    "processes": bench_processes,
    "pools": bench_pools,
}


def main():
    parser = argparse.ArgumentParser(prog="bench.py")
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes")
    parser.add_argument("--json", help="write the rows there, too")
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    arguments = parser.parse_intermixed_args()
    if os.geteuid() != 0:
        sys.exit("bench.py: connleak loads eBPF programs: run as root")
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        sys.exit(f"bench.py: no part is called {', '.join(unknown)}; there are {' '.join(PARTS)}")
    raise_files()
    bench = Bench(arguments.build, arguments.quick)
    print(f"Linux {platform.release()}, {os.cpu_count()} processors, {bench.rounds} rounds")
    print(f"{'':<66} {'min':>11} {'median':>11} {'max':>11}")
    for name, run in PARTS.items():
        if not arguments.parts or name in arguments.parts:
            try:
                run(bench)
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                bench.row(name, f"the rest of {name}", "", [], str(error))
    if arguments.json:
        host = {"kernel": platform.release(), "processors": os.cpu_count()}
        text = json.dumps({"host": host, "rows": bench.rows}, indent=1)
        pathlib.Path(arguments.json).write_text(text + "\n")


if __name__ == "__main__":
    main()
