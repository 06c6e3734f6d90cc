"""Tensorboards and viewers of volumes: paths that are not theirs, Pods that are not theirs, people who may not."""

import json

import pytest

from support import wire
from support.tenants import ECHO, FOREIGN, TENANT, tensorboard, viewer
from support.waiting import eventually


def condition(platform, kind, name):
    """Why there is nothing to be opened."""
    found = platform.get(kind, name, "-n", TENANT).get("status", {}).get("conditions", [])
    return next((one for one in found if one.get("type") == "Available" and one["status"] == "False"), {})


def test_a21_a_viewer_takes_no_path_but_its_own(world, served):
    """The one that is asked here wants to be at `/kfam`."""
    path, _ = served
    told = world.owner.ask(path + "x?y=1").json()
    assert told["path"] == "/seen/x?y=1", "what its server sees is its own affair"
    assert dict(told["headers"])["x-forwarded-prefix"] == path
    answer = world.owner.ask(f"/kfam/v1/bindings?namespace={TENANT}")
    assert "bindings" in answer.json()
    world.owner.ask(f"/kfam/{TENANT}/echo/", status=404)
    status = world.platform.get("pvcviewer", "echo", "-n", TENANT)["status"]
    assert status["url"] == path
    event = eventually(lambda: [one for one in world.platform.get("events", "-n", TENANT)["items"]
                                if one["involvedObject"]["kind"] == "PVCViewer" and one["reason"] == "FixedPath"], what="the event")[0]
    assert path in event["message"] and event["type"] == "Warning"


@pytest.mark.parametrize("tail", ["../../../kfam/v1/bindings", "..%2f..%2f..%2fapi/me", "%2e%2e/%2e%2e/%2e%2e/api/me", "//api/me"])
def test_a21_paths_below_a_viewer_stay_with_it(world, served, tail):
    path, _ = served
    status, answer = wire.ask(world.platform.gateway, path + tail, headers=[("Cookie", wire.cookies(world.owner.session))])
    assert status == 400 or (status == 200 and b'"path": "/seen/' in answer), answer


@pytest.mark.parametrize("kind, path", [
    ("tensorboard", f"/tensorboard/{TENANT}/../{FOREIGN}/echo/"), ("tensorboard", "/tensorboard/"), ("tensorboard", f"/tensorboard/{TENANT}/"),
    ("viewer", f"/pvcviewers/{TENANT}%2fecho/x/"), ("viewer", f"/pvcviewers/{TENANT}/ECHO/"),
])
def test_a21_no_spelling_is_another_workspace(world, served, kind, path):
    status, answer = wire.ask(world.platform.gateway, path, headers=[("Cookie", wire.cookies(world.owner.session))])
    assert status in (400, 404) and b'"headers"' not in answer, (kind, answer)


def test_a_pod_that_calls_itself_a_viewers_is_not_opened(world, served, made):
    """By its labels it is the Service's; the Deployment has not made it."""
    shut = viewer("shut", TENANT, "echo")
    shut["metadata"]["annotations"] = {"kubeflow-resource-stopped": "yes"}
    labels = {"app.kubernetes.io/name": "shut", "app.kubernetes.io/instance": "pvcviewer-shut", "app.kubernetes.io/part-of": "pvc-viewer",
              "martlet.dev/workspace": "pvcviewer", "pod-template-hash": "abc"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pvcviewer-shut-abc-xyz12", "namespace": TENANT, "labels": labels},
           "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
               "name": "echo", "image": "python:3.11", "command": ["python3", "-uc", ECHO],
               "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1}}]}}
    made(shut, pod)

    def reached():
        found = world.platform.get("endpoints", "-n", TENANT)["items"]
        return [one for one in found if one["metadata"]["name"] == "pvcviewer-shut" and "addresses" in json.dumps(one.get("subsets"))]

    eventually(reached, what="the endpoints with the Pod")
    answer = world.owner.ask(f"/pvcviewers/{TENANT}/shut/", status=503)
    assert "volume viewer does not run yet" in answer.json()["message"]


def test_what_cannot_be_is_told_and_makes_nothing(world, made):
    long = "x" * 59
    made(tensorboard("up", TENANT, "pvc://echo/../../etc"), tensorboard(long, TENANT), tensorboard("odd", TENANT, "file:///etc"),
         viewer("y" * 54, TENANT, "echo"))
    for kind, name, reason in (("tensorboard", "up", "InvalidLogspath"), ("tensorboard", long, "InvalidName"),
                               ("tensorboard", "odd", "InvalidLogspath"), ("pvcviewer", "y" * 54, "InvalidName")):
        found = eventually(lambda: condition(world.platform, kind, name), what=f"the condition of {name}")
        assert found["reason"] == reason and len(found["message"]) > 20
    made_of = [one["metadata"]["name"] for one in world.platform.get("deployments", "-n", TENANT)["items"]]
    assert not {"up", long, "odd", "pvcviewer-" + "y" * 54} & set(made_of)
    page = world.owner.ask(f"/tensorboard/{TENANT}/up/", status=503, headers={"Accept": "text/html"})
    assert "up did not start" in page.text and "lead out of the claim" in page.text


def test_a_deployment_of_somebody_elses_is_not_taken(world, made):
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mine", "namespace": TENANT},
             "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}},
                      "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "python:3.11"}]}}}}
    made(other, tensorboard("mine", TENANT))
    found = eventually(lambda: condition(world.platform, "tensorboard", "mine"), what="the condition")
    assert found["reason"] == "NameTaken"
    assert world.platform.get("deployment", "mine", "-n", TENANT)["spec"]["selector"] == {"matchLabels": {"a": "b"}}


def test_a_viewer_of_the_restricted_role_sees_tensorboards_and_takes_no_files(world, served):
    path, board = served
    assert "does not run yet" in world.viewer.ask(board, status=503).text
    world.viewer.refused(path)
    world.viewer.refused_by_api(f"/apis/kubeflow.org/v1alpha1/namespaces/{TENANT}/pvcviewers", "POST", json={
        "metadata": {"name": "more"}, "spec": {"pvc": "echo"}})
    world.stranger.refused(board)
    world.nobody.refused(board, status=401)
