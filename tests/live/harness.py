# SPDX-License-Identifier: Apache-2.0
"""What the live tests drive: test programs by their line protocol, and connleak.

Nothing here waits for time to pass; everything waits for a condition, with a limit.
"""

import contextlib
import glob
import json
import os
import pathlib
import queue
import random
import signal
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("CONNLEAK_BUILD", "build")
CONNLEAK = pathlib.Path(os.environ.get("CONNLEAK", BUILD / "connleak"))
PROGRAMS = BUILD / "live"
CLIENTS = ROOT / "tests/live/clients"
NODE = ROOT / "tests/live/node"
PYTHON = "/usr/bin/python3"
# What an agent of a test is told: to keep nothing on this host that another one could meet. A test
# of one of these gives its own value behind them, the last one counts.
AGENT_ALONE = ["--state", "none", "--journal", "no", "--socket", "none", "--listen", "none"]
AGENT_ALONE += ["--pin", "none"]
ANSWER_TIMEOUT_S = 10
POLL_MIN_S, POLL_MAX_S = 0.002, 0.05
# A deadline says what is enough on a machine that is idle. Every one of them is this many times as
# long: a machine may be busy, and a deadline costs time only where something is wrong.
PATIENCE = float(os.environ.get("CONNLEAK_PATIENCE", "6"))


def patient(seconds):
    """What a deadline of so many seconds is here; for those of other modules, subprocess's say.

    Whatever takes a timeout in the modules of these tests has it on an idle machine's scale.
    """
    return seconds * PATIENCE


def wait_until(condition, timeout, what):
    """Returns the first true value of condition(); fails the test when there is none in time.

    What is waited for is a text, or a function that makes one of what it has seen last.
    """
    timeout = patient(timeout)
    deadline, pause = time.monotonic() + timeout, POLL_MIN_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {timeout} s: {text}")
        time.sleep(pause)
        pause = min(1.3 * pause, POLL_MAX_S)


def free_port(address="127.0.0.1"):
    """A port for a program that takes no 0: below those that the kernel gives to connections."""
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(first // 2, first)
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            with contextlib.suppress(OSError):
                probe.bind((address, port))
                return port


def state_of(pid):
    """The letter of /proc/PID/stat; X for one that is no more."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "X"
    return stat.rpartition(")")[2].split()[0]


def is_alive(pid):
    """A zombie is not alive, though its number is still taken."""
    return state_of(pid) not in "ZX"


def freeze(pid):
    """Stops a process; it does nothing any more when this returns."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state_of(pid) == "T", 5, "it is stopped")


def map_elements(pid, name):
    """What is in a BPF map that a process holds, as bpftool shows it."""
    maps = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            lines = path.read_text().splitlines()
            maps |= {line.split()[1] for line in lines if line.startswith("map_id:")}
    found = []
    for key in maps:
        bpftool = ["bpftool", "--json", "map"]
        shown = subprocess.run([*bpftool, "show", "id", key], capture_output=True)
        if shown.returncode != 0 or json.loads(shown.stdout).get("name") != name:
            continue  # gone meanwhile, or another
        dumped = subprocess.run([*bpftool, "dump", "id", key], capture_output=True, check=True)
        # One that is taken out between the listing of its key and the reading has none.
        found += [element["formatted"] for element in json.loads(dumped.stdout) if "formatted" in element]
    return found


def last_sends(pid):
    """
    {connection: (name of the thread, whether its place was known)} of the sends of suspects that wait
    in the kernel. What connleak has looked at is taken out of it.
    """
    samples = {element["key"]: element["value"] for element in map_elements(pid, "last_sends")}
    return {
        key: (bytes(sample["thread_comm"]).partition(b"\0")[0].decode(), sample["site"] != 0)
        for key, sample in samples.items()
    }


def children_of(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stat = pathlib.Path(path).read_text()
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.split("/")[2]))
    return found


class LineReader:
    """Collects the lines of a pipe in a thread, so that nobody is ever held up by a full one."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.lines = []
        self.fresh = queue.Queue()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with contextlib.suppress(ValueError, OSError):
            for raw in iter(self.pipe.readline, b""):
                line = raw.decode("utf-8", "replace").rstrip("\n")
                self.lines.append(line)
                self.fresh.put(line)
        self.fresh.put(None)

    def next(self, timeout):
        """The next line, or None at the end."""
        try:
            return self.fresh.get(timeout=patient(timeout))
        except queue.Empty:
            raise AssertionError(f"no line within {patient(timeout)} s") from None

    def has_next(self):
        return not self.fresh.empty()

    def close(self, timeout=10):
        """Closes the pipe, unless somebody who has inherited it still keeps it open."""
        self.thread.join(timeout)
        if not self.thread.is_alive():
            self.pipe.close()


class DidNotStart(AssertionError):
    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


class LineProgram:
    """A test program: one line in, one line out."""

    def __init__(self, *argv, **options):
        self.argv = [str(word) for word in argv]
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
        )
        self.reader = LineReader(self.process.stdout)
        try:
            # As the program itself numbers it; another one inside a pid namespace.
            self.pid = self._ready()
        except AssertionError as error:
            self.stop()
            raise DidNotStart(str(error), self.process.returncode) from None

    def _ready(self):
        line = self.reader.next(ANSWER_TIMEOUT_S)
        assert line and line.startswith("ready "), f"{self.argv}: {line!r}"
        return int(line.split()[1])

    def tell(self, command):
        self.process.stdin.write(command.encode("utf-8", "surrogateescape") + b"\n")
        self.process.stdin.flush()

    def has_answered(self):
        return self.reader.has_next()

    def answer(self):
        line = self.reader.next(ANSWER_TIMEOUT_S)
        assert line is not None, f"{self.argv} has ended"
        words = line.split()
        assert words and words[0] == "ok", f"{self.argv}: {line}"
        return words[1:]

    def command(self, command):
        self.tell(command)
        return self.answer()

    def stop(self):
        """Ends the program, even one that has forked away from the process we started."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=patient(10))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.close()

    def kill(self):
        """Ends the program without giving it a chance to close anything itself."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()


class Outcome:
    """SLOT:PORT or SLOT:ERRNO of the client."""

    def __init__(self, word):
        slot, _, outcome = word.partition(":")
        self.slot = int(slot)
        self.port = int(outcome) if outcome.isdigit() else None
        self.error = None if outcome.isdigit() else outcome


class Client(LineProgram):
    """clients/client.c; see there for the commands."""

    def __init__(self, *prefix, program=PROGRAMS / "client", **options):
        super().__init__(*prefix, program, **options)

    def open(self, count, port, address="127.0.0.1", way="blocking"):
        words = self.command(f"open {count} {way} {address} {port}")
        outcomes = [Outcome(word) for word in words]
        assert len(outcomes) == count
        return outcomes

    def open_all(self, count, port, address="127.0.0.1", way="blocking"):
        """As open(); none may fail. Returns the local ports."""
        outcomes = self.open(count, port, address, way)
        assert [outcome.error for outcome in outcomes] == [None] * count
        return [outcome.port for outcome in outcomes]

    def begin(self, port, address="127.0.0.1"):
        return int(self.command(f"begin {address} {port}")[0])

    def finish(self, slot):
        return Outcome(self.command(f"finish {slot}")[0])

    def fork(self):
        """Goes on in a child; returns when the parent is gone."""
        self.pid = int(self.command("fork")[0])
        self.process.wait(timeout=patient(10))
        return self.pid

    def exec(self, path):
        self.tell(f"exec {path}")
        assert self._ready() == self.pid


class Server(LineProgram):
    """clients/server.c; see there for the modes."""

    def __init__(self, *prefix, **options):
        super().__init__(*prefix, PROGRAMS / "server", **options)

    def listen(self, mode="echo", address="127.0.0.1", port=0):
        return int(self.command(f"listen {address} {mode} {port}")[0])

    def wait_accepted(self, port, count):
        wait_until(
            lambda: int(self.command(f"accepted {port}")[0]) == count,
            10,
            f"{count} connections accepted",
        )


class Observer(LineProgram):
    """clients/observer.c: the live source, which looks when it is told to."""

    def __init__(self, *options, limits=(0, 0, 0, 0, 0), prefix=(), **popen):
        super().__init__(*prefix, PROGRAMS / "observer", *limits, *options, **popen)

    def ask(self, command):
        self.tell(command)
        line = self.reader.next(ANSWER_TIMEOUT_S)
        assert line and line.startswith("ok "), f"{command}: {line!r}"
        return json.loads(line.removeprefix("ok "))

    def look(self):
        """One look. Returns the number of its events."""
        count = self.ask("look")
        assert count > 0
        return count

    def connections(self):
        """By id; each with the moment of its open."""
        answer = self.ask("list")
        for conn in answer["conns"]:
            conn["opened_at"] = answer["t"] - conn["age_s"]
        return {conn["conn"]: conn for conn in answer["conns"]}

    def pool(self, port):
        pools = [pool for pool in self.ask("pools") if pool["remote"].endswith(f":{port}")]
        assert len(pools) == 1, pools
        return pools[0]


class Bpffs:
    """A mount namespace with a BPF file system of the test's own."""

    DIRECTORY = "/sys/fs/bpf/connleak"

    def __init__(self, mount="mount -t bpf bpf /sys/fs/bpf"):
        script = f"{mount} && echo ready && exec sleep infinity"
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec", script], stdout=subprocess.PIPE
        )
        assert self.process.stdout.readline() == b"ready\n"
        self.prefix = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--"]

    def run(self, *argv):
        argv = [*self.prefix, *map(str, argv)]
        done = subprocess.run(
            argv, check=True, capture_output=True, text=True, timeout=patient(10)
        )
        return done.stdout

    def pins(self):
        return sorted(self.run("find", self.DIRECTORY).split())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Running:
    """A connleak that watches until it is stopped."""

    def __init__(self, argv, timeout=30, **options):
        self.argv = [str(word) for word in argv]
        self.process = subprocess.Popen(
            self.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )
        self.out = LineReader(self.process.stdout)
        self.err = LineReader(self.process.stderr)
        try:
            wait_until(self._is_watching, timeout, "connleak watches")
        except BaseException:
            self.stop()
            raise

    def _is_watching(self):
        if any("watching" in line for line in self.err.lines):
            return True
        assert self.process.poll() is None, (
            f"{' '.join(self.argv)}: exit status {self.process.returncode}: {self.err.lines}"
        )
        return False

    def events(self, *kinds):
        """What has been printed so far, as objects; all of it or only some "ev"s."""
        events = [json.loads(line) for line in list(self.out.lines)]
        return [event for event in events if not kinds or event.get("ev") in kinds]

    def wait_events(self, kind, count, /, timeout=20, **fields):
        """Waits for so many events of a kind with these fields. Returns them."""

        def matching():
            return [
                event
                for event in self.events(kind)
                if all(event.get(key) == value for key, value in fields.items())
            ]

        wait_until(
            lambda: len(matching()) >= count,
            timeout,
            lambda: f"{count} {kind} {fields}; there are {self.events()}",
        )
        return matching()

    def wait_table(self, condition, what):
        """Of `top --json`: the first table from now on for which the condition holds."""

        def last():
            tables = [json.loads(line) for line in self.out.lines[-1:]]
            return next((table for table in tables if condition(table)), None)

        return wait_until(last, 20, lambda: f"{what}; there is {self.out.lines[-1:]}")

    def wait(self, timeout):
        """Waits for its own end. Returns the exit status."""
        self.process.wait(timeout=patient(timeout))
        self.out.close()
        self.err.close()
        return self.process.returncode

    def stop(self):
        """Interrupts it as Ctrl-C does. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=patient(10))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("connleak does not end when it is interrupted") from None
        self.out.close()
        self.err.close()
        return self.process.returncode

    def complaints(self):
        """What it said on stderr besides that it watches."""
        return [line for line in self.err.lines if "watching" not in line]


class Connleak:
    def __init__(self):
        self.path = CONNLEAK
        self.running = []

    def run(self, *arguments, prefix=(), timeout=60, **options):
        argv = [*prefix, self.path, *arguments]
        return subprocess.run(
            [str(word) for word in argv],
            capture_output=True,
            timeout=patient(timeout),
            stdin=options.pop("stdin", subprocess.DEVNULL) if "input" not in options else None,
            **options,
        )

    def list(self, *arguments):
        """The rows of `connleak list --json`; nothing may go wrong."""
        done = self.run("list", "--json", *arguments)
        assert (done.returncode, done.stderr) == (0, b""), done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def list_port(self, port, name="test"):
        return self.list("--port", f"{name}={port}")

    def start(self, *arguments, prefix=(), **options):
        """A command that watches until stop_all(); ready when this returns."""
        running = Running([*prefix, self.path, *arguments], **options)
        self.running.append(running)
        return running

    def trace(self, port, *arguments, name="test"):
        """A running `trace --json` that looks often, so that nobody waits for it."""
        options = ["--json", "--port", f"{name}={port}", "--interval", "0.1"]
        return self.start("trace", *options, *arguments)

    def stop_all(self):
        for running in self.running:
            if running.process.poll() is None:
                running.stop()
        self.running.clear()


class Network:
    """A network namespace of the test's own, kept alive by a server inside it."""

    def __init__(self):
        self.server = Server("unshare", "--net", "--")
        self.path = f"/proc/{self.server.process.pid}/ns/net"
        self.inode = os.stat(self.path).st_ino
        self.run("ip", "link", "set", "lo", "up")

    def enter(self, *argv):
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv):
        subprocess.run(self.enter(*argv), check=True, capture_output=True, timeout=patient(10))

    def add_filtered_address(self, address):
        """Packets to it go out and never come back, as behind a firewall that drops them."""
        self.run("ip", "addr", "add", "10.99.99.1/32", "dev", "lo")
        self.run("ip", "route", "add", f"{address}/32", "dev", "lo", "src", "10.99.99.1")
        self.retry_connects(1)

    def let_through(self, address):
        """From now on: who is connecting to it by then gets there with the next attempt."""
        self.run("ip", "addr", "add", f"{address}/32", "dev", "lo")

    def retry_connects(self, count):
        """How often; holds for those under way, too. Once instead of six times: given up after 3 s."""
        self.run("sysctl", "-qw", f"net.ipv4.tcp_syn_retries={count}")

    def stop(self):
        self.server.stop()
