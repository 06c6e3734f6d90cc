"""Floods: of log lines, of output without an end, of processes."""

import pathlib
import subprocess

import pytest

from support.machine import Machine
from support.pods import pod, wait_phase

LINES, LENGTH = 24_000, 600


def test_no_line_of_many_is_lost(platform, namespace):
    """More than a file of the log holds, as fast as the container can; whoever follows gets each line once and in order."""
    script = f"""
import os, sys, time
print("ready", flush=True)
while not os.path.exists("/tmp/go"): time.sleep(0.05)
for number in range({LINES}): print(f"{{number:06d}}", "x" * {LENGTH})
sys.stdout.flush()
"""
    platform.apply(pod("chatty", namespace, script.replace("-u", ""), "python:3.11"))
    platform.wait("--for=condition=Ready", "pod/chatty", "-n", namespace)
    follower = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "logs", "-f", "chatty", "-n", namespace], stdout=subprocess.PIPE,
        text=True)
    try:
        assert follower.stdout.readline() == "ready\n"
        platform.kubectl("exec", "chatty", "-n", namespace, "--", "touch", "/tmp/go")
        numbers = [int(line[:6]) for line in follower.stdout if len(line) == LENGTH + 8]
        assert numbers == list(range(LINES))
    finally:
        follower.kill()
        follower.wait(10)
        follower.stdout.close()
    wait_phase(platform, "chatty", namespace)
    assert len(logs(platform, "chatty", namespace)) == 2, "the log was rotated once"
    last = platform.kubectl("logs", "chatty", "-n", namespace, "--tail=1").stdout
    assert last.startswith(f"{LINES - 1:06d} ")


def logs(platform, name, namespace):
    uid = platform.get("pod", name, "-n", namespace)["metadata"]["uid"]
    return list((platform.data / "pods" / uid / "containers" / "main" / "0").glob("log*"))


def memory(process):
    """Resident memory, MiB."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def test_a_container_that_writes_a_gibibyte_without_a_line_break(platform, namespace):
    agent = Machine(platform).agent
    before = memory(agent)
    platform.apply(pod("flood", namespace, "head -c 1073741824 /dev/zero | tr '\\0' x; echo; echo end"))
    platform.wait("--for=create", "pod/flood", "-n", namespace)
    folder = platform.data / "pods" / platform.get("pod", "flood", "-n", namespace)["metadata"]["uid"]
    most = {"disk": 0, "agent": 0, "shim": 0}
    waiter = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/flood", "-n", namespace,
         "--timeout=180s"], stdout=subprocess.DEVNULL)
    while waiter.poll() is None:
        try:
            waiter.wait(0.02)
        except subprocess.TimeoutExpired:
            pass
        try:
            shim = (folder / "containers" / "main" / "0" / "shim").read_text().split()[0]
            found = {"disk": sum(file.stat().st_size for file in (folder / "containers" / "main" / "0").glob("log*")),
                     "agent": memory(agent), "shim": memory(shim)}
        except OSError:
            continue  # not there yet, or over
        most = {name: max(most[name], found[name]) for name in most}
    assert platform.get("pod", "flood", "-n", namespace)["status"]["phase"] == "Succeeded"
    assert 10 << 20 < most["disk"] < 51 << 20
    assert 0 < most["shim"] < 8 and most["agent"] < before + 64, (most, before)
    assert platform.kubectl("logs", "flood", "-n", namespace, "--tail=1").stdout == "end\n"


BOMB = """
import os, threading, time
held = threading.Event()
threading.stack_size(32768)
threads = 0
try:
    while threads < 40000:
        threading.Thread(target=held.wait, daemon=True).start()
        threads += 1
except RuntimeError:
    pass
try:
    os.fork()
    print("forked", flush=True)
except BlockingIOError:
    print("no more at", threads, flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("way", [
    "started", pytest.param("exec", marks=pytest.mark.root("without a control group nothing bounds what exec starts"))])
def test_a_fork_bomb_stays_in_its_pod(platform, namespace, way):
    platform.apply(pod("beside", namespace, "exec sleep 3600", terminationGracePeriodSeconds=0))
    is_called = way == "exec"
    script = "import time; time.sleep(3600)" if is_called else BOMB
    platform.apply(pod("bomb", namespace, script, "python:3.11", terminationGracePeriodSeconds=0))
    platform.wait("--for=condition=Ready", "pod/beside", "pod/bomb", "-n", namespace)
    command = ["exec", "bomb", "--", "python3", "-uc", BOMB] if is_called else ["logs", "-f", "bomb"]
    follower = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "-n", namespace, *command], stdout=subprocess.PIPE, text=True)
    try:
        words = follower.stdout.readline().split()
    finally:
        follower.kill()
        follower.wait(10)
        follower.stdout.close()
    assert words[:3] == ["no", "more", "at"] and 1000 < int(words[3]) < 4096, words
    # Others have their own numbers, and the bomb can be looked at no more but be removed.
    assert platform.kubectl("exec", "beside", "-n", namespace, "--", "sh", "-c", "(echo well) | cat").stdout == "well\n"
    platform.kubectl("delete", "pod", "bomb", "-n", namespace, "--timeout=60s")
