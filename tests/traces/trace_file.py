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


def restarted(name, share):
    """The text of a trace as an agent sees it that begins at a share of the time and goes on with
    what one before it has left: what is open is seen, with its exact age.
    """
    header, events = read_text(name).partition("\n")[0], read_events(name)
    at = events[0]["t"] + share * (events[-1]["t"] - events[0]["t"])
    conns = {}
    for event in events:
        if event["t"] > at:
            break
        if event["ev"] in ("open", "seen"):
            conns[event["conn"]] = {**event, "opened": event["t"] - event.get("age", 0.0)}
        elif event["ev"] in ("close", "failed"):
            conns.pop(event["conn"], None)
        elif "conn" in event:
            conns[event["conn"]][event["ev"]] = event
    lines = [line for conn in conns.values() for line in seen_at(at, conn)]
    lines += [event for event in events if event["t"] > at]
    return "".join(line + "\n" for line in [header, *map(json.dumps, lines)])


def seen_at(at, conn):
    """What the source tells of a connection that it finds open: a seen line, and an io line."""
    io = conn.get("io", {})
    active = max(io.get("last_send", 0), io.get("last_recv", 0)) or conn["opened"]
    told = ("established", "peer_closed", "io", "opened", "idle", "age", "state", "t", "ev")
    seen = {"t": at, "ev": "seen", **{key: conn[key] for key in conn if key not in told}}
    seen["state"] = "peer_closed" if "peer_closed" in conn else "established"
    if "established" not in conn and conn["ev"] == "open":
        seen["state"] = "connecting"
    age = "age" if conn["ev"] == "seen" else "exact_age"
    lines = [{**seen, "idle": at - active, age: at - conn["opened"]}]
    return lines + ([{**io, "t": at}] if io else [])


def merged(names):
    """The text of one trace out of several that were recorded together."""
    header = read_text(names[0]).partition("\n")[0]
    events = sorted((e for name in names for e in read_events(name)), key=lambda event: event["t"])
    # The observation went on after the last thing that happened: nothing happening is a sign too.
    end = {"t": events[-1]["t"], "ev": "end"}
    events = [event for event in events if event["ev"] != "end"] + [end]
    return "".join(line + "\n" for line in [header, *map(json.dumps, events)])
