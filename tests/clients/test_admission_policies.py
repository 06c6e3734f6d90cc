"""Admission policies together with what else sees a request: webhooks, the audit log, kubectl, restarts."""

import json

import pytest
from control_plane import ControlPlane
from webhook_server import WebhookServer, patch

GROUP = "admissionregistration.k8s.io/v1"


def match(ns, **rule):
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns}},
            "resourceRules": [{"operations": ["CREATE", "UPDATE"], "apiGroups": [""], "apiVersions": ["v1"],
                               "resources": ["configmaps"], **rule}]}


@pytest.fixture
def policies(control_plane):
    """Makes a policy with its binding; both go with the test."""
    made = []

    def make(kind, name, spec, plane=control_plane, **binding):
        for suffix, body in (("", spec), ("Binding", {"policyName": name, **binding})):
            plane.apply({"apiVersion": GROUP, "kind": kind + suffix, "metadata": {"name": name}, "spec": body})
            if plane is control_plane:
                made.append((kind + suffix, name))

    yield make
    for kind, name in made:
        control_plane.kubectl("delete", kind, name, "--ignore-not-found")


def create(plane, ns, name, **data):
    return plane.kubectl("create", "configmap", name, "-n", ns, *(f"--from-literal={k}={v}" for k, v in data.items()),
                         check=False)


def test_kubectl_shows_refusals_and_warnings(control_plane, ns, policies):
    rules = {"matchConstraints": match(ns), "validations": [
        {"expression": "!('bad' in object.data)", "messageExpression": "'bad data in ' + object.metadata.name"}]}
    policies("ValidatingAdmissionPolicy", f"{ns}-deny", rules, validationActions=["Deny"])
    policies("ValidatingAdmissionPolicy", f"{ns}-warn", {"matchConstraints": match(ns), "validations": [
        {"expression": "object.data.size() < 2", "message": "much data"}]}, validationActions=["Warn"])
    refused = create(control_plane, ns, "a", bad="1")
    assert refused.returncode == 1
    assert f"'{ns}-deny' with binding '{ns}-deny' denied request: bad data in a" in refused.stderr
    warned = create(control_plane, ns, "b", x="1", y="2")
    assert warned.returncode == 0 and f"binding '{ns}-warn': much data" in warned.stderr
    assert create(control_plane, ns, "c", x="1").stderr == ""
    columns = control_plane.kubectl("get", "validatingadmissionpolicy", f"{ns}-deny", "--no-headers").stdout.split()
    assert columns[:3] == [f"{ns}-deny", "1", "<unset>"]


def test_policies_and_webhooks_see_what_the_others_changed(control_plane, ns, policies, tmp_path):
    hooks = WebhookServer(tmp_path)
    hooks.answers["late"] = lambda request: patch({"op": "add", "path": "/data/late", "value": "hook"})
    configuration = {"apiVersion": GROUP, "kind": "MutatingWebhookConfiguration", "metadata": {"name": ns},
                     "webhooks": [hooks.hook("late", ns)]}
    expression = "Object{data: has(object.data.late) ? {'again': object.data.late} : {'early': 'policy'}}"
    policies("MutatingAdmissionPolicy", ns, {
        "matchConstraints": match(ns), "reinvocationPolicy": "IfNeeded",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]})
    control_plane.apply(configuration)
    try:
        assert create(control_plane, ns, "a", own="1").returncode == 0
        assert hooks.requests[0][1]["object"]["data"] == {"own": "1", "early": "policy"}
        stored = control_plane.get("configmap", "a", "-n", ns)
        assert stored["data"] == {"own": "1", "early": "policy", "late": "hook", "again": "hook"}
    finally:
        control_plane.kubectl("delete", "mutatingwebhookconfiguration", ns)
        hooks.close()


def test_policies_hold_after_a_restart_and_tell_the_audit_log(tmp_path, policies):
    with ControlPlane(tmp_path / "data") as plane:
        policies("ValidatingAdmissionPolicy", "noted", {
            "matchConstraints": match("default"),
            "validations": [{"expression": "object.data.a != '1'", "message": "one & only"}],
            "auditAnnotations": [{"key": "a", "valueExpression": "'a is ' + object.data.a"}],
        }, plane, validationActions=["Audit"])
        policies("ValidatingAdmissionPolicy", "firm", {
            "matchConstraints": match("default"), "validations": [{"expression": "object.data.a != '2'"}],
        }, plane, validationActions=["Deny"])
        plane.stop()
        plane.start()
        assert create(plane, "default", "x", a="1").returncode == 0
        assert create(plane, "default", "y", a="2").returncode == 1
        plane.stop()
        log = (plane.data / "audit.log").read_text().splitlines()
        notes = next(entry["notes"] for entry in map(json.loads, log)
                     if entry.get("resource") == "configmaps" and entry["verb"] == "create" and "notes" in entry)
        assert notes["noted/a"] == "a is 1"
        [failure] = json.loads(notes["validation.policy.admission.k8s.io/validation_failure"])
        assert failure == {"message": "one & only", "policy": "noted", "binding": "noted", "expressionIndex": 0,
                           "validationActions": ["Audit"]}


def test_reads_that_lead_elsewhere_are_noted(tmp_path, policies):
    """A request to a proxy is a read by its method, and admitted all the same."""
    with ControlPlane(tmp_path / "data") as plane:
        policies("ValidatingAdmissionPolicy", "noted", {
            "matchConstraints": match("default", operations=["CONNECT"], resources=["pods/proxy"]),
            "validations": [{"expression": "object.path != '/x'", "message": "odd"}],
            "auditAnnotations": [{"key": "a", "valueExpression": "'to ' + object.path"}],
        }, plane, validationActions=["Audit"])
        assert plane.kubectl("get", "--raw", "/api/v1/namespaces/default/pods/none/proxy/x", check=False).returncode == 1
        plane.stop()
        log = (plane.data / "audit.log").read_text().splitlines()
        [entry] = [entry for entry in map(json.loads, log) if entry.get("subresource") == "proxy"]
        assert entry["verb"] == "get" and entry["notes"]["noted/a"] == "to /x"
        [failure] = json.loads(entry["notes"]["validation.policy.admission.k8s.io/validation_failure"])
        assert failure["message"] == "odd"


def test_a_refused_binding_holds_its_pod_and_nothing_else(tmp_path, policies):
    with ControlPlane(tmp_path / "data") as plane:
        policies("ValidatingAdmissionPolicy", "held", {
            "matchConstraints": match("default", operations=["CREATE"], resources=["pods/binding"]),
            "validations": [{"expression": "object.metadata.name != 'held'", "message": "not yet"}],
        }, plane, validationActions=["Deny"])
        plane.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "machine"}})
        plane.kubectl("patch", "node", "machine", "--subresource=status", "-p", json.dumps({"status": {
            "allocatable": {"cpu": "1", "memory": "1Gi", "pods": "9"}, "conditions": [{"type": "Ready", "status": "True"}]}}))
        for name in ("held", "free"):
            plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": {
                "containers": [{"name": "main", "image": "busybox"}],
                "tolerations": [{"operator": "Exists"}]}})
        plane.kubectl("wait", "pod/free", "--for=jsonpath={.spec.nodeName}=machine", "--timeout=30s")
        plane.kubectl("wait", "pod/held", "--for=jsonpath={.status.conditions[0].reason}=SchedulerError", "--timeout=30s")
        [condition] = plane.get("pod", "held")["status"]["conditions"]
        assert condition["message"].startswith("binding rejected: ") and condition["message"].endswith("not yet")
        assert "nodeName" not in plane.get("pod", "held")["spec"]
        plane.kubectl("delete", "validatingadmissionpolicybinding", "held")
        plane.kubectl("wait", "pod/held", "--for=jsonpath={.spec.nodeName}=machine", "--timeout=30s")


def test_mistakes_in_expressions_are_told_in_the_status(control_plane, ns, policies):
    policies("ValidatingAdmissionPolicy", ns, {"matchConstraints": match(ns), "validations": [
        {"expression": "object.data.size() > 0"}, {"expression": "object.nope == 1"}]}, validationActions=["Deny"])
    control_plane.kubectl("wait", "--for=jsonpath={.status.observedGeneration}=1", "validatingadmissionpolicy", ns,
                          "--timeout=30s")
    status = control_plane.get("validatingadmissionpolicy", ns)["status"]
    [warning] = status["typeChecking"]["expressionWarnings"]
    assert warning["fieldRef"] == "spec.validations[1].expression"
    assert warning["warning"].startswith("/v1, Kind=ConfigMap: ERROR: <input>:1:7: undefined field 'nope'")
