# SPDX-License-Identifier: Apache-2.0
"""Real database servers, each with data, user and port of its own, ready when they are returned."""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from harness import free_port, patient, wait_until


class Daemon:
    """A database server under a user and in a directory of its own."""

    def __init__(self, user):
        self.user = user
        self.port = free_port()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix=f"connleak-{user}-"))
        entry = pwd.getpwnam(user)
        os.chown(self.home, entry.pw_uid, entry.pw_gid)
        self.log = self.home / "log"
        self.process = None

    def as_user(self, *argv):
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *argv]

    def prepare(self, *argv):
        subprocess.run(
            self.as_user(*[str(word) for word in argv]),
            cwd=self.home,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def start(self, *argv):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.as_user(*[str(word) for word in argv]),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, 60, f"{argv[0]} answers on port {self.port}")

    def _answers(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-2000:]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            # SIGQUIT or SIGINT mean different things to each; SIGTERM is understood by all, but
            # PostgreSQL then waits for its clients, of which there may be some left.
            self.process.send_signal(signal.SIGINT if self.user == "postgres" else signal.SIGTERM)
            try:
                self.process.wait(timeout=patient(20))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def start_postgresql():
    daemon = Daemon("postgres")
    programs = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
    data = daemon.home / "data"
    daemon.prepare(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
    settings = {
        "port": daemon.port,
        "listen_addresses": "127.0.0.1,127.0.0.2",
        "unix_socket_directories": daemon.home,
        "fsync": "off",
        "max_connections": 400,
        "shared_buffers": "32MB",
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    daemon.start(programs / "postgres", "-D", data, *options)
    # It listens before it lets anybody in.
    ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(daemon.port)]
    wait_until(lambda: subprocess.run(ready).returncode == 0, 60, "PostgreSQL is ready")
    return daemon


def start_mariadb():
    daemon = Daemon("mysql")
    data = daemon.home / "data"
    daemon.prepare(
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    )
    daemon.start(
        "/usr/sbin/mariadbd",
        "--no-defaults",
        f"--datadir={data}",
        f"--port={daemon.port}",
        "--bind-address=127.0.0.1",
        f"--socket={daemon.home}/socket",
        f"--pid-file={daemon.home}/pid",
        "--innodb-flush-log-at-trx-commit=0",
    )
    return daemon


def start_redis():
    daemon = Daemon("redis")
    daemon.start(
        "redis-server",
        *("--port", str(daemon.port), "--bind", "127.0.0.1", "--dir", str(daemon.home)),
        *("--save", "", "--appendonly", "no", "--maxclients", "1000"),
    )
    return daemon
