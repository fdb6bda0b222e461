# SPDX-License-Identifier: Apache-2.0
"""Containers in the cgroups and with the log files that a kubelet would give them, made by runc."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import uuid

from harness import BUILD, LineProgram, patient, wait_until

CGROUP_ROOT = pathlib.Path("/sys/fs/cgroup")
READ_ONLY = ["rbind", "ro"]


def cgroup_mounts():
    """The mount points of every cgroup hierarchy of this host."""
    lines = pathlib.Path("/proc/mounts").read_text().splitlines()
    fields = [line.split() for line in lines]
    return [pathlib.Path(field[1]) for field in fields if field[2] in ("cgroup", "cgroup2")]


def new_id():
    return uuid.uuid4().hex + uuid.uuid4().hex


# What the kubelet and the runtime call the cgroup of a container, by driver.
LAYOUTS = {
    "systemd-containerd": (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid_}.slice"
        "/cri-containerd-{id}.scope"
    ),
    "systemd-crio": "/kubepods.slice/kubepods-pod{uid_}.slice/crio-{id}.scope",
    "systemd-docker": (
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid_}.slice"
        "/docker-{id}.scope"
    ),
    "cgroupfs": "/kubepods/burstable/pod{uid}/{id}",
    "cgroupfs-crio": "/kubepods/besteffort/pod{uid}/crio-{id}",
    "kind": (
        "/docker/{node}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{uid_}.slice"
        "/cri-containerd-{id}.scope"
    ),
}


class PodLogs:
    """A directory like /var/log of a node, with what the kubelet keeps there."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="connleak-log-"))
        (self.path / "containers").mkdir()
        (self.path / "pods").mkdir()

    def add(self, container):
        names = container.names
        home = self.path / "pods" / f"{names['namespace']}_{names['pod']}_{container.uid}"
        log = home / names["container"] / "0.log"
        log.parent.mkdir(parents=True)
        log.write_text("")
        self.link(container).symlink_to(log)

    def link(self, container):
        names = container.names
        file = f"{names['pod']}_{names['namespace']}_{names['container']}-{container.id}.log"
        return self.path / "containers" / file

    def stop(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Container(LineProgram):
    """A program of the build directory in a container of its own, in the network of the host."""

    def __init__(self, program, *arguments, layout="systemd-containerd", pod="orders-7d9f-x2x9z"):
        self.id = new_id()
        self.uid = str(uuid.uuid4())
        self.names = {"namespace": "shop", "pod": pod, "container": "api"}
        self.cgroup = LAYOUTS[layout].format(
            id=self.id, uid=self.uid, uid_=self.uid.replace("-", "_"), node=new_id()
        )
        self.bundle = pathlib.Path(tempfile.mkdtemp(prefix="connleak-bundle-"))
        self.runc = ["runc", "--root", self.bundle / "state"]
        inside = f"/build/{pathlib.Path(program).relative_to(BUILD)}"
        self._write_bundle([inside, *(str(argument) for argument in arguments)])
        argv = [*self.runc, "run", "--bundle", self.bundle, self.id]
        if arguments:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
            self.reader = None
        else:
            super().__init__(*argv)
        self.ns_pid = 1
        self.pid = wait_until(self._host_pid, 10, "the container runs")

    def _write_bundle(self, args):
        rootfs = self.bundle / "rootfs"
        rootfs.mkdir()
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}]
        for path in ("/usr", "/lib", "/lib64"):
            mounts.append(
                {"destination": path, "type": "bind", "source": path, "options": READ_ONLY}
            )
        mounts.append(
            {"destination": "/build", "type": "bind", "source": str(BUILD), "options": READ_ONLY}
        )
        spaces = [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]
        config = {
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": args, "cwd": "/", "env": ["TZ=UTC"]},
            "root": {"path": "rootfs"},
            "mounts": mounts,
            "linux": {"namespaces": spaces, "cgroupsPath": self.cgroup},
        }
        (self.bundle / "config.json").write_text(json.dumps(config))

    def _host_pid(self):
        assert self.process.poll() is None, "the container has ended"
        done = subprocess.run([*self.runc, "state", self.id], capture_output=True, check=False)
        state = json.loads(done.stdout) if done.returncode == 0 else {}
        return state.get("pid") if state.get("status") == "running" else None

    def delete(self):
        """As the kubelet does it: killed, and its cgroup is gone."""
        subprocess.run([*self.runc, "delete", "--force", self.id], capture_output=True, check=False)
        self.process.wait(timeout=patient(10))

    def stop(self):
        self.delete()
        if self.reader:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
            self.reader.close()
        self._remove_cgroups()
        shutil.rmtree(self.bundle, ignore_errors=True)

    def _remove_cgroups(self):
        """The slices around it, as far as nobody else is in them."""
        for mount in cgroup_mounts():
            path = pathlib.Path(self.cgroup)
            while path != path.parent:
                with contextlib.suppress(OSError):
                    (mount / path.relative_to("/")).rmdir()
                path = path.parent
