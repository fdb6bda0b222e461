# SPDX-License-Identifier: Apache-2.0
"""measure.py [NAME...]: what the sockets of each recorded pool did, one block each.

The figures of README.md come from here. The day is the last minute before the night, when the pool
has warmed up; the night begins 5 s after the last request may have begun.
"""

import collections
import statistics
import sys

import trace_file

DAY_S = 60
SETTLE_S = 5
# Traffic so short before a close is its goodbye, not work.
GOODBYE_S = 0.05


class Connection:
    def __init__(self, opened):
        self.opened = opened
        self.closed = None
        self.by = None
        self.peer_closed = None
        self.looks = []  # (t, bytes sent, last traffic)

    def is_open(self, at):
        return self.opened <= at and (self.closed is None or at < self.closed)

    def looks_between(self, begin, end):
        return [look for look in self.looks if begin < look[0] <= end]

    def silence_at_close(self):
        work = [last for _, _, last in self.looks if last < self.closed - GOODBYE_S]
        return self.closed - max(work, default=self.opened)

    def silences_survived(self):
        """From one use to the next, as far as two looks can tell them apart."""
        return [later[2] - earlier[2] for earlier, later in zip(self.looks, self.looks[1:])]


def connections_of(events):
    found = {}
    for event in events:
        kind, t = event["ev"], event["t"]
        if kind == "open":
            found[event["conn"]] = Connection(t)
        elif kind == "io":
            last = max(event["last_send"], event["last_recv"])
            found[event["conn"]].looks.append((t, event["sent"], last))
        elif kind == "peer_closed":
            found[event["conn"]].peer_closed = t
        elif kind == "close":
            found[event["conn"]].closed, found[event["conn"]].by = t, event["by"]
    return list(found.values())


def spread(values):
    if not values:
        return "none"
    middle = statistics.median(values)
    return f"{len(values)}, {min(values):.1f} to {max(values):.1f} s, median {middle:.1f} s"


def report(name, entry):
    events = trace_file.read_events(name)
    all_of = connections_of(events)
    dusk, dawn = entry["night"]
    times = [c.opened for c in all_of]
    peak = max(sum(c.is_open(t) for c in all_of) for t in times)
    kept = [sum(c.is_open(t) for c in all_of) for t in (dusk, dawn)]
    print(f"{name}\n  opened {len(all_of)}; open at most {peak}, at dusk and dawn {kept}")

    # What the end of the program closes says nothing about the pool.
    gone = [c for c in all_of if c.closed and c.by != "exit" and c.closed < events[-1]["t"] - 2]
    for phase, chosen in (
        ("by day", [c for c in gone if not dusk < c.closed < dawn]),
        ("at night", [c for c in gone if dusk < c.closed < dawn]),
    ):
        ways = dict(collections.Counter(c.by for c in chosen))
        silent = spread([c.silence_at_close() for c in chosen])
        print(f"  closed {phase}: {ways}; silent before: {silent}")
    print(f"  closed by the server first: {sum(c.peer_closed is not None for c in all_of)}")

    seconds = [dusk - DAY_S + i for i in range(DAY_S)]
    used = [sum(bool(c.looks_between(s, s + 1)) for c in all_of) for s in seconds]
    there = [sum(c.is_open(s) for c in all_of) for s in seconds]
    middle = statistics.median(used), statistics.median(there)
    print(f"  used within a second: {middle[0]:.0f} of {middle[1]:.0f} (medians)")
    again = [s for c in all_of if c.is_open(dusk) for s in c.silences_survived()]
    print(f"  longest silence that ended in use: {max(again, default=0):.1f} s")

    talk = [c.looks_between(dusk + SETTLE_S, dawn) for c in all_of if c.is_open(dusk + SETTLE_S)]
    talking = [looks for looks in talk if looks]
    gaps = [b[0] - a[0] for looks in talking for a, b in zip(looks, looks[1:])]
    opened = sum(dusk + SETTLE_S < t < dawn for t in times)
    print(f"  at night {len(talking)} of {len(talk)} talk; gaps: {spread(gaps)}; opened {opened}")


def main():
    index = trace_file.read_index()
    for name in sys.argv[1:] or index:
        report(name, index[name])


if __name__ == "__main__":
    main()
