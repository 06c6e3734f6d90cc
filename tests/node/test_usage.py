"""What Pods and nodes use, as `kubectl top` and autoscalers read it."""

import os
import json

from support.pods import pod


def raw(platform, path):
    return json.loads(platform.kubectl("get", "--raw", f"/apis/metrics.k8s.io/v1beta1{path}").stdout)


def quantity(text):
    for suffix, factor in (("n", 1e-9), ("u", 1e-6), ("m", 1e-3), ("Ki", 1024), ("Mi", 1 << 20), ("Gi", 1 << 30)):
        if text.endswith(suffix):
            return float(text[: -len(suffix)]) * factor
    return float(text)


def wait_measured(platform, namespace, name, enough):
    """Asks until the rate over the window shows what the Pod does; the node agent measures when it is asked."""
    for _ in range(600):
        answer = platform.kubectl(
            "get", "--raw", f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{name}", check=False)
        if answer.returncode == 0:
            metrics = json.loads(answer.stdout)
            if enough(metrics):
                return metrics
    raise AssertionError(answer.stdout + answer.stderr)


def test_pods_and_nodes_are_measured(platform, namespace):
    busy = pod("busy", namespace, "while :; do :; done", terminationGracePeriodSeconds=0)
    busy["spec"]["containers"].append(
        {"name": "fat", "image": "busybox", "command": ["/bin/sh", "-c", "head -c 60000000 /dev/zero | tail -c 50000000 | sleep 3600"]})
    platform.apply(busy)
    platform.apply(pod("idle", namespace, "exec sleep 3600", terminationGracePeriodSeconds=0))
    platform.wait("--for=condition=Ready", "pod/busy", "pod/idle", "-n", namespace)

    def works(metrics):
        return any(quantity(c["usage"]["cpu"]) > 0.02 for c in metrics["containers"] if c["name"] == "main")

    metrics = wait_measured(platform, namespace, "busy", works)
    assert metrics["kind"] == "PodMetrics" and metrics["metadata"]["labels"] == {"app": "busy"}
    assert [c["name"] for c in metrics["containers"]] == ["main", "fat"]
    assert metrics["window"].endswith("s") and metrics["timestamp"].endswith("Z")
    main = metrics["containers"][0]["usage"]
    assert quantity(main["cpu"]) <= 4 and 0 < quantity(main["memory"]) < 64 << 20

    wait_measured(platform, namespace, "idle", lambda metrics: True)
    chosen = raw(platform, f"/namespaces/{namespace}/pods?labelSelector=app%3Didle")
    assert [item["metadata"]["name"] for item in chosen["items"]] == ["idle"] and chosen["kind"] == "PodMetricsList"
    node = raw(platform, "/nodes")["items"][0]
    assert node["metadata"]["name"] == "martlet" and quantity(node["usage"]["memory"]) > 64 << 20
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "martlet"

    top = platform.kubectl("top", "pods", "--containers", "-n", namespace).stdout.splitlines()
    assert top[0].split() == ["POD", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert {tuple(line.split()[:2]) for line in top[1:]} == {("busy", "main"), ("busy", "fat"), ("idle", "main")}
    assert "martlet" in platform.kubectl("top", "nodes").stdout
    table = platform.kubectl("get", "pods.metrics.k8s.io", "-n", namespace).stdout.splitlines()
    assert table[0].split() == ["NAME", "CPU", "MEMORY", "WINDOW"] and len(table) == 3


def test_what_is_not_there_is_not_measured(platform, namespace):
    platform.apply(pod("done", namespace, "true"))
    platform.wait("--for=jsonpath={.status.phase}=Succeeded", "pod/done", "-n", namespace)
    gone = platform.kubectl("get", "pods.metrics.k8s.io", "none", "-n", namespace, check=False)
    assert gone.stderr.strip() == 'Error from server (NotFound): pods "none" not found'
    ended = platform.kubectl("get", "pods.metrics.k8s.io", "done", "-n", namespace, check=False)
    assert f'podmetrics.metrics.k8s.io "{namespace}/done" not found' in ended.stderr
    assert raw(platform, f"/namespaces/{namespace}/pods")["items"] == []
    resources = {r["name"]: r for r in raw(platform, "")["resources"]}
    assert resources["pods"] == {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics",
                                 "verbs": ["get", "list"]}
    refused = platform.kubectl("delete", "--raw", f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/done",
                               check=False)
    assert refused.returncode != 0 and "MethodNotAllowed" in refused.stderr


def test_the_node_says_what_it_runs_short_of(platform):
    conditions = {c["type"]: c for c in platform.get("node", "martlet")["status"]["conditions"]}
    status = os.statvfs(platform.data)
    short = status.f_bavail * status.f_frsize < min(status.f_blocks * status.f_frsize // 10, 5 << 30)
    assert conditions["DiskPressure"]["status"] == str(short)
    # The last one says that there are no control groups.
    assert set(conditions) - ({"LimitsNotEnforced"} if platform.account else set()) == {"MemoryPressure", "DiskPressure", "PIDPressure", "Ready"}
