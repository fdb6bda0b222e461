# SPDX-License-Identifier: Apache-2.0
"""The container image, run as the DaemonSet runs it, against a leaking client in another container."""

import json
import subprocess
import urllib.request

import pytest

from containers import Container, PodLogs
from harness import BUILD, CONNLEAK, LineReader, Server, free_port, patient, wait_until
from manifests import KUBERNETES, build_overlay, find
from package import ROOT, run
from podman import Podman, flags_of

IMAGE = "connleak:test"
IMAGE_BYTES_MAX = 40 << 20
PROFILE = KUBERNETES / "seccomp/connleak.json"
CONFIG = """
listen = 127.0.0.1:{listen}
port = orders={port}
json = yes
[detector]
T0 = 1
HOLD = 1
TICK = 1
"""


@pytest.fixture(scope="module")
def image_tar(memory, deb):
    path = memory / "image.tar"
    run(ROOT / "packaging/container/build.sh", deb.path, path)
    return path


@pytest.fixture(scope="module")
def podman(memory, image_tar):
    directory = memory / "podman"
    directory.mkdir()
    podman = Podman(directory)
    podman.image_of(image_tar, IMAGE)
    yield podman
    podman.stop()


@pytest.fixture
def stopped():
    """What is to be stopped afterwards."""
    things = []
    yield lambda thing: things.append(thing) or thing
    for thing in reversed(things):
        thing.stop()


def pod():
    return find(build_overlay("seccomp"), "DaemonSet")["spec"]["template"]["spec"]


def make_places(memory, logs, config):
    """A directory for each place of the host that the pod mounts; the BPF file system is its own."""
    places = {"/var/log/containers": logs.path / "containers", "/var/log/pods": logs.path / "pods"}
    for path in ("/run/connleak", "/var/lib/connleak", "/etc/connleak", "/sys/fs/bpf"):
        places[path] = memory / f"host{path}"
        places[path].mkdir(parents=True, exist_ok=True)
    (places["/etc/connleak"] / "connleak.conf").write_text(config)
    return places


def test_image_is_small_and_holds_no_shell_and_no_package_manager(image_tar):
    names = run("tar", "-tf", image_tar).splitlines()
    programs = {name for name in names if "/bin/" in name or "/sbin/" in name} - {"./usr/bin/"}

    assert programs - {"./bin/"} == {"./usr/bin/connleak"}
    assert image_tar.stat().st_size < IMAGE_BYTES_MAX


def test_image_runs_the_program_of_the_package(podman):
    out = podman.run("run", "--rm", "--network", "none", IMAGE, "--version")

    assert out == run(CONNLEAK, "--version")


def test_image_without_the_capabilities_says_what_is_missing(podman):
    done = subprocess.run(
        podman.command("run", "--rm", "--network", "none", "--cap-drop", "ALL", IMAGE, "list"),
        env=podman.environment,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert "CAP_BPF" in done.stderr


def test_agent_in_a_container_finds_the_leak_of_another(podman, memory, stopped):
    server = stopped(Server())
    logs = stopped(PodLogs())
    port, listen = server.listen(), free_port()
    places = make_places(memory, logs, CONFIG.format(port=port, listen=listen))
    run("mount", "-t", "bpf", "bpf", places["/sys/fs/bpf"])
    try:
        flags = flags_of(pod(), places, PROFILE)
        arguments = pod()["containers"][0]["args"]
        # In the network of the host, where the test can ask it; a pod has its own.
        agent = podman.start("run", "--rm", "--network", "host", *flags, IMAGE, *arguments)
        check_agent(agent, stopped, logs, port, listen)
        podman.run("stop", "--all", "--time", "10")
        assert agent.wait(timeout=patient(20)) == 0
    finally:
        run("umount", "--lazy", places["/sys/fs/bpf"])


def check_agent(agent, stopped, logs, port, listen):
    out, err = LineReader(agent.stdout), LineReader(agent.stderr)
    wait_until(lambda: any("watching" in line for line in err.lines) or ended(agent, err), 30, "on")
    leaky = stopped(Container(BUILD / "demo/leaky-app", port, pod="orders-7d9f-x2x9z"))
    logs.add(leaky)

    def raised():
        ended(agent, err)
        verdicts = [json.loads(line) for line in list(out.lines)]
        return [v for v in verdicts if (v["kind"], v["state"]) == ("leak", "raised")]

    verdict = wait_until(raised, 60, f"a verdict; {err.lines}")[0]
    assert {key: verdict[key] for key in leaky.names} == leaky.names
    assert (verdict["pid"], verdict["ns_pid"]) == (leaky.pid, 1)
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{listen}/{path}", timeout=patient(10)) as answer:
            assert answer.status == 200
    with urllib.request.urlopen(f"http://127.0.0.1:{listen}/metrics", timeout=patient(10)) as answer:
        text = answer.read().decode()
    assert 'pod="orders-7d9f-x2x9z"' in text and 'namespace="shop"' in text


def ended(agent, err):
    assert agent.poll() is None, err.lines
    return False
