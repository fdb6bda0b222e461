# SPDX-License-Identifier: Apache-2.0
"""record.py [NAME...]: records the traces again, all of them or those named; as root.

All applications run at the same time against servers of their own, under one `connleak trace`; its
recording is then cut into one trace a process. Takes four minutes whatever their number.
"""

import contextlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "live"))
import databases  # noqa: E402
import harness  # noqa: E402

import trace_file  # noqa: E402
from scenarios import APPS, KNOWN_PORTS, PYTHON, SCENARIOS  # noqa: E402

# The night is longer than the 60 s after which one of the pools is said to close what is idle.
PHASES = [("day", 75), ("night", 80), ("day", 65)]
REQUESTS_MIN = 500  # of a healthy application; about 14 a second is usual


def pass_time(seconds):
    """Real pools keep real time: this is the length of a recording, nothing is waited for."""
    deadline = time.monotonic() + seconds
    harness.wait_until(lambda: time.monotonic() >= deadline, seconds + 5, "the end of a phase")


class MongoServer(harness.LineProgram):
    def __init__(self):
        super().__init__(PYTHON, "-B", HERE / "mongo_server.py")
        self.port = int(self.command("port")[0])


STARTERS = {
    "postgresql": databases.start_postgresql,
    "mysql": databases.start_mariadb,
    "mongodb": MongoServer,
}


def build_go(directory):
    if not shutil.which("go"):
        sys.exit("record.py: go is not there; see deps.list")
    program = directory / "orders"
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "HOME": str(directory)}
    subprocess.run(
        ["go", "build", "-o", program, APPS / "go/orders.go"],
        env={**environment, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        check=True,
    )
    return str(program)


class Recording:
    def __init__(self, scenarios, directory, stack):
        self.scenarios = scenarios
        self.path = directory / "recording.jsonl"
        self.connleak = harness.Connleak()
        stack.callback(self.connleak.stop_all)
        self.servers = {}
        self.programs = {}
        self.leaked = {}
        self.work = {}
        self.began = []  # of each phase
        # Healthy ones have servers of their own: the limits of a server are not the subject here.
        for scenario in scenarios:
            key = scenario.server, scenario.is_healthy
            if key not in self.servers:
                self.servers[key] = STARTERS[scenario.server]()
                stack.callback(self.servers[key].stop)
        go = build_go(directory) if any("{go}" in s.argv for s in scenarios) else ""
        for scenario in scenarios:
            argv = [word.replace("{go}", go) for word in scenario.argv]
            port = self.servers[scenario.server, scenario.is_healthy].port
            self.programs[scenario.name] = harness.LineProgram(*argv, scenario.mode, port)
            stack.callback(self.programs[scenario.name].stop)

    def ports(self):
        return {daemon.port: KNOWN_PORTS[kind] for (kind, _), daemon in self.servers.items()}

    def run(self):
        named = ",".join(f"watched={port}" for port in self.ports())
        trace = self.connleak.start("trace", "--json", "--port", named, "-o", self.path)
        for phase, seconds in PHASES:
            self.began.append(time.monotonic())  # the kernel's clock is the traces' clock
            for scenario in self.scenarios:
                # What leaks works day and night, to have leaked enough when time is up.
                if scenario.is_healthy or phase == "day":
                    self.programs[scenario.name].command(phase)
            pass_time(seconds)
        for scenario in self.scenarios:
            program = self.programs[scenario.name]
            self.leaked[scenario.name] = [int(word) for word in program.command("leaked")]
            self.work[scenario.name] = [int(word) for word in program.command("stop")]
        # Healthy ones are seen to end; what leaks is judged as it stands.
        for scenario in self.scenarios:
            if scenario.is_healthy:
                self.programs[scenario.name].stop()
        status = trace.stop()
        assert (status, trace.complaints()) == (0, []), trace.complaints()

    def check(self, scenario):
        requests, errors = self.work[scenario.name]
        leaked = len(self.leaked[scenario.name])
        print(f"{scenario.name}: {requests} requests, {errors} errors, {leaked} leaked", flush=True)
        if scenario.is_healthy:
            assert requests >= REQUESTS_MIN and errors == 0, "not a healthy application"

    def save(self, recorded_at):
        index = trace_file.read_index() if trace_file.INDEX.exists() else {}
        header, events = trace_file.load_recording(self.path)
        assert not [event for event in events if event["ev"] == "lost"], "events were lost"
        for scenario in self.scenarios:
            self.check(scenario)
            pid = self.programs[scenario.name].pid
            mine = trace_file.events_of(events, pid, self.ports())
            trace_file.write(scenario.name, {**header, "host": "recorded"}, mine)
            opened = next(event for event in mine if event["ev"] == "open")
            index[scenario.name] = {
                "pool": scenario.pool,
                "recording": recorded_at,
                "pid": pid,
                "pstart": opened["pstart"],
                "comm": opened["comm"],
                "database": scenario.server,
                "verdicts": list(scenario.verdicts),
                "why": scenario.why,
                **({"settings": scenario.settings} if scenario.settings else {}),
                **({"evidence": scenario.evidence} if scenario.evidence else {}),
                "night": [round(t, 3) for t in self.began[1:3]],
                "requests": self.work[scenario.name][0],
                "leaked": trace_file.leaked_ids(mine, self.leaked[scenario.name]),
            }
        known = [scenario.name for scenario in SCENARIOS]
        entries = [(name, index[name]) for name in known if name in index]
        lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries]
        trace_file.INDEX.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    unknown = set(sys.argv[1:]) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        sys.exit(f"record.py: no such trace: {', '.join(sorted(unknown))}")
    chosen = [s for s in SCENARIOS if not sys.argv[1:] or s.name in sys.argv[1:]]
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recording = Recording(chosen, directory, stack)
        recording.run()
        recording.save(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


if __name__ == "__main__":
    main()
