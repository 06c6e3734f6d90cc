"""Profiles, contributors (KFAM) and PodDefaults, through the gateway and kubectl, as Kubeflow's clients use them."""

import base64
import json

import pytest
import requests

from support.waiting import eventually

MINE = "kubeflow-user-example-com"


@pytest.fixture(scope="module")
def me(platform):
    """The local user, who owns the first Profile, signed in at the gateway."""
    platform.wait("--for=condition=Successful", f"profile/{MINE}")
    return platform.session()


def binding(user, role, namespace=MINE, kind="User", **changes):
    return {"user": {"kind": kind, "name": user}, "referredNamespace": namespace,
            "RoleRef": {"apiGroup": "", "kind": "ClusterRole", "name": role}, **changes}


def listed(session, platform, **query):
    answer = session.get(f"{platform.gateway}/kfam/v1/bindings", params=query, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json().get("bindings", [])


# -- KFAM -----------------------------------------------------------------------------------------------------------


def test_the_owner_is_listed_as_admin(platform, me):
    owners = listed(me, platform, namespace=MINE, role="admin")
    assert binding("user@example.com", "admin") in owners
    assert me.get(f"{platform.gateway}/kfam/", timeout=30).text == "Hello World!"


@pytest.mark.parametrize("kind,name", [("User", "bob@example.com"), ("Group", "data scientists")])
@pytest.mark.parametrize("role", ["admin", "edit", "view"])
def test_contributors_come_and_go_and_are_seen_at_once(platform, me, kind, name, role):
    wanted = binding(name, role, kind=kind)
    url = f"{platform.gateway}/kfam/v1/bindings"
    assert me.post(url, json=wanted, timeout=30).status_code == 200
    assert me.post(url, json=wanted, timeout=30).status_code == 200, "adding twice is no mistake"
    assert listed(me, platform, namespace=MINE, user=name, role=role) == [wanted]
    flag = ["--as", name] if kind == "User" else ["--as", "somebody", "--as-group", name]
    can = platform.kubectl("auth", "can-i", "list", "pods", "-n", MINE, *flag, check=False)
    assert can.stdout.strip() == "yes"
    assert me.delete(url, json=wanted, timeout=30).status_code == 200
    assert listed(me, platform, namespace=MINE, user=name, role=role) == []
    assert me.delete(url, json=wanted, timeout=30).status_code == 404


def test_names_that_lead_to_the_same_object_do_not_disturb_each_other(platform, me):
    url = f"{platform.gateway}/kfam/v1/bindings"
    first, second = binding("a.b@x", "edit"), binding("a-b@x", "edit")
    for wanted in (first, second):
        assert me.post(url, json=wanted, timeout=30).status_code == 200
    platform.kubectl("get", "rolebinding", "user-a-b-x-clusterrole-edit", "-n", MINE)
    assert me.delete(url, json=second, timeout=30).status_code == 200
    assert listed(me, platform, namespace=MINE, user="a.b@x") == [first]
    assert me.delete(url, json=first, timeout=30).status_code == 200


@pytest.mark.parametrize("wrong", [
    binding("*@example.com", "edit"), binding("x", "kubeflow-admin"), binding("x", "cluster-admin"),
    binding("x", "edit", kind="ServiceAccount"), binding("system:authenticated", "view", kind="Group"),
    binding("", "edit"), binding("x", "edit", namespace="../x"), {}, {"user": None},
    binding("x", "edit", RoleRef={"kind": "Role", "name": "edit"}),
])
def test_bindings_that_would_give_more_than_they_say_are_refused(platform, me, wrong):
    answer = me.post(f"{platform.gateway}/kfam/v1/bindings", json=wrong, timeout=30)
    assert answer.status_code == 403 and answer.text


def test_a_foreign_profile_is_closed(platform, me):
    name = platform.fresh_name("foreign")
    platform.apply({"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": name},
                    "spec": {"owner": {"kind": "User", "name": "eve@example.com"}}})
    try:
        platform.wait("--for=condition=Successful", f"profile/{name}")
        bindings = f"{platform.gateway}/kfam/v1/bindings"
        assert me.get(bindings, params={"namespace": name}, timeout=30).status_code == 403
        assert me.post(bindings, json=binding("user@example.com", "admin", name), timeout=30).status_code == 403
        assert me.delete(bindings, json=binding("eve@example.com", "admin", name), timeout=30).status_code == 403
        assert me.delete(f"{platform.gateway}/kfam/v1/profiles/{name}", timeout=30).status_code == 401
        assert all(one["referredNamespace"] != name for one in listed(me, platform))
        # A contributor sees that share and nothing else of the namespace; one with the role admin may share on.
        platform.kubectl("create", "rolebinding", "mine", "-n", name, "--clusterrole=kubeflow-edit",
                         "--user=user@example.com")
        platform.kubectl("annotate", "rolebinding", "mine", "-n", name, "user=user@example.com", "role=edit")
        assert listed(me, platform, namespace=name) == [binding("user@example.com", "edit", name)]
        assert me.post(bindings, json=binding("x@y", "edit", name), timeout=30).status_code == 403
        platform.kubectl("delete", "rolebinding", "mine", "-n", name)
        platform.kubectl("create", "rolebinding", "mine", "-n", name, "--clusterrole=kubeflow-admin",
                         "--user=user@example.com")
        platform.kubectl("annotate", "rolebinding", "mine", "-n", name, "user=user@example.com", "role=admin")
        assert me.post(bindings, json=binding("x@y", "edit", name), timeout=30).status_code == 200
        # A binding that says one thing and does another breaks no list.
        platform.kubectl("create", "rolebinding", "odd", "-n", name, "--clusterrole=kubeflow-edit", "--user=a", "--user=b")
        platform.kubectl("annotate", "rolebinding", "odd", "-n", name, "user=user@example.com", "role=edit")
        assert {one["user"]["name"] for one in listed(me, platform, namespace=name)} == {
            "eve@example.com", "user@example.com", "x@y"}
    finally:
        platform.kubectl("delete", "profile", name, "--wait=false")


def test_who_one_is_must_be_proven(platform, me):
    url = f"{platform.gateway}/kfam/v1/bindings"
    assert requests.get(url, headers={"kubeflow-userid": "user@example.com"}, timeout=30).status_code == 401
    without_token = requests.Session()
    without_token.cookies.update(me.cookies)
    assert without_token.post(url, json=binding("x@y", "edit"), timeout=30).status_code == 403
    assert listed(me, platform, namespace=MINE, user="user@example.com")
    asserted = {"kubeflow-userid": "eve@example.com"}
    assert me.get(url, params={"namespace": MINE}, headers=asserted, timeout=30).status_code == 200
    # A token that does not hold is not made up for by a cookie that does.
    wrong = {"Authorization": "Bearer x.y.z"}
    assert me.get(url, params={"namespace": MINE}, headers=wrong, timeout=30).status_code == 401


def test_registration_gives_one_profile_and_only_to_its_user(platform, me):
    url = f"{platform.gateway}/kfam/v1/profiles"
    name = platform.fresh_name("more")
    body = {"metadata": {"name": name}, "spec": {"owner": {"kind": "User", "name": "user@example.com"}}}
    answer = me.post(url, json=body, timeout=30)
    assert answer.status_code == 403 and MINE in answer.text
    body["spec"]["owner"]["name"] = "victim@example.com"
    assert me.post(url, json=body, timeout=30).status_code == 403
    assert me.post(url, data="{", headers={"content-type": "application/json"}, timeout=30).status_code == 403
    assert platform.kubectl("get", "profile", name, check=False).returncode != 0


def test_an_administrator_makes_and_removes_profiles(platform, me):
    name = platform.fresh_name("made")
    url = f"{platform.gateway}/kfam"
    assert me.get(f"{url}/v1/role/clusteradmin", timeout=30).text == "false"
    grant = platform.fresh_name("grant")
    platform.kubectl("create", "clusterrolebinding", grant, "--clusterrole=cluster-admin", "--user=user@example.com")
    try:
        assert me.get(f"{url}/v1/role/clusteradmin?user=user@example.com", timeout=30).text == "true"
        assert me.get(f"{url}/v1/role/clusteradmin?user=bob", timeout=30).text == "false"
        body = {"metadata": {"name": name}, "spec": {"owner": {"kind": "User", "name": "carol@example.com"}}}
        assert me.post(f"{url}/v1/profiles/", json=body, timeout=30).status_code == 200
        assert listed(me, platform, namespace=name) == [binding("carol@example.com", "admin", name)]
        taken = {"metadata": {"name": "kube-system"}, "spec": body["spec"]}
        assert me.post(f"{url}/v1/profiles", json=taken, timeout=30).status_code == 403
        assert me.delete(f"{url}/v1/profiles/{name}", timeout=30).status_code == 200
        platform.wait("--for=delete", f"profile/{name}")
    finally:
        platform.kubectl("delete", "clusterrolebinding", grant)


# -- Profiles -------------------------------------------------------------------------------------------------------


def test_a_profile_changes_hands_and_ties_to_clouds_are_made_and_revoked(platform):
    name = platform.fresh_name("tied")
    profile = {"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": name}, "spec": {
        "owner": {"kind": "Group", "name": "team"},
        "plugins": [
            {"kind": "WorkloadIdentity", "spec": {"gcpServiceAccount": "a@p.iam.gserviceaccount.com"}},
            {"kind": "AwsIamForServiceAccount", "spec": {"awsIamRole": "arn:aws:iam::1:role/r", "annotateOnly": True}},
            {"kind": "SomebodyElses", "spec": {"x": 1}},
        ]}}
    platform.apply(profile)
    try:
        platform.wait("--for=condition=Successful", f"profile/{name}")
        account = platform.get("serviceaccount", "default-editor", "-n", name)["metadata"]["annotations"]
        assert account["iam.gke.io/gcp-service-account"] == "a@p.iam.gserviceaccount.com"
        assert account["eks.amazonaws.com/role-arn"] == "arn:aws:iam::1:role/r"
        del profile["spec"]["plugins"][0]
        profile["spec"]["owner"] = {"kind": "User", "name": "dave"}
        platform.apply(profile)
        platform.wait(
            "--for=jsonpath={.subjects[0].name}=dave", "rolebinding/namespaceAdmin", "-n", name)
        eventually(lambda: "iam.gke.io/gcp-service-account" not in platform.get(
            "serviceaccount", "default-editor", "-n", name)["metadata"]["annotations"])
        assert platform.get("namespace", name)["metadata"]["annotations"]["owner"] == "dave"
        profile["spec"]["plugins"][0]["spec"]["awsIamRole"] = "nonsense"
        platform.apply(profile)
        platform.wait("--for=condition=Failed", f"profile/{name}")
        message = platform.get("profile", name)["status"]["conditions"][0]["message"]
        assert "awsIamRole" in message and "nonsense" in message
    finally:
        platform.kubectl("delete", "profile", name, "--timeout=60s")


# -- PodDefaults ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def webhook(platform):
    """The configuration by which the API server finds the webhook, once it is there."""
    platform.wait("--for=create", "mutatingwebhookconfiguration/martlet-poddefaults", timeout=60)
    return platform.get("mutatingwebhookconfiguration", "martlet-poddefaults")["webhooks"][0]


def pod_default(name, **spec):
    spec.setdefault("selector", {"matchLabels": {"use": "yes"}})
    return {"apiVersion": "kubeflow.org/v1alpha1", "kind": "PodDefault",
            "metadata": {"name": name, "namespace": MINE}, "spec": spec}


@pytest.fixture
def defaults(platform, webhook):
    """Applies PodDefaults and removes them after the test."""
    made = []

    def apply(*objects):
        for one in objects:
            platform.apply(one)
            made.append(one["metadata"]["name"])

    yield apply
    if made:
        platform.kubectl("delete", "poddefault", "-n", MINE, *made)


def dry_pod(platform, annotations=None, check=True, **spec):
    """A Pod as it would be stored."""
    pod = {"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": platform.fresh_name("p"), "namespace": MINE, "labels": {"use": "yes"},
                        "annotations": annotations or {}},
           "spec": {"containers": [{"name": "main", "image": "python:3"}], **spec}}
    done = platform.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(pod), check=check)
    return json.loads(done.stdout) if check else done


def test_what_a_poddefault_says_is_in_the_pod(platform, defaults):
    defaults(
        pod_default(
            "one", desc="everything", env=[{"name": "A", "value": "1"}], command=["sleep"], args=["60"],
            envFrom=[{"secretRef": {"name": "s", "optional": True}}],
            volumes=[{"name": "v", "emptyDir": {}}],
            volumeMounts=[{"name": "v", "mountPath": "/one"}, {"name": "v", "mountPath": "/two"}],
            tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
                         {"key": "gpu", "operator": "Exists", "effect": "NoExecute"}],
            labels={"team": "a"}, annotations={"note": "b"}, imagePullSecrets=[{"name": "pull"}],
            initContainers=[{"name": "before", "image": "python:3"}],
            sidecars=[{"name": "beside", "image": "python:3"}],
            serviceAccountName="default-editor", automountServiceAccountToken=False),
        pod_default("two", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                    selector={"matchExpressions": [{"key": "use", "operator": "Exists"}]}),
        pod_default("other", env=[{"name": "C", "value": "3"}], selector={"matchLabels": {"use": "no"}}))
    pod = dry_pod(platform)
    main, beside = pod["spec"]["containers"]
    assert [(v["name"], v["value"]) for v in main["env"]] == [("A", "1"), ("B", "2")]
    assert main["command"] == ["sleep"] and main["args"] == ["60"]
    assert main["envFrom"] == [{"secretRef": {"name": "s", "optional": True}}]
    assert [m["mountPath"] for m in main["volumeMounts"]] == ["/one", "/two"]
    assert beside["name"] == "beside" and "env" not in beside
    assert [c["name"] for c in pod["spec"]["initContainers"]] == ["before"]
    assert {t["effect"] for t in pod["spec"]["tolerations"] if t["key"] == "gpu"} == {"NoSchedule", "NoExecute"}
    assert pod["metadata"]["labels"]["team"] == "a" and pod["metadata"]["annotations"]["note"] == "b"
    assert {"name": "pull"} in pod["spec"]["imagePullSecrets"]
    assert pod["spec"]["serviceAccountName"] == "default-editor"
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert not any(v["name"].startswith("kube-api-access") for v in pod["spec"]["volumes"])
    version = platform.get("poddefault", "one", "-n", MINE)["metadata"]["resourceVersion"]
    assert pod["metadata"]["annotations"]["poddefault.admission.kubeflow.org/poddefault-one"] == version
    assert "poddefault.admission.kubeflow.org/poddefault-other" not in pod["metadata"]["annotations"]


def test_poddefaults_that_disagree_are_named_and_a_pod_can_opt_out(platform, defaults):
    defaults(pod_default("left", env=[{"name": "A", "value": "1"}], serviceAccountName="default"),
             pod_default("right", env=[{"name": "A", "value": "2"}], serviceAccountName="default-viewer"))
    refused = dry_pod(platform, check=False)
    assert refused.returncode != 0
    assert "conflict occurred while applying poddefaults: left,right on pod:" in refused.stderr
    assert "variable 'A' of container main" in refused.stderr and "serviceAccountName" in refused.stderr
    free = dry_pod(platform, annotations={"poddefault.admission.kubeflow.org/exclude": "true"})
    assert "env" not in free["spec"]["containers"][0]


def test_a_poddefault_that_cannot_be_right_is_refused(platform, webhook):
    wrong = pod_default("wrong", env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
                        selector={"matchExpressions": [{"key": "a", "operator": "Near"}]},
                        volumeMounts=[{"name": "v"}])
    done = platform.kubectl("create", "-f", "-", input=json.dumps(wrong), check=False)
    assert done.returncode != 0
    for part in ("mountPath", "matchExpressions[0].operator"):
        assert part in done.stderr


def test_the_webhook_cannot_lock_a_namespace_and_mends_its_configuration(platform, webhook, defaults):
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["namespaceSelector"] == {"matchLabels": {"app.kubernetes.io/part-of": "kubeflow-profile"}}
    assert base64.b64decode(webhook["clientConfig"]["caBundle"]).startswith(b"-----BEGIN CERTIFICATE")
    defaults(pod_default("late", env=[{"name": "LATE", "value": "1"}]))
    nowhere = {"webhooks": [{**webhook, "clientConfig": {**webhook["clientConfig"], "url": "https://127.0.0.1:1/x"}}]}
    platform.kubectl("patch", "mutatingwebhookconfiguration", "martlet-poddefaults", "--type=merge",
                     "-p", json.dumps(nowhere))
    dry_pod(platform)  # whether it is mended already or not, Pods can be made
    eventually(lambda: "env" in dry_pod(platform)["spec"]["containers"][0])
    platform.kubectl("delete", "mutatingwebhookconfiguration", "martlet-poddefaults")
    eventually(lambda: "env" in dry_pod(platform)["spec"]["containers"][0])


def test_strangers_cannot_ask_the_webhook(webhook, tmp_path):
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(webhook["clientConfig"]["caBundle"]))
    session = requests.Session()
    session.trust_env, session.verify = False, str(tmp_path / "ca.crt")
    address = webhook["clientConfig"]["url"].rsplit("/", 1)[0]
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "1"}}
    for url in (address, address + "/guess"):
        assert session.post(url, json=review, timeout=30).status_code == 404
