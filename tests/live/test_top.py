# SPDX-License-Identifier: Apache-2.0
"""
The screen of top as a person sees it: in tmux, at several sizes and in several locales, with keys
typed. What it shows of a recording is the same every time, so whole screens are compared with those
in screens/. With CONNLEAK_UPDATE_SCREENS=1 they are written anew, to be read before they are kept.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from harness import AGENT_ALONE, CONNLEAK, is_alive, patient, wait_until
from tmux import Terminal

SCREENS = pathlib.Path(__file__).parent / "screens"
UPDATE = os.environ.get("CONNLEAK_UPDATE_SCREENS") == "1"
ORDERS = "orders-db=10.0.3.7:5432,limit=50"


@pytest.fixture
def terminal(start):
    return lambda *size, **options: start(Terminal, *size, **options)


def incident():
    """Ten minutes: a process that leaks one connection every 15 s, and three that do not."""
    events = []
    conns = iter(range(1, 10000))

    def event(t, ev, **fields):
        events.append({"t": round(t, 3), "ev": ev, **fields})

    def opened(t, client, remote):
        conn = next(conns)
        event(t, "open", conn=conn, remote=remote, site=client["site"], **client["keys"])
        event(t + 0.001, "established", conn=conn)
        return conn

    def used(t, conn, times):
        sent = times * 100
        event(
            t + 0.02, "io", conn=conn, sent=sent, received=sent * 10, last_send=t, last_recv=t + 0.01
        )

    def client(pid, comm, unit, site):
        keys = {"pid": pid, "pstart": 1.5, "comm": comm, "netns": 4026531840}
        keys |= {"cgroup": f"/system.slice/{unit}", "exe": f"/usr/bin/{unit.partition('.')[0]}"}
        return {"keys": keys, "site": site}

    orders = client(4711, "orders-api", "orders.service", "OrderRepo.save")
    billing = client(812, "billing", "billing.service", "Ledger.post")
    evil = client(666, "\x1b[2J\x1b[31mev\n", "evil.service", "\x1b]0;title\x07")
    report = client(99, "report", "report.service", "Report.run")
    pools = [
        (orders, "10.0.3.7:5432", 6),
        (billing, "10.0.3.9:3306", 4),
        (evil, "10.0.3.9:6379", 1),
    ]
    kept = [(opened(0.1, who, remote), 0) for who, remote, count in pools for _ in range(count)]
    reports = [opened(0.2, report, "10.0.3.7:5432") for _ in range(3)]
    for second in range(1, 600):
        # Each connection is used every three seconds.
        for conn, _ in kept[second % 3 :: 3]:
            used(second, conn, second)
        if second % 15 == 0:
            used(second + 0.1, opened(second + 0.05, orders, "10.0.3.7:5432"), 1)
        if second < 590:
            used(second + 0.2, reports[second % 3], second)
    for conn in reports:
        event(590.5, "close", conn=conn, by="exit")
    event(590.6, "exit", pid=99, pstart=1.5)
    event(600, "end")
    events.sort(key=lambda line: line["t"])
    return events


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("top") / "night.jsonl"
    header = {"connleak_trace": 1, "host": "node-a", "realtime": "2026-11-20T14:00:00Z"}
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *incident()]))
    return path


def expected(name, screen, update=UPDATE):
    """The screen that was read and kept; the name is that of its file."""
    path = SCREENS / f"{name}.txt"
    if update:
        path.write_text(screen)
    assert path.exists(), f"{path} is not there; this is the screen:\n{screen}"
    return path.read_text()


def without_summary(screen):
    """The sentence of the verdict is the detector's, and tested with it."""
    return re.sub(r"^LEAK .*\n.*$", "LEAK ...", screen, flags=re.MULTILINE)


def compare(window, name, update=UPDATE):
    """A screen is drawn piece by piece: it has to become the expected one."""
    screen = [None]

    def is_settled(now):
        was, screen[0] = screen[0], without_summary(now)
        return was == screen[0]

    if update:
        window.wait(is_settled)
    wanted = expected(name, screen[0], update)
    try:
        window.wait(lambda now: without_summary(now) == wanted)
    except AssertionError:
        assert without_summary(window.screen()) == wanted
        raise


def play(terminal, recording, *options):
    """Shows the end of the recording, paused."""
    terminal.run(CONNLEAK, "top", "--replay", recording, "--endpoint", ORDERS, *options)
    terminal.wait("speed x1")
    go_to(terminal, "100%")
    terminal.wait(at_end)


def at_end(screen):
    return screen.split("\n")[0].endswith(" END")


def go_to(terminal, moment):
    terminal.keys("t")
    terminal.wait("Go to")
    terminal.text(moment)
    terminal.keys("Enter")


def assert_given_back(terminal, modes, status):
    terminal.wait(f"ended with {status}")
    assert not terminal.alternate()
    assert terminal.modes() == modes


# --- what it shows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, size, options",
    [
        ("ascii-80x24", (80, 24), {"locale": "C", "term": "vt100"}),
        ("utf8-80x24", (80, 24), {}),
        ("utf8-200x60", (200, 60), {}),
        ("utf8-40x10", (40, 10), {}),
    ],
)
def test_screen_of_a_recording(terminal, recording, name, size, options):
    window = terminal(*size, **options)
    play(window, recording)
    compare(window, name)
    # Mono is mono, and where there are colours what is bad is red or yellow.
    coloured = "\x1b[1m\x1b[31m" in window.screen("-e") or "\x1b[33m" in window.screen("-e")
    assert coloured == (options.get("term") != "vt100")
    if options.get("locale") == "C":
        assert window.screen().isascii()


def test_screen_follows_the_size_of_its_window(terminal, recording):
    window = terminal(80, 24)
    play(window, recording)
    for size, name in [((200, 60), "utf8-200x60"), ((40, 10), "utf8-40x10"), ((80, 24), "utf8-80x24")]:
        window.resize(*size)
        compare(window, name, update=False)
    window.resize(9, 3)
    window.wait(lambda screen: screen.startswith("SEV"))
    window.resize(80, 24)
    compare(window, "utf8-80x24", update=False)


def suspects_on(screen):
    return [line for line in screen.split("\n") if line.startswith("  suspect ")]


def test_detail_of_a_pool(terminal, recording):
    window = terminal(120, 70)
    play(window, recording)
    window.keys("Down", "Enter")
    # A large screen comes in pieces.
    screen = window.wait_all(
        "orders-api[4711] in orders.service -> orders-db 10.0.3.7:5432 (postgresql)",
        *("LEAK orders-api[4711]", "Evidence", "What else it could be", "Course since 14:00"),
        *("  open   |", "  stale  |", "  busy   |", "Connections, by the site"),
        *("by OrderRepo.save", lambda screen: len(suspects_on(screen)) > 10),
        lambda screen: all("established" in line for line in suspects_on(screen)),
    )
    suspects = suspects_on(screen)
    assert "100 B     1 kB" in suspects[0] or "100 B   1.0 kB" in suspects[0], suspects[0]
    window.keys("End")
    window.wait(lambda later: "Evidence" not in later and "10.0.3.7" in later or later != screen)
    window.keys("Escape")
    window.wait("SEV*")


def test_every_grouping(terminal, recording):
    window = terminal(130, 20)
    play(window, recording)
    for group in ("process", "workload", "endpoint", "site"):
        window.keys("Tab")
        window.wait(f"by {group}")
        compare(window, f"group-{group}-130x20")
    window.keys("Tab")
    window.wait(lambda screen: "by site" not in screen)
    window.keys("BTab", "BTab")
    window.wait("by endpoint")
    window.keys("Down", "Enter")
    window.wait_all("only endpoint orders-db", "orders-api", lambda screen: "billing" not in screen)
    window.keys("Escape")
    window.wait("by endpoint")


def stand_so(screen, upper, lower):
    return 0 <= screen.find(upper) < screen.find(lower)


def test_help_and_order(terminal, recording):
    window = terminal(80, 60, locale="C")
    play(window, recording)
    window.keys("?")
    window.wait("Filter: words")
    compare(window, "help-80x60")
    window.keys("q")
    window.wait("SEV*")
    window.keys("s")
    window.wait("Sort by")
    window.keys("Down", "Down", "Enter")
    window.wait_all("sorted by comm", lambda screen: stand_so(screen, " 812 ", " 4711 "))
    window.keys("r")
    window.wait_all("reversed", lambda screen: stand_so(screen, " 4711 ", " 812 "))


def test_filter_is_applied_as_it_is_typed(terminal, recording):
    window = terminal(100, 24)
    play(window, recording)
    window.keys("/")
    window.text("db:mysql|redis stale")
    window.wait("(0 of 4)")
    window.text("<1")
    window.wait_all("(2 of 4)", "billing", lambda screen: "orders-a" not in screen)
    window.text(" !colour:red")
    window.wait_all("'colour:red' names no field", "billing")
    window.keys("C-w", "Enter")
    window.wait("filter: db:mysql|redis stale<1  (2 of 4)")
    window.keys("Escape")
    window.wait("orders-a")


def test_view_is_written_as_json(terminal, recording, tmp_path):
    window = terminal(100, 24)
    play(window, recording)
    path = tmp_path / "view.json"
    window.keys("/")
    window.text("db:postgresql")
    window.keys("Enter", "w", "C-u")
    window.text(str(path))
    window.keys("Enter")
    window.wait("wrote 2 pools")
    pools = [(pool["comm"], pool["verdict"]) for pool in json.loads(path.read_text())["pools"]]
    assert pools == [("orders-api", "leak"), ("report", None)]
    # What is there is not destroyed.
    window.keys("w", "C-u")
    window.text(str(path))
    window.keys("Enter")
    window.wait("File exists")


def test_names_from_outside_do_nothing_to_the_screen(terminal, recording):
    window = terminal(200, 24)
    play(window, recording)
    window.wait_all(
        "\\x1b[2J\\x1b[31m…", lambda screen: screen.startswith("connleak top")
    )
    window.keys("/")
    window.text("evil")
    window.keys("Enter", "Down", "Enter")
    window.wait_all(
        *("Connections, by the site", "\\x1b[2J\\x1b[31mev\\x0a[666] in evil.service"),
        "1 by \\x1b]0;title\\x07",
    )
    assert "title" not in window.tmux("display-message", "-p", "#{pane_title}")


# --- replay -------------------------------------------------------------------------------------


def test_replay_is_paused_sped_up_and_searched(terminal, recording):
    window = terminal(100, 24)
    window.run(CONNLEAK, "top", "--replay", recording, "--endpoint", ORDERS, "-d", "0.2")
    window.wait("speed x1")
    window.keys("p")
    window.wait("PAUSED")
    go_to(window, "14:05:00")
    window.wait("connleak top  14:05:00  replay of night.jsonl, 5 min of 10 min")
    window.keys("[")
    window.wait("14:04:00")
    window.keys("}")
    window.wait("14:10:00")
    go_to(window, "-9m")
    window.wait("14:01:00")
    go_to(window, "25:00")
    window.wait("'25:00' is no moment")
    window.keys("p", *"+++++++")
    window.wait("speed x128")
    # It ended 10 s before the end, and is still there.
    window.wait_all(at_end, "\ngone      99 report", "gone for")


# --- ways out, and no way in --------------------------------------------------------------------


@pytest.mark.parametrize("how", ["q", "SIGHUP", "SIGTERM", "SIGINT"])
def test_terminal_is_given_back(terminal, recording, how):
    window = terminal(80, 24)
    modes = window.modes()
    play(window, recording)
    assert window.alternate() and window.modes() != modes
    if how == "q":
        window.keys("q")
    else:
        os.kill(window.child(), getattr(signal, how))
    assert_given_back(window, modes, 0)


def test_terminal_is_given_back_by_one_that_crashes(terminal, recording):
    window = terminal(80, 24)
    modes = window.modes()
    play(window, recording)
    os.kill(window.child(), signal.SIGSEGV)
    assert_given_back(window, modes, 128 + signal.SIGSEGV)


def test_terminal_that_goes_away_ends_it(terminal, recording):
    window = terminal(80, 24)
    play(window, recording)
    pid = window.child()
    window.stop()
    wait_until(lambda: not is_alive(pid), 10, "top has ended")


@pytest.mark.parametrize(
    "term, why",
    [("unknown-42", "nothing is known of a terminal of type TERM='unknown-42'"),
     ("dumb", "the terminal cannot move its cursor")],
)
def test_terminal_that_can_do_nothing_gets_tables(terminal, recording, term, why):
    window = terminal(250, 40, term=term)
    window.run(CONNLEAK, "top", "--replay", recording, "-d", "300")
    screen = window.wait("ended with 0")
    assert f"connleak: {why}" in screen and "tables instead of a screen" in screen
    assert screen.count("connleak top  ") == 2 and "orders-api" in screen


def test_without_a_terminal_there_are_tables(recording):
    def run(*options):
        done = subprocess.run(
            [CONNLEAK, "top", "--replay", recording, *options],
            capture_output=True,
            text=True,
            timeout=patient(60),
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    tables = run("-b", "-n", "3", "-d", "60")
    assert [line[14:22] for line in tables.split("\n") if line.startswith("connleak top")] == [
        "14:01:00",
        "14:02:00",
        "14:03:00",
    ]
    assert "\x1b" not in tables and tables.isascii()
    once = run("--once", "--endpoint", ORDERS)
    assert once == expected("once", once)
    pools = json.loads(run("--once", "--json"))["pools"]
    assert {(pool["pid"], pool["exited"]) for pool in pools} == {
        (4711, False),
        (812, False),
        (666, False),
        (99, True),
    }


# --- live ---------------------------------------------------------------------------------------


def test_own_probes_from_the_first_look_to_the_last(terminal, server, client):
    port = server.listen()
    client.command("name orders-api")
    client.open_all(23, port)
    window = terminal(120, 24)
    window.run(
        *(CONNLEAK, "top", "--port", f"ledger={port}", "--socket", "none", "-d", "0.2", "-v")
    )
    window.wait_all("own probes", lambda screen: any(
        "orders-api" in line and " 23 " in line for line in screen.split("\n")))
    client.open_all(5, port)
    window.wait(lambda screen: "28 open in 1 pool:" in screen)
    window.keys("Down", "Enter")
    window.wait("orders-api[")
    window.wait("Connections, by the site")
    client.stop()
    window.keys("Escape")
    window.wait(lambda screen: any(line.startswith("gone ") for line in screen.split("\n")))
    window.keys("q")
    # What was to be said meanwhile is said afterwards.
    assert "own probes" not in window.wait("ended with 0").split("ended with")[1]


def start_agent(connleak, socket, port):
    alone = [word if word != "none" or AGENT_ALONE[at - 1] != "--socket" else socket
             for at, word in enumerate(AGENT_ALONE)]
    agent = connleak.start("agent", *alone, "--port", f"ledger={port}")
    wait_until(socket.exists, 10, "the agent's socket")
    return agent


def test_keys_work_while_the_agent_does_not_answer(terminal, connleak, server, client, tmp_path):
    port = server.listen()
    client.open_all(23, port)
    socket = tmp_path / "agent.sock"
    agent = start_agent(connleak, socket, port)
    window = terminal(120, 24)
    window.run(CONNLEAK, "top", "--socket", socket, "-d", "0.2")
    window.wait("23 open in 1 pool:")
    agent.process.send_signal(signal.SIGSTOP)
    window.wait("No news: the agent has not answered for")
    # A question is given up after 10 s, and keys that waited for that would take 80 s.
    begun = time.monotonic()
    for key, words in [("h", "Keys\n"), ("Enter", "23 open\n")] * 2:
        window.keys(key)
        window.wait(words)
        window.keys("Escape")
        window.wait("h Help /")
    assert time.monotonic() - begun < 40
    window.wait("No news")
    client.open_all(5, port)
    agent.process.send_signal(signal.SIGCONT)
    window.wait("28 open in 1 pool:")
    window.wait(lambda screen: "No news" not in screen)
    window.keys("Down", "Enter")
    window.wait("28 by ")
    agent.process.send_signal(signal.SIGSTOP)
    window.wait("No news")
    window.keys("F10")
    window.wait("ended with 0")
    agent.process.send_signal(signal.SIGCONT)


def test_screen_of_the_agent_needs_no_privilege(terminal, connleak, server, client, tmp_path):
    port = server.listen()
    client.command("name orders-api")
    client.open_all(23, port)
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]: # pytest keeps them to itself
        parent.chmod(0o755)
    socket = tmp_path / "agent.sock"
    agent = start_agent(connleak, socket, port)
    group = socket.stat().st_gid
    window = terminal(120, 24)
    window.run(
        *("setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups", "--inh-caps=-all"),
        *("--bounding-set=-all", CONNLEAK, "top", "--socket", socket, "-d", "0.2"),
    )
    window.wait_all("23 open in 1 pool:", "the agent")
    window.keys("Down", "Enter")
    window.wait("23 by ")
    agent.stop()
    window.wait("No news")
    window.keys("F10")
    window.wait("ended with 0")
