# SPDX-License-Identifier: Apache-2.0
"""Programs in a container whose files are not the host's: Debian 13's libc, Python and PHP, by runc."""

import json
import shlex
import subprocess
import uuid

import pytest

from harness import ROOT
from test_sites import build, left_open, one

UNAVAILABLE = 77

APP = """
import os, socket, sys, time
def open_orders():
    return socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def save_order(connection):
    connection.sendall(b"x")
time.sleep(1)
connection = open_orders()
save_order(connection)
time.sleep(1)
"""


# PHP closes what is left when a script ends; so it is killed, when all has been seen of it.
PHP_APP = """<?php
class OrderRepo
{
    function save($connection) { fwrite($connection, "x"); }
}
function open_orders($port)
{
    return stream_socket_client("tcp://127.0.0.1:$port");
}
sleep(1);
$connection = open_orders($argv[1]);
(new OrderRepo)->save($connection);
sleep(1);
touch("/app/done");
sleep(600);
"""


@pytest.fixture(scope="module")
def debian13(tmp_path_factory):
    root = tmp_path_factory.mktemp("debian13") / "root"
    script = ROOT / "tests/live/debian13.sh"
    done = subprocess.run([script, root], capture_output=True, text=True)
    if done.returncode == UNAVAILABLE:
        pytest.skip(f"no files of Debian 13: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def contain(debian13, tmp_path):
    """contain(PROGRAM...): the command that runs it with tmp_path/app as /app; in the host's network."""
    name = f"connleak-{uuid.uuid4().hex}"
    runc = ["runc", "--root", tmp_path / "state"]
    app = tmp_path / "app"
    app.mkdir()

    def command(*program):
        config = {
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": program, "cwd": "/", "env": ["TZ=UTC"]},
            "root": {"path": str(debian13), "readonly": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/app", "type": "bind", "source": str(app), "options": ["bind"]},
            ],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
                "cgroupsPath": f"/{name}",
            },
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        return [*runc, "run", "--bundle", tmp_path, name]

    yield command
    # It removes its cgroups; after a run that came to its end there is nothing left of it.
    subprocess.run([*runc, "delete", "--force", name], capture_output=True, check=False)


def test_sites_of_a_container_are_named_from_its_own_files(connleak, server, contain, tmp_path):
    """The way out of connect() leads through a libc that is in the container alone."""
    port = server.listen()
    build(tmp_path / "app", "orders.c", "-fomit-frame-pointer")
    left = one(left_open(connleak, port, *contain("/app/orders", str(port))))
    assert left["site"].startswith("open_orders (orders) < main"), left
    assert left["last_site"].startswith("save_order (orders) < main"), left


def test_sites_of_debian_13s_python_name_function_file_and_line(
    connleak, server, contain, tmp_path
):
    port = server.listen()
    (tmp_path / "app/app.py").write_text(APP)
    command = contain("/usr/bin/python3.13", "/app/app.py", str(port))
    left = one(left_open(connleak, port, *command))
    assert left["site"] == "open_orders (app.py:4) < <module>", left
    assert left["last_site"] == "save_order (app.py:6) < <module>", left
    assert left["until"] == "interpreter_end", left


def test_sites_of_debian_13s_php_name_function_file_and_line(connleak, server, contain, tmp_path):
    port = server.listen()
    (tmp_path / "app/app.php").write_text(PHP_APP)
    command = contain("/usr/bin/php8.4", "/app/app.php", str(port))
    *runc, _, _, _, name = command
    script = (
        f"{shlex.join(map(str, command))} & "
        f"while [ ! -e {tmp_path}/app/done ]; do sleep 0.1; done; "
        f"{shlex.join(map(str, runc))} kill {name} KILL; wait"
    )
    left = one(left_open(connleak, port, "sh", "-c", script))
    assert left["site"] == "open_orders (app.php:8) < {main}", left
    assert left["last_site"] == "OrderRepo::save (app.php:4) < {main}", left
