# SPDX-License-Identifier: Apache-2.0
"""The real Prometheus and Alertmanager over a real agent: from a leaked connection to a webhook."""

import http.server
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request

import pytest
from agent_http import Agent, promtool
from verdicts import HEALTHY, LEAKED, QUICK, Leaker

from harness import ROOT, free_port, patient, wait_until

RULES = ROOT / "packaging/prometheus/connleak.rules.yml"
EXAMPLE = ROOT / "packaging/prometheus/prometheus.yml"
TESTS = ROOT / "tests/prometheus/rules.test.yml"
DASHBOARD = ROOT / "packaging/grafana/connleak.json"
LIMIT = 400
SHOWN_MIN = 20  # of the dashboard's expressions, while a leak stands


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory(prefix="connleak-prometheus-") as path:
        yield pathlib.Path(path)


# --- rules by themselves ----------------------------------------------------------------------


def test_rules_and_example_are_valid():
    for what, path in (("rules", RULES), ("config", EXAMPLE)):
        done = promtool("check", what, str(path))
        assert done.returncode == 0, done.stdout + done.stderr


def test_rules_do_what_their_unit_tests_say():
    done = promtool("test", "rules", str(TESTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_unit_test():
    names = re.findall(r"(?:alert|record): (\S+)", RULES.read_text())
    tests = TESTS.read_text()
    assert len(names) > 15
    assert [name for name in names if name not in tests] == []


def test_unit_tests_of_rules_can_fail(directory):
    """A rule that means something else is noticed."""
    for name, was, becomes in (
        ("threshold", "> 0.8", "> 0.99"),
        ("loopback", 'endpoint!~"127', 'endpoint!~"128'),
        ("kind", 'kind="storm"', 'kind="leak"'),
    ):
        copy = directory / name
        (copy / "packaging/prometheus").mkdir(parents=True)
        (copy / "tests/prometheus").mkdir(parents=True)
        rules = RULES.read_text()
        assert was in rules
        (copy / "packaging/prometheus/connleak.rules.yml").write_text(rules.replace(was, becomes))
        shutil.copy(TESTS, copy / "tests/prometheus")
        done = promtool("test", "rules", str(copy / "tests/prometheus" / TESTS.name))
        assert done.returncode != 0, f"nobody has noticed another {name}"


# --- the whole chain --------------------------------------------------------------------------


class Webhook:
    """Where Alertmanager sends its notifications."""

    def __init__(self):
        alerts = self.alerts = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                alerts.extend(json.loads(body)["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def find(self, name, status):
        return [
            alert
            for alert in list(self.alerts)
            if alert["labels"]["alertname"] == name and alert["status"] == status
        ]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Daemon:
    """A daemon with an HTTP port, its files and its log in a directory."""

    def __init__(self, directory, name, port, *arguments):
        self.port = port
        self.log = directory / f"{name}.log"
        with open(self.log, "wb") as log:
            argv = [name, f"--web.listen-address=127.0.0.1:{port}", *arguments]
            self.process = subprocess.Popen(
                argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until(lambda: self._is_ready(), 30, f"{name} is ready")
        except BaseException:
            self.stop()
            raise

    def _is_ready(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            return self.get("/-/ready") is not None
        except OSError:
            return False

    def get(self, target):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{target}", timeout=patient(10)) as answer:
            return answer.read()

    def query(self, expression):
        """The values of an instant query, each with its labels."""
        text = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return [
            (result["metric"], float(result["value"][1]))
            for result in json.loads(text)["data"]["result"]
        ]

    def wait_query(self, expression, condition, timeout=30):
        found = []

        def look():
            found[:] = self.query(expression)
            return condition(found)

        wait_until(look, timeout, lambda: f"{expression}; there is {found}")
        return found

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=patient(10))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def config_of(agent, alertmanager_port):
    """The example with intervals of a test; two names of the agent are two hosts."""
    return f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{RULES}]
alerting:
  alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager_port}"]}}]}}]
scrape_configs:
  - job_name: connleak
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{agent.port}", "localhost:{agent.port}"]}}]
"""


def start_prometheus(start, directory, config):
    (directory / "prometheus.yml").write_text(config)
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    return start(Daemon, directory, "prometheus", free_port(), *options)


def start_alertmanager(start, directory, webhook):
    (directory / "alertmanager.yml").write_text(
        f"""
route: {{receiver: hook, group_wait: 1s, group_interval: 1s, repeat_interval: 1h, group_by: [alertname]}}
receivers: [{{name: hook, webhook_configs: [{{url: "{webhook.url}", send_resolved: true}}]}}]
"""
    )
    options = ["--config.file=alertmanager.yml", "--storage.path=am", "--cluster.listen-address="]
    return start(Daemon, directory, "prometheus-alertmanager", free_port(), *options)


@pytest.fixture
def chain(connleak, directory, server, start):
    """A leaking process, the agent that watches it, and all that is behind the agent."""
    chain = type("Chain", (), {})()
    chain.port = server.listen()
    chain.leaker = start(Leaker, chain.port)
    endpoint = f"orders-db=127.0.0.1:{chain.port},limit={LIMIT}"
    chain.agent = Agent(connleak, directory, "--config", "none", *QUICK, "--endpoint", endpoint)
    chain.webhook = start(Webhook)
    alertmanager = start_alertmanager(start, directory, chain.webhook)
    config = config_of(chain.agent, alertmanager.port)
    chain.prometheus = start_prometheus(start, directory, config)
    return chain


def test_a_leak_reaches_a_webhook_and_its_end_too(chain):
    prometheus = chain.prometheus
    prometheus.wait_query('up{job="connleak"} == 1', lambda found: len(found) == 2)
    assert prometheus.query("connleak_build_info")[0][0]["version"]
    chain.leaker.leak()
    alert = wait_until(lambda: chain.webhook.find("ConnleakLeak", "firing"), 60, "an alert")[0]
    assert alert["labels"]["endpoint"] == "orders-db"
    assert alert["labels"]["job"] == "connleak"
    assert alert["labels"]["severity"] in ("info", "warning", "critical")
    assert "leaks connections to orders-db" in alert["annotations"]["summary"]

    # Nothing opens or closes any more. What the rules record is seconds old, so it is waited for.
    usage = 2 * (HEALTHY + LEAKED) / LIMIT
    prometheus.wait_query(
        "endpoint:connleak_usage:ratio",
        lambda found: [(labels["endpoint"], value) for labels, value in found]
        == [("orders-db", usage)],
    )
    prometheus.wait_query(
        'connleak_connections{state="stale"}',
        lambda found: [value for _, value in found] == [LEAKED, LEAKED],
    )

    check_expressions(prometheus)
    check_dashboard(prometheus)

    chain.leaker.command("release")
    wait_until(lambda: chain.webhook.find("ConnleakLeak", "resolved"), 60, "the end of the alert")
    assert chain.webhook.find("ConnleakAgentDown", "firing") == []


# --- names that rules and dashboard use -------------------------------------------------------

SCRAPED_LABELS = {"instance", "job", "le", "alertname"}


def expressions_of_rules():
    """Right-hand sides, with what continues in deeper lines."""
    found = re.findall(r"^( +)expr: (.*(?:\n\1 +.*|\n(?= *\n))*)", RULES.read_text(), re.MULTILINE)
    return [text for _, text in found]


def dashboard():
    return json.loads(DASHBOARD.read_text())


def targets_of_dashboard():
    return [target for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def variables_of_dashboard():
    return [v for v in dashboard()["templating"]["list"] if v["type"] == "query"]


def plain(expression):
    """An expression as Grafana sends it when everything is chosen."""
    for name, value in (("$__rate_interval", "1m"), ("$__range", "1h")):
        expression = expression.replace(name, value)
    return re.sub(r"\$(?:workload|endpoint|instance)\b", ".*", expression)


def expressions_of_dashboard():
    found = [target["expr"] for target in targets_of_dashboard()]
    found += [annotation["expr"] for annotation in dashboard()["annotations"]["list"]]
    return [plain(expression) for expression in found]


def names_in(expression):
    """Metrics, recorded series and labels that an expression names."""
    metrics = set(re.findall(r"(?<![\w:])(?:connleak_\w+|\w+:connleak_\w+:\w+)", expression))
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    for group in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", expression):
        labels |= {label.strip() for label in group.split(",") if label.strip()}
    return metrics, labels


def check_expressions(prometheus):
    """Each name is one that a scrape of a real agent has, or that a rule records."""
    known = set(json.loads(prometheus.get("/api/v1/label/__name__/values"))["data"])
    labels_known = set(json.loads(prometheus.get("/api/v1/labels"))["data"])
    # Recorded ones come with the next evaluation; labels that are empty here are not stored.
    known |= set(re.findall(r"record: (\S+)", RULES.read_text())) | {"connleak_exhaustion_seconds"}
    labels_known |= SCRAPED_LABELS | {"namespace", "pod", "container"}
    variables = [variable["query"]["query"] for variable in variables_of_dashboard()]
    for expression in expressions_of_rules() + expressions_of_dashboard() + variables:
        metrics, labels = names_in(expression)
        assert metrics <= known | {"connleak_verdict"}, expression
        assert labels <= labels_known, expression


def check_dashboard(prometheus):
    """The real Prometheus understands each expression, and most have something to show now."""
    empty = []

    def most_are_shown():
        shown = {text: bool(prometheus.query(text)) for text in expressions_of_dashboard()}
        empty[:] = [text for text, is_shown in shown.items() if not is_shown]
        return len(shown) - len(empty) >= SHOWN_MIN

    wait_until(most_are_shown, 30, lambda: f"less is empty than {empty}")
    for variable in variables_of_dashboard():
        query = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
        values = {labels.get(query.group(2)) for labels, _ in prometheus.query(plain(query.group(1)))}
        assert values - {None, ""}, variable["name"]
    for target in targets_of_dashboard():
        used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        for labels, _ in prometheus.query(plain(target["expr"])):
            assert used <= set(labels), target


def test_expressions_are_found():
    assert len(expressions_of_rules()) == 19
    assert names_in('sum by (a, b) (rate(connleak_x_total{c="1", d!~"2"}[5m])) / x:connleak_y:z') == (
        {"connleak_x_total", "x:connleak_y:z"},
        {"a", "b", "c", "d"},
    )


def test_dashboard_hangs_together():
    panels = dashboard()["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24 and not cells & taken, panel["title"]
        taken |= cells
    defined = {variable["name"] for variable in dashboard()["templating"]["list"]}
    text = DASHBOARD.read_text()
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__range", "__all"}
    assert used == defined
    assert set(re.findall(r'"uid": "(\$[^"]*)"', text)) == {"${datasource}"}
