# SPDX-License-Identifier: Apache-2.0
"""Input that is wrong: one clear line on stderr, the right exit status, nothing half done."""

import json
import os
import subprocess

import pytest

from harness import patient

RUNTIME, USAGE = 1, 2
HEADER = '{"connleak_trace":1,"host":"node-a","realtime":"2026-11-20T08:00:00Z"}\n'
OPEN = '{"t":1.0,"ev":"open","conn":1,"pid":7,"pstart":3.5,"comm":"app","remote":"10.0.3.7:5432"}\n'
END = '{"t":600.0,"ev":"end"}\n'


def leak_trace():
    """A leak built by hand: a connection every two seconds, used once and never closed."""
    lines = []
    for i in range(90):
        t = 2.0 * i
        opener = {"pid": 7, "pstart": 3.5, "comm": "app", "remote": "10.0.3.7:5432"}
        work = {"sent": 100, "received": 100, "last_send": t + 0.02, "last_recv": t + 0.03}
        lines.append({"t": t, "ev": "open", "conn": i + 1, **opener})
        lines.append({"t": t + 0.01, "ev": "established", "conn": i + 1})
        lines.append({"t": t + 1, "ev": "io", "conn": i + 1, **work})
    return HEADER + "".join(json.dumps(line) + "\n" for line in lines) + '{"t":200.0,"ev":"end"}\n'


def replay(connleak, text, *arguments):
    data = text if isinstance(text, bytes) else text.encode()
    return connleak.run("replay", "--json", *arguments, "-", input=data)


def assert_one_line(done, status, *words):
    """One line on stderr that names what is wrong, and not a byte on stdout."""
    error = done.stderr.decode("utf-8", "strict")
    assert done.returncode == status, error
    assert done.stdout == b""
    assert error.endswith("\n") and error.count("\n") == 1, error
    assert error.startswith("connleak: ")
    for word in words:
        assert word in error, error
    assert all(char == "\n" or char.isprintable() for char in error), error


def ending(key, value):
    """An end event with one more key, at the start of a trace."""
    return f'{HEADER}{{"t":1.0,"ev":"end","{key}":{value}}}\n'


BAD_TRACES = {
    "empty": ("", ["empty"]),
    "no-header": (OPEN + END, ["stdin:1:"]),
    "another-version": ('{"connleak_trace":2}\n' + OPEN, ["stdin:1:", "2"]),
    "unknown-event": (
        HEADER + OPEN + '{"t":2.0,"ev":"opened","conn":2}\n',
        ["stdin:3:", "opened"],
    ),
    "duplicate-id": (HEADER + OPEN + OPEN, ["stdin:3:", "1"]),
    "backwards-time": (
        HEADER + OPEN + '{"t":0.5,"ev":"established","conn":1}\n',
        ["stdin:3:", "0.5"],
    ),
    "unknown-connection": (
        HEADER + OPEN + '{"t":2.0,"ev":"established","conn":9}\n',
        ["stdin:3:", "9"],
    ),
    "missing-key": (
        HEADER + '{"t":1.0,"ev":"open","conn":1,"pid":7,"pstart":3.5}\n',
        ["stdin:2:", "remote"],
    ),
    "bad-address": (
        HEADER + OPEN.replace("10.0.3.7:5432", "10.0.3.7:65536"),
        ["stdin:2:", "10.0.3.7:65536"],
    ),
    "negative-id": (HEADER + OPEN.replace('"conn":1', '"conn":-1'), ["stdin:2:", "-1"]),
    "not-an-object": (HEADER + "[1,2,3]\n", ["stdin:2:"]),
    "not-json": (HEADER + OPEN + "good evening\n" + END, ["stdin:3:"]),
    "huge-line": (ending("pad", '"' + "x" * (1 << 20) + '"'), ["stdin:2:"]),
    "huge-number": (HEADER + OPEN.replace("1.0", "1e300"), ["stdin:2:"]),
    "deep-nesting": (ending("pad", "[" * 20000 + "]" * 20000), ["stdin:2:"]),
    "escape-in-event": (HEADER + '{"t":1.0,"ev":"\\u001b[2Jopen"}\n', ["stdin:2:"]),
}


@pytest.mark.parametrize("name", BAD_TRACES)
def test_replay_of_a_bad_trace_names_the_line(connleak, name):
    text, words = BAD_TRACES[name]

    assert_one_line(replay(connleak, text), RUNTIME, *words)


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 16,
        b"\x7fELF\x02\x01\x01" + b"\0" * 4096,
        (HEADER + OPEN).encode("utf-16"),
    ],
    ids=["bytes", "program", "utf-16"],
)
def test_replay_of_binary_data_is_refused(connleak, data):
    assert_one_line(replay(connleak, data), RUNTIME, "stdin", "binary")


def test_replay_of_nul_bytes_inside_a_trace_is_refused(connleak):
    data = (HEADER + OPEN).encode() + b"\0" * 100 + b"\n"

    assert_one_line(replay(connleak, data), RUNTIME, "stdin", "binary")


@pytest.mark.parametrize("tail", ["", '{"t":2.0,"ev":"establ'], ids=["between-lines", "in-a-line"])
def test_replay_of_a_truncated_trace_says_so_and_goes_on(connleak, tail):
    done = replay(connleak, HEADER + OPEN + tail)

    assert done.returncode == 0
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert b"cut off" in done.stderr


def test_replay_of_a_complete_trace_says_nothing(connleak):
    done = replay(connleak, HEADER + OPEN + END)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_replay_with_v_says_how_much_it_has_read(connleak):
    done = replay(connleak, HEADER + OPEN + END, "-v")

    assert (done.returncode, done.stdout) == (0, b"")
    assert b"stdin: events: 2, over 599.000 s; connections open at the end: 1;" in done.stderr


def test_replay_with_unknown_keys_ignores_them(connleak):
    done = replay(connleak, HEADER + OPEN.replace("}", ',"colour":{"r":1}}') + END)

    assert (done.returncode, done.stderr) == (0, b"")


def test_replay_of_a_missing_file_names_it(connleak, tmp_path):
    assert_one_line(connleak.run("replay", tmp_path / "gone"), RUNTIME, str(tmp_path / "gone"))


def test_replay_of_a_directory_names_it(connleak, tmp_path):
    assert_one_line(connleak.run("replay", tmp_path), RUNTIME, str(tmp_path))


def test_replay_without_a_file_is_a_usage_error(connleak):
    assert_one_line(connleak.run("replay"), USAGE)


def test_output_to_a_full_disk_is_a_failure(connleak, tmp_path):
    trace = tmp_path / "leak.jsonl"
    trace.write_text(leak_trace())

    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [connleak.path, "replay", "--json", trace],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=patient(10),
        )

    assert done.returncode == RUNTIME
    assert done.stderr.count(b"\n") == 1


BAD_PORTS = {
    "zero": ("0", "0"),
    "too-big": ("65536", "65536"),
    "huge": ("99999999999999999999", "99999999999999999999"),
    "negative": ("-1", "-1"),
    "open-range": ("5432-", "5432-"),
    "backwards-range": ("5434-5432", "5434-5432"),
    "range-to-too-big": ("65000-65536", "65536"),
    "duplicate": ("5432,5432", "5432"),
    "duplicate-in-a-range": ("5430-5440,5432", "5432"),
    "duplicate-with-a-name": ("5432,orders=5432", "5432"),
    "word": ("postgres", "postgres"),
    "empty": ("", ""),
    "empty-item": ("5432,,5433", "5432,,5433"),
    "trailing-comma": ("5432,", "5432,"),
    "name-without-port": ("orders=", "orders="),
    "port-without-name": ("=5432", "=5432"),
    "space": ("5432 ", "5432 "),
    "hex": ("0x1538", "0x1538"),
}


@pytest.mark.parametrize("name", BAD_PORTS)
def test_port_list_that_is_wrong_is_a_usage_error(connleak, name):
    value, named = BAD_PORTS[name]

    assert_one_line(connleak.run("list", "--port", value), USAGE, named)


BAD_ARGUMENTS = {
    "no-command": ([], ""),
    "unknown-command": (["lst"], "lst"),
    "unknown-option": (["list", "--prot", "5432"], "--prot"),
    "option-of-another-command": (["list", "--duration", "5"], "--duration"),
    "missing-value": (["list", "--port"], "--port"),
    "pid-zero": (["list", "--pid", "0"], "0"),
    "pid-word": (["list", "--pid", "app"], "app"),
    "comm-too-long": (["list", "--comm", "sixteen-bytes-xx"], "sixteen-bytes-xx"),
    "endpoint-without-address": (["list", "--endpoint", "orders"], "orders"),
    "endpoint-with-a-name": (["list", "--endpoint", "orders=db.internal:5432"], "db.internal"),
    "endpoint-with-a-long-prefix": (["list", "--endpoint", "orders=10.0.0.0/33"], "33"),
    "setting-unknown": (["replay", "--set", "T9=10s", "-"], "T9"),
    "setting-out-of-range": (["replay", "--set", "T0=-10s", "-"], "-10s"),
    "duration-zero": (["trace", "--duration", "0"], "0"),
    "duration-word": (["trace", "--duration", "soon"], "soon"),
    "interval-zero": (["top", "-d", "0"], "0"),
    "fail-on-unknown": (["replay", "--fail-on", "drip", "-"], "drip"),
    "surplus-argument": (["list", "5432"], "5432"),
    "config-missing": (["list", "--config", "/nonexistent/connleak.conf"], "/nonexistent"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_argument_that_is_wrong_is_a_usage_error(connleak, name):
    arguments, named = BAD_ARGUMENTS[name]

    assert_one_line(connleak.run(*arguments), USAGE, named)


def test_cgroup_that_is_not_there_is_a_usage_error(connleak):
    done = connleak.run("list", "--cgroup", "/sys/fs/cgroup/no-such-group")

    assert_one_line(done, USAGE, "/sys/fs/cgroup/no-such-group")


def test_trace_into_a_file_that_cannot_be_made_leaves_nothing(connleak, tmp_path):
    done = connleak.run("trace", "-o", tmp_path / "gone/trace.jsonl", "--duration", "1")

    assert_one_line(done, RUNTIME, str(tmp_path / "gone/trace.jsonl"))
    assert os.listdir(tmp_path) == []


def test_bad_arguments_do_not_touch_the_file_that_was_to_be_written(connleak, tmp_path):
    path = tmp_path / "trace.jsonl"
    path.write_text("precious\n")

    done = connleak.run("trace", "-o", path, "--port", "65536")

    assert_one_line(done, USAGE, "65536")
    assert path.read_text() == "precious\n"


def test_version_is_one_line(connleak):
    done = connleak.run("--version", text=True)

    assert done.returncode == 0
    assert done.stdout.startswith("connleak ") and done.stdout.count("\n") == 1


@pytest.mark.parametrize("command", ["list", "top", "trace", "replay", "agent", "check"])
def test_help_of_a_command_goes_to_stdout(connleak, command):
    done = connleak.run(command, "--help", text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"connleak {command}" in done.stdout


def test_replay_of_a_leak_raises_it_as_json(connleak):
    done = replay(connleak, leak_trace())

    assert (done.returncode, done.stderr) == (0, b"")
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    raised = [verdict for verdict in verdicts if verdict["state"] == "raised"]
    assert [(v["kind"], v["pid"], v["comm"], v["database"]) for v in raised] == [
        ("leak", 7, "app", "postgresql")
    ]
    assert raised[0]["limit"] is None
