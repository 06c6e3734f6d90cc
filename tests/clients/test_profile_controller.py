"""The profile controller as a cluster runs it: a process of its own with a service account's token and its manifest's rights."""

import base64
import json
import signal
import socket
import subprocess
import time

import pytest
import requests
import urllib3
import yaml

from control_plane import BINARY, ROOT, ControlPlane

PROGRAM = BINARY.parent / "profile-controller"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Controller:
    """The process, and what it listens on."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.kfam, self.health, self.webhook = free_port(), free_port(), free_port()

    def __enter__(self):
        config = yaml.safe_load(open(self.cluster.kubeconfig))
        token = self.cluster.kubectl("create", "token", "profile-controller", "-n", "kubeflow").stdout.strip()
        config["users"][0]["user"] = {"token": token}
        config["contexts"][0]["context"]["namespace"] = "kubeflow"
        (self.folder / "kubeconfig").write_text(yaml.safe_dump(config))
        self.log = (self.folder / "log").open("wb")
        address = f"127.0.0.1:{self.health}"
        self.process = subprocess.Popen([
            str(PROGRAM), "--kubeconfig", str(self.folder / "kubeconfig"), "--leader-elect",
            "--kfam-bind-address", f"127.0.0.1:{self.kfam}", "--metrics-bind-address", address,
            "--health-probe-bind-address", address, "--webhook-port", str(self.webhook), "--cluster-admin", "root@x, b",
            "--namespace-labels-path", str(ROOT / "deploy/base/profile-controller/namespace-labels.yaml"),
        ], stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.log.close()
        assert code == 0, (self.folder / "log").read_text()

    def ask(self, path, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.get(f"http://127.0.0.1:{self.kfam}{path}", headers=headers, timeout=30, **options)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with ControlPlane(tmp_path_factory.mktemp("profiles") / "data") as running:
        for path in ("namespace.yaml", "kubeflow-roles/roles.yaml", "kubeflow-roles/kubernetes.yaml",
                     "kubeflow-roles/kubeflow.yaml", "profile-controller/rbac.yaml", "gateway/rbac.yaml"):
            running.kubectl("apply", "-f", str(ROOT / "deploy/base" / path))
        running.kubectl("apply", "-f", str(ROOT / "deploy/crds/profiles.yaml"), "-f",
                        str(ROOT / "deploy/crds/poddefaults.yaml"))
        running.kubectl("wait", "--for=condition=Established", "crd/profiles.kubeflow.org", "crd/poddefaults.kubeflow.org")
        yield running


@pytest.fixture(scope="module")
def controller(cluster, tmp_path_factory):
    with Controller(cluster, tmp_path_factory.mktemp("controller")) as running:
        cluster.apply({"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": "team"},
                       "spec": {"owner": {"kind": "User", "name": "ann"}}})
        cluster.kubectl("wait", "--for=condition=Successful", "profile/team", "--timeout=30s")
        yield running


def token(cluster, account):
    return cluster.kubectl("create", "token", account, "-n", "team").stdout.strip()


def test_pods_prove_who_they_are_and_see_what_they_may(cluster, controller):
    assert controller.ask("/kfam/").text == "Hello World!"
    assert controller.ask("/kfam/v1/bindings").status_code == 401
    assert controller.ask("/kfam/v1/bindings", token="a.b.c").status_code == 401
    editor = token(cluster, "default-editor")
    assert controller.ask("/kfam/v1/bindings", token=editor).json() == {}
    assert controller.ask("/kfam/v1/bindings?namespace=team", token=editor).status_code == 403
    cluster.kubectl("create", "rolebinding", "look", "-n", "team", "--clusterrole=kubeflow-admin",
                    "--serviceaccount=team:default-editor")
    listed = controller.ask("/kfam/v1/bindings?namespace=team", token=editor).json()["bindings"]
    assert listed == [{"user": {"kind": "User", "name": "ann"}, "referredNamespace": "team",
                       "RoleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "admin"}}]
    # The rights are RBAC's, so that account may bind what it has itself only by RBAC's word.
    body = {"user": {"kind": "User", "name": "eve"}, "referredNamespace": "team", "RoleRef": {"name": "admin"}}
    refused = requests.post(f"http://127.0.0.1:{controller.kfam}/kfam/v1/bindings", json=body,
                            headers={"Authorization": f"Bearer {editor}"}, timeout=30)
    assert refused.status_code == 403


def test_an_asserted_name_is_no_proof(controller):
    for headers in ({"kubeflow-userid": "ann"}, {"kubeflow-userid": "root@x", "Authorization": "Basic YTpi"}):
        answer = requests.get(f"http://127.0.0.1:{controller.kfam}/kfam/v1/bindings", headers=headers, timeout=30)
        assert answer.status_code == 401


def test_an_address_with_a_slash_at_its_end_leads_to_the_one_without(controller):
    answer = controller.ask("/kfam/v1/bindings/?user=a", allow_redirects=False)
    assert answer.status_code == 301 and answer.headers["location"] == "/kfam/v1/bindings?user=a"
    assert controller.ask("/kfam//evil.example/", allow_redirects=False).status_code == 404


def test_the_webhook_is_reached_through_its_service_with_a_certificate_of_its_own(cluster, controller, tmp_path):
    cluster.kubectl("wait", "--for=create", "mutatingwebhookconfiguration/martlet-poddefaults", "--timeout=30s")
    client = cluster.get("mutatingwebhookconfiguration", "martlet-poddefaults")["webhooks"][0]["clientConfig"]
    service = client["service"]
    assert (service["namespace"], service["name"], service["port"]) == ("kubeflow", "profile-controller", 443)
    cluster.apply({"apiVersion": "kubeflow.org/v1alpha1", "kind": "PodDefault",
                   "metadata": {"name": "one", "namespace": "team"},
                   "spec": {"selector": {}, "env": [{"name": "A", "value": "1"}]}})
    review = {"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {
        "uid": "u", "operation": "CREATE", "namespace": "team", "resource": {"version": "v1", "resource": "pods"},
        "object": {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c"}]}}}}

    def ask(client):
        (tmp_path / "ca").write_bytes(base64.b64decode(client["caBundle"]))
        name = "profile-controller.kubeflow.svc"
        with urllib3.HTTPSConnectionPool("127.0.0.1", controller.webhook, server_hostname=name, assert_hostname=name,
                                         ca_certs=str(tmp_path / "ca"), retries=False, timeout=30) as pool:
            return json.loads(pool.request("POST", client["service"]["path"], body=json.dumps(review)).data)

    answer = ask(client)
    assert answer["apiVersion"] == "admission.k8s.io/v1beta1" and answer["response"]["uid"] == "u"
    patch = json.loads(base64.b64decode(answer["response"]["patch"]))
    assert {one["path"] for one in patch} == {"/metadata/annotations", "/spec/containers"}

    # A Secret that is gone is made anew: other authority, other certificate, other path, and no restart.
    cluster.kubectl("delete", "secret", "profile-controller-webhook", "-n", "kubeflow")
    cluster.kubectl("delete", "mutatingwebhookconfiguration", "martlet-poddefaults")
    cluster.kubectl("wait", "--for=create", "mutatingwebhookconfiguration/martlet-poddefaults", "--timeout=30s")
    anew = cluster.get("mutatingwebhookconfiguration", "martlet-poddefaults")["webhooks"][0]["clientConfig"]
    assert anew["caBundle"] != client["caBundle"] and anew["service"]["path"] != service["path"]
    deadline = time.monotonic() + 30
    while True:  # the certificate is put in place right after the configuration
        try:
            assert ask(anew)["response"]["allowed"] is True
            break
        except urllib3.exceptions.SSLError:
            assert time.monotonic() < deadline


def test_an_adopted_namespace_gets_the_labels_that_guard_pods(cluster, controller):
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": "before", "annotations": {"owner": "ann"}, "labels": {"istio-injection": "disabled", "mine": "kept"}}})
    cluster.apply({"apiVersion": "kubeflow.org/v1beta1", "kind": "Profile", "metadata": {"name": "before"},
                   "spec": {"owner": {"kind": "User", "name": "ann"}}})
    cluster.kubectl("wait", "--for=condition=Successful", "profile/before", "--timeout=30s")
    labels = cluster.get("namespace", "before")["metadata"]["labels"]
    assert labels["istio-injection"] == "enabled" and labels["mine"] == "kept"
    assert labels["app.kubernetes.io/part-of"] == "kubeflow-profile"
