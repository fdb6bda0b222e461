# SPDX-License-Identifier: Apache-2.0
"""What call stacks cost: kernel time a connection and a send, by mode, from the kernel's own figures
(BPF_STATS_RUN_TIME), and the symbolizer's time a stack.

usage: stacks_bench.py BUILD-DIRECTORY [PART-OF-A-NAME ...]
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from watch import Program

ROUNDS = 3
CLIENT = r"""
#include <alloca.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
__attribute__((noinline)) static int go(int port, int depth)
{
	volatile char room[1024];
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd;

	room[0] = 1;
	if (depth > 0)
		return go(port, depth - 1) + room[0];
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (void *)&a, sizeof(a)) < 0)
		return 1;
	send(fd, "x", 1, 0);
	recv(fd, (char *)room, 1, 0);
	close(fd);
	return 0;
}
/* Stacks that are not laid out alike are places that are not known. */
__attribute__((noinline)) static int go_from(int port, int bytes)
{
	volatile char *room = alloca(bytes);

	room[0] = 1;
	return go(port, 20) + room[0];
}
/* usage: client PORT COUNT PAUSE-US same|other [stay]; goes on after the first ones with a byte on stdin */
int main(int argc, char **argv)
{
	int port = atoi(argv[1]), pause_us = atoi(argv[3]), same = argv[4][0] == 's';
	char byte;

	for (int i = 0; i < 3; i++)
		go_from(port, 16);
	if (argc < 6 && read(0, &byte, 1) < 1)
		return 1;
	for (int i = 0; i < atoi(argv[2]); i++) {
		go_from(port, same ? 16 : 16 * (i % 1000 + 1));
		usleep(pause_us);
	}
	usleep(argc > 5 ? 1500000 : 0);
	return 0;
}
"""


def programs(pid):
    """{name: (ns, runs)} of the programs that process holds: others may run connleak as well."""
    held = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            lines = path.read_text().splitlines()
            held |= {int(line.split()[1]) for line in lines if line.startswith("prog_id:")}
    done = subprocess.run(["bpftool", "prog", "show", "--json"], capture_output=True, check=True)
    return {
        program["name"]: (program.get("run_time_ns", 0), program.get("run_cnt", 0))
        for program in json.loads(done.stdout)
        if program["id"] in held and program.get("run_cnt")
    }


def serve(listener):
    def echo(connection):
        with connection:
            while data := connection.recv(64):
                connection.sendall(data)

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def symbolizer_cpu_s(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(cpu_s(child) for child in children if comm(child) == "exe")


def comm(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def measure_run(build, words, port, count, pause_us):
    argv = ["run", "--port", str(port), "-o", "/dev/null", "--", *words, "stay"]
    agent = subprocess.Popen([build / "connleak", *argv])
    time.sleep(1 + count * pause_us / 1e6)
    figures, cpu = programs(agent.pid), symbolizer_cpu_s(agent.pid)
    agent.communicate(timeout=60)
    return figures, cpu


def measure_trace(build, words, port, *options):
    argv = ["trace", "-o", "/dev/null", "--port", str(port), *options]
    agent = subprocess.Popen([build / "connleak", *argv], stderr=subprocess.PIPE)
    agent.stderr.readline()
    client = subprocess.Popen(words, stdin=subprocess.PIPE)
    time.sleep(3)  # two looks: the first connections have their names
    before, cpu_before = programs(agent.pid), symbolizer_cpu_s(agent.pid)
    client.communicate(b"x")
    after = programs(agent.pid)
    time.sleep(1.5)
    cpu = symbolizer_cpu_s(agent.pid) - cpu_before
    agent.send_signal(signal.SIGINT)
    agent.communicate(timeout=60)
    zero = (0, 0)
    figures = {
        name: tuple(now - then for now, then in zip(after[name], before.get(name, zero)))
        for name in after
    }
    return figures, cpu


def measure(build, client, port, mode):
    """Nanoseconds a connection in each program; symbolizer's milliseconds a connection."""
    _, count, pause_us, place, how, *options = mode
    words = [client, str(port), str(count), str(pause_us), place]
    if how == "run":
        figures, cpu = measure_run(build, words, port, count, pause_us)
    else:
        figures, cpu = measure_trace(build, words, port, *options)
    total = {
        name: ns / count for name, (ns, _) in figures.items() if name in ("on_set_state", "on_send_length", "on_tcp_sendmsg", "on_open")
    }
    return {**total, "symbolizer (ms)": cpu * 1000 / count}


FAST, SLOW = (1000, 1500), (80, 60000)
MODES = (
    ("stacks off", *FAST, "same", "trace", "--no-stacks"),
    ("stacks on, from a known place", *FAST, "same", "trace"),
    ("stacks on, unknown, beyond the rate: no copy", *FAST, "other", "trace"),
    ("stacks off, 16 connections a second", *SLOW, "same", "trace", "--no-stacks"),
    ("known place, 16 a second", *SLOW, "same", "trace"),
    ("4 KB of an unknown stack, 16 a second", *SLOW, "other", "trace", "--stack-bytes", "4096"),
    ("16 KB of an unknown stack, 16 a second", *SLOW, "other", "trace"),
    ("run: every open and send", 400, 1500, "same", "run"),
)


def run(build, wanted=(), rounds=ROUNDS):
    """[(mode, figures of each round)]; a round goes over all modes."""
    modes = [mode for mode in MODES if not wanted or any(word in mode[0] for word in wanted)]
    found = {mode: [] for mode in modes}
    with tempfile.TemporaryDirectory() as work, socket.create_server(("127.0.0.1", 0)) as listener:
        client = pathlib.Path(work) / "client"
        compiler = ["gcc", "-O1", "-x", "c", "-", "-o", client]
        subprocess.run(compiler, input=CLIENT.encode(), check=True)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        # Not by sysctl, which another on this machine can turn off in between.
        with Program(build / "bench/attach", "--stats", ready="ready"):
            for _ in range(rounds):
                for mode in modes:
                    found[mode].append(measure(build, client, port, mode))
    return found.items()


def main():
    for mode, rounds in run(pathlib.Path(sys.argv[1]), sys.argv[2:]):
        print(f"{mode[0]}, {mode[1]} connections:")
        for name in sorted({name for figures in rounds for name in figures}):
            values = sorted(figures.get(name, 0) for figures in rounds)
            digits = 2 if "ms" in name else 0
            shown = [f"{value:.{digits}f}" for value in (values[0], statistics.median(values), values[-1])]
            unit = "" if "ms" in name else " ns"
            print(f"  {name:16} {shown[1]:>8}{unit} a connection ({shown[0]} to {shown[2]})")


if __name__ == "__main__":
    main()
