# SPDX-License-Identifier: Apache-2.0
"""podman with a storage of its own, and the container that a pod's manifest asks for."""

import contextlib
import json
import os
import subprocess

from harness import patient
from package import run

# Neither ours to raise nor needed.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:8192"]
"""


class Podman:
    def __init__(self, directory):
        self.directory = directory
        conf = directory / "containers.conf"
        conf.write_text(CONTAINERS_CONF)
        self.environment = {**os.environ, "CONTAINERS_CONF": str(conf)}
        self.argv = [
            *("podman", "--root", directory / "root", "--runroot", directory / "run"),
            *("--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", "runc"),
            *("--events-backend", "file", "--tmpdir", directory / "tmp"),
        ]
        self.containers = []

    def command(self, *arguments):
        return [str(word) for word in (*self.argv, *arguments)]

    def run(self, *arguments):
        return run(*self.command(*arguments), env=self.environment)

    def image_of(self, tar, tag):
        entry = json.dumps(["/usr/bin/connleak"])
        changes = ["--change", f"ENTRYPOINT {entry}", "--change", 'CMD ["agent"]']
        self.run("import", *changes, tar, tag)

    def start(self, *arguments):
        """Runs until stop(); its output is a pipe each."""
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.containers.append(process)
        return process

    def stop(self):
        with contextlib.suppress(AssertionError):
            self.run("rm", "--all", "--force", "--time", "2")
        for process in self.containers:
            process.wait(timeout=patient(20))
        # What it has mounted stands in the way of removing the directory.
        with contextlib.suppress(AssertionError):
            run("umount", "--recursive", "--lazy", self.directory / "root/vfs")


def flags_of(pod, places, profile):
    """What podman is told so that the first container of the pod is as the kubelet would make it.
    places: what stands for a path of the host."""
    container = pod["containers"][0]
    context = container["securityContext"]
    flags = ["--user", f"{context['runAsUser']}:{context['runAsGroup']}"]
    flags += ["--cap-drop", name] if (name := context["capabilities"]["drop"][0]) else []
    flags += ["--cap-add", ",".join(context["capabilities"]["add"])]
    flags += ["--read-only", "--read-only-tmpfs=false"] if context["readOnlyRootFilesystem"] else []
    if not context["allowPrivilegeEscalation"]:
        flags += ["--security-opt", "no-new-privileges"]
    if context["seccompProfile"]["type"] == "Localhost":
        flags += ["--security-opt", f"seccomp={profile}"]
    flags += ["--pid", "host"] if pod["hostPID"] else []
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        source = places[volume["hostPath"]["path"] if "hostPath" in volume else mount["mountPath"]]
        mode = "ro" if mount.get("readOnly") else "rw"
        flags += ["--volume", f"{source}:{mount['mountPath']}:{mode}"]
    return flags
