# SPDX-License-Identifier: Apache-2.0
"""The manifests for Kubernetes: valid by its types, alike in kustomize and Helm, least privilege."""

import copy
import json
import subprocess

import pytest

from manifests import CHART, KUBERNETES, NODE, OVERLAYS, Helm, build_overlay, check_types, find
from package import BUILD, ROOT, run

VALUES = {
    "defaults": {},
    "everything": {
        "config": "port = 5432\nendpoint = orders=10.0.3.7:5432,limit=100\n",
        "journald": True,
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "seccompProfile": {"type": "Localhost", "localhostProfile": "connleak.json"},
        "image": {"repository": "registry.example/connleak", "tag": "1.2.3"},
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "system-node-critical",
        "podLabels": {"team": "databases"},
        "podAnnotations": {"example/note": "yes"},
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]}
                    ]
                }
            }
        },
    },
    "bare": {"tolerations": [], "resources": {}, "nodeSelector": {}, "config": ""},
}


# What must not pass, or passing means nothing.
MISTAKES = {
    "unknown field": lambda pod: pod["containers"][0].update(imag="connleak"),
    "unknown field further in": (
        lambda pod: pod["containers"][0]["securityContext"].update(priviledged=False)
    ),
    "unknown field in a list": lambda pod: pod["volumes"][0].update(hostpath={"path": "/"}),
    "missing field": lambda pod: pod["containers"][0].pop("name"),
    "wrong type": lambda pod: pod.update(hostPID="true"),
}


@pytest.fixture(scope="module")
def helm(tmp_path_factory):
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def node_modules():
    run(ROOT / "tests/live/node/install.sh", NODE)


def pod_of(objects):
    return find(objects, "DaemonSet")["spec"]["template"]["spec"]


def container_of(objects):
    return pod_of(objects)["containers"][0]


@pytest.fixture(scope="module")
def complaints(helm, node_modules):
    """Of every form of the manifests, and of forms with one thing wrong."""
    forms = {f"overlay {overlay}": build_overlay(overlay) for overlay in OVERLAYS}
    forms |= {f"values {name}": helm.render(**values) for name, values in VALUES.items()}
    for name, break_it in MISTAKES.items():
        forms[name] = copy.deepcopy(forms["overlay default"])
        break_it(pod_of(forms[name]))
    return check_types(forms)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay_is_valid_by_the_types_of_kubernetes(complaints, overlay):
    assert complaints[f"overlay {overlay}"] == []


@pytest.mark.parametrize("values", VALUES)
def test_chart_is_valid_by_the_types_of_kubernetes(complaints, values):
    assert complaints[f"values {values}"] == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_types_of_kubernetes_find_a_mistake(complaints, mistake):
    assert complaints[mistake] != []


def test_chart_with_its_defaults_runs_the_same_pod_as_the_base(helm):
    ours, theirs = pod_of(build_overlay("default")), pod_of(helm.render())
    for pod in (ours, theirs):
        config = next(volume for volume in pod["volumes"] if volume["name"] == "config")
        config["configMap"]["name"] = "connleak"  # kustomize adds a hash of the content

    assert ours == theirs


def test_chart_and_overlay_with_journald_are_alike(helm):
    ours, theirs = build_overlay("with-journald"), helm.render(journald=True)

    assert container_of(ours)["args"] == container_of(theirs)["args"]
    mounts = [
        {m["mountPath"] for m in container_of(objects)["volumeMounts"]} for objects in (ours, theirs)
    ]
    assert mounts[0] == mounts[1] and "/run/systemd/journal" in mounts[0]


def test_chart_values_reach_what_they_name(helm):
    objects = helm.render(**VALUES["everything"])
    container = container_of(objects)

    assert container["image"] == "registry.example/connleak:1.2.3"
    assert container["securityContext"]["seccompProfile"] == VALUES["everything"]["seccompProfile"]
    assert pod_of(objects)["priorityClassName"] == "system-node-critical"
    assert find(objects, "ServiceMonitor")["metadata"]["labels"]["release"] == "prometheus"
    template = find(objects, "DaemonSet")["spec"]["template"]["metadata"]
    assert template["labels"]["team"] == "databases"
    # A changed config is a changed pod.
    before = find(helm.render(), "DaemonSet")["spec"]["template"]["metadata"]["annotations"]
    assert template["annotations"]["checksum/config"] != before["checksum/config"]


def test_chart_has_the_version_of_the_program(helm):
    version = run(BUILD / "connleak", "--version").split()[1]

    assert f'appVersion: "{version}"' in (CHART / "Chart.yaml").read_text()
    assert container_of(helm.render())["image"] == f"connleak:{version}"
    assert container_of(build_overlay("default"))["image"] == f"connleak:{version}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay_has_no_more_privilege_than_is_needed(overlay):
    objects = build_overlay(overlay)
    pod, container = pod_of(objects), container_of(objects)
    context = container["securityContext"]

    assert not any("Role" in item["kind"] or item["kind"] == "ServiceAccount" for item in objects)
    assert pod["automountServiceAccountToken"] is False
    assert pod["hostPID"] is True
    assert not pod.get("hostNetwork") and not pod.get("hostIPC")
    assert context["privileged"] is False
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {
        "drop": ["ALL"],
        "add": ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"],
    }
    assert context["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost")
    assert "memory" in container["resources"]["limits"]
    logs = [m for m in container["volumeMounts"] if m["mountPath"].startswith("/var/log")]
    assert [mount["readOnly"] for mount in logs] == [True, True]


def test_services_select_the_pods_and_probes_meet_the_port(helm):
    for objects in (build_overlay("servicemonitor"), helm.render(**VALUES["everything"])):
        daemonset, service = find(objects, "DaemonSet"), find(objects, "Service")
        monitor = find(objects, "ServiceMonitor")
        labels = daemonset["spec"]["template"]["metadata"]["labels"]
        assert daemonset["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert service["spec"]["selector"].items() <= labels.items()
        selected = monitor["spec"]["selector"]["matchLabels"].items()
        assert selected <= service["metadata"]["labels"].items()
        port = service["spec"]["ports"][0]
        assert monitor["spec"]["endpoints"][0]["port"] == port["name"]
        names = [p["name"] for p in container_of(objects)["ports"]]
        assert port["targetPort"] in names
        for probe in ("livenessProbe", "readinessProbe"):
            assert container_of(objects)[probe]["httpGet"]["port"] in names


def test_config_of_every_form_is_one_that_the_program_takes(helm, tmp_path):
    rendered = [build_overlay(overlay) for overlay in OVERLAYS]
    rendered += [helm.render(**values) for values in VALUES.values()]
    for objects in rendered:
        config = tmp_path / "connleak.conf"
        config.write_text(find(objects, "ConfigMap")["data"]["connleak.conf"])
        arguments = container_of(objects)["args"]
        assert arguments[0] == "agent"
        run(BUILD / "connleak", *arguments, "--check-config", "--config", config)
        assert "listen = 0.0.0.0:9435" in config.read_text()


def test_kustomize_says_nothing_but_what_it_thinks_of_the_old_words():
    done = subprocess.run(
        ["kubectl", "kustomize", KUBERNETES / "overlays/default"], capture_output=True, text=True
    )

    assert all("deprecated" in line for line in done.stderr.splitlines())


def test_seccomp_profile_allows_no_way_out_of_the_container():
    profile = json.loads((KUBERNETES / "seccomp/connleak.json").read_text())
    allowed = {name for rule in profile["syscalls"] for name in rule["names"]}

    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert not allowed & {
        *("mount", "umount2", "setns", "unshare", "pivot_root", "chroot", "reboot", "swapon"),
        *("init_module", "finit_module", "kexec_load", "process_vm_writev", "open_by_handle_at"),
        *("keyctl", "add_key", "personality", "settimeofday", "clock_settime", "sethostname"),
    }
    context = container_of(build_overlay("seccomp"))["securityContext"]
    assert context["seccompProfile"] == {"type": "Localhost", "localhostProfile": "connleak.json"}
