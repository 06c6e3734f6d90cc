"""The gateway over TLS: HTTP/2 for those who choose it, HTTP/1.1 for all others, and the same guards for both."""

import json
import re
import socket
import ssl
import subprocess
import urllib.parse

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from support.gateway import Gateway, free_port
from support.tenants import OWNER


@pytest.fixture(scope="module")
def gateway(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True)
    port = free_port()
    flags = ["--tls-certificate", certificate, "--tls-key", key, "--user-rate", "0", "--sign-in-user", OWNER, "--workspace-port", port]
    with Gateway(world.platform, folder / "state", *flags, authority=certificate) as gateway:
        gateway.workspaces = f"https://127.0.0.1:{port}"
        yield gateway


@pytest.fixture(scope="module")
def owner(world, gateway):
    """Cookies of the owner, at this gateway."""
    url = re.search(r"https://\S+/login\?token=\S+", gateway.log()).group()
    answer = httpx.get(url, verify=context(gateway), follow_redirects=False)
    assert answer.status_code in (302, 303), answer.text
    return dict(answer.cookies)


def context(gateway):
    return ssl.create_default_context(cafile=gateway.authority)


@pytest.fixture
def client(gateway, owner):
    with httpx.Client(http2=True, verify=context(gateway), base_url=gateway.url, cookies=owner, timeout=60) as client:
        yield client


def test_requests_of_all_kinds_go_over_one_connection(client, notebooks, owner):
    answer = client.get("/api/me", headers={"X-Request-Id": "over-http2"})
    assert answer.http_version == "HTTP/2" and answer.json()["user"] == OWNER
    assert answer.headers["x-request-id"] == "over-http2" and "transfer-encoding" not in answer.headers
    assert client.get("/assets/none").status_code == 404 and client.head("/login").content == b""
    body = "b" * 3_000_000
    for content in (body, b"", "x"):
        came = client.put(notebooks, content=content, headers={"X-XSRF-TOKEN": owner["XSRF-TOKEN"]}).json()
        assert came["body"] == (content or "") or came["body"] == content
        names = [name.lower() for name, _ in came["headers"]]
        assert names.count("host") == 1 and not [name for name in names if name.startswith(":")]
        assert dict(came["headers"])["kubeflow-userid"] == OWNER
    big = client.get(notebooks, params={"body": "y" * 50_000})
    assert big.text == "y" * 50_000 and big.http_version == "HTTP/2"


def test_the_port_of_workspaces_has_the_same_certificate_and_protocols(client, gateway, notebooks, owner):
    assert [name for name in owner if name.endswith("martlet_session")] == ["__Host-Http-martlet_session"]
    answer = client.get(gateway.workspaces + notebooks, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.http_version == "HTTP/2" and dict(answer.json()["headers"])["kubeflow-userid"] == OWNER
    assert "martlet" not in dict(answer.json()["headers"]).get("cookie", "")
    for path in ("/api/me", "/healthz", "/login"):
        assert client.get(gateway.workspaces + path).status_code == 404, path
    for origin, code in ((gateway.workspaces, 200), (gateway.url, 403), (gateway.workspaces.replace("https", "http", 1), 403)):
        assert client.post(gateway.workspaces + notebooks, content="x", headers={"Origin": origin}).status_code == code, origin
    assert client.get("/api/me", headers={"Origin": gateway.workspaces}).status_code == 403
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 200


def test_many_requests_at_once_are_answered_each_with_its_own(gateway, notebooks, owner, tmp_path):
    cookie = "; ".join(f"{name}={value}" for name, value in owner.items())
    subprocess.run(
        ["curl", "-sS", "--fail", "--http2", "--parallel", "--parallel-max", "60", "--cacert", gateway.authority,
         "-H", f"Cookie: {cookie}", "-o", str(tmp_path / "#1"), f"{gateway.url}{notebooks}number-[0-59]"],
        check=True, timeout=120)
    seen = {int(file.name): json.loads(file.read_text())["path"] for file in tmp_path.iterdir()}
    assert seen == {number: f"{notebooks}number-{number}" for number in range(60)}


def test_curl_and_clients_without_http2(gateway, notebooks, owner):
    cookie = "; ".join(f"{name}={value}" for name, value in owner.items())
    for flag, version in (("--http2", "2"), ("--http1.1", "1.1")):
        done = subprocess.run(
            ["curl", "-sS", flag, "--cacert", gateway.authority, "-H", f"Cookie: {cookie}", "-w", "\n%{http_version}",
             gateway.url + notebooks], capture_output=True, text=True, check=True)
        answer, _, spoken = done.stdout.rpartition("\n")
        assert spoken == version and json.loads(answer)["path"] == notebooks
    assert gateway.get("/healthz").text == "ok"


class Raw:
    """A connection that says what no client would."""

    def __init__(self, gateway, validate=False):
        address = urllib.parse.urlsplit(gateway.url)
        offered = context(gateway)
        offered.set_alpn_protocols(["h2"])
        self.authority = address.netloc
        self.socket = offered.wrap_socket(
            socket.create_connection((address.hostname, address.port), timeout=30), server_hostname=address.hostname)
        assert self.socket.selected_alpn_protocol() == "h2"
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=validate, normalize_outbound_headers=False))
        self.is_gone = False
        self.connection.initiate_connection()
        self.flush()

    def flush(self):
        try:
            self.socket.sendall(self.connection.data_to_send())
        except OSError:
            self.is_gone = True  # the server has ended it

    def ask(self, *fields, method="GET", path="/healthz", end=True, **pseudo):
        stream = self.connection.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", pseudo.get("authority", self.authority)), (":path", path)]
        self.connection.send_headers(stream, [*head, *fields], end_stream=end)
        self.flush()
        return stream

    def events(self):
        """What comes, until the server closes."""
        while True:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise
            except OSError:
                return
            if not data:
                return
            yield from self.connection.receive_data(data)
            self.flush()

    def outcome(self, stream):
        """The status of a stream; None for one that was refused without an answer."""
        for event in self.events():
            if isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream:
                return int(dict(event.headers)[":status"])
            if isinstance(event, h2.events.StreamReset) and event.stream_id == stream:
                return None
            if isinstance(event, h2.events.ConnectionTerminated):
                return None
        return None


@pytest.mark.parametrize("field", [
    ("x", "a\r\nkubeflow-userid: root"), ("x", "a\nb"), ("x", "a\0b"), ("x\r\ny", "z"), ("x y", "z"), ("transfer-encoding", "chunked"),
    ("connection", "keep-alive"), ("upgrade", "websocket"), ("host", "evil.example"), ("X-Upper", "a"), (":path", "/api/me"),
    ("content-length", "5"), ("content-length", "x")])
def test_what_would_be_another_request_in_http1_is_refused(gateway, field):
    raw = Raw(gateway)  # one each: some of this ends the connection
    assert raw.outcome(raw.ask(field)) in (None, 400), field


def test_targets_methods_and_hosts_keep_their_rules(gateway):
    for head in ({"path": "/a b"}, {"path": "http://evil.example/"}, {"path": ""}, {"method": "G T"}, {"authority": "a@b"},
                 {"authority": "evil.example", "path": "/login"}, {"method": "CONNECT"}):
        raw = Raw(gateway)
        assert raw.outcome(raw.ask(**head)) in (None, 400, 405, 421), head


def test_heads_have_an_end_and_resets_do_too(gateway):
    raw = Raw(gateway)
    assert raw.outcome(raw.ask(*((f"x-{number}", "a" * 1000) for number in range(100)))) in (None, 431)
    raw = Raw(gateway)
    for _ in range(2000):
        if raw.is_gone:
            break
        raw.connection.reset_stream(raw.ask(path="/api/me"))
        raw.flush()
    list(raw.events())  # until the server ends it
    assert gateway.get("/healthz").text == "ok"
