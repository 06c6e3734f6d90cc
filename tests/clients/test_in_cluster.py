"""A program in a Pod speaks to the Kubernetes API as client libraries do: address, token and certificate of the Pod."""

import json

from support.pods import pod, run

# What kubernetes.config.load_incluster_config() reads, and nothing else.
CLIENT = r"""
import json, os, ssl, urllib.error, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
read = lambda name: open(folder + name).read()
context = ssl.create_default_context(cafile=folder + "ca.crt")
def ask(host, path):
    request = urllib.request.Request(f"https://{host}{path}", headers={"Authorization": "Bearer " + read("token")})
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
address = os.environ["KUBERNETES_SERVICE_HOST"] + ":" + os.environ["KUBERNETES_SERVICE_PORT_HTTPS"]
result = {"namespace": read("namespace")}
for host in ("kubernetes.default.svc", "kubernetes.default", "kubernetes.default.svc.cluster.local", address):
    result[host if host != address else "address"] = ask(host, "/api")[1].get("versions")
pods = f"/api/v1/namespaces/{read('namespace')}/pods"
result["pods"], answer = ask(address, pods)
result["names"] = sorted(item["metadata"]["name"] for item in answer.get("items", []))
result["message"] = answer.get("message", "")
result["nodes"] = ask(address, "/api/v1/nodes")[0]
context = ssl.create_default_context()
try:
    ask(address, "/api")
except urllib.error.URLError as error:
    result["without ca"] = type(error.reason).__name__
print(json.dumps(result))
"""


def test_the_api_answers_pods_under_its_names_with_their_own_rights(platform, namespace):
    platform.kubectl("create", "rolebinding", "viewers", "-n", namespace, "--clusterrole=view",
                     f"--serviceaccount={namespace}:reader")
    platform.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    found = json.loads(run(platform, pod("reading", namespace, CLIENT, "python:3.11", serviceAccountName="reader")))
    assert found["namespace"] == namespace
    for host in ("kubernetes.default.svc", "kubernetes.default", "kubernetes.default.svc.cluster.local", "address"):
        assert found[host] == ["v1"], host
    assert (found["pods"], found["names"]) == (200, ["reading"])
    assert found["nodes"] == 403
    assert found["without ca"] == "SSLCertVerificationError"


def test_a_pod_without_a_role_is_known_and_refused(platform, namespace):
    found = json.loads(run(platform, pod("stranger", namespace, CLIENT, "python:3.11")))
    assert found["pods"] == 403
    assert f"system:serviceaccount:{namespace}:default" in found["message"]


def test_a_pod_that_wants_no_token_gets_none(platform, namespace):
    script = "ls /var/run/secrets/kubernetes.io 2>/dev/null || echo none"
    assert run(platform, pod("plain", namespace, script, automountServiceAccountToken=False)) == "none\n"


def test_a_token_dies_with_its_pod(platform, namespace):
    script = "cat /var/run/secrets/kubernetes.io/serviceaccount/token; echo; exec sleep 3600"
    platform.apply(pod("short", namespace, script))
    platform.wait("--for=condition=Ready", "pod/short", "-n", namespace)
    token = platform.kubectl("logs", "short", "-n", namespace).stdout.strip()
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}

    def authenticated():
        answer = platform.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(review)).stdout
        return json.loads(answer)["status"].get("authenticated", False)

    assert authenticated()
    platform.kubectl("delete", "pod", "short", "-n", namespace, "--grace-period=1")
    assert not authenticated()
