# SPDX-License-Identifier: Apache-2.0
"""Stacks that are known are not copied again; whoever is named this way is named right."""

import json
import os
import shutil
import subprocess

import pytest

import apps
from harness import last_sends, wait_until

COUNT = 150  # 20 are copied of one process in a second


def build(tmp_path, source, *options, name="places"):
    return apps.build(tmp_path, source, "-fomit-frame-pointer", *options, name=name)


class Places:
    """The program, and what connleak says of each of its connections, in their order."""

    def __init__(self, trace, *argv):
        self.trace = trace
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.places = []

    def read(self, count):
        for _ in range(count):
            self.places.append(self.process.stdout.readline().decode().split())

    def go_on(self, count, line=b"\n"):
        self.process.stdin.write(line)
        self.process.stdin.flush()
        self.read(count)

    def sites(self):
        """[line or None] of all connections, when all are told."""
        found = {}
        for line in list(self.trace.out.lines):
            event = json.loads(line)
            if "conn" in event:
                found[event["conn"]] = event.get("site") or found.get(event["conn"])
        return [site for _, site in sorted(found.items())]

    def wait_for_sites(self, begin):
        """Of the connections from the begin-th on."""

        def all_of_them():
            sites = self.sites()
            return sites[begin:] if len(sites) == len(self.places) and all(sites[begin:]) else None

        return wait_until(all_of_them, 30, lambda: f"a site of each: {self.sites()[begin:]}")

    def sites_of_more(self):
        """Of as many as are copied in seven seconds, opened in one moment: None of some."""
        begin = len(self.places)
        self.go_on(COUNT)
        wait_until(lambda: len(self.sites()) == len(self.places), 30, "all are told")
        sites = self.sites()[begin:]
        assert len(sites) == COUNT
        return begin, sites


@pytest.fixture
def run_places(connleak, server):
    started = []

    def run(program, *more, before=()):
        port = server.listen()
        trace = connleak.start("trace", "--json", "--port", str(port), "--interval", "0.2")
        started.append(Places(trace, *before, program, str(port), str(COUNT), *more))
        started[-1].read(7)
        return started[-1]

    yield run
    for places in started:
        places.process.kill()
        places.process.communicate()


def check(places, sites):
    for (*thread, place), site in zip(places, sites, strict=True):
        if not site:
            continue
        callers = site.partition(" [")[0].split(" < ")
        assert place in [caller.split(" (")[0] for caller in callers], (place, site)
        assert site.endswith(" [thread worker-#]") == (thread == ["thread"]), (thread, site)


OPTIONS = [["-fPIE", "-pie"], ["-no-pie", "-static"], ["-fno-omit-frame-pointer"]]


@pytest.mark.parametrize("options", OPTIONS, ids=["pie", "static", "frame-pointers"])
def test_trails_name_more_than_is_copied_and_name_it_right(run_places, tmp_path, options):
    places = run_places(build(tmp_path, "places.c", *options))
    check(places.places, places.wait_for_sites(0))

    def none_is_missing():
        begin, sites = places.sites_of_more()
        named = [site for site in sites if site]
        check(places.places[begin:], sites)
        return len(named) == COUNT

    # Some of the places come in several layouts, and each of them has to be copied once.
    wait_until(none_is_missing, 30, "every place is known")


def test_trails_end_with_the_program_that_they_are_of(run_places, tmp_path):
    """The one that is executed is laid out as the one before, and its names are exchanged."""
    if not shutil.which("setarch"):
        pytest.skip("no setarch here")
    first = build(tmp_path, "places.c", "-no-pie")
    turned = build(tmp_path, "places.c", "-no-pie", "-DTURNED", name="turned")
    same_length = tmp_path / "places2"  # so that argv moves the stack as little as can be
    os.rename(turned, same_length)
    places = run_places(first, same_length, before=("setarch", "-R"))
    check(places.places, places.wait_for_sites(0))
    begin = len(places.places)
    places.go_on(7, b"become\n")
    check(places.places[begin:], places.wait_for_sites(begin))


@pytest.mark.parametrize("options", OPTIONS, ids=["pie", "static", "frame-pointers"])
def test_trails_of_sends_spare_their_copies_and_name_the_last_one_right(connleak, server, tmp_path, options):
    port, count = server.listen(), 24
    program = build(tmp_path, "senders.c", *options, name="senders")
    options = ["--json", "--port", str(port), "-o", tmp_path / "left"]
    words = [connleak.path, "run", *options, "--", program, str(port), str(count)]
    running = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    latest = {}
    try:

        def most_are_known():
            latest.update(last_sends(running.pid))
            return len(latest) == count and sum(is_known for _, is_known in latest.values()) > count / 2

        wait_until(most_are_known, 30, "sends from places that are known")
        printed, _ = running.communicate(b"\n", timeout=60)
    finally:
        running.kill()
        running.communicate()
    expected = {}
    for line in printed.decode().splitlines():
        local_port, place, *thread = line.split()
        expected[f"127.0.0.1:{local_port}"] = place, thread
    lefts = [json.loads(line) for line in (tmp_path / "left").read_text().splitlines()][:-1]
    assert {left["local"] for left in lefts} == set(expected)
    for left in lefts:
        place, thread = expected[left["local"]]
        callers = left["last_site"].partition(" [")[0].split(" < ")
        assert place in [caller.split(" (")[0] for caller in callers], (place, left)
        assert left["last_site"].endswith(" [thread worker-#]") == bool(thread), (thread, left)
