"""What people read about a Pod: Events as a kubelet's, repeated about its Notebook."""

import re

import pytest

from support.platform import Platform, notebook
from support.pods import events, pod, wait_event, wait_phase


@pytest.fixture
def unbuilt_platform(tmp_path, shared_caches):
    """A platform that has built no environment yet; the packages are at hand."""
    platform = Platform(tmp_path / "data", shared_caches)
    command = platform.command
    platform.command = lambda *arguments: [
        str(tmp_path / "environments") if argument == str(shared_caches / "environments") else argument
        for argument in command(*arguments)
    ]
    with platform:
        yield platform


def test_a_notebook_tells_what_its_pod_goes_through(unbuilt_platform):
    platform, ns = unbuilt_platform, unbuilt_platform.user_namespace
    platform.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=60s")
    platform.apply(notebook("lab", ns))
    platform.wait("--for=jsonpath={.status.readyReplicas}=1", "notebook/lab", "-n", ns, timeout=400)
    wait_event(platform, "lab", ns, "Started", kind="Notebook")

    of_pod = events(platform, "lab-0", ns)
    reasons = [event["reason"] for event in of_pod]
    for reason in ("Scheduled", "Pulling", "Pulled", "Created", "Started"):
        assert reasons.count(reason) == 1, (reason, reasons)
    pulling = next(event for event in of_pod if event["reason"] == "Pulling")
    assert re.search(r'Building environment "jupyter-minimal" \(\d+ %\): \w+', pulling["message"])
    assert int(re.search(r"\((\d+) %\)", pulling["message"]).group(1)) >= 10, "progress goes on in the same event"
    pulled = next(event for event in of_pod if event["reason"] == "Pulled")
    assert "Successfully built environment" in pulled["message"]

    of_notebook = events(platform, "lab", ns, "Notebook")
    repeated = {event["reason"]: event["message"] for event in of_notebook if "Reissued from pod/" in event["message"]}
    assert set(repeated) >= {"Scheduled", "Pulling", "Pulled", "Created", "Started"}
    assert repeated["Pulling"].endswith(pulling["message"])

    platform.kubectl("annotate", "notebook", "lab", "-n", ns, "kubeflow-resource-stopped=now")
    platform.wait("--for=delete", "pod/lab-0", "-n", ns)
    assert "Stopping container lab" in wait_event(platform, "lab", ns, "Killing", kind="Notebook")


def test_an_image_that_nothing_stands_for_says_what_to_do(platform, namespace):
    platform.apply(pod("odd", namespace, "true", "registry.example.com/odd:1"))
    platform.wait("--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff", "pod/odd", "-n",
                  namespace)
    wait_event(platform, "odd", namespace, "BackOff")  # written after the others
    failed = [event["message"] for event in events(platform, "odd", namespace) if event["reason"] == "Failed"]
    assert any("registry.example.com/odd:1" in message for message in failed), failed


def test_a_container_that_keeps_failing_backs_off(platform, namespace):
    platform.apply(pod("crash", namespace, "exit 3", restartPolicy="Always"))
    platform.wait("--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff", "pod/crash",
                  "-n", namespace)
    assert "Back-off restarting failed container main" in wait_event(platform, "crash", namespace, "BackOff")
    status = platform.get("pod", "crash", "-n", namespace)["status"]["containerStatuses"][0]
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert "CrashLoopBackOff" in platform.kubectl("get", "pod", "crash", "-n", namespace).stdout


def test_the_node_tells_of_itself(platform):
    node = platform.get("nodes")["items"][0]
    name = node["metadata"]["name"]
    for reason in ("NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady"):
        assert wait_event(platform, name, "default", reason, "Node") == f"Node {name} status is now: {reason}"
    assert wait_event(platform, name, "default", "Starting", "Node") == "Starting kubelet."
    assert "Registered Node" in wait_event(platform, name, "default", "RegisteredNode", "Node")
    capacity, allocatable = node["status"]["capacity"], node["status"]["allocatable"]
    assert int(capacity["memory"][:-2]) - int(allocatable["memory"][:-2]) == 100 * 1024
    assert int(capacity["ephemeral-storage"][:-2]) > int(allocatable["ephemeral-storage"][:-2])
    try:
        platform.kubectl("cordon", name)
        assert wait_event(platform, name, "default", "NodeNotSchedulable", "Node")
    finally:
        platform.kubectl("uncordon", name)
    assert wait_event(platform, name, "default", "NodeSchedulable", "Node")
    assert "NodeHasSufficientMemory" in platform.kubectl("describe", "node", name).stdout


def test_a_program_that_is_not_there_is_a_failed_start(platform, namespace):
    manifest = pod("absent", namespace, "true")
    manifest["spec"]["containers"][0]["command"] = ["/no/such/program"]
    platform.apply(manifest)
    wait_phase(platform, "absent", namespace, "Failed")
    assert "/no/such/program" in wait_event(platform, "absent", namespace, "Failed")
    ended = platform.get("pod", "absent", "-n", namespace)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
