# SPDX-License-Identifier: Apache-2.0
"""The function that is to blame, in programs of many languages, by its name or the honest best."""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess

import pytest

import fpm
from apps import APPS, build
from harness import NODE, PYTHON, ROOT, last_sends, map_elements, patient, wait_until

JARS = [f"/usr/share/java/{name}.jar" for name in ("HikariCP", "postgresql", "slf4j-api", "slf4j-nop")]
BRANCH_PROTECTION = {"aarch64": "-mbranch-protection=standard", "x86_64": "-fcf-protection=full"}
PYENV = pathlib.Path.home() / ".pyenv/versions"


def left_open(connleak, port, *command, **options):
    """What `connleak run` says is left open; the command must have ended well."""
    done = connleak.run("run", "--port", str(port), "--json", "--", *command, **options)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]
    assert lines and lines[-1]["exit_status"] == done.returncode, done
    return lines[:-1]


def one(lefts):
    assert len(lefts) == 1, lefts
    return lefts[0]


# --- C and C++ ---------------------------------------------------------------------------------


each_way_to_build_c = pytest.mark.parametrize(
    "options",
    [
        ["-fomit-frame-pointer", "-no-pie"],
        ["-fomit-frame-pointer", "-fPIE", "-pie"],
        ["-fomit-frame-pointer", "-static"],
        ["-fno-omit-frame-pointer", "-fPIE", "-pie"],
        # Return addresses are signed on arm64; on x86 the machine keeps them a second time.
        [BRANCH_PROTECTION[os.uname().machine], "-fPIE", "-pie"],
    ],
    ids=["no-pie", "pie", "static", "frame-pointers", "branch-protection"],
)


@each_way_to_build_c
def test_sites_c_names_opener(connleak, server, tmp_path, options):
    port = server.listen()
    left = one(left_open(connleak, port, build(tmp_path, "orders.c", *options), str(port)))
    assert left["site"].startswith("open_orders (orders) < main"), left


@each_way_to_build_c
def test_sites_c_names_last_user(connleak, server, tmp_path, options):
    port = server.listen()
    left = one(left_open(connleak, port, build(tmp_path, "orders.c", *options), str(port)))
    assert left["last_site"].startswith("save_order (orders) < main"), left


def test_sites_c_with_debug_information_has_file_and_line(connleak, server, tmp_path):
    port = server.listen()
    left = one(left_open(connleak, port, build(tmp_path, "orders.c", "-g"), str(port)))
    lines = (APPS / "orders.c").read_text().splitlines()
    line = 1 + next(i for i, text in enumerate(lines) if "send(fd" in text)
    assert left["last_site"].startswith(f"save_order (orders.c:{line}) < main"), left


def test_sites_stripped_c_has_module_build_id_offset_and_reason(connleak, server, tmp_path):
    port = server.listen()
    plain = build(tmp_path, "orders.c", "-Wl,--build-id", name="plain")
    build_id = subprocess.run(["readelf", "-n", plain], capture_output=True, text=True).stdout
    build_id = build_id.split("Build ID: ")[1].split()[0]
    symbols = subprocess.run(["nm", "-S", plain], capture_output=True, text=True).stdout
    address, size = next(
        (int(words[0], 16), int(words[1], 16))
        for words in map(str.split, symbols.splitlines())
        if words[-1] == "save_order"
    )
    stripped = build(tmp_path, "orders.c", "-Wl,--build-id", strip=True)
    sites = set()
    for _ in range(2):  # two processes, one site
        left = one(left_open(connleak, port, stripped, str(port)))
        lead = left["last_site"].split(" < ")[0]
        assert lead.startswith(f"orders[{build_id[:8]}]+0x") and lead.endswith(" (stripped)")
        assert address <= int(lead.split("+")[1].split()[0], 16) < address + size
        sites.add(left["last_site"])
    assert len(sites) == 1


def test_sites_separate_debug_file_is_found_by_build_id(connleak, server, tmp_path):
    port = server.listen()
    program = build(tmp_path, "orders.c", "-g", "-Wl,--build-id")
    note = subprocess.run(["readelf", "-n", program], capture_output=True, text=True).stdout
    build_id = note.split("Build ID: ")[1].split()[0]
    debug = pathlib.Path(f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug")
    debug.parent.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
        subprocess.run(["strip", program], check=True)
        left = one(left_open(connleak, port, program, str(port)))
    finally:
        debug.unlink()
        if not any(debug.parent.iterdir()):
            debug.parent.rmdir()
    assert left["last_site"].startswith("save_order (orders.c:"), left


def test_sites_cpp_names_are_demangled(connleak, server, tmp_path):
    port = server.listen()
    left = one(left_open(connleak, port, build(tmp_path, "orders.cpp"), str(port)))
    assert left["site"].startswith("shop::OrderRepo::open"), left
    assert left["last_site"].startswith("shop::OrderRepo::save"), left


# --- the key test: A opens, B leaks ------------------------------------------------------------


def test_sites_a_opens_b_leaks_and_b_is_named(connleak, server, tmp_path):
    port = server.listen()
    lefts = left_open(connleak, port, build(tmp_path, "pool.c", name="pool"), str(port))
    used = [left for left in lefts if left["sent"]]
    assert len(used) == 3
    for left in used:
        assert left["site"].startswith("pool_open (pool) < run_pool"), left
        assert left["site"].endswith("[thread pool-filler]"), left
        assert left["last_site"].startswith("borrow_and_forget (pool) < run_worker") or left[
            "last_site"
        ].startswith("query (pool) < borrow_and_forget < run_worker"), left
        assert left["last_site"].endswith("[thread worker-#]"), left


def bpf_programs():
    done = subprocess.run(["bpftool", "prog", "show", "--json"], capture_output=True, check=True)
    return [(program["id"], program.get("name")) for program in json.loads(done.stdout)]


def senders(pid):
    """Programs on the path of data that a process holds."""
    held = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            held |= {
                int(line.split()[1])
                for line in path.read_text().splitlines()
                if line.startswith("prog_id:")
            }
    names = "on_send_length", "on_tcp_sendmsg", "on_tcp_sendmsg_"  # cut at 15 characters
    return [key for key, name in bpf_programs() if key in held and name in names]


def ask_agent(connleak, socket, pid):
    """{command: what it shows} of each that shows code."""
    commands = [
        *[("list", "--sites"), ("list", "--json")],
        *[("explain", str(pid)), ("explain", "--json", str(pid))],
    ]
    shown = {}
    for command in commands:
        done = connleak.run(*command, "--socket", socket)
        assert done.returncode == 0, done
        shown[command] = done.stdout.decode()
    return shown


def test_sites_verdict_leads_with_the_last_sender_and_the_probe_goes_when_it_is_cleared(
    connleak, server, tmp_path
):
    port = server.listen()
    program = build(tmp_path, "pool.c", name="pool")
    agent = connleak.start(
        *("agent", "--json", "--port", f"test={port}", "--interval", "0.2"),
        *("--set", "T0=1", "--state", "none", "--pin", "none", "--socket", tmp_path / "socket"),
        *("--listen", "none"),
    )
    assert senders(agent.process.pid) == []
    leaking = subprocess.Popen([program, str(port), "stay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def verdict():
        verdicts = [json.loads(line) for line in list(agent.out.lines)]
        return next(
            (
                verdict
                for verdict in verdicts
                if verdict["state"] in ("raised", "updated")
                and verdict["sites"]
                and verdict["sites"][0]["role"] == "last_send"
            ),
            None,
        )

    try:
        found = wait_until(verdict, 90, "a verdict that names the last sender")
        assert len(senders(agent.process.pid)) == 1
        wait_until(
            lambda: ("heart", True) in last_sends(agent.process.pid).values(),
            30,
            "sends on a connection that never rests cost no copy",
        )
        shown = ask_agent(connleak, tmp_path / "socket", leaking.pid)
        leaking.stdin.write(b"\n")
        leaking.stdin.flush()
        assert leaking.stdout.readline() == b"over\n"
        wait_until(
            lambda: len(last_sends(agent.process.pid)) < 100,
            30,
            "short connections that are over have left room",
        )
    finally:
        leaking.kill()
        leaking.wait()
    first, *others = found["sites"]
    assert "borrow_and_forget" in first["site"] and first["site"].endswith("[thread worker-#]")
    assert any(s["role"] == "open" and s["site"].startswith("pool_open") for s in others)
    assert "Last sender: " in found["summary"]
    for command, text in shown.items():
        assert "pool_open" in text and "borrow_and_forget" in text, f"{command}: {text}"
    wait_until(lambda: senders(agent.process.pid) == [], 30, "the probe of sends is gone")


# --- other languages ---------------------------------------------------------------------------


def test_sites_go_rows_not_closed(connleak, postgresql, tmp_path):
    program = tmp_path / "orders"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": f"{tmp_path / 'go'}:/usr/share/gocode",
        "GOCACHE": str(ROOT / "build" / "go-cache"),
    }
    subprocess.run(["go", "build", "-o", program, APPS / "orders.go"], check=True, env=environment)
    left = one(left_open(connleak, postgresql.port, program, str(postgresql.port)))
    assert left["last_site"].startswith("main.leakRows (orders.go:"), left
    assert left["site"].startswith("main.leakRows (orders.go:"), left


def test_sites_psycopg2_names_function_file_and_line(connleak, postgresql):
    app = APPS / "psycopg2_app.py"
    left = one(left_open(connleak, postgresql.port, PYTHON, app, str(postgresql.port)))
    lines = app.read_text().splitlines()
    line = 1 + next(i for i, text in enumerate(lines) if "psycopg2.connect(" in text)
    assert left["site"].startswith(f"OrderRepo.__init__ (psycopg2_app.py:{line}) < "), left
    assert left["last_site"].startswith("OrderRepo.save (psycopg2_app.py:"), left
    assert left["last_site"].endswith(" < handle_request < <module>"), left


class Openers:
    """Processes of an interpreter, each of which opens a connection a line on stdin."""

    def __init__(self, trace, words):
        self.trace, self.words, self.running = trace, words, []

    def start(self):
        pipe = subprocess.PIPE
        self.running.append(subprocess.Popen(self.words, stdin=pipe, stdout=pipe))
        return self.open(self.running[-1])

    def open(self, process):
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline()
        return process

    def site(self, process, index):
        """Of its connection of that number, when it is told."""

        def told():
            found, own = {}, set()
            for line in list(self.trace.out.lines):
                event = json.loads(line)
                if event.get("pid") == process.pid and event["ev"] in ("open", "seen"):
                    own.add(event["conn"])
                if event.get("conn") in own:
                    found[event["conn"]] = event.get("site") or found.get(event["conn"])
            sites = [site for _, site in sorted(found.items())]
            return sites[index] if len(sites) > index else None

        return wait_until(told, 30, "a site")

    def end(self):
        for process in self.running:
            process.kill()
            process.communicate()


PYTHON_OPENER = """
import socket, sys
kept = []
def open_orders():
    kept.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
for line in sys.stdin:
    open_orders()
    print("open", flush=True)
"""
PHP_OPENER = """<?php
$kept = [];
function open_orders($port) { global $kept; $kept[] = fsockopen("127.0.0.1", $port); }
while (fgets(STDIN)) { open_orders((int)$argv[1]); echo "open\n"; }
"""


@pytest.mark.parametrize("language", ["python", "php"])
def test_sites_an_interpreter_that_was_met_before_is_known_at_its_first_connection(
    connleak, server, tmp_path, language
):
    port, script = server.listen(), tmp_path / "opener"
    script.write_text(PYTHON_OPENER if language == "python" else PHP_OPENER)
    words = [PYTHON if language == "python" else "php", script, str(port)]
    openers = Openers(None, [str(word) for word in words])
    try:
        older = openers.start()
        openers.trace = connleak.trace(port)
        # One that was open before connleak came is looked at, whatever it does next.
        wait_until(
            lambda: older.pid in [e["key"] for e in map_elements(openers.trace.process.pid, "scripts")],
            *(30, "the one that was there is known"),
        )
        openers.open(older)
        assert openers.site(older, 1).startswith("open_orders (opener:"), openers.site(older, 1)
        # Of the first that is seen to begin the program is learned, so the next are known.
        openers.site(openers.start(), 0)
        third = openers.site(openers.start(), 0)
        assert third.startswith("open_orders (opener:"), third
    finally:
        openers.end()


def test_sites_sqlalchemy_session_never_closed(connleak, postgresql):
    app = APPS / "sqlalchemy_app.py"
    left = one(left_open(connleak, postgresql.port, PYTHON, app, str(postgresql.port)))
    assert left["site"].startswith("report_sales (sqlalchemy_app.py:"), left
    assert left["last_site"].startswith("report_sales (sqlalchemy_app.py:"), left


def test_sites_python_3_12(connleak, server, tmp_path):
    """Which no Debian ships; that of Debian 13 is in test_foreign_root."""
    pythons = sorted(PYENV.glob("3.12.*/bin/python3"))
    pythons += [pathlib.Path(path) for path in [shutil.which("python3.12")] if path]
    if not pythons:
        pytest.skip("no python 3.12 here")
    port = server.listen()
    script = tmp_path / "app.py"
    script.write_text(
        "import os, socket, time\n"
        "def open_orders():\n"
        f"    return socket.create_connection(('127.0.0.1', {port}))\n"
        "def save_order(c):\n"
        "    c.sendall(b'x')\n"
        f"time.sleep({patient(0.1)})\n"
        "c = open_orders()\n"
        "save_order(c)\n"
        f"time.sleep({patient(0.1)})\n"
        "os._exit(0)\n"
    )
    left = one(left_open(connleak, port, pythons[0], script))
    assert left["site"].startswith("open_orders (app.py:3) < <module>"), left
    assert left["last_site"].startswith("save_order (app.py:5) < <module>"), left


def test_sites_node_pg_client_not_released(connleak, postgresql, node_packages, tmp_path):
    environment = {**os.environ, "NODE_PATH": str(NODE / "node_modules")}
    options = ["--perf-basic-prof", "--interpreted-frames-native-stack"]
    lefts = left_open(
        *(connleak, postgresql.port, "node", *options, APPS / "orders.js", str(postgresql.port)),
        env=environment,
        cwd=tmp_path,  # where node leaves its log
    )
    left = one(lefts)
    # The connect runs from node's own queue, where no function of the program is on the stack.
    assert left["site"], left
    assert left["last_site"].startswith("saveOrder (orders.js:"), left


def test_sites_node_without_a_perf_map_says_why(connleak, postgresql, node_packages):
    environment = {**os.environ, "NODE_PATH": str(NODE / "node_modules")}
    command = ["node", APPS / "orders.js", str(postgresql.port)]
    left = one(left_open(connleak, postgresql.port, *command, env=environment))
    assert left["last_site"].endswith(" (JavaScript out of sight: no perf map, or a callback)"), left


def java(port, tmp_path):
    options = ["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xcomp"]
    options += [f"-XX:CompileCommand={what}" for what in ("quiet", "compileonly,Orders::*")]
    options += ["-XX:CompileCommand=dontinline,Orders::saveOrder"]
    options += ["-XX:+PreserveFramePointer", "-cp", ":".join([str(tmp_path), *JARS])]
    subprocess.run(["javac", "-d", tmp_path, "-cp", ":".join(JARS), APPS / "Orders.java"], check=True)
    return ["java", *options, "Orders", str(port)]


def test_sites_java_thread_name_always(connleak, postgresql, tmp_path):
    command = java(postgresql.port, tmp_path)
    lefts = left_open(connleak, postgresql.port, *command, timeout=120)
    used = [left for left in lefts if "order-worker-#" in (left["last_site"] or "")]
    assert len(used) == 1, lefts
    assert "(no perf map)" in used[0]["last_site"], lefts
    # Who opens is the pool's own thread, or main for the first one.
    assert all(left["site"] and "[thread " in left["site"] for left in lefts), lefts


def test_sites_java_method_by_a_perf_map(connleak, postgresql, tmp_path):
    """The map is what `jcmd PID Compiler.perfmap` writes once the program is warm."""
    command = java(postgresql.port, tmp_path)
    lefts = left_open(connleak, postgresql.port, *command, "perfmap", timeout=120)
    used = [left for left in lefts if "order-worker-#" in (left["last_site"] or "")]
    assert len(used) == 1, lefts
    assert used[0]["last_site"].startswith("Orders.saveOrder"), lefts
    assert used[0]["last_site"].endswith(" [thread order-worker-#]"), lefts


def check_php(left, app, call):
    lines = app.read_text().splitlines()
    opened, used = (
        1 + next(i for i, text in enumerate(lines) if name in text) for name in (call, "pg_query(")
    )
    callers = " < handle_request < {main}"
    assert left["site"] == f"OrderRepo::__construct ({app.name}:{opened}){callers}", left
    assert left["last_site"] == f"OrderRepo::save ({app.name}:{used}){callers}", left


def test_sites_php_names_function_file_and_line(connleak, postgresql):
    app = APPS / "orders.php"
    left = one(left_open(connleak, postgresql.port, "php", app, str(postgresql.port)))
    check_php(left, app, "pg_connect(")


def test_sites_php_fpm_names_the_function_of_a_worker(connleak, postgresql, anybodys):
    """Of a request; the worker was forked before the first, and goes on after it."""
    path = sorted(pathlib.Path("/usr/sbin").glob("php-fpm8.*"))[-1]
    app = pathlib.Path(shutil.copy(APPS / "fpm.php", anybodys))
    configuration, listen = fpm.write_configuration(anybodys)
    words = [path, "-F", "-O", "--fpm-config", configuration]
    options = ["--json", "--port", str(postgresql.port), "-o", anybodys / "left"]
    command = [connleak.path, "run", *options, "--", *words]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    try:
        wait_until(lambda: running.poll() is not None or listen.exists(), 30, "php-fpm listens")
        workers = [fpm.get(listen, app, f"port={postgresql.port}") for _ in range(2)]
        assert workers[0].isdigit() and workers[0] == workers[1], workers
        # In good order PHP closes what is persistent itself.
        os.kill(int(workers[0]), signal.SIGKILL)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    *lefts, summary = [json.loads(line) for line in (anybodys / "left").read_text().splitlines()]
    assert summary["left_open"] == len(lefts) == 2, (lefts, said)
    for left in lefts:
        check_php(left, app, "pg_pconnect(")


# --- containers and hostile files --------------------------------------------------------------


def make_root(tmp_path, program):
    root = tmp_path / "root"
    (root / "old").mkdir(parents=True)
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for word in listing.split():
        if word.startswith("/"):
            target = root / word[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)
    (root / "app").mkdir()
    shutil.copy(program, root / "app/orders")
    return root


@pytest.mark.parametrize("way", ["pivot_root", "chroot"])
def test_sites_program_with_its_own_root(connleak, server, tmp_path, way):
    port = server.listen()
    root = make_root(tmp_path, build(tmp_path, "orders.c", "-fPIE", "-pie"))
    if way == "chroot":
        command = ["chroot", root, "/app/orders", str(port)]
    else:
        script = 'mount --bind "$0" "$0" && cd "$0" && pivot_root . old && exec /app/orders "$1"'
        command = ["unshare", "--mount", "sh", "-c", script, root, str(port)]
    left = one(left_open(connleak, port, *command))
    assert left["site"].startswith("open_orders (orders) < main"), left
    assert left["last_site"].startswith("save_order (orders) < main"), left


@pytest.mark.parametrize("seed", range(4))
def test_sites_hostile_elf_neither_crashes_nor_hangs(connleak, server, tmp_path, seed):
    """What an execve() does not look at is turned into garbage: sections, symbols, notes."""
    port = server.listen()
    program = build(tmp_path, "orders.c", "-g", "-static")
    data = bytearray(program.read_bytes())
    chance = random.Random(seed)
    sections = int.from_bytes(data[0x28:0x30], "little")
    for at in range(sections, len(data)):
        if chance.random() < 0.2:
            data[at] = chance.randrange(256)
    for _ in range(2000):
        data[chance.randrange(len(data) * 9 // 10, len(data))] = chance.randrange(256)
    program.write_bytes(data)
    left = one(left_open(connleak, port, program, str(port)))
    assert left["site"] is None or isinstance(left["site"], str)
    healthy = build(tmp_path, "orders.c", name="healthy")
    left = one(left_open(connleak, port, healthy, str(port)))
    assert left["last_site"].startswith("save_order"), left


def add_link(tmp_path, program, name):
    trap = tmp_path / name
    trap.parent.mkdir(exist_ok=True)
    os.mkfifo(trap)
    link = tmp_path / "link"
    link.write_bytes(f"./{name}".encode() + b"\0" + bytes(range(20)))
    subprocess.run(["objcopy", "--add-section", f".gnu_debugaltlink={link}", program], check=True)
    return program


def trap_for_libdwfl(tmp_path):
    """Which asks the callback for what dwz has taken out."""
    return add_link(tmp_path, build(tmp_path, "orders.c", "-g"), ".dwz/trap")


def trap_for_libdw(tmp_path):
    """Which opens the link itself for a string that is kept there."""
    text, program = tmp_path / "orders.s", tmp_path / "orders"
    command = ["gcc", "-O2", "-g", "-dA", "-S", APPS / "orders.c", "-o", text]
    subprocess.run(command, check=True)
    form = re.compile(r"(\(DW_AT_comp_dir\)\s+\.uleb128) 0x[0-9a-f]+")
    kept, count = form.subn(r"\1 0x1f21", text.read_text())  # DW_FORM_GNU_strp_alt
    assert count > 0
    text.write_text(kept)
    subprocess.run(["gcc", text, "-o", program, "-pthread"], check=True)
    return add_link(tmp_path, program, "trap")


@pytest.mark.parametrize("make", [trap_for_libdwfl, trap_for_libdw])
def test_sites_opens_nothing_that_an_elf_file_names(connleak, server, tmp_path, make):
    """Names in DWARF lead anywhere: a watchdog is armed, and a fifo waits, by being opened."""
    port = server.listen()
    left = one(left_open(connleak, port, make(tmp_path), str(port)))
    assert left["last_site"].startswith("save_order (orders"), left


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def watched_sockets(pid):
    """Of the agent's: all that wait in an epoll."""
    watched = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            lines = path.read_text().splitlines()
        except FileNotFoundError:  # closed since
            continue
        numbers = [line.split()[1] for line in lines if line.startswith("tfd:")]
        links = [os.readlink(f"/proc/{pid}/fd/{number}") for number in numbers]
        watched |= {link for link in links if link.startswith("socket:")}
    return watched


def test_sites_symbolizer_that_was_killed_is_buried_and_the_next_one_listened_to(
    connleak, server, client
):
    """Its end wakes the agent for ever if it is not taken; the new one has its descriptor."""
    port = server.listen()
    agent = connleak.start(
        *("agent", "--port", f"test={port}", "--interval", "0.2", "--state", "none"),
        *("--pin", "none", "--socket", "none", "--listen", "none", "--journal", "no"),
    )
    pid = agent.process.pid

    def start_one():
        client.open_all(1, port)
        (found,) = wait_until(lambda: children(pid), 20, "a symbolizer")
        wchan = pathlib.Path(f"/proc/{found}/wchan")
        wait_until(lambda: "poll" in wchan.read_text(), 20, "it waits for samples")
        return found

    first = start_one()
    (watched,) = wait_until(lambda: watched_sockets(pid), 10, "it is watched")
    os.kill(int(first), 9)
    wait_until(lambda: first not in children(pid), 10, "the symbolizer is buried")
    assert start_one() != first
    (watched_next,) = wait_until(lambda: watched_sockets(pid), 10, "the next one is watched")
    assert watched_next != watched
