"""Exchanges recorded from a real kube-apiserver, sent to the control plane: the answers must be the same."""

import importlib.util
import json

import pytest
from control_plane import ROOT

RECORDINGS = ROOT / "tests" / "clients" / "kube-api"

# Where the recorded server itself could not do what the API promises, by scenario and step.
EXCEPTIONS = {
    # It ran with an etcd without progress notifications and answered 500; `sendInitialEvents` has to stream.
    ("watch", "watch init"): {"status": 200, "events": [
        ["ADDED", "w0"], ["BOOKMARK", "true"], ["ADDED", "w1"], ["MODIFIED", "w1"], ["MODIFIED", "w1"],
        ["MODIFIED", "w1"], ["DELETED", "w1"]]},
}


def scenarios():
    return sorted(RECORDINGS.glob("*.json"), key=lambda file: file.name)


@pytest.fixture(scope="module")
def replay():
    spec = importlib.util.spec_from_file_location("replay", RECORDINGS / "replay.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recordings_are_there():
    assert scenarios(), f"the recorded exchanges are missing: they belong in {RECORDINGS}"


@pytest.mark.parametrize("file", scenarios(), ids=lambda file: file.stem)
def test_answers_are_those_of_the_real_server(control_plane, replay, file):
    scenario = json.loads(file.read_text())
    server = replay.Server(control_plane.kubeconfig)
    problems, exchanges = [], 0
    for step, expected, actual in replay.play(server, scenario):
        name = step.get("id") or f"{step.get('method', 'watch')} {step.get('path', step.get('name', ''))}"
        expected = EXCEPTIONS.get((scenario["name"], name), expected)
        found = replay.difference(expected, actual)
        exchanges += 1
        if found:
            problems.append(f"{name}: {found}")
    assert not problems, "\n".join(problems)
    assert exchanges == sum("expect" in step for step in scenario["steps"])
