"""Bad luck below the node agent: programs killed, groups and networks removed, full disks, floods of logs, a clock that jumps.

Whatever happens to one Pod, its status tells it, and its neighbours and the node go on."""

import glob
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from support import images
from support.machine import Machine
from support.platform import Platform
from support.pods import pod, run, wait_event, wait_phase
from support.registry import Registry
from support.waiting import eventually

FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.2; done"

# The real crun, until it is told to die: then it makes the container and is killed before it starts its program.
CRUN = """#!/bin/sh
case " $* " in *" run "*)
  if rm {marker} 2>/dev/null; then
    {crun} $(echo "$*" | sed 's/ run --detach / create /')
    kill -9 $$
  fi ;;
esac
exec {crun} "$@"
"""


class Unlucky:
    """A platform on a small disk, with a neighbour that must notice nothing."""

    def __init__(self, folder, caches, monkeypatch):
        self.data = folder / "data"
        self.data.mkdir()
        self.marker = folder / "kill-crun"
        programs = folder / "bin"
        programs.mkdir()
        (programs / "crun").write_text(CRUN.format(marker=self.marker, crun=shutil.which("crun")))
        (programs / "crun").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(self.data)], check=True)
        self.platform = Platform(self.data, caches)

    def begin(self):
        self.platform.start()
        self.platform.apply(pod("neighbour", "default", FOREVER, terminationGracePeriodSeconds=0, restartPolicy="Always"))
        self.platform.wait("--for=condition=Ready", "pod/neighbour")
        self.machine = Machine(self.platform)
        self.before = self.neighbour()

    def neighbour(self):
        told = self.platform.get("pod", "neighbour")["status"]
        return told["podIP"], told["containerStatuses"][0]["containerID"], told["containerStatuses"][0]["restartCount"]

    def check(self):
        """The neighbour goes on, and the node takes new Pods."""
        assert self.neighbour() == self.before
        assert self.platform.kubectl("exec", "neighbour", "--", "echo", "well").stdout == "well\n"
        ready = {c["type"]: c["status"] for c in self.platform.get("node", "martlet")["status"]["conditions"]}["Ready"]
        assert ready == "True"
        name = self.platform.fresh_name("new")
        assert run(self.platform, pod(name, "default", "echo new")) == "new\n"
        self.platform.kubectl("delete", "pod", name, "--wait=false")

    def uid(self, name):
        return self.platform.get("pod", name)["metadata"]["uid"]

    def last(self, name):
        """How the first run of a Pod's container ended, once there is a second one that is ready."""
        path = "{.status.containerStatuses[0].restartCount}"
        self.platform.wait(f"--for=jsonpath={path}=1", f"pod/{name}")
        self.platform.wait("--for=condition=Ready", f"pod/{name}")
        return self.platform.get("pod", name)["status"]["containerStatuses"][0]["lastState"]["terminated"]

    def end(self):
        self.platform.destroy()
        subprocess.run(["umount", "-l", str(self.data)], check=True)


@pytest.fixture(scope="module")
def unlucky(tmp_path_factory, shared_caches):
    with pytest.MonkeyPatch.context() as monkeypatch:
        unlucky = Unlucky(tmp_path_factory.mktemp("unlucky"), shared_caches, monkeypatch)
        try:
            unlucky.begin()
            yield unlucky
        finally:
            unlucky.end()


def lasting(name, **spec):
    return pod(name, "default", FOREVER, **{"restartPolicy": "Always", "terminationGracePeriodSeconds": 1, **spec})


def test_crun_is_killed_in_the_middle_of_a_start(unlucky):
    platform = unlucky.platform
    unlucky.marker.touch()
    platform.apply(lasting("cut-short"))
    ended = unlucky.last("cut-short")
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert "crun was killed by signal 9" in ended["message"]
    assert "crun was killed by signal 9" in wait_event(platform, "cut-short", "default", "Failed")
    # Nothing of the first start is left: one process, and one control group for each controller.
    uid = unlucky.uid("cut-short")
    assert [path for path in groups(uid) if path.name == "main-0"] == []
    running = subprocess.run([shutil.which("crun"), f"--root={unlucky.data}/run/crun", "list", "-q"],
                             capture_output=True, text=True).stdout.split()
    assert [name for name in running if name.startswith(uid)] == [f"{uid}-main-1"]
    unlucky.check()


def groups(uid):
    """The control groups of a Pod's containers, one for each controller in version 1."""
    return [pathlib.Path(path) for pattern in ("*/martlet-*", "martlet-*") for path in glob.glob(f"/sys/fs/cgroup/{pattern}/{uid}/*-[0-9]")]


@pytest.mark.root("control groups")
def test_a_control_group_is_removed(unlucky):
    platform = unlucky.platform
    platform.apply(lasting("unbound"))
    platform.wait("--for=condition=Ready", "pod/unbound")
    uid = unlucky.uid("unbound")

    def removed():
        for group in groups(uid):
            if group.name != "main-0":
                continue
            root = group.parents[2]
            for folder, _, _ in os.walk(group, topdown=False):
                for process in (pathlib.Path(folder) / "cgroup.procs").read_text().split():
                    try:
                        (root / "cgroup.procs").write_text(process)
                    except ProcessLookupError:
                        pass
                try:
                    os.rmdir(folder)
                except OSError:
                    return False  # it has had a child meanwhile
        return True

    eventually(removed, 60, "the removal of the groups")
    ended = unlucky.last("unbound")
    assert (ended["exitCode"], ended["reason"]) == (137, "CgroupMissing")
    assert "its limits did not hold" in ended["message"]
    assert "its limits did not hold" in wait_event(platform, "unbound", "default", "CgroupMissing")
    assert [path for path in groups(uid) if path.name == "main-1"]
    unlucky.check()


def test_the_network_of_a_pod_is_removed(unlucky):
    platform = unlucky.platform
    serve = "import http.server; http.server.HTTPServer(('', 8080), http.server.SimpleHTTPRequestHandler).serve_forever()"
    ready = {"readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}
    names = ("no-namespace", "no-device", "never")
    for name in names:
        manifest = pod(name, "default", serve, "python:3.11", container=ready, terminationGracePeriodSeconds=1,
                       restartPolicy="Never" if name == "never" else "Always")
        platform.apply(manifest)
    platform.wait("--for=condition=Ready", *[f"pod/{name}" for name in names])
    addresses = {name: platform.get("pod", name)["status"]["podIP"] for name in names}
    for name in names:
        sandbox = json.loads((unlucky.data / "pods" / unlucky.uid(name) / "sandbox.json").read_text())["namespace"]
        if name == "no-device":
            unlucky.machine.inside("ip", "link", "del", f"v{sandbox}", check=True)
        else:
            script = f"umount /run/netns/{sandbox} && rm /run/netns/{sandbox}"
            unlucky.machine.inside("sh", "-c", script, check=True)
    wait_phase(platform, "never", "default", "Failed")
    ended = platform.get("pod", "never")["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["message"]) == ("SandboxChanged", "The network of the pod was removed")
    for name in names[:2]:
        ended = unlucky.last(name)
        assert (ended["reason"], ended["message"]) == ("SandboxChanged", "The network of the pod was removed")
        assert wait_event(platform, name, "default", "SandboxChanged") == "Pod sandbox changed, it will be killed and re-created."
        assert platform.get("pod", name)["status"]["podIP"] == addresses[name]
        fetch = f"import urllib.request; urllib.request.urlopen('http://{addresses[name]}:8080', timeout=30); print('reached')"
        assert platform.kubectl("exec", "neighbour", "--", "python3", "-c", fetch).stdout == "reached\n"
    unlucky.check()
    platform.kubectl("delete", "pod", *names, "--wait=false")


def test_a_pod_that_fills_the_disk_goes(unlucky):
    """Its emptyDir has no limit, and the disk is the platform's as well: it cannot write either until the Pod is gone."""
    platform = unlucky.platform
    fill = "while head -c 1048576 /dev/zero >> /scratch/big; do :; done; echo full; exec sleep 3600"
    platform.apply(pod("glutton", "default", fill, container={"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]},
                       volumes=[{"name": "scratch", "emptyDir": {}}], terminationGracePeriodSeconds=0))
    wait_phase(platform, "glutton", "default", "Failed")
    status = platform.get("pod", "glutton")["status"]
    assert status["reason"] == "Evicted"
    assert status["message"].startswith("The node was low on resource: ephemeral-storage. Threshold quantity: 20Mi, available: ")
    assert "Container main was using " in status["message"]
    unlucky.check()


def test_the_agents_own_disk_is_full(unlucky):
    """A container that runs goes on and tells how it ended; one that is to start says what is missing until there is room."""
    platform, pods = unlucky.platform, unlucky.data / "pods"
    gate = {"volumeMounts": [{"name": "gate", "mountPath": "/gate"}]}
    wait = "until [ -e /gate/open ]; do sleep 0.1; done"
    volumes = [{"name": "gate", "emptyDir": {"medium": "Memory"}}]
    ends = pod("ends", "default", f"{wait}; exit 9", container=gate, volumes=volumes)
    starts = pod("starts", "default", "echo started", container=gate, volumes=volumes)
    starts["spec"]["initContainers"] = [dict(ends["spec"]["containers"][0], name="first", command=["/bin/sh", "-c", wait])]
    for manifest in (ends, starts):
        platform.apply(manifest)
    platform.wait("--for=jsonpath={.status.phase}=Running", "pod/ends")
    platform.wait("--for=jsonpath={.status.initContainerStatuses[0].state.running}", "pod/starts")
    folders = {name: pods / unlucky.uid(name) for name in ("ends", "starts")}

    def inside(*command, **options):
        unlucky.machine.inside(*command, check=True, **options)

    filler = unlucky.data / "filler"
    try:
        with open(filler, "wb") as file:
            while True:
                file.write(bytes(65536))
                file.flush()
    except OSError:
        pass
    try:
        inside("touch", f"{folders['ends']}/volumes/gate/open")
        exits = folders["ends"] / "containers" / "main" / "0" / "exit"
        eventually(lambda: exits.exists() and exits.read_text().split()[:1] == ["9"], 60, "the record of the end")
    finally:
        filler.unlink()
    wait_phase(platform, "ends", "default", "Failed")
    assert platform.get("pod", "ends")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 9

    small = folders["starts"] / "containers" / "main"
    small.mkdir()
    inside("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small))
    try:
        inside("touch", f"{folders['starts']}/volumes/gate/open")
        assert "the disk is full" in wait_event(platform, "starts", "default", "Failed")
        waiting = platform.get("pod", "starts")["status"]["containerStatuses"][0]["state"]["waiting"]
        assert waiting["reason"] == "CreateContainerError" and "the disk is full" in waiting["message"]
        unlucky.check()
        inside("mount", "-o", "remount,size=20m", str(small), users=False)
        wait_phase(platform, "starts", "default")
    finally:
        inside("umount", "-l", str(small))


def test_the_disk_is_full_while_an_image_is_unpacked(unlucky):
    """What was unpacked goes again, and the Pod says why it waits."""
    platform = unlucky.platform
    filler = unlucky.data / "filler"
    with Registry() as registry:
        # More than the node wants to have free before it pulls, and less than the image needs.
        status = os.statvfs(unlucky.data)
        filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - (262 << 20))))
        image = images.Image(images.shell(images.entry("huge", bytes(280 << 20))), Cmd=["/bin/true"])
        platform.apply(pod("pulls", "default", "true", registry.push("team/huge:1", image)))
        message = "jsonpath={.status.containerStatuses[0].state.waiting.message}"
        try:
            eventually(lambda: "the disk is full" in platform.kubectl("get", "pod", "pulls", "-o", message).stdout, 120,
                       "the reason why the Pod waits")
            unlucky.check()
        finally:
            filler.unlink()
        status = os.statvfs(unlucky.data)
        assert status.f_bavail * status.f_frsize > 300 << 20
        platform.kubectl("delete", "pod", "pulls", "--now", "--timeout=60s")
