"""APIServices: which versions of API groups there are."""

import json

from support.waiting import eventually

LABEL = "kube-aggregator.kubernetes.io/automanaged"


def test_every_served_version_is_registered(control_plane):
    lines = control_plane.kubectl("get", "apiservices").stdout.splitlines()
    assert lines[0].split() == ["NAME", "SERVICE", "AVAILABLE", "AGE"]
    assert {tuple(line.split()[1:3]) for line in lines[1:]} == {("Local", "True")}
    served = control_plane.kubectl("api-versions").stdout.split()
    wanted = {"v1." if version == "v1" else ".".join(reversed(version.split("/"))) for version in served}
    assert {line.split()[0] for line in lines[1:]} == wanted - {"v1.apiregistration.k8s.io"}
    apps = control_plane.get("apiservice", "v1.apps")
    assert apps["spec"] == {"group": "apps", "version": "v1", "groupPriorityMinimum": 17800, "versionPriority": 15}
    assert apps["metadata"]["labels"] == {LABEL: "onstart"}
    [condition] = apps["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Available", "True", "Local")
    assert control_plane.get("apiservice", "v1.")["spec"] == {
        "version": "v1", "groupPriorityMinimum": 18000, "versionPriority": 1}


def test_registrations_follow_the_definitions(control_plane):
    group = f"{control_plane.fresh_name('x')}.example.com"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"things.{group}"},
        "spec": {"group": group, "scope": "Cluster", "names": {"plural": "things", "kind": "Thing"}, "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": schema},
            {"name": "v2", "served": False, "storage": False, "schema": schema}]}}

    def registered():
        items = control_plane.get("apiservices")["items"]
        return {item["spec"]["version"]: item for item in items if item["spec"].get("group") == group}

    control_plane.apply(definition)
    eventually(lambda: set(registered()) == {"v1"}, what="registrations of what is served")
    found = registered()["v1"]
    assert found["metadata"]["labels"] == {LABEL: "true"}
    assert (found["spec"]["groupPriorityMinimum"], found["spec"]["versionPriority"]) == (1000, 100)
    # It says what there is: neither changing nor deleting it takes anything away.
    control_plane.kubectl("patch", "apiservice", f"v1.{group}", "--type=merge", "-p",
                          json.dumps({"spec": {"versionPriority": 7}}))
    eventually(lambda: registered()["v1"]["spec"]["versionPriority"] == 100, what="the priority as it was")
    control_plane.kubectl("delete", "apiservice", f"v1.{group}")
    eventually(lambda: set(registered()) == {"v1"}, what="the registration again")
    definition["spec"]["versions"][1]["served"] = True
    control_plane.apply(definition)
    eventually(lambda: set(registered()) == {"v1", "v2"}, what="the new version")
    control_plane.kubectl("delete", "crd", f"things.{group}")
    eventually(lambda: not registered(), what="no registrations of what is gone")


def test_servers_of_others_are_refused(control_plane):
    group = f"{control_plane.fresh_name('y')}.example.com"

    def refusal(name, **spec):
        done = control_plane.apply({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name},
            "spec": {"group": group, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100, **spec}},
            check=False)
        assert done.returncode == 1
        return done.stderr

    told = refusal(f"v1.{group}", service={"namespace": "default", "name": "s"})
    assert "spec.service: Forbidden: this server does not pass requests on" in told
    assert f'must be `spec.version+"."+spec.group`: "v1.{group}"' in refusal(f"v2.{group}")
    assert "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000" in refusal(
        f"v1.{group}", versionPriority=1001)
