"""Many Pods at once: an environment is built once, and nothing is left behind."""

import collections
import os
import pathlib
import re
import subprocess

import pytest
import yaml

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


class Machine:
    """What Pods use up of the machine, as the node agent of one platform sees it."""

    def __init__(self, platform):
        data = str(platform.data)
        self.agent = next(
            int(entry) for entry in os.listdir("/proc") if entry.isdigit() and self.is_agent(entry, data))
        self.bridge = self.value("--pod-cidr")
        self.platform = platform

    @staticmethod
    def arguments(process):
        try:
            return pathlib.Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return []

    @classmethod
    def is_agent(cls, process, data):
        arguments = cls.arguments(process)
        return arguments[0].endswith("node-agent") and data in arguments

    def value(self, flag):
        arguments = self.arguments(self.agent)
        return arguments[arguments.index(flag) + 1]

    def used(self):
        data = str(self.platform.data)
        inside = ["nsenter", f"--mount=/proc/{self.agent}/ns/mnt"]
        mounts = pathlib.Path(f"/proc/{self.agent}/mounts").read_text().splitlines()
        network = self.value("--pod-cidr").rsplit(".", 1)[0] + "."
        links = subprocess.run(["ip", "-o", "link", "show", "type", "veth"], capture_output=True, text=True).stdout
        bridge = next(line.split()[1].split("@")[0] for line in subprocess.run(
            ["ip", "-o", "-4", "addr", "show"], capture_output=True, text=True).stdout.splitlines() if network in line)
        groups = [root for root, _, _ in os.walk("/sys/fs/cgroup") if f"/martlet-{bridge}/" in root]
        return {
            "processes": sorted(" ".join(self.arguments(entry))[:120] for entry in os.listdir("/proc")
                                if entry.isdigit() and any(f"{data}/pods/" in part for part in self.arguments(entry))),
            "sleepers": sum("3600.25" in self.arguments(entry) for entry in os.listdir("/proc") if entry.isdigit()),
            "mounts": sorted(line for line in mounts if f"{data}/pods/" in line or "/run/netns/" in line),
            "namespaces": sorted(subprocess.run([*inside, "ls", "/run/netns"], capture_output=True, text=True).stdout.split()),
            "devices": sorted(line.split()[1] for line in links.splitlines() if f"master {bridge} " in line),
            "cgroups": sorted(groups),
            "folders": sorted(os.listdir(f"{data}/pods")),
        }

    def descriptors(self):
        """Open files of the agent by kind, without its connections to the API server, which come and go."""
        kinds = collections.Counter()
        for entry in os.listdir(f"/proc/{self.agent}/fd"):
            try:
                kinds[re.sub(r"\d+", "", os.readlink(f"/proc/{self.agent}/fd/{entry}"))] += 1
            except OSError:
                pass  # closed meanwhile
        del kinds["socket:[]"]
        return kinds


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
