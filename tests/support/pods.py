"""Pods of a few lines of shell or Python, for tests of the node agent."""

import subprocess


def pod(name, namespace, script, image="busybox", container=None, **spec):
    """A Pod that runs a shell script once (a Python one with `image="python:3.11"`)."""
    command = ["python3", "-uc", script] if image.startswith("python") else ["/bin/sh", "-c", script]
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": image, "command": command, **(container or {})}],
            **spec,
        },
    }


def shifted(platform):
    """A test of a shell's: whether the users inside are others outside, by numbers of the Pod's own where there are such."""
    seen = "[ $size -eq 65536 ]" if platform.account else "[ $base -ge 1073741824 ]"
    return f"read -r inside base size < /proc/self/uid_map; {seen}"


def claim(name, namespace):
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }


def config_map(name, namespace, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def wait_phase(platform, name, namespace, phase="Succeeded", timeout=180):
    platform.wait(f"--for=jsonpath={{.status.phase}}={phase}", f"pod/{name}", "-n", namespace, timeout=timeout)


def run(platform, manifest, timeout=180):
    """Runs a Pod to its good end; its log."""
    meta = manifest["metadata"]
    platform.apply(manifest)
    wait_phase(platform, meta["name"], meta["namespace"], timeout=timeout)
    return platform.kubectl("logs", meta["name"], "-n", meta["namespace"]).stdout


def events(platform, name, namespace, kind="Pod"):
    """The Events about an object, oldest first."""
    found = platform.get(
        "events", "-n", namespace, "--field-selector", f"involvedObject.kind={kind},involvedObject.name={name}")
    return sorted(found["items"], key=lambda e: (e["firstTimestamp"] or "", e["metadata"]["creationTimestamp"]))


def wait_event(platform, name, namespace, reason, kind="Pod", timeout=60):
    """Waits, by a watch, until an Event with the reason is there."""
    watch = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "get", "events", "-n", namespace, "--watch",
         "--field-selector", f"involvedObject.kind={kind},involvedObject.name={name},reason={reason}",
         "-o", "jsonpath={.message}{\"\\n\"}", f"--request-timeout={timeout}s"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        message = watch.stdout.readline()
        assert message, f"no event {reason} about {kind} {name}: {events(platform, name, namespace, kind)}"
        return message.strip()
    finally:
        watch.kill()
        watch.wait(10)
        watch.stdout.close()
