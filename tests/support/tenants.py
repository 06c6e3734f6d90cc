"""Two tenants on a platform, and somebody of each kind signed in."""

import base64
import re

import requests

from support import audit, people

TENANT, FOREIGN = "attacked", "foreign"
OWNER, CONTRIBUTOR, VIEWER, STRANGER, ADMIN = (
    f"{name}@attacks.example" for name in ("owner", "contributor", "viewer", "stranger", "admin"))

# Answers with what came; what it answers besides is in the query: `header=Name: value`, `status=`.
ECHO = r"""
import http.server, json, urllib.parse
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode("latin-1")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        content = query.get("body", [json.dumps({
            "method": self.command, "path": self.path, "headers": self.headers.items(), "body": body})])[0].encode()
        if "upgrade" in self.headers:
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nopen")
            while "stay" in self.path and self.rfile.read(1): pass
            self.close_connection = True
            return
        self.send_response(int(query.get("status", ["200"])[0]))
        for line in query.get("header", []):
            self.send_header(*line.split(": ", 1))
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = answer
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("0.0.0.0", 8888), Echo)
server.serve_forever()
"""


def profile(name, owner, kind="User", **spec):
    return {"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": name},
            "spec": {"owner": {"kind": kind, "name": owner}, **spec}}


def echo(name, namespace, annotations=None):
    """A notebook whose server tells what reached it."""
    return {"apiVersion": "kubeflow.org/v1", "kind": "Notebook",
            "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}},
            "spec": {"template": {"spec": {"terminationGracePeriodSeconds": 0, "containers": [{
                "name": name, "image": "python:3.11", "command": ["python3", "-uc", ECHO],
                "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1}}]}}}}


def tensorboard(name, namespace, logspath="pvc://nothing", annotations=None):
    return {"apiVersion": "tensorboard.kubeflow.org/v1alpha1", "kind": "Tensorboard",
            "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}}, "spec": {"logspath": logspath}}


def claim(name, namespace):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": namespace},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}


def viewer(name, namespace, volume, **networking):
    """A viewer of somebody's own Pod, which tells what reached it."""
    return {"apiVersion": "kubeflow.org/v1alpha1", "kind": "PVCViewer", "metadata": {"name": name, "namespace": namespace},
            "spec": {"pvc": volume, "networking": {"targetPort": 8888, **networking}, "podSpec": {
                "terminationGracePeriodSeconds": 0, "containers": [{
                    "name": "echo", "image": "python:3.11", "command": ["python3", "-uc", ECHO],
                    "volumeMounts": [{"name": "viewer-volume", "mountPath": "/data"}],
                    "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1}}]}}}


def binding(name, role, namespace=TENANT, kind="User", **changes):
    return {"user": {"kind": kind, "name": name}, "referredNamespace": namespace,
            "RoleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, **changes}


class Person:
    """Somebody who asks the gateway; `session` is None for nobody."""

    def __init__(self, platform, name):
        self.platform, self.name = platform, name
        self.session = people.sign_in(platform, name) if name else requests.Session()

    def ask(self, path, method="GET", status=200, **options):
        """An answer; a refusal that is the gateway's must be in its log, by request id."""
        headers = {"X-Request-Id": audit.request_id(), **options.pop("headers", {})}
        options.setdefault("allow_redirects", False)
        answer = self.session.request(
            method, self.platform.gateway + path, timeout=30, headers=headers, **options)
        assert status is None or answer.status_code == status, (
            f"{self.name}: {method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    def refused(self, path, method="GET", status=403, user=None, **options):
        """Asks for what must be refused, and finds the line about it."""
        request_id = audit.request_id()
        answer = self.ask(path, method, status, headers={"X-Request-Id": request_id, **options.pop("headers", {})}, **options)
        line = audit.gateway(self.platform, id=request_id)
        assert line["code"] == status and line["decision"] == "forbid" and line["verb"] == method.lower()
        assert line["user"] == (user or self.name or "system:anonymous"), line
        assert line["path"] == path.partition("?")[0] and line["address"] == "127.0.0.1" and line["time"]
        return answer

    def refused_by_api(self, path, method="GET", status=403, **options):
        """Asks the Kubernetes API for what it must refuse, and finds both lines about it."""
        answer = self.refused("/api/k8s" + path, method, status, **options)
        line = audit.api(self.platform, id=answer.headers["audit-id"])
        assert line["user"] == self.name and line["code"] == status and line["decision"] == "forbid"
        assert line["impersonatedBy"] == "system:serviceaccount:kubeflow:gateway"
        return answer


class World:
    """The platform, its people, its tenants."""

    def __init__(self, platform):
        self.platform = platform
        people.make_administrator(platform, ADMIN)
        for user in (OWNER, CONTRIBUTOR, VIEWER, STRANGER, ADMIN):
            people.add(platform, user)
        objects = [profile(TENANT, OWNER), profile(FOREIGN, STRANGER)]
        platform.apply({"apiVersion": "v1", "kind": "List", "items": objects})
        platform.wait("--for=condition=Successful", f"profile/{TENANT}", f"profile/{FOREIGN}")
        self.owner, self.contributor, self.viewer, self.stranger, self.admin = (
            Person(platform, user) for user in (OWNER, CONTRIBUTOR, VIEWER, STRANGER, ADMIN))
        self.nobody = Person(platform, None)
        for user, role in ((CONTRIBUTOR, "edit"), (VIEWER, "view")):
            self.owner.ask("/kfam/v1/bindings", "POST", json=binding(user, role))
        self.authority = platform.data.with_name(platform.data.name + "-ca.crt")
        data = re.search(r"certificate-authority-data: (\S+)", open(platform.kubeconfig).read()).group(1)
        self.authority.write_bytes(base64.b64decode(data))
        self.kfam = self.owner.ask("/debug").json()["profilesServiceUrl"]

    def token(self, namespace=TENANT, account="default-editor", *flags):
        """What a Pod of a namespace has to show."""
        return self.platform.kubectl("create", "token", account, "-n", namespace, *flags).stdout.strip()

    def ask_api(self, path, status, token, **headers):
        """Asks the Kubernetes API itself, with a token. A refusal must be in its log."""
        session = requests.Session()
        session.trust_env, session.verify = False, str(self.authority)
        headers["Authorization"] = f"Bearer {token}"
        answer = session.get(self.platform.kubernetes + path, headers=headers, timeout=30)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:500]}"
        if status in (401, 403):
            assert audit.api(self.platform, id=answer.headers["audit-id"])["decision"] == "forbid"
        return answer

    def ask_kfam(self, path, method="GET", status=200, token=None, headers=None, **options):
        """Asks KFAM itself, around the gateway. A refusal must be in its log."""
        request_id = audit.request_id()
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {}), "X-Request-Id": request_id}
        answer = requests.request(method, self.kfam + path, headers=headers, timeout=30, allow_redirects=False, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        if status in (401, 403):
            audit.service(self.platform, request_id)
        return answer
