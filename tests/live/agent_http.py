# SPDX-License-Identifier: Apache-2.0
"""An agent that serves HTTP, and requests to it: as a scraper and as a user of its socket."""

import http.client
import json
import os
import socket
import subprocess

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from harness import free_port, patient, wait_until

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
# All but where it answers: tests that start agents share a host.
ALONE = ["--state", "none", "--journal", "no", "--pin", "none"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=patient(10))
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode()

    def json(self):
        return json.loads(self.body)

    def lines(self):
        return [json.loads(line) for line in self.text.splitlines()]


def ask(connection, target, method="GET", headers=None, body=None):
    connection.request(method, target, body=body, headers=headers or {})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


class Page:
    """A page of metrics, read by a parser that refuses what the format does not allow."""

    def __init__(self, text, is_openmetrics=True):
        parse = parse_openmetrics if is_openmetrics else parse_classic
        self.families = {family.name: family for family in parse(text)}
        self.samples = [s for family in self.families.values() for s in family.samples]

    def find(self, name, **labels):
        return [
            sample
            for sample in self.samples
            if sample.name == name
            and all(sample.labels.get(key) == value for key, value in labels.items())
        ]

    def sum(self, name, **labels):
        return sum(sample.value for sample in self.find(name, **labels))

    def one(self, name, **labels):
        found = self.find(name, **labels)
        assert len(found) == 1, (name, labels, found)
        return found[0]

    def states(self, **labels):
        return {s.labels["state"]: s.value for s in self.find("connleak_connections", **labels)}


class Agent:
    """A running `connleak agent` with places of its own to answer at."""

    def __init__(self, connleak, directory, *arguments, **options):
        self.port = free_port()
        self.socket = os.path.join(directory, "agent.sock")
        self.arguments = ["--listen", f"127.0.0.1:{self.port}", "--socket", self.socket]
        self.running = connleak.start("agent", *ALONE, *self.arguments, *arguments, **options)
        wait_until(lambda: self.accepts(), 10, "the agent listens")

    def accepts(self):
        """At both places: a socket that is there can be one that nobody listens on any more."""
        with socket.socket() as port, socket.socket(socket.AF_UNIX) as local:
            places = (port, ("127.0.0.1", self.port)), (local, self.socket)
            return all(probe.connect_ex(place) == 0 for probe, place in places)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=patient(10))

    def get(self, target, **options):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patient(10))
        return ask(connection, target, **options)

    def api(self, target, **options):
        return ask(UnixConnection(self.socket), target, **options)

    def page(self):
        return Page(self.get("/metrics", headers={"Accept": OPENMETRICS}).text)

    def wait_page(self, condition, what, timeout=20):
        """The first page for which the condition holds."""

        def look():
            page = self.page()
            return page if condition(page) else None

        return wait_until(look, timeout, what)

    def refused(self, reason):
        return self.page().one("connleak_http_refused_total", reason=reason).value

    def ticks(self):
        return self.page().one("connleak_tick_duration_seconds_count").value


def promtool(*arguments, **options):
    return subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=patient(60), **options
    )
