# SPDX-License-Identifier: Apache-2.0
"""connleak run: follows a command, reports what it leaves open, and stays out of its way."""

import json
import os
import pty
import signal
import subprocess
import time
import xml.etree.ElementTree

import pytest

from harness import PYTHON, ROOT, patient, wait_until

CFLAGS = ["-O2", "-fomit-frame-pointer"]


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    program = tmp_path_factory.mktemp("run") / "orders"
    subprocess.run(["gcc", *CFLAGS, ROOT / "tests/sites/apps/orders.c", "-o", program], check=True)
    return program


def run(connleak, port, *command, options=(), **keywords):
    return connleak.run("run", "--port", str(port), *options, "--", *command, **keywords)


def json_lines(text):
    return [json.loads(line) for line in text.decode().splitlines()]


def test_run_reports_opener_and_last_user_of_what_was_left_open(connleak, server, orders):
    done = run(connleak, server.listen(), orders, str(server.listen()), options=["--json"])
    (summary,) = json_lines(done.stderr)
    assert (done.returncode, summary["left_open"]) == (0, 0)  # another port
    port = server.listen()
    started = time.monotonic()
    done = run(connleak, port, orders, str(port), options=["--json"])
    took = time.monotonic() - started
    left, summary = json_lines(done.stderr)
    assert (done.returncode, done.stdout) == (0, b"")
    assert left["site"].startswith("open_orders (orders)"), left
    assert left["last_site"].startswith("save_order (orders)"), left
    assert left["remote"] == f"127.0.0.1:{port}" and left["comm"] == "orders"
    assert 0 < left["silent_s"] <= left["open_for_s"] < took
    assert (summary["left_open"], summary["opened"], summary["exit_status"]) == (1, 1, 0)


def test_run_text_names_the_functions(connleak, server, orders):
    port = server.listen()
    done = run(connleak, port, orders, str(port), options=["--while-running"])
    text = done.stderr.decode()
    assert "1 connection left open, 1 opened in all" in text
    assert "opened by    open_orders (orders) < main" in text
    assert "last used by save_order (orders) < main" in text
    assert "at most 1 open at one time" in text


def test_run_follows_grandchildren_from_their_first_instruction(connleak, server, orders):
    port = server.listen()
    script = f"for i in 1 2 3; do (sh -c 'exec {orders} {port}') & done; wait"
    done = run(connleak, port, "sh", "-c", script, options=["--json"])
    *lefts, summary = json_lines(done.stderr)
    assert [left["last_site"].split(" ")[0] for left in lefts] == ["save_order"] * 3
    assert len({left["pid"] for left in lefts}) == 3


def test_run_does_not_report_what_is_closed_nor_what_others_leave(connleak, server, client):
    port = server.listen()
    client.open_all(2, port)
    script = (
        "import socket, sys\n"
        f"with socket.create_connection(('127.0.0.1', {port})) as c: c.sendall(b'x')\n"
    )
    done = run(connleak, port, PYTHON, "-c", script, options=["--json"])
    (summary,) = json_lines(done.stderr)
    assert (summary["left_open"], summary["opened"]) == (0, 1)


def test_run_error_exitcode_and_junit(connleak, server, orders, tmp_path):
    port, junit, report = server.listen(), tmp_path / "left.xml", tmp_path / "report"
    options = ["--error-exitcode", "9", "--junit", junit, "-o", report]
    done = run(connleak, port, "sh", "-c", f"{orders} {port}; exit 3", options=options)
    assert (done.returncode, done.stderr) == (9, b"")
    assert "save_order" in report.read_text()
    suite = xml.etree.ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "left open by save_order (orders)" in suite.find("testcase/failure").get("message")
    done = run(connleak, port, "true", options=options)
    assert done.returncode == 0
    suite = xml.etree.ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


@pytest.mark.parametrize(
    "command, status",
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 137),
        (["/no/such/command"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_run_exit_status_is_that_of_the_command(connleak, server, command, status):
    assert run(connleak, server.listen(), *command).returncode == status


def test_run_usage(connleak):
    done = connleak.run("run")
    assert done.returncode == 2 and b"run needs a command" in done.stderr
    done = connleak.run("run", "--error-exitcode", "256", "--", "true")
    assert done.returncode == 2 and b"256" in done.stderr


def test_run_output_that_cannot_be_written_is_an_error(connleak, server):
    done = run(connleak, server.listen(), "true", options=["-o", "/no/such/directory/x"])
    assert done.returncode == 1 and b"/no/such/directory/x" in done.stderr


def test_run_passes_standard_streams_arguments_and_options_of_the_command(connleak, server):
    done = run(connleak, server.listen(), "sh", "-c", "cat; echo $1 >&2", "sh", "--json", input=b"in")
    assert done.stdout == b"in" and done.stderr.startswith(b"--json\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
@pytest.mark.parametrize("user", [[], ["setpriv", "--reuid", "65534"]], ids=["", "another-user"])
def test_run_passes_signals_on(connleak, server, anybodys, user, number):
    ready = anybodys / "ready"
    script = f"trap 'exit 33' {signal.Signals(number).name[3:]}; : > {ready}; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        [connleak.path, "run", "--port", str(server.listen()), "--", *user, "sh", "-c", script],
        stderr=subprocess.PIPE,
    )
    wait_until(ready.exists, 20, "the command runs")
    process.send_signal(number)
    process.communicate(timeout=patient(20))
    assert process.returncode == 33


def test_run_leaves_the_terminal_to_the_command_and_ctrl_c_comes_once(connleak, tmp_path):
    ready, log = tmp_path / "ready", tmp_path / "log"
    script = (
        "import os, signal, sys, time\n"
        "assert os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()\n"
        f"signal.signal(signal.SIGINT, lambda *_: open({str(log)!r}, 'a').write('x'))\n"
        f"open({str(ready)!r}, 'w').close()\n"
        "def is_done(pid):\n"
        "    text = open(f'/proc/{pid}/status').read()\n"
        "    words = dict(line.split(':', 1) for line in text.splitlines())\n"
        "    pending = (int(words['ShdPnd'], 16) | int(words['SigPnd'], 16)) & 1 << signal.SIGINT - 1\n"
        "    return not pending and words['State'].split()[0] == 'S'\n"
        f"while not os.path.exists({str(log)!r}): time.sleep(0.02)\n"
        # Who runs this has taken its own signal by then, and would have passed it on.
        "while not is_done(os.getppid()): time.sleep(0.02)\n"
        "sys.exit(44)\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        argv = [str(connleak.path), "run", "--port", "1", "--", PYTHON, "-c", script]
        os.execv(argv[0], argv)
    wait_until(ready.exists, 20, "the command runs")
    os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 44
    assert log.read_text() == "x"


def test_run_without_stacks_still_follows_and_counts(connleak, server, orders):
    port = server.listen()
    done = run(connleak, port, "sh", "-c", f"{orders} {port}; :", options=["--json", "--no-stacks"])
    left, summary = json_lines(done.stderr)
    assert (left["site"], left["last_site"], summary["left_open"]) == (None, None, 1)


def test_run_connection_held_by_a_daemon_is_still_open(connleak, server):
    port = server.listen()
    daemon = (
        "import os, socket, time\n"
        "r, w = os.pipe()\n"
        "if os.fork(): os.read(r, 1); os._exit(0)\n"
        "os.setsid()\n"
        f"c = socket.create_connection(('127.0.0.1', {port}))\n"
        "os.write(w, b'x')\n"
        "for fd in (0, 1, 2): os.close(fd)\n"
        "time.sleep(600)\n"
    )
    done = run(connleak, port, PYTHON, "-c", daemon, options=["--json"])
    left, _ = json_lines(done.stderr)
    os.kill(left["pid"], signal.SIGKILL)
    assert left["held"] is True


INTERPRETER_ENDS = """
import atexit, socket, sys
class Repo:
    def __init__(self):
        self.connection = connect()
    def __del__(self):
        self.connection.close()
def connect():
    return socket.create_connection(("127.0.0.1", int(sys.argv[1])))
kept, repo, pool = connect(), Repo(), connect()
atexit.register(pool.close)
connect().close()
"""


def test_run_reports_what_python_closes_only_on_its_way_out(connleak, server):
    """Not what is given back in time, or by a handler of the program's own."""
    port = server.listen()
    done = run(connleak, port, PYTHON, "-c", INTERPRETER_ENDS, str(port), options=["--json"])
    *lefts, summary = json_lines(done.stderr)
    assert (done.returncode, summary["left_open"], summary["opened"]) == (0, 2, 4), done.stderr
    assert [(left["until"], left["held"]) for left in lefts] == [("interpreter_end", False)] * 2

    options = ["--error-exitcode", "99"]
    done = run(connleak, port, PYTHON, "-c", INTERPRETER_ENDS, str(port), options=options)
    assert done.returncode == 99
    assert done.stderr.count(b"open when the interpreter ended after") == 2, done.stderr


def test_run_reports_what_node_leaves_to_the_kernel(connleak, server):
    port = server.listen()
    script = (
        "const net = require('net');"
        f"net.connect({port}, '127.0.0.1', () => net.connect({port}, '127.0.0.1', function () {{"
        "  this.on('close', () => process.exit(0)).destroy();"
        "}));"
    )
    done = run(connleak, port, "node", "-e", script, options=["--json"])
    left, summary = json_lines(done.stderr)
    assert (left["until"], summary["left_open"], summary["opened"]) == ("process_end", 1, 2)
