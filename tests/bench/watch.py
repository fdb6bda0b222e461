# SPDX-License-Identifier: Apache-2.0
"""What processes and their BPF programs have used, as the kernel counts it."""

import contextlib
import os
import pathlib
import re
import resource
import socket
import subprocess
import tempfile


PORTS = iter(range(12_000, 32_000))


def free_port():
    """Below the ports that the kernel gives to connections, which would take it in between."""
    for port in PORTS:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("0.0.0.0", port))
            return port
    raise RuntimeError("no port is free")


def cpu_ns(pid):
    """Time on a processor, user and kernel, of all threads."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(path.read_text().split()[0])
    return total


def rss_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024


def slab_bytes():
    """Kernel memory in small pieces that is charged to somebody, as socket storage is, of the whole
    machine."""
    total = 0
    for line in pathlib.Path("/proc/slabinfo").read_text().splitlines():
        fields = line.split()
        if re.fullmatch(r"kmalloc-cg-(96|128|192|256|512)", fields[0]):
            total += int(fields[1]) * int(fields[3])
    return total


def maps_bytes(pid):
    """Kernel memory of the BPF maps that a process has open, but for what they allocate later."""
    found = {}
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            fields = dict(re.findall(r"^(\w+):\s*(\S+)", path.read_text(), re.M))
            if "memlock" in fields and "map_id" in fields:
                found[fields["map_id"]] = int(fields["memlock"])
    return sum(found.values())


def children_cpu_ns(pid):
    """The same of what it has started."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return sum(cpu_ns(child) for child in found.stdout.split())


def programs_of(pid):
    """{program id: (run_time_ns, run_cnt)} of the programs that a process has open."""
    found = {}
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            text = path.read_text()
            if "prog_tag" in text and "run_time_ns" in text:
                fields = dict(re.findall(r"^(\w+):\s*(\S+)", text, re.M))
                found[fields["prog_id"]] = (int(fields["run_time_ns"]), int(fields["run_cnt"]))
    return found


def run_ns(pid):
    return sum(time_ns for time_ns, _ in programs_of(pid).values())


def run_count(pid):
    return sum(count for _, count in programs_of(pid).values())


def cpu_of(argv):
    """Seconds of processor time that a command takes, with what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def raise_files():
    """As many files as this process may have; what it starts inherits that."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Program:
    """A process that is stopped at the end of a with block, by the end of its stdin or a signal."""

    def __init__(self, *argv, ready=None, environment=None):
        self.process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if ready else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.pid = self.process.pid
        if ready:
            line = self.process.stdout.readline().decode().strip()
            if line != ready:
                self.stop()
                raise RuntimeError(f"{argv[0]} is not {ready}: '{line}'")

    def ask(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=0.05)
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Agent(Program):
    """`connleak agent` that has told its readiness, and keeps nothing on this machine."""

    ALONE = ("--state", "none", "--pin", "none", "--socket", "none", "--listen", "none")

    def __init__(self, connleak, port, *options):
        with tempfile.TemporaryDirectory() as directory, socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM
        ) as told:
            path = os.path.join(directory, "notify")
            told.bind(path)
            told.settimeout(120)
            super().__init__(
                *(connleak, "agent", *self.ALONE, "--port", f"bench={port}", *options),
                environment={**os.environ, "NOTIFY_SOCKET": path},
            )
            while b"READY=1" not in told.recv(4096):
                pass
