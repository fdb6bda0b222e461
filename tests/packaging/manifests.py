# SPDX-License-Identifier: Apache-2.0
"""The manifests as the tools of Kubernetes make them, and held against the types of Kubernetes."""

import json
import os
import pathlib
import re
import subprocess

import yaml

from package import HERE, ROOT, run

KUBERNETES = ROOT / "packaging/kubernetes"
CHART = KUBERNETES / "helm/connleak"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
NODE = HERE / "node"
GO = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}
# Where a kind has its type, by the API version.
TYPES = {
    ("v1", "ConfigMap"): "kubernetes-models/v1",
    ("v1", "Namespace"): "kubernetes-models/v1",
    ("v1", "Service"): "kubernetes-models/v1",
    ("apps/v1", "DaemonSet"): "kubernetes-models/apps/v1",
    ("monitoring.coreos.com/v1", "ServiceMonitor"): (
        "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"
    ),
}


def objects_of(text):
    return [item for item in yaml.safe_load_all(text) if item]


def build_overlay(name):
    return objects_of(run("kubectl", "kustomize", KUBERNETES / "overlays" / name))


class Helm:
    """Renders the chart; compiled once."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.program = self.directory / "helm_render"
        environment = {**os.environ, **GO, "GOCACHE": str(self.directory / "go")}
        run("go", "build", "-o", self.program, HERE / "helm_render.go", env=environment)

    def text(self, values):
        path = self.directory / "values.json"
        path.write_text(json.dumps(values))
        return run(self.program, CHART, path)

    def render(self, **values):
        return objects_of(self.text(values))


def find(objects, kind):
    return next(item for item in objects if item["kind"] == kind)


def check_types(forms):
    """What a strict TypeScript compiler says of {name: objects}, each object as a literal of its
    type: {name: complaints}, with an entry for each name."""
    lines, owners = [], []
    for name, objects in forms.items():
        for item in objects:
            number = len(owners)
            module = TYPES[item["apiVersion"], item["kind"]]
            lines.append(f'import type {{ I{item["kind"]} as T{number} }} from "{module}";')
            lines.append(f"export const object{number}: T{number} = {json.dumps(item)};")
            owners.append(name)
    # Modules are looked for from where the file is.
    path = NODE / f"objects-{os.getpid()}.mts"
    path.write_text("\n".join(lines) + "\n")
    options = ["--strict", "--noEmit", "--skipLibCheck", "--module", "nodenext"]
    try:
        done = subprocess.run(
            [NODE / "node_modules/.bin/tsc", *options, path],
            capture_output=True,
            text=True,
            cwd=NODE,
        )
    finally:
        path.unlink()
    complaints = {name: [] for name in forms}
    for line in done.stdout.splitlines():
        match = re.match(r"objects-\d+\.mts\((\d+),", line)
        if match:
            complaints[owners[(int(match[1]) - 1) // 2]].append(line)
    found = any(complaints.values())
    assert found == (done.returncode != 0), f"tsc: {done.returncode}: {done.stdout}{done.stderr}"
    return complaints
