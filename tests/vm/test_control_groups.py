"""Limits of Pods by control groups of version 2: of root's, and of those that systemd delegates to an ordinary user."""

import json
import os
import pathlib
import subprocess

import pytest
from support.platform import Platform
from support.pods import pod, run
from support.rootless import Account, RootlessPlatform
from support.waiting import eventually

GROUPS = pathlib.Path("/sys/fs/cgroup")
SHOW = "cd /sys/fs/cgroup; cat memory.max memory.swap.max memory.oom.group pids.max cpu.max; cat /proc/self/cgroup"
LIMITS = {"resources": {"limits": {"memory": "64Mi", "cpu": "500m"}}}


class SessionAccount(Account):
    """A user whose systemd runs."""

    def __init__(self):
        super().__init__()
        subprocess.run(["loginctl", "enable-linger", self.name], check=True, timeout=60)
        self.runtime = pathlib.Path(f"/run/user/{self.uid}")
        eventually((self.runtime / "systemd/private").exists, 120, "the user's systemd")

    def command(self, *words, variables=()):
        return super().command(*words, variables=[f"XDG_RUNTIME_DIR={self.runtime}", *variables])

    def remove(self):
        subprocess.run(["loginctl", "disable-linger", self.name], check=True, timeout=60)
        subprocess.run(["loginctl", "terminate-user", self.name], timeout=60)
        eventually(lambda: not self.processes(), 60, "the end of the user's systemd")
        super().remove()


@pytest.fixture(scope="module", params=["root", "delegated"])
def limited(request, tmp_path_factory, shared_caches):
    """A platform that may use control groups."""
    if request.param == "root":
        with Platform(tmp_path_factory.mktemp("martlet"), shared_caches) as running:
            yield running
        return
    account = SessionAccount()
    with RootlessPlatform(account) as running:
        yield running
    account.remove()


def agent(platform):
    """The group in which the platform's node agent is, as the machine sees it."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().decode().split("\0")
            if words[0].endswith("node-agent") and str(platform.data) in words:
                return pathlib.Path(f"/proc/{entry}/cgroup").read_text().strip().removeprefix("0::")
        except OSError:
            continue
    raise AssertionError("there is no node agent")


def groups_left():
    """Groups of platforms."""
    return [root for root, _, _ in os.walk(GROUPS) if "/martlet-" in root]


def test_a_container_is_limited_and_sees_its_own_group_alone(limited):
    shown = run(limited, pod("limited", "default", SHOW, container=LIMITS)).split()
    assert shown == [str(64 << 20), "0", "1", "4096", "50000", "100000", "0::/"]
    attack = """
for file in cgroup.procs memory.max cgroup.subtree_control; do echo 1 > /sys/fs/cgroup/$file && echo wrote $file; done
mkdir /sys/fs/cgroup/own && echo made
ls /sys/fs/cgroup/.. | grep martlet
echo done
"""
    for user in (0, 1000):
        container = {"securityContext": {"runAsUser": user}, **LIMITS}
        said = run(limited, pod(f"attack-{user}", "default", attack, container=container))
        assert [line for line in said.splitlines() if "/sys" not in line] == ["done"]
    node, = limited.get("nodes")["items"]
    assert "LimitsNotEnforced" not in {condition["type"] for condition in node["status"]["conditions"]}


def test_who_takes_too_much_memory_ends_as_a_whole(limited):
    # The one that takes it is a child.
    limited.apply(pod("hungry", "default", "tail /dev/zero & wait; sleep 3600", container=LIMITS))
    limited.wait("--for=jsonpath={.status.phase}=Failed", "pod/hungry", "-n", "default")
    state = limited.get("pod", "hungry", "-n", "default")["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["reason"], state["exitCode"]) == ("OOMKilled", 137)


def test_limits_hold_after_a_kill_and_change(limited):
    limited.apply(pod("stays", "default", "exec sleep 3600", container=LIMITS, terminationGracePeriodSeconds=0))
    limited.wait("--for=condition=Ready", "pod/stays", "-n", "default")
    limited.kill()
    limited.start()
    patch = {"spec": {"containers": [{"name": "main", "resources": {kind: {"memory": "96Mi"} for kind in ("requests", "limits")}}]}}
    limited.kubectl("patch", "pod", "stays", "-n", "default", "--subresource", "resize", "--patch", json.dumps(patch))
    limited.wait("--for=jsonpath={.status.containerStatuses[0].resources.limits.memory}=96Mi", "pod/stays", "-n", "default")
    show = limited.kubectl("exec", "stays", "-n", "default", "--", "cat", "/sys/fs/cgroup/memory.max").stdout
    assert show == f"{96 << 20}\n"
    assert limited.get("pod", "stays", "-n", "default")["status"]["containerStatuses"][0]["restartCount"] == 0
    assert run(limited, pod("later", "default", SHOW, container=LIMITS)).startswith(f"{64 << 20}\n0\n1\n4096\n50000 ")
    limited.kubectl("delete", "pod", "stays", "-n", "default", "--timeout=120s")


def test_where_the_platform_is(limited):
    account = limited.account
    if not account:
        assert "martlet" not in agent(limited)
        return
    assert f"/user@{account.uid}.service/" in agent(limited) and agent(limited).endswith(".scope/martlet-platform")
    findings = json.loads(limited.cli("doctor", "--output", "json", "--data-dir", str(limited.data)).stdout)
    assert [finding["level"] for finding in findings if finding["subject"] == "limits"] == ["good"]


def test_nothing_is_left(limited):
    limited.apply(pod("runs", "default", "exec sleep 3600", container=LIMITS, terminationGracePeriodSeconds=0))
    limited.wait("--for=condition=Ready", "pod/runs", "-n", "default")
    limited.stop()
    eventually(lambda: not groups_left(), what="the end of all groups")
    limited.start()


class Contained(Platform):
    """As in a container that sees a part of the control groups, with all that runs in the root of it at first."""

    group = GROUPS / "container"
    view = """
echo 0 > "$1/cgroup.procs"; shift
exec unshare --cgroup --mount sh -c 'umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"' sh "$@"
"""

    def typed(self, *arguments):
        return ["sh", "-c", self.view, "sh", str(self.group), *super().typed(*arguments)]


def test_root_of_a_container(tmp_path, shared_caches):
    Contained.group.mkdir()
    with Contained(tmp_path / "data", shared_caches) as platform:
        assert run(platform, pod("limited", "default", SHOW, container=LIMITS)).startswith(f"{64 << 20}\n0\n1\n4096\n50000 ")
        assert agent(platform) == "/container/martlet-platform"
