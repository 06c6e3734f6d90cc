"""Many Pods at once: an environment is built once, and nothing is left behind."""

import os

import pytest
import yaml

from support.machine import Machine
from support.platform import Platform
from support.pods import pod

ENVIRONMENTS = {"environments": [
    {"name": "small", "images": ["small:*"], "python": "3", "packages": ["six", "idna"], "command": ["python3"]},
    {"name": "shell", "images": ["busybox:*"], "command": ["/bin/sh"]},
]}


@pytest.fixture
def small_platform(tmp_path, shared_caches):
    """A platform with environments of the test's own, none of them built."""
    file = tmp_path / "environments.yaml"
    file.write_text(yaml.safe_dump(ENVIRONMENTS))
    platform = Platform(tmp_path / "data", shared_caches, "--environments", str(file))
    command = platform.command
    platform.command = lambda *arguments: [
        str(tmp_path / "built") if argument == str(shared_caches / "environments") else argument
        for argument in command(*arguments)
    ]
    with platform:
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
        yield platform


def pods_of(names, script, image="busybox", **spec):
    return {"apiVersion": "v1", "kind": "List", "items": [pod(name, "default", script, image, **spec) for name in names]}


def test_twenty_pods_that_want_one_environment_build_it_once(small_platform, tmp_path):
    names = [f"p{number}" for number in range(20)]
    manifest = pods_of(names, "import six, idna; print(six.__file__)")
    for item in manifest["items"]:
        item["spec"]["containers"][0].update(
            image="small:1", command=["python3", "-c", "import six, idna; print(six.__file__)"])
    small_platform.apply(manifest)
    for name in names:
        small_platform.wait("--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "-n", "default")
    log = (small_platform.data / "logs" / "node-agent.log").read_text()
    assert log.count("building environment") == 1, log
    assert len([entry for entry in os.listdir(tmp_path / "built") if not entry.startswith(".")]) == 1
    assert "six.py" in small_platform.kubectl("logs", "p19", "-n", "default").stdout


def test_fifty_pods_leave_nothing_behind(small_platform):
    script = "trap 'exit 0' TERM; sleep 3600.25 & wait"
    volumes = [{"name": "memory", "emptyDir": {"medium": "Memory"}}, {"name": "disk", "emptyDir": {}}]

    def round(names):
        small_platform.apply(pods_of(names, script, volumes=volumes))
        small_platform.wait("--for=condition=Ready", *[f"pod/{name}" for name in names], "-n", "default", timeout=400)
        during = machine.used()
        addresses = {item["status"]["podIP"] for item in small_platform.get("pods", "-n", "default")["items"]}
        small_platform.kubectl("delete", "pods", "--all", "-n", "default", "--wait=false")
        small_platform.wait("--for=delete", *[f"pod/{name}" for name in names], "-n", "default", timeout=400)
        return during, addresses

    machine = Machine(small_platform)
    round(["first"])
    before, open_before = machine.used(), machine.descriptors()
    for key in ("processes", "mounts", "namespaces", "devices", "cgroups", "folders"):
        assert before[key] == [], key
    during, addresses = round([f"p{number}" for number in range(50)])
    assert len(addresses) == len(during["namespaces"]) == len(during["devices"]) == len(during["processes"]) == 50
    assert during["sleepers"] >= 50
    after = machine.used()
    assert after == before
    assert machine.descriptors() == open_before
    # Five times fifty would not fit into the network if addresses were not given back.
    for _ in range(4):
        _, addresses = round([f"p{number}" for number in range(50)])
        assert len(addresses) == 50
