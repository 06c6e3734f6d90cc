"""Only the node agent stays root; what listens to the network is an ordinary user without powers."""

import json
import os
import pathlib
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

from support.platform import MARTLET, Platform
from support.pods import claim, pod, run

DEDICATED = 65530  # README: the user where plain root starts Martlet

# Asks the node agent for its health as another user, through a folder that was opened before: prints what came back.
ASK = r"""
import os, socket, sys
folder = os.open(sys.argv[1], os.O_PATH)
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
with socket.socket(socket.AF_UNIX) as agent:
    try:
        agent.connect(f"/proc/self/fd/{folder}/node-agent.sock")
        agent.sendall(b"GET /healthz HTTP/1.1\r\nHost: node-agent\r\n\r\n")
        print(agent.recv(100).split(b"\r\n")[0].decode() or "closed")
    except OSError as error:
        print(type(error).__name__)
"""


def ask_as(user, platform):
    return subprocess.run(["python3", "-c", ASK, str(platform.data / "run"), str(user)],
                          capture_output=True, text=True, timeout=30).stdout.strip()


def processes(*words):
    """Processes whose arguments hold all the words."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if all(any(word in part for part in line) for word in words):
                found.append(int(entry))
    return found


def agent_of(platform):
    """(keeper, node agent) of a platform."""
    agent, = processes("node-agent", "--kubeconfig", str(platform.data))
    return int(fields(agent)["PPid"]), agent


def fields(process, thread=None):
    path = f"/proc/{process}/task/{thread}/status" if thread else f"/proc/{process}/status"
    return dict(line.split(":\t", 1) for line in pathlib.Path(path).read_text().splitlines() if ":\t" in line)


def threads(process):
    return [fields(process, thread) for thread in os.listdir(f"/proc/{process}/task")]


def in_view_of(process, user, *command):
    """Runs a command where the process sees files, as its user."""
    return subprocess.run(
        ["nsenter", f"--mount=/proc/{process}/ns/mnt", "setpriv", f"--reuid={user}", f"--regid={user}",
         f"--groups={DEDICATED}", *command], capture_output=True, text=True, timeout=30)


def test_every_thread_of_the_platform_is_an_ordinary_user_for_good(platform):
    for status in threads(platform.process.pid):
        assert status["Uid"].split() == [str(DEDICATED)] * 4 and status["Gid"].split() == [str(DEDICATED)] * 4
        assert status["Groups"].split() == [str(DEDICATED)]
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        assert status["NoNewPrivs"] == "1"
    assert os.stat(f"/proc/{platform.process.pid}/environ").st_uid == 0, "no process of the user looks into it"
    for process in agent_of(platform):
        assert fields(process)["Uid"].split()[0] == "0"


def test_files_belong_to_those_who_use_them(platform):
    def owner(name):
        info = os.lstat(platform.data / name)
        return info.st_uid, oct(stat.S_IMODE(info.st_mode))

    assert owner(".") == (0, "0o1771")
    assert owner("pods") == owner("volumes") == (0, "0o700")
    for name in ("store", "pki", "gateway", "kubeconfigs"):
        assert owner(name) == (DEDICATED, "0o700"), name
    assert owner("kubeconfig") == (DEDICATED, "0o600")


def test_the_platform_reads_no_volumes_and_removes_none_of_the_agents_folders(platform, namespace):
    platform.apply(claim("secret", namespace))
    run(platform, pod("writer", namespace, "echo secret > /v/file", container={
        "volumeMounts": [{"name": "v", "mountPath": "/v"}]}, volumes=[
            {"name": "v", "persistentVolumeClaim": {"claimName": "secret"}}]))
    folder = platform.data / "volumes" / namespace / "secret"
    assert (folder / "file").read_text() == "secret\n"
    look = lambda *command: in_view_of(platform.process.pid, DEDICATED, *command)  # noqa: E731
    assert look("cat", str(platform.data / "kubeconfig")).returncode == 0
    for command in (("cat", f"{folder}/file"), ("ls", str(platform.data / "volumes")), ("ls", str(platform.data / "pods")),
                    ("mv", str(platform.data / "pods"), str(platform.data / "mine")),
                    ("rm", str(platform.data / "logs" / "node-agent.log"))):
        assert "ermi" in look(*command).stderr, command
    platform.kubectl("delete", "pod", "writer", "-n", namespace)
    platform.kubectl("delete", "pvc", "secret", "-n", namespace)
    volumes = platform.get("pv")["items"]
    mine = [v["metadata"]["name"] for v in volumes if v["spec"]["claimRef"]["namespace"] == namespace]
    for name in mine:
        platform.kubectl("wait", "--for=delete", f"pv/{name}", "--timeout=60s")
    assert not folder.exists(), "the node agent removed it"


def test_the_agent_listens_to_its_platform_alone(own_platform):
    platform = own_platform.start()
    assert ask_as(DEDICATED, platform) == "HTTP/1.1 200 OK"
    assert ask_as(65534, platform) == "PermissionError"
    os.chmod(platform.data / "run" / "node-agent.sock", 0o666)
    assert ask_as(65534, platform) in ("closed", "ConnectionResetError", "BrokenPipeError"), "who asks counts, not the file's mode"
    assert ask_as(DEDICATED, platform) == "HTTP/1.1 200 OK"


def test_a_pod_with_the_platforms_user_number_is_still_a_stranger(tmp_path, shared_caches):
    """The socket's own folder is mounted into it, and its user is, by number, the platform's."""
    with Platform(tmp_path / "data", shared_caches, "--allow-host-path") as platform:
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
        script = r"""
import os, socket
print(os.getuid())
agent = socket.socket(socket.AF_UNIX)
try:
    agent.connect("/agent/node-agent.sock")
    agent.sendall(b"GET /healthz HTTP/1.1\r\nHost: node-agent\r\n\r\n")
    print(agent.recv(100) or "nothing")
except OSError as error:
    print("nothing")
"""
        manifest = pod("same", "default", script, "python:3.11", container={
            "securityContext": {"runAsUser": DEDICATED}, "volumeMounts": [{"name": "v", "mountPath": "/agent"}]},
            volumes=[{"name": "v", "hostPath": {"path": str(platform.data / "run")}}])
        assert run(platform, manifest) == f"{DEDICATED}\nnothing\n"
        platform.apply(pod("long", "default", "sleep 7200.125", container={"securityContext": {"runAsUser": DEDICATED}}))
        platform.wait("--for=condition=Ready", "pod/long", "-n", "default")
        sleeper = processes("7200.125")[-1]
        assert int(fields(sleeper)["Uid"].split()[0]) >= 1 << 30


def test_root_of_the_machine_only_with_a_flag(tmp_path, shared_caches):
    with Platform(tmp_path / "data", shared_caches, "--allow-host-users") as platform:
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
        root = {"securityContext": {"runAsUser": 0}}
        script = "cat /proc/self/uid_map"
        assert run(platform, pod("asks", "default", script, container=root, hostUsers=True)).split() == [
            "0", "0", "4294967295"]
        assert run(platform, pod("silent", "default", script, container=root)).split()[1] != "0"


def test_sudo_leads_to_the_user_who_called_it_and_old_data_are_taken_over(own_platform, monkeypatch):
    platform = own_platform
    monkeypatch.setenv("SUDO_UID", "54321")
    monkeypatch.setenv("SUDO_GID", "54320")
    platform.start()
    assert {(s["Uid"].split()[1], s["Gid"].split()[1], s["CapEff"]) for s in threads(platform.process.pid)} == {
        ("54321", "54320", "0" * 16)}
    assert os.stat(platform.kubeconfig).st_uid == 54321
    platform.kubectl("create", "configmap", "kept", "-n", "default")
    platform.stop()
    monkeypatch.delenv("SUDO_UID")
    monkeypatch.delenv("SUDO_GID")

    # As a version that ran as root left it.
    for folder, names, files in os.walk(platform.data):
        for name in names + files:
            os.lchown(os.path.join(folder, name), 0, 0)
    os.chown(platform.data, 0, 0)
    os.chmod(platform.data, 0o711)
    os.chmod(platform.data / "volumes", 0o711)
    platform.start()
    assert threads(platform.process.pid)[0]["Uid"].split()[1] == str(DEDICATED)
    assert platform.get("configmap", "kept", "-n", "default")["metadata"]["name"] == "kept"
    assert stat.S_IMODE(os.stat(platform.data / "volumes").st_mode) == 0o700
    session = platform.session()  # by a token that root's command wrote
    assert session.get(f"{platform.gateway}/api/me", timeout=10).status_code == 200


def test_a_port_that_only_root_may_take(own_platform):
    for port in range(1023, 600, -1):
        try:
            socket.create_server(("127.0.0.1", port)).close()
            break
        except OSError:
            continue
    own_platform.start("--port", str(port))
    assert own_platform.gateway == f"http://127.0.0.1:{port}"
    assert own_platform.session().get(f"{own_platform.gateway}/api/me", timeout=10).status_code == 200


def test_a_link_in_the_place_of_a_folder_of_root_is_refused(own_platform, tmp_path):
    own_platform.data.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (own_platform.data / "pods").symlink_to(tmp_path / "elsewhere")
    done = subprocess.run(own_platform.command(), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "must be a folder" in done.stderr
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o755
    (own_platform.data / "pods").unlink()


def sleeper(platform, name="sleeper"):
    """A running Pod; the process of its container."""
    platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
    mark = f"7300.{os.getpid()}"
    platform.apply(pod(name, "default", f"exec sleep {mark}"))
    platform.wait("--for=condition=Ready", f"pod/{name}", "-n", "default")
    process, = [p for p in processes("sleep", mark) if fields(p)["Name"] == "sleep"]
    return process


def wait_end(descriptor):
    """Waits for the end of a process that is not a child, by a descriptor that was opened while it ran."""
    try:
        assert select.select([descriptor], [], [], 60)[0]
    finally:
        os.close(descriptor)


def test_pods_outlive_the_agent_and_the_keeper(own_platform):
    platform = own_platform.start()
    inner = sleeper(platform)
    keeper, agent = agent_of(platform)
    watch, first = os.pidfd_open(inner), os.pidfd_open(agent)
    os.kill(agent, signal.SIGKILL)
    wait_end(first)
    # A second Pod needs the agent that took over.
    assert run(platform, pod("after", "default", "echo well")) == "well\n"
    again, second = agent_of(platform)
    assert again == keeper and second != agent
    state = platform.get("pod", "sleeper", "-n", "default")["status"]["containerStatuses"][0]
    assert state["restartCount"] == 0 and "running" in state["state"]

    last = os.pidfd_open(second)
    os.kill(keeper, signal.SIGKILL)
    assert platform.process.wait(60) != 0, "without its keeper the platform ends, and says so"
    assert "keeper of the node agent" in platform.process.stdout.read()
    wait_end(last)
    assert os.path.exists(f"/proc/{inner}")
    platform.start()
    platform.wait("--for=condition=Ready", "pod/sleeper", "-n", "default")
    assert platform.get("pod", "sleeper", "-n", "default")["status"]["containerStatuses"][0]["restartCount"] == 0
    assert agent_of(platform)
    platform.cli("down", "--data-dir", str(platform.data))
    assert platform.process.wait(30) == 0
    assert select.select([watch], [], [], 0)[0], "down ends all"
    os.close(watch)


def test_down_ends_what_a_killed_platform_left(own_platform):
    platform = own_platform.start()
    inner = sleeper(platform)
    keeper, agent = agent_of(platform)
    watches = [os.pidfd_open(process) for process in (keeper, agent)]
    platform.kill()
    for watch in watches:
        wait_end(watch)  # keeper and agent end with their platform
    assert os.path.exists(f"/proc/{inner}"), "Pods go on"
    assert "had left" in platform.cli("down", "--data-dir", str(platform.data)).stdout
    assert not os.path.exists(f"/proc/{inner}")
    assert "nothing runs" in platform.cli("down", "--data-dir", str(platform.data)).stdout


@pytest.fixture
def ordinary(shared_caches):
    """A platform of an ordinary user, in a folder that this user can reach."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="martlet-ordinary-", dir="/tmp"))
    os.chown(folder, 65534, 65534)
    platform = Platform(folder / "data", shared_caches)
    command = platform.command
    platform.command = lambda *arguments: [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command(*arguments)]
    yield platform
    platform.destroy()
    shutil.rmtree(folder, ignore_errors=True)


def test_an_ordinary_user_has_everything_but_pods(ordinary):
    output = []
    read = ordinary._read_until
    ordinary._read_until = lambda *given: output.append(read(*given)) or output[-1]
    ordinary.start()
    assert "No Pods run" in output[-1] and "sudo" in output[-1]
    assert fields(ordinary.process.pid)["Uid"].split()[0] == "65534"
    assert ordinary.get("nodes")["items"] == []
    session = ordinary.session()
    assert session.get(f"{ordinary.gateway}/api/me", timeout=10).status_code == 200
    ns = ordinary.user_namespace
    ordinary.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=60s")
    ordinary.apply(claim("kept", ns))
    ordinary.wait("--for=jsonpath={.status.phase}=Bound", "pvc/kept", "-n", ns)
    ordinary.kubectl("delete", "pvc", "kept", "-n", ns)
    ordinary.apply(pod("waits", ns, "true"))
    said = ordinary.wait("--for=jsonpath={.status.conditions[0].reason}=Unschedulable", "pod/waits", "-n", ns)
    assert said.returncode == 0
    done = ordinary.kubectl("logs", "waits", "-n", ns, check=False)
    assert done.returncode == 0 or "node agent" in done.stderr
    findings = json.loads(subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(MARTLET), "doctor", "--output", "json",
         "--data-dir", str(ordinary.data)], capture_output=True, text=True, timeout=60, cwd="/").stdout)
    assert {f["subject"]: f["level"] for f in findings}["user"] == "warning"
    ordinary.stop()
