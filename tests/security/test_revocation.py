"""What was begun with a session, a token or a role ends with it: streams, logs, watches, downloads."""

import socket
import urllib.parse

import pytest
import requests

from support import people, wire
from support.tenants import TENANT, binding, echo

USER = "revoked@attacks.example"
LONG = {
    "stream": f"/api/stream?ns={TENANT}&topics=notebooks",
    "log": f"/api/logs/{TENANT}/echo-0/echo?follow=1",
    "watch": f"/api/k8s/api/v1/namespaces/{TENANT}/configmaps?watch=1",
    "kubectl logs": f"/api/k8s/api/v1/namespaces/{TENANT}/pods/echo-0/log?follow=true",
}


@pytest.fixture
def member(world, notebooks):
    """Somebody with a part in the namespace, who may lose it."""
    people.add(world.platform, USER)
    world.owner.ask("/kfam/v1/bindings", "POST", json=binding(USER, "edit"))
    session = people.sign_in(world.platform, USER)
    yield session
    world.owner.ask("/kfam/v1/bindings", "DELETE", None, json=binding(USER, "edit"))


def opened(world, session, path, headers=None):
    """A long answer that has begun; the time only ends a failing test."""
    answer = session.get(world.platform.gateway + path, stream=True, timeout=12, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return answer


def ends(answer):
    """True when nothing more comes, because the connection was cut or closed."""
    try:
        for _ in answer.iter_content(None):
            pass
    except requests.exceptions.ChunkedEncodingError:
        return True
    except requests.exceptions.ConnectionError as error:
        return "timed out" not in str(error).lower()
    return True


def all_end(answers):
    assert {kind: ends(answer) for kind, answer in answers.items()} == dict.fromkeys(answers, True)


def test_long_answers_end_with_the_session(world, member):
    answers = {kind: opened(world, member, path) for kind, path in LONG.items()}
    assert member.post(world.platform.gateway + "/logout", timeout=30).status_code == 204
    all_end(answers)


def test_long_answers_end_with_the_role(world, member):
    answers = {kind: opened(world, member, path) for kind, path in LONG.items()}
    world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding(USER, "edit"))
    all_end(answers)


def test_long_answers_end_with_the_token(world, member):
    made = member.post(world.platform.gateway + "/api/tokens", json={"name": "long", "scopes": ["read"], "days": 1}, timeout=30).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    answers = {kind: opened(world, requests.Session(), path, headers) for kind, path in LONG.items()}
    assert member.delete(f"{world.platform.gateway}/api/tokens/{made['id']}", timeout=30).status_code == 204
    all_end(answers)


def test_a_change_of_other_roles_ends_nothing(world, member):
    """Each change of roles makes it ask again; the answer is the same."""
    answers = {kind: opened(world, member, path) for kind, path in LONG.items()}
    other = binding("somebody@attacks.example", "view")
    for method in ("POST", "DELETE"):
        world.owner.ask("/kfam/v1/bindings", method, json=other)
    lines = answers["watch"].iter_lines()
    for number in range(3):
        name = f"seen-{number}"
        world.platform.kubectl("create", "configmap", name, "-n", TENANT)
        assert any(name.encode() in line for line in lines)
        world.platform.kubectl("delete", "configmap", name, "-n", TENANT)
    for answer in answers.values():
        assert not answer.raw.closed
        answer.close()


# Says something for ever, by HTTP and by a socket.
ENDLESS = r"""
import http.server, time
class Endless(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.endswith("/ready"):
            self.send_response(204)
            self.end_headers()
            return
        if "upgrade" in self.headers:
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(b"x" * 1000)
            time.sleep(0.05)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8888), Endless).serve_forever()
"""


@pytest.fixture(scope="module")
def endless(world):
    notebook = echo("endless", TENANT)
    notebook["spec"]["template"]["spec"]["containers"][0]["command"] = ["python3", "-uc", ENDLESS]
    world.platform.apply(notebook)
    world.platform.kubectl("wait", "--for=create", "pod/endless-0", "-n", TENANT, "--timeout=120s")
    world.platform.wait("--for=condition=Ready", "pod/endless-0", "-n", TENANT)
    path = f"/notebook/{TENANT}/endless/"
    world.platform.wait_for_http(world.platform.gateway + path + "ready", world.owner.session, 204)
    yield path
    world.platform.kubectl("delete", "notebook", "endless", "-n", TENANT, "--wait=false")


def begun(world, path, session, *headers):
    """A connection on which an answer without an end has begun."""
    address = urllib.parse.urlsplit(world.platform.gateway)
    connection = socket.create_connection((address.hostname, address.port), timeout=12)
    lines = [f"GET {path} HTTP/1.1", f"Host: {address.netloc}", f"Cookie: {wire.cookies(session)}", *headers]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
    assert connection.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 101")
    return connection


def is_cut(connection):
    """Its end comes, or as much as comes in half a minute."""
    come = 0
    with connection:
        try:
            while piece := connection.recv(65536):
                come += len(piece)
                if come > 600_000:
                    return False
        except ConnectionResetError:
            pass
    return True


@pytest.mark.parametrize("cause", ["session", "role"])
def test_downloads_and_sockets_of_notebooks_end(world, member, endless, cause):
    connections = [begun(world, endless, member), begun(world, endless, member, "Connection: Upgrade", "Upgrade: websocket")]
    if cause == "session":
        assert member.post(world.platform.gateway + "/logout", timeout=30).status_code == 204
    else:
        world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding(USER, "edit"))
    assert [is_cut(connection) for connection in connections] == [True, True]
