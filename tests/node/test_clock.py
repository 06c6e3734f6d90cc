"""The clock of the machine is set while Pods run: nothing that is due after some time comes sooner or later by that."""

import os
import pathlib
import shutil
import subprocess

import pytest

from support.pods import pod, wait_event, wait_phase
from support.waiting import eventually


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The clock that can be set, compiled with the compiler that came with Swift."""
    swift = shutil.which("swift") or "/usr/bin/swift"
    compiler = shutil.which("clang") or str(pathlib.Path(os.path.realpath(swift)).parent / "clang")
    output = tmp_path_factory.mktemp("clock") / "clock.so"
    source = pathlib.Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(output), str(source), "-ldl"], check=True)
    return output


@pytest.fixture
def faked(own_platform, library, monkeypatch, tmp_path):
    """A platform whose node agent has a clock of its own."""
    offset = tmp_path / "offset"

    def set_clock(seconds):
        temporary = offset.with_suffix(".new")
        temporary.write_text(str(seconds))
        temporary.rename(offset)

    set_clock(0)
    with monkeypatch.context() as environment:
        environment.setenv("LD_PRELOAD", str(library))
        environment.setenv("CLOCK_OFFSET", str(offset))
        own_platform.start()
    own_platform.set_clock = set_clock
    return own_platform


def test_a_clock_that_jumps(faked):
    def started_at(name):
        return faked.get("pod", name)["status"]["startTime"]

    def used(name):
        answer = faked.kubectl("get", "pods.metrics.k8s.io", name, "-o", "jsonpath={.timestamp}", check=False)
        return answer.stdout

    probe = {"livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1, "failureThreshold": 1}}
    faked.apply(pod("lasting", "default", "exec sleep 3600", container=probe, activeDeadlineSeconds=3000,
                    terminationGracePeriodSeconds=2))
    faked.apply(pod("crashing", "default", "exit 1", restartPolicy="Always"))
    faked.wait("--for=condition=Ready", "pod/lasting")
    faked.wait("--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff", "pod/crashing")
    count = faked.get("pod", "crashing")["status"]["containerStatuses"][0]["restartCount"]

    faked.set_clock(7200)
    faked.apply(pod("later", "default", "exec sleep 3600", terminationGracePeriodSeconds=2))
    faked.wait("--for=condition=Ready", "pod/later")
    # The agent's clock was really set, and yet the deadline of 50 minutes is not over.
    assert started_at("later")[:13] > started_at("lasting")[:13]
    ahead = eventually(lambda: used("later"), 60, "a measurement")
    assert faked.get("pod", "lasting")["status"]["phase"] == "Running"
    assert faked.get("pod", "lasting")["status"]["containerStatuses"][0]["restartCount"] == 0

    faked.set_clock(0)
    # Set back: what waits does not wait for two hours more.
    eventually(lambda: "" < used("later") < ahead, 60, "a measurement after the clock was set back")
    faked.wait(f"--for=jsonpath={{.status.containerStatuses[0].restartCount}}={count + 1}", "pod/crashing")
    assert "Back-off restarting" in wait_event(faked, "crashing", "default", "BackOff")
    faked.kubectl("delete", "pod", "later", "lasting", "--timeout=60s")
    faked.apply(pod("after", "default", "exec sleep 3600", activeDeadlineSeconds=1, terminationGracePeriodSeconds=1))
    wait_phase(faked, "after", "default", "Failed")
    assert faked.get("pod", "after")["status"]["reason"] == "DeadlineExceeded"
