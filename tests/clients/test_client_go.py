"""client-go, unmodified: programs of ours built against Debian's client-go, in JSON and in the binary form; and helm."""

import os
import subprocess

import pytest
from control_plane import CLIENTS, ControlPlane

FORMS = ["json", "protobuf"]


def go(kubeconfig, deed, namespace, form, *arguments, **options):
    """Runs one deed; it checks itself."""
    done = subprocess.run([str(CLIENTS / "go-clients"), deed, kubeconfig, namespace, form, *arguments],
                          capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("deed", ["informers", "metadata", "crud", "leader", "discovery"])
def test_client_go(control_plane, ns, deed, form):
    go(control_plane.kubeconfig, deed, ns, form)


def test_all_kinds_are_the_same_in_both_forms(control_plane, ns):
    control_plane.apply({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": kind.lower(), "namespace": ns}, "spec": {
            "selector": {"matchLabels": {"a": "b"}}, **extra, "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "0.5"}}}]}}}}
        for kind, extra in [("Deployment", {"replicas": 2}), ("DaemonSet", {}), ("StatefulSet", {"serviceName": "s"})]
    ] + [
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n", "namespace": ns},
         "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": "web"}, {"port": 80, "endPort": 90}]}]}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b", "namespace": ns},
         "spec": {"maxUnavailable": "50%", "selector": {"matchLabels": {"a": "b"}}}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": ns}, "data": {"k": "AP8="}},
    ]})
    output = go(control_plane.kubeconfig, "kinds", ns, "protobuf")
    assert int(output.split()[0]) > 50


@pytest.mark.parametrize("form", FORMS)
def test_a_watch_goes_on_after_a_restart(tmp_path, form):
    with ControlPlane(tmp_path / "data", "--no-controllers") as running:
        port = running.session()[1].rsplit(":", 1)[1]
        watcher = subprocess.Popen([str(CLIENTS / "go-clients"), "resume", running.kubeconfig, "default", form],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert watcher.stdout.readline() == "ready\n"
            running.stop()
            running.start("--port", port)
            output, complaints = watcher.communicate("\n", timeout=120)
            assert watcher.returncode == 0 and output == "done\n", complaints[-3000:]
        finally:
            watcher.kill()
            watcher.wait(10)


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n",
    "values.yaml": "greeting: hello\n",
    "templates/all.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-settings}
data: {greeting: {{ .Values.greeting | quote }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: 0
  selector: {matchLabels: {app: demo}}
  template:
    metadata: {labels: {app: demo}}
    spec: {containers: [{name: main, image: "python:3.11"}]}
""",
}


def test_helm_installs_upgrades_and_goes_back(control_plane, ns, tmp_path):
    for name, text in CHART.items():
        file = tmp_path / "chart" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    home = {name: str(tmp_path / name.lower()) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}

    def helm(*arguments):
        done = subprocess.run(
            [str(CLIENTS / "helm"), "--kubeconfig", control_plane.kubeconfig, "-n", ns, *arguments],
            capture_output=True, text=True, timeout=120, env={**os.environ, **home, "HOME": str(tmp_path)})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def greeting():
        return control_plane.get("configmap", "one-settings", "-n", ns)["data"]["greeting"]

    helm("install", "one", str(tmp_path / "chart"), "--wait", "--timeout", "60s")
    assert greeting() == "hello"
    helm("upgrade", "one", str(tmp_path / "chart"), "--set", "greeting=bye", "--wait", "--timeout", "60s")
    assert greeting() == "bye"
    helm("rollback", "one", "1", "--wait", "--timeout", "60s")
    assert greeting() == "hello" and "deployed" in helm("list")
    helm("uninstall", "one", "--wait", "--timeout", "60s")
    assert control_plane.get("deployments,configmaps", "-n", ns, "-l", "app.kubernetes.io/managed-by=Helm")["items"] == []
