"""`proxy` below Pods, Services and Nodes: with objects that lead to a server of the test, and with a Pod that runs."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import socket
import ssl
import subprocess
import threading
import urllib.parse
import urllib.request

import pytest
import websocket

from support.pods import pod

HELLO = """
import http.server
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from " + self.path.encode())
http.server.ThreadingHTTPServer(("", 8000), Hello).serve_forever()
"""
PAGE = '<html><a href="/next">on</a><a href="here">stay</a></html>'


class Backend(http.server.BaseHTTPRequestHandler):
    """Tells what it was asked; leads elsewhere below /redirect; echoes what comes over a WebSocket, but not below /plain,
    /much and /chunks, where it goes on in HTTP."""
    protocol_version = "HTTP/1.1"
    much = "x" * (1 << 20)
    seen = []  # the paths of all requests

    def answer(self):
        self.seen.append(self.path)
        if self.path.startswith("/chunks"):
            return self.chunks()
        if self.headers.get("upgrade") and not self.path.startswith(("/plain", "/much")):
            return self.echo()
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        code, fields, text = 200, {"Access-Control-Allow-Origin": "*", "Content-Type": "application/json"}, json.dumps(
            {"method": self.command, "target": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
             "body": body})
        if self.path == "/redirect":
            code, fields, text = 302, {"Location": "/elsewhere?a=b"}, ""
        if self.path == "/much":
            text = self.much
        if self.path == "/page":
            fields, text = {"Content-Type": "text/html"}, PAGE
        self.send_response(code)
        for name, value in {**fields, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

    def chunks(self):
        self.send_response(403)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\nyou\r\n8\r\n may not\r\n0\r\n\r\n")

    def echo(self):
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        for name, value in {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept":
                            base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()}.items():
            self.send_header(name, value)
        self.end_headers()
        head = self.rfile.read(6)  # a short masked frame
        payload = bytes(b ^ head[2 + i % 4] for i, b in enumerate(self.rfile.read(head[1] & 0x7F)))
        reply = self.path.encode() + b" " + payload
        self.wfile.write(bytes([0x81, len(reply)]) + reply)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def backend():
    """An address of this machine that is not its own loopback, and the port of a server there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.1", 9))  # sends nothing
        address = probe.getsockname()[0]
    server = http.server.ThreadingHTTPServer((address, 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield address, server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def paths(control_plane, ns, backend):
    """Paths of the proxies of a Pod, a Service and a Node that all lead to the backend."""
    address, port = backend

    def make(name, ip):
        control_plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": ns}, "spec": {
            "containers": [{"name": "main", "image": "x", "ports": [{"containerPort": port}]}]}})
        control_plane.kubectl(
            "patch", "pod", name, "-n", ns, "--subresource=status", "--type=merge", "-p",
            json.dumps({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}}))

    make("p", address)
    make("loop", "127.0.0.1")
    node = control_plane.fresh_name("n")
    control_plane.apply({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": ns},
         "spec": {"ports": [{"name": "web", "port": 80, "targetPort": port}]}},
        {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "s", "namespace": ns}, "subsets": [{
            "addresses": [{"ip": address, "targetRef": {"kind": "Pod", "name": "p", "namespace": ns}}],
            "ports": [{"name": "web", "port": port}]}]},
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node},
         "status": {"addresses": [{"type": "InternalIP", "address": address}]}}]})
    base = f"/api/v1/namespaces/{ns}"
    yield {"pod": f"{base}/pods/p/proxy", "service": f"{base}/services/s:web/proxy",
           "node": f"/api/v1/nodes/{node}:{port}/proxy", "base": base}
    control_plane.kubectl("delete", "node", node, "--wait=false")


@pytest.fixture(scope="module")
def admin(control_plane):
    """The administrator's session, and the server's address."""
    return control_plane.session()


def send(admin, method, path, **options):
    session, url = admin
    return session.request(method, url + path, allow_redirects=False, timeout=60, **options)


def web_socket(admin, path):
    session, url = admin
    return websocket.create_connection(
        url.replace("https", "wss") + path, timeout=60,
        sslopt={"ca_certs": session.verify, "certfile": session.cert[0], "keyfile": session.cert[1]})


@pytest.mark.parametrize("kind", ["pod", "service", "node"])
def test_requests_go_through(admin, paths, kind):
    """Method, path, query and body arrive; who asks does not; the answer's own rules about origins do not come back."""
    reply = send(admin, "PATCH", f"{paths[kind]}/a%20b/c/?d=e%2Bf", data="körper".encode(), headers={
        "Content-Type": "text/plain", "X-Own": "1", "X-Forwarded-For": "198.51.100.9", "Impersonate-User": "kubernetes-admin",
        "Impersonate-Group": "system:masters"})
    seen = reply.json()
    assert (reply.status_code, seen["method"], seen["target"], seen["body"]) == (200, "PATCH", "/a%20b/c/?d=e%2Bf", "körper")
    fields = seen["headers"]
    assert fields["x-own"] == "1" and fields["x-forwarded-for"] == "198.51.100.9, 127.0.0.1"
    assert fields["x-forwarded-uri"] == f"{paths[kind]}/a%20b/c/"
    assert not [name for name in fields if name.startswith("impersonate") or name == "authorization"]
    assert "access-control-allow-origin" not in reply.headers


def test_links_lead_through_the_proxy(admin, paths):
    """Of redirects and of pages; the bare path is led to the one with a slash."""
    path = paths["service"]
    assert send(admin, "GET", f"{path}/redirect").headers["location"] == f"{path}/elsewhere?a=b"
    assert send(admin, "GET", f"{path}/page").text == PAGE.replace("/next", f"{path}/next")
    bare = send(admin, "GET", f"{path}?x=y")
    assert (bare.status_code, bare.headers["location"]) == (301, f"{path}/?x=y")
    head = send(admin, "HEAD", f"{path}/x")
    assert head.status_code == 200 and int(head.headers["content-length"]) > 0 and not head.content


@pytest.mark.parametrize("path, code, reason", [
    ("pods/loop/proxy/", 400, "BadRequest"), ("pods/ftp:p:80/proxy/", 400, "BadRequest"),
    ("pods/none/proxy/", 404, "NotFound"), ("pods/p:1/proxy/", 503, "ServiceUnavailable"),
    ("pods/p/proxy/?dryRun=All", 400, "BadRequest"), ("services/s:81/proxy/", 503, "ServiceUnavailable"),
    ("services/s/proxy/", 503, "ServiceUnavailable"), ("services/none/proxy/", 404, "NotFound")])
def test_refusals(admin, paths, path, code, reason):
    reply = send(admin, "GET", f"{paths['base']}/{path}")
    assert (reply.status_code, reply.json()["reason"]) == (code, reason)


def test_permission(admin, paths):
    """The verb follows the method; `get` on Pods is not enough."""
    reply = send(admin, "POST", f"{paths['pod']}/x", headers={"Impersonate-User": "stranger"})
    assert reply.status_code == 403 and 'cannot create resource "pods/proxy"' in reply.json()["message"]


def test_websockets(admin, paths):
    """A connection that becomes a WebSocket is passed on; one that cannot be opened is refused."""
    client = web_socket(admin, f"{paths['pod']}/ws?a=b")
    client.send("hi")
    assert client.recv() == "/ws?a=b hi"
    client.close()
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        web_socket(admin, f"{paths['base']}/pods/p:1/proxy/ws")
    assert refused.value.status_code == 500


UPGRADE = ("Connection: Upgrade", "Upgrade: websocket")


def request(method, path, *fields):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: api", *fields, "", ""])


def exchange(admin, text, window=None):
    """All that the server says to a text, until it closes the connection, through a buffer of so many bytes."""
    session, url = admin
    place = urllib.parse.urlsplit(url)
    context = ssl.create_default_context(cafile=session.verify)
    context.load_cert_chain(*session.cert)
    plain = socket.socket()
    plain.settimeout(60)
    if window:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    plain.connect((place.hostname, place.port))
    with context.wrap_socket(plain, server_hostname=place.hostname) as connection:
        connection.sendall(text.encode())
        said = b""
        while more := connection.recv(65536):
            said += more
    return said.decode()


@pytest.mark.parametrize("kind", ["pod", "service", "node"])
def test_a_target_that_refuses_to_upgrade_gets_no_further_request(admin, paths, kind):
    """What a client sends behind such a request was allowed by nobody."""
    Backend.seen.clear()
    said = exchange(admin, request("GET", f"{paths[kind]}/plain/1", *UPGRADE) + request("DELETE", "/plain/2"))
    head, body = said.split("\r\n\r\n", 1)
    assert head.startswith("HTTP/1.1 200 ") and "connection: close" in head.lower()
    assert json.loads(body)["target"] == "/plain/1" and Backend.seen == ["/plain/1"]
    said = exchange(admin, request("GET", f"{paths[kind]}/chunks", *UPGRADE) + request("DELETE", "/plain/2"))
    assert said.startswith("HTTP/1.1 403 ") and "you" in said and said.endswith("0\r\n\r\n")
    assert Backend.seen == ["/plain/1", "/chunks"]
    # Without a name of the other protocol there is none to go on in.
    only = request("GET", f"{paths[kind]}/x", "Connection: Upgrade, close")
    assert "connection: upgrade" not in exchange(admin, only).lower()
    body = request("POST", f"{paths[kind]}/x", "Content-Length: 3", *UPGRADE, "Connection: close") + "abc"
    assert exchange(admin, body).startswith("HTTP/1.1 400 ")
    assert Backend.seen == ["/plain/1", "/chunks", "/x"]


def test_long_refusals_arrive_whole(admin, paths):
    """Also where the client reads slower than the target writes."""
    said = exchange(admin, request("GET", f"{paths['pod']}/much", *UPGRADE), window=4096)
    assert len(said.split("\r\n\r\n", 1)[1]) == len(Backend.much)


def test_watch_paths_lead_nowhere(admin, paths):
    """On them every method would be allowed to who may watch."""
    Backend.seen.clear()
    for kind in ("pod", "service", "node"):
        for method in ("GET", "POST", "DELETE"):
            path = paths[kind].replace("/api/v1/", "/api/v1/watch/") + "/x"
            assert send(admin, method, path).status_code == 404
    assert Backend.seen == []


def test_services_do_not_lead_to_other_namespaces(control_plane, admin, paths, ns, backend):
    """Not even to a Pod that runs there and has the address."""
    other = control_plane.fresh_name("c")
    control_plane.kubectl("create", "namespace", other)
    address, port = backend
    control_plane.apply({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": other},
         "spec": {"ports": [{"name": "web", "port": 80, "targetPort": port}]}},
        {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "s", "namespace": other}, "subsets": [{
            "addresses": [{"ip": address, "targetRef": {"kind": "Pod", "name": "p", "namespace": ns}}],
            "ports": [{"name": "web", "port": port}]}]}]})
    reply = send(admin, "GET", f"/api/v1/namespaces/{other}/services/s:web/proxy/x")
    control_plane.kubectl("delete", "namespace", other, "--wait=false")
    assert (reply.status_code, reply.json()["reason"]) == (503, "ServiceUnavailable")
    assert send(admin, "GET", f"{paths['service']}/x").status_code == 200


def test_the_query_is_the_targets(admin, paths):
    """Options of the API's own writes mean something else there."""
    query = f"fieldValidation=all&fieldManager={'x' * 200}"
    assert send(admin, "POST", f"{paths['pod']}/x?{query}").json()["target"] == f"/x?{query}"


def test_warnings_of_policies_reach_the_client(control_plane, admin, paths, ns):
    group = "admissionregistration.k8s.io/v1"
    control_plane.apply({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": ns}, "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns}},
                "resourceRules": [{"operations": ["CONNECT"], "apiGroups": [""], "apiVersions": ["v1"],
                                   "resources": ["pods/proxy"]}]},
            "validations": [{"expression": "object.path != '/secret'", "message": "better not"}]}},
        {"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": ns}, "spec": {
            "policyName": ns, "validationActions": ["Warn"]}}]})
    reply = send(admin, "GET", f"{paths['pod']}/secret")
    control_plane.kubectl("delete", "validatingadmissionpolicybinding", ns)
    control_plane.kubectl("delete", "validatingadmissionpolicy", ns)
    assert reply.status_code == 200 and reply.headers["warning"].endswith("better not\"")


@contextlib.contextmanager
def kubectl_proxy(kubeconfig):
    process = subprocess.Popen(["kubectl", "--kubeconfig", kubeconfig, "proxy", "--port=0"], stdout=subprocess.PIPE,
                               text=True)
    try:
        yield int(re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline()).group(1))
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def test_running_pod(platform):
    """A Pod of this machine by kubectl, its Service, and the node agent as the node's own endpoint."""
    platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
    name = platform.fresh_name("hello")
    manifest = pod(name, "default", HELLO, "python:3.11", container={
        "ports": [{"containerPort": 8000}], "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1}})
    manifest["metadata"]["labels"] = {"app": name}
    platform.apply(manifest)
    platform.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
                    "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8000}]}})
    platform.wait("--for=condition=Ready", f"pod/{name}", "-n", "default")
    base = "/api/v1/namespaces/default"
    assert platform.kubectl("get", "--raw", f"{base}/pods/{name}/proxy/x").stdout == "hello from /x"
    platform.wait(f"--for=jsonpath={{.subsets[0].addresses[0].ip}}", f"endpoints/{name}", "-n", "default")
    with kubectl_proxy(platform.kubeconfig) as port:
        url = f"http://127.0.0.1:{port}{base}/services/{name}:80/proxy/y"
        assert urllib.request.urlopen(url, timeout=30).read() == b"hello from /y"
    node = platform.kubectl("get", "nodes", "-o", "name").stdout.split()[0].removeprefix("node/")
    assert platform.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/healthz").stdout == "ok"
    platform.kubectl("delete", f"pod/{name}", f"service/{name}", "-n", "default", "--grace-period=1", "--wait=false")
