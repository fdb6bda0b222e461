# SPDX-License-Identifier: Apache-2.0
"""Traces as files: one process cut out of a recording, made neutral, stored compressed."""

import gzip
import json
import pathlib

RECORDED = pathlib.Path(__file__).resolve().parent / "recorded"
INDEX = RECORDED / "expected.json"


def path_of(name):
    return RECORDED / f"{name}.jsonl.gz"


def read_text(name):
    with gzip.open(path_of(name), "rt", encoding="utf-8") as file:
        return file.read()


def read_events(name):
    """The events without the header."""
    return [json.loads(line) for line in read_text(name).splitlines()[1:]]


def read_index():
    return json.loads(INDEX.read_text())


def write(name, header, events):
    lines = [json.dumps(line, separators=(",", ":")) for line in [header, *events]]
    RECORDED.mkdir(exist_ok=True)
    # No time and no name inside, so that the same events make the same file.
    with open(path_of(name), "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write("".join(line + "\n" for line in lines).encode())


def load_recording(path):
    """Header and events as connleak wrote them."""
    header, *events = [json.loads(line) for line in path.read_text().splitlines()]
    return header, events


def neutral(event, ports):
    """Without what says something about this machine; databases on their own ports."""
    event = dict(event)
    event.pop("cgroup", None)
    if not event.get("exe", "/usr/").startswith("/usr/"):
        event["exe"] = "/usr/local/bin/" + event["exe"].rpartition("/")[2]
    if "remote" in event:
        address, _, port = event["remote"].rpartition(":")
        event["remote"] = f"{address}:{ports[int(port)]}"
    return event


def events_of(events, pid, ports):
    """What happened to the connections of one process, and what concerns all."""
    conns = {e["conn"] for e in events if e["ev"] in ("open", "seen") and e["pid"] == pid}
    mine = []
    for event in events:
        if event["ev"] in ("lost", "end"):
            mine.append(event)
        elif event.get("conn") in conns or event.get("pid") == pid:
            mine.append(neutral(event, ports))
    return mine


def leaked_ids(events, ports):
    """The connections behind local ports: a port may have been used before, so the last counts."""
    conn_at = {}
    for event in events:
        if event["ev"] in ("open", "seen"):
            conn_at[int(event["local"].rpartition(":")[2])] = event["conn"]
    return sorted(conn_at[port] for port in ports)


def merged(names):
    """The text of one trace out of several that were recorded together."""
    header = read_text(names[0]).partition("\n")[0]
    events = sorted((e for name in names for e in read_events(name)), key=lambda event: event["t"])
    # The observation went on after the last thing that happened: nothing happening is a sign too.
    end = {"t": events[-1]["t"], "ev": "end"}
    events = [event for event in events if event["ev"] != "end"] + [end]
    return "".join(line + "\n" for line in [header, *map(json.dumps, events)])
