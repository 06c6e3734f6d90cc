"""Admission webhooks: who is asked, what they may change and refuse, and what happens when they fail."""

import socket

import pytest
from webhook_server import WebhookServer, allow, patch

GROUP = "admissionregistration.k8s.io/v1"


@pytest.fixture
def hooks(tmp_path):
    server = WebhookServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def configure(control_plane):
    """Applies a webhook configuration, which goes with the test."""
    made = []

    def apply(kind, name, *webhooks, check=True):
        done = control_plane.apply(
            {"apiVersion": GROUP, "kind": f"{kind}WebhookConfiguration", "metadata": {"name": name},
             "webhooks": list(webhooks)}, check=check)
        made.append((f"{kind}WebhookConfiguration", name))
        return done

    yield apply
    for kind, name in made:
        control_plane.kubectl("delete", kind, name, "--ignore-not-found")


def create(control_plane, ns, name="a", check=True, labels=(), arguments=()):
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"},
                "metadata": {"name": name, "namespace": ns, "labels": dict(labels)}}
    return control_plane.apply(manifest, *arguments, check=check)


def test_a_validating_webhook_sees_the_request_and_refuses_it(control_plane, ns, hooks, configure):
    hooks.answers["no"] = lambda request: {
        "allowed": request["object"]["data"]["a"] != "1", "status": {"message": "ones are bad", "code": 418}}
    configure("Validating", "no", hooks.hook("no", ns))
    done = create(control_plane, ns, check=False)
    assert 'admission webhook "no.example.com" denied the request: ones are bad' in done.stderr
    name, request = hooks.requests[0]
    assert request["operation"] == "CREATE" and request["namespace"] == ns and request["name"] == "a"
    assert request["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"} == request["requestKind"]
    assert request["resource"]["resource"] == "configmaps" and request["oldObject"] is None
    assert request["userInfo"]["username"] == "kubernetes-admin" and request["dryRun"] is False
    assert request["object"]["kind"] == "ConfigMap" and request["options"]["kind"] == "CreateOptions"
    session, url = control_plane.session()
    answer = session.post(f"{url}/api/v1/namespaces/{ns}/configmaps", timeout=20,
                          json={"metadata": {"name": "b"}, "data": {"a": "1"}})
    assert answer.status_code == 418 and answer.json()["code"] == 418
    assert control_plane.get("configmaps", "-n", ns, "--field-selector=metadata.name!=kube-root-ca.crt")["items"] == []


def test_mutating_webhooks_change_in_order_and_see_later_changes_when_they_ask(control_plane, ns, hooks, configure):
    def first(request):
        value = request["object"]["data"]
        return patch({"op": "add", "path": "/data/first", "value": value.get("second", "nothing")})

    hooks.answers["first"] = first
    hooks.answers["second"] = lambda request: (
        patch({"op": "add", "path": "/data/second", "value": "done"}) if "second" not in request["object"]["data"]
        else allow(request))
    configure("Mutating", "order", hooks.hook("first", ns, reinvocationPolicy="IfNeeded"), hooks.hook("second", ns))
    create(control_plane, ns)
    assert control_plane.get("configmap", "a", "-n", ns)["data"] == {"a": "1", "first": "done", "second": "done"}
    assert [name for name, _ in hooks.requests] == ["first", "second", "first"]


def test_what_webhooks_make_is_validated_and_quota_and_defaults_hold(control_plane, ns, hooks, configure):
    hooks.answers["bad"] = lambda _: patch({"op": "add", "path": "/data/not~1allowed", "value": "x"})
    configure("Mutating", "bad", hooks.hook("bad", ns))
    done = create(control_plane, ns, check=False)
    assert "data[not/allowed]" in done.stderr


@pytest.mark.parametrize("kind", ["Mutating", "Validating"])
def test_a_failing_webhook_stops_the_request_unless_failures_are_ignored(control_plane, ns, hooks, configure, kind):
    hooks.answers["broken"] = lambda _: None
    configure(kind, "broken", hooks.hook("broken", ns, failurePolicy="Ignore"))
    create(control_plane, ns)
    configure(kind, "broken", hooks.hook("broken", ns, failurePolicy="Fail"))
    done = create(control_plane, ns, "b", check=False)
    assert 'failed calling webhook "broken.example.com"' in done.stderr and "InternalError" in done.stderr


def test_certificates_and_timeouts_are_checked(control_plane, ns, hooks, configure):
    hooks.answers["plain"] = allow
    untrusted = hooks.hook("plain", ns)
    del untrusted["clientConfig"]["caBundle"]
    configure("Validating", "plain", untrusted)
    assert "failed calling webhook" in create(control_plane, ns, check=False).stderr
    assert hooks.requests == []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = hooks.hook("plain", ns, timeoutSeconds=1)
        slow["clientConfig"]["url"] = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        configure("Validating", "plain", slow)
        assert "failed calling webhook" in create(control_plane, ns, check=False).stderr


def test_selectors_and_rules_choose_what_is_asked_about(control_plane, ns, hooks, configure):
    hooks.answers["some"] = lambda _: {"allowed": False}
    configure("Validating", "some", hooks.hook("some", ns, objectSelector={"matchLabels": {"ask": "me"}}))
    create(control_plane, ns)
    assert "denied the request without explanation" in create(
        control_plane, ns, "b", check=False, labels={"ask": "me"}).stderr
    control_plane.kubectl("create", "configmap", "elsewhere", "-n", "default")
    control_plane.kubectl("delete", "configmap", "elsewhere", "-n", "default")
    control_plane.kubectl("create", "secret", "generic", "s", "-n", ns)
    # The object of an update counts as it is and as it was.
    assert "denied" in control_plane.kubectl("label", "configmap", "a", "-n", ns, "ask=me", check=False).stderr


def test_deletions_are_asked_about(control_plane, ns, hooks, configure):
    create(control_plane, ns)
    hooks.answers["keep"] = lambda request: {
        "allowed": request["oldObject"]["data"]["a"] != "1", "status": {"reason": "Forbidden", "code": 403}}
    configure("Validating", "keep", hooks.hook("keep", ns, rules=[{
        "operations": ["DELETE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["configmaps"]}]))
    done = control_plane.kubectl("delete", "configmap", "a", "-n", ns, check=False)
    assert "denied the request: Forbidden" in done.stderr
    assert hooks.requests[0][1]["object"] is None


def test_dry_runs_reach_webhooks_marked(control_plane, ns, hooks, configure):
    hooks.answers["dry"] = lambda request: patch(
        {"op": "add", "path": "/data/dry", "value": str(request["dryRun"]).lower()})
    configure("Mutating", "dry", hooks.hook("dry", ns))
    done = create(control_plane, ns, arguments=("--dry-run=server", "-o", "jsonpath={.data.dry}"))
    assert done.stdout == "true"
    assert control_plane.kubectl("get", "configmap", "a", "-n", ns, check=False).returncode != 0


def test_warnings_of_webhooks_are_shown(control_plane, ns, hooks, configure):
    hooks.answers["warn"] = lambda _: {"allowed": True, "warnings": ["mind the gap"]}
    configure("Validating", "warn", hooks.hook("warn", ns))
    assert "Warning: mind the gap" in create(control_plane, ns).stderr


def test_a_service_stands_for_the_address(control_plane, ns, hooks, configure):
    control_plane.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hook", "namespace": "default"},
                         "spec": {"type": "ExternalName", "externalName": "localhost"}})
    hooks.answers["by/name"] = lambda _: {"allowed": False, "status": {"message": "found"}}
    hook = hooks.hook("by", ns)
    hook["clientConfig"] = {"caBundle": hooks.ca_bundle, "service": {
        "name": "hook", "namespace": "default", "path": "/by/name", "port": hooks.port}}
    configure("Validating", "by", hook)
    assert "denied the request: found" in create(control_plane, ns, check=False).stderr


def test_other_versions_of_a_kind_match_as_equivalents(control_plane, ns, hooks, configure):
    hooks.answers["labs"] = lambda request: patch(
        {"op": "add", "path": "/metadata/labels", "value": {
            "seen-as": request["object"]["apiVersion"].split("/")[1], "asked-as": request["requestKind"]["version"]}})
    rules = [{"operations": ["CREATE"], "apiGroups": ["kubeflow.org"], "apiVersions": ["v1"],
              "resources": ["notebooks"]}]
    configure("Mutating", "labs", hooks.hook("labs", ns, rules=rules))
    lab = {"apiVersion": "kubeflow.org/v1beta1", "kind": "Notebook", "metadata": {"name": "lab", "namespace": ns},
           "spec": {"template": {"spec": {"containers": [{"name": "lab", "image": "jupyter-minimal"}]}}}}
    control_plane.apply(lab)
    assert control_plane.get("notebook", "lab", "-n", ns)["metadata"]["labels"] == {
        "seen-as": "v1", "asked-as": "v1beta1"}
    configure("Mutating", "labs", hooks.hook("labs", ns, rules=rules, matchPolicy="Exact"))
    lab["metadata"]["name"] = "exact"
    control_plane.apply(lab)
    assert "labels" not in control_plane.get("notebook", "exact", "-n", ns)["metadata"]


@pytest.mark.parametrize("change, field", [
    ({"clientConfig": {"url": "http://x.example.com"}}, "webhooks[0].clientConfig.url"),
    ({"clientConfig": {"url": "https://x.example.com?a=b"}}, "webhooks[0].clientConfig.url"),
    ({"clientConfig": {}}, "webhooks[0].clientConfig"),
    ({"clientConfig": {"service": {"name": "x", "namespace": "y", "port": 0}}},
     "webhooks[0].clientConfig.service.port"),
    ({"sideEffects": "Some"}, "webhooks[0].sideEffects"),
    ({"timeoutSeconds": 31}, "webhooks[0].timeoutSeconds"),
    ({"name": "short"}, "webhooks[0].name"),
])
def test_a_configuration_that_cannot_work_is_refused(control_plane, hooks, configure, change, field):
    done = configure("Validating", "wrong", {**hooks.hook("x"), **change}, check=False)
    assert done.returncode != 0 and field in done.stderr
