"""CPU and memory of containers that change while they run."""

import json
import pathlib

import pytest

from support.pods import events, pod, wait_event


def steady(name, namespace, requests, limits, policy=None, script="trap 'exit 0' TERM; echo up; while :; do sleep 1; done"):
    container = {"resources": {"requests": requests, "limits": limits}}
    if policy:
        container["resizePolicy"] = [{"resourceName": "memory", "restartPolicy": policy}]
    return pod(name, namespace, script, container=container, restartPolicy="Always")


def change(platform, name, namespace, check=True, **resources):
    patch = {"spec": {"containers": [{"name": "main", "resources": resources}]}}
    return platform.kubectl("patch", "pod", name, "-n", namespace, "--subresource", "resize", "-p", json.dumps(patch), check=check)


def wait_for_resources(platform, name, namespace, kind, resource, value):
    path = f"{{.status.containerStatuses[0].resources.{kind}.{resource}}}"
    platform.wait(f"--for=jsonpath={path}={value}", f"pod/{name}", "-n", namespace)


def group(platform, name, namespace):
    """Reads a file of the container's control group on the machine, version 1 or 2."""
    uid = platform.get("pod", name, "-n", namespace)["metadata"]["uid"]
    number = platform.get("pod", name, "-n", namespace)["status"]["containerStatuses"][0]["restartCount"]

    def read(v1, v2):
        for pattern in (f"*/martlet-*/{uid}/main-{number}/{v1}", f"martlet-*/{uid}/main-{number}/{v2}"):
            for file in pathlib.Path("/sys/fs/cgroup").glob(pattern):
                return file.read_text().split()
    return read


@pytest.mark.root("control groups")
def test_limits_change_while_a_container_runs(platform, namespace):
    platform.apply(steady("grows", namespace, {"cpu": "100m", "memory": "50Mi"}, {"cpu": "200m", "memory": "64Mi"}))
    platform.wait("--for=condition=Ready", "pod/grows", "-n", namespace)
    read = group(platform, "grows", namespace)
    assert read("memory.limit_in_bytes", "memory.max") == [str(64 << 20)]
    change(platform, "grows", namespace, requests={"cpu": "150m", "memory": "60Mi"}, limits={"cpu": "300m", "memory": "128Mi"})
    wait_for_resources(platform, "grows", namespace, "limits", "memory", "128Mi")
    assert read("memory.limit_in_bytes", "memory.max") == [str(128 << 20)]
    assert read("cpu.cfs_quota_us", "cpu.max")[0] == "30000"
    shares = read("cpu.shares", "cpu.weight")[0]
    assert shares == "154" or int(shares) < 154
    message = wait_event(platform, "grows", namespace, "ResizeCompleted")
    assert message.startswith("Pod resize completed: {") and '"memory":"128Mi"' in message
    told = platform.get("pod", "grows", "-n", namespace)["status"]
    assert told["containerStatuses"][0]["restartCount"] == 0
    assert told["containerStatuses"][0]["allocatedResources"] == {"cpu": "150m", "memory": "60Mi"}
    assert not [c for c in told["conditions"] if c["type"].startswith("PodResize")]
    # And back to less, as long as it is more than what is used.
    change(platform, "grows", namespace, limits={"cpu": "200m", "memory": "96Mi"})
    wait_for_resources(platform, "grows", namespace, "limits", "memory", "96Mi")
    assert read("memory.limit_in_bytes", "memory.max") == [str(96 << 20)]


def test_what_does_not_fit_waits(platform, namespace):
    for name in ("waits", "beside"):
        platform.apply(steady(name, namespace, {"cpu": "10m"}, {}))
        platform.wait("--for=condition=Ready", f"pod/{name}", "-n", namespace)

    def pending(reason):
        path = '{.status.conditions[?(@.type=="PodResizePending")].reason}'
        platform.wait(f"--for=jsonpath={path}={reason}", "pod/waits", "-n", namespace)
        told = platform.get("pod", "waits", "-n", namespace)
        condition = next(c for c in told["status"]["conditions"] if c["type"] == "PodResizePending")
        assert condition["observedGeneration"] == told["metadata"]["generation"]
        return told, condition["message"]

    change(platform, "waits", namespace, requests={"cpu": "1000"})
    assert pending("Infeasible")[1].startswith("Node didn't have enough capacity: cpu, requested: 1000000, capacity: ")
    whole = platform.get("nodes")["items"][0]["status"]["allocatable"]["cpu"]
    change(platform, "waits", namespace, requests={"cpu": whole})
    told, message = pending("Deferred")
    assert message.startswith(f"Node didn't have enough resource: cpu, requested: {whole}000, used: ")
    assert told["status"]["containerStatuses"][0]["allocatedResources"] == {"cpu": "10m"}
    assert "ResizeDeferred" in {event["reason"] for event in events(platform, "waits", namespace)}
    # What it waits for is not taken from others.
    change(platform, "beside", namespace, requests={"cpu": "30m"})
    wait_for_resources(platform, "beside", namespace, "requests", "cpu", "30m")
    change(platform, "waits", namespace, requests={"cpu": "20m"})
    wait_for_resources(platform, "waits", namespace, "requests", "cpu", "20m")


@pytest.mark.root("control groups")
def test_a_container_that_wants_to_start_again(platform, namespace):
    platform.apply(steady("again", namespace, {"memory": "20Mi"}, {"memory": "32Mi"}, policy="RestartContainer"))
    platform.wait("--for=condition=Ready", "pod/again", "-n", namespace)
    change(platform, "again", namespace, limits={"memory": "48Mi"})
    wait_for_resources(platform, "again", namespace, "limits", "memory", "48Mi")
    assert platform.get("pod", "again", "-n", namespace)["status"]["containerStatuses"][0]["restartCount"] == 1
    assert group(platform, "again", namespace)("memory.limit_in_bytes", "memory.max") == [str(48 << 20)]
