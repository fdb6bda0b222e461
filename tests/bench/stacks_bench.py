# SPDX-License-Identifier: Apache-2.0
"""What call stacks cost: kernel time a connection and a send, by mode, from the kernel's own figures
(kernel.bpf_stats_enabled), and the symbolizer's time a stack.

usage: stacks_bench.py BUILD-DIRECTORY
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PROGRAMS = "on_set_state", "on_open", "on_send_length", "on_tcp_sendmsg"
CLIENT = r"""
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
int main(int argc, char **argv)
{
	for (int i = 0; i < atoi(argv[2]); i++) {
		go(atoi(argv[1]), 20);
		usleep(atoi(argv[3]));
	}
	usleep(argc > 4 ? 1500000 : 0);
	return 0;
}
"""


def programs():
    done = subprocess.run(["bpftool", "prog", "show", "--json"], capture_output=True, check=True)
    return {
        program["id"]: program
        for program in json.loads(done.stdout)
        if program.get("name") in PROGRAMS
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


def measure(build, client, port, count, pause_us, *mode):
    """Kernel ns by program; CPU seconds of the symbolizer."""
    before = set(programs())
    words = [client, str(port), str(count), str(pause_us)]
    if mode[0] == "run":
        argv = ["run", *mode[1:], "--port", str(port), "-o", "/dev/null", "--", *words, "stay"]
        agent = subprocess.Popen([build / "connleak", *argv])
        time.sleep(1 + count * pause_us / 1e6)
    else:
        argv = ["trace", "-o", "/dev/null", "--port", str(port), *mode[1:]]
        agent = subprocess.Popen([build / "connleak", *argv], stderr=subprocess.PIPE)
        agent.stderr.readline()
        subprocess.run(words, check=True)
        time.sleep(1.5)
    figures = {
        program["name"]: (program.get("run_time_ns", 0), program.get("run_cnt", 0))
        for key, program in programs().items()
        if key not in before
    }
    found = subprocess.run(["pgrep", "-P", str(agent.pid)], capture_output=True, text=True)
    cpu = [
        cpu_s(pid)
        for pid in found.stdout.split()
        if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "exe"
    ]
    if mode[0] != "run":
        agent.send_signal(signal.SIGINT)
    agent.communicate(timeout=60)
    return figures, sum(cpu)


MODES = (
    ("stacks off", 400, 1500, ["trace", "--no-stacks"]),
    ("stacks on, beyond the rate: no copy", 400, 1500, ["trace"]),
    ("4 KB of stack at every open", 80, 60000, ["trace", "--stack-bytes", "4096"]),
    ("16 KB of stack at every open", 80, 60000, ["trace"]),
    ("run: 16 KB at every open and send", 400, 1500, ["run"]),
)


def main():
    build = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as work, socket.create_server(("127.0.0.1", 0)) as listener:
        client = pathlib.Path(work) / "client"
        compiler = ["gcc", "-O1", "-x", "c", "-", "-o", client]
        subprocess.run(compiler, input=CLIENT.encode(), check=True)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        subprocess.run(["sysctl", "-qw", "kernel.bpf_stats_enabled=1"], check=True)
        try:
            for name, count, pause_us, mode in MODES:
                figures, cpu = measure(build, client, port, count, pause_us, *mode)
                print(f"{name}, {count} connections:")
                for key, (ns, runs) in sorted(figures.items()):
                    print(f"  {key:16} {ns / count:8.0f} ns a connection, {runs} runs")
                print(f"  symbolizer       {cpu * 1000 / count:8.2f} ms a connection")
        finally:
            subprocess.run(["sysctl", "-qw", "kernel.bpf_stats_enabled=0"], check=True)


main()
