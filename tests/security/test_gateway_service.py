"""What the gateway does for and to everybody: ids and the access log, a share for each user, waiting with an end, a stop."""

import concurrent.futures
import json
import re
import signal
import socket

import requests

from support import wire
from support.gateway import Gateway
from support.tenants import OWNER, TENANT
from support.waiting import eventually

# Takes connections and says nothing.
SILENT = "import socket, time\nserver = socket.create_server(('0.0.0.0', 8888))\nkept = []\nwhile True: kept.append(server.accept())"


def start(world, folder, *flags):
    return Gateway(world.platform, folder / "state", "--sign-in-user", OWNER, *flags)


def sign_in(gateway):
    """A session of the owner's, made with the link that the gateway prints."""
    session = requests.Session()
    link = eventually(lambda: re.search(rf"http://\S+:{gateway.port}/login\?token=\S+", gateway.log()), what="the link")
    session.get(link.group(), timeout=30).raise_for_status()
    session.headers["X-XSRF-TOKEN"] = session.cookies["XSRF-TOKEN"]
    return session


def relayed(gateway):
    found = re.search(r"^gateway_relayed_total (\d+)", gateway.get("/metrics").text, re.M)
    return int(found.group(1)) if found else 0


def test_every_request_has_an_id_and_a_line_in_the_access_log(world, notebooks, tmp_path):
    log = tmp_path / "access.log"
    with start(world, tmp_path, "--access-log", log) as gateway:
        session = sign_in(gateway)

        def line(request_id):
            lines = log.read_text().splitlines() if log.exists() else []
            return next((json.loads(line) for line in lines if f'"{request_id}"' in line), None)

        def ask(path, request_id, session=session, **options):
            answer = session.get(gateway.url + path, headers={"X-Request-Id": request_id}, timeout=30, **options)
            assert answer.headers["x-request-id"] == request_id
            found = eventually(lambda: line(request_id), what=request_id)
            assert found["status"] == answer.status_code and found["bytes"] == len(answer.content) and found["ms"] >= 0
            assert found["method"] == "GET" and found["address"] == "127.0.0.1" and found["path"] == path.partition("?")[0]
            return found

        assert ask("/api/me?secret=1", "one") | {"user": OWNER, "route": "api"} == line("one")
        assert "secret" not in log.read_text()
        assert ask("/api/me", "nobody", requests.Session())["user"] == ""
        for number in range(10_000):  # until it is the relay that answers
            before = relayed(gateway)
            found = ask(notebooks + "x?y", f"notebook-{number}")
            assert found["user"] == OWNER and found["route"] == f"notebook/{TENANT}/echo"
            if relayed(gateway) > before:
                break
        # An id that could be something else in a log is not taken.
        answer = session.get(gateway.url + notebooks, headers={"X-Request-Id": "a b"}, timeout=30)
        assert re.fullmatch(r"[0-9a-z]+", answer.headers["x-request-id"])
        assert dict(answer.json()["headers"])["x-request-id"] == answer.headers["x-request-id"]
        assert log.stat().st_mode & 0o777 == 0o600


def test_one_user_cannot_use_up_what_others_need(world, notebooks, tmp_path):
    with start(world, tmp_path, "--user-rate", "1") as gateway:
        session = sign_in(gateway)

        def refusal():
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = pool.map(lambda _: session.get(gateway.url + "/none", timeout=30), range(40))
                return [answer for answer in answers if answer.status_code == 429]  # an answer by itself would be false

        answer = eventually(refusal, what="a refusal")[0]
        assert int(answer.headers["retry-after"]) >= 1 and answer.json()["reason"] == "TooManyRequests"
        # Others have their own share: here one who has not signed in.
        assert requests.get(gateway.url + "/login", timeout=30).status_code == 200
        eventually(lambda: session.get(gateway.url + "/none", timeout=30).status_code != 429, what="the next turn")
    with start(world, tmp_path, "--user-requests", "2", "--user-rate", "0") as gateway:
        session = sign_in(gateway)
        sockets = [open_socket(gateway, session, notebooks) for _ in range(2)]
        assert session.get(gateway.url + "/api/me", timeout=30).status_code == 429
        for one in sockets:
            one.close()
        eventually(lambda: session.get(gateway.url + "/api/me", timeout=30).status_code == 200, what="its turn")


def open_socket(gateway, session, notebooks):
    """A WebSocket to the notebook, as far as the notebook goes: it says `open`, and stays."""
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
    lines = [f"GET {notebooks}stay HTTP/1.1", f"Host: 127.0.0.1:{gateway.port}", f"Origin: {gateway.url}", f"Cookie: {cookie}",
             "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    came = b""
    while not came.endswith(b"open"):
        piece = connection.recv(4096)
        assert piece, came
        came += piece
    assert came.startswith(b"HTTP/1.1 101 "), came
    return connection


def test_a_stop_says_goodbye_to_websockets_and_waits_for_no_idle_connection(world, notebooks, tmp_path):
    with start(world, tmp_path) as gateway:
        session = sign_in(gateway)  # its connection stays open
        opened = open_socket(gateway, session, notebooks)
        gateway.process.send_signal(signal.SIGTERM)
        came = b""
        while piece := opened.recv(4096):
            came += piece
        assert came == b"\x88\x02\x03\xe9", "closed, since the server goes away"
        assert gateway.process.wait(30) == 0, gateway.log()


def test_a_stop_ends_what_has_no_end_as_if_there_was_no_more(world, notebooks, tmp_path):
    """Not cut off, after a while, as answers that are not whole: the last chunk comes."""
    with start(world, tmp_path) as gateway:
        session = sign_in(gateway)
        paths = (f"/api/stream?ns={TENANT}", f"/api/k8s/api/v1/namespaces/{TENANT}/pods?watch=1", f"/api/logs/{TENANT}/echo-0/echo?follow=1")
        opened = []
        for path in paths:
            connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
            connection.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nCookie: {wire.cookies(session)}\r\n\r\n").encode())
            came = b""
            while b"\r\n\r\n" not in came:
                came += connection.recv(65536)
            assert came.startswith(b"HTTP/1.1 200 ") and b"transfer-encoding: chunked" in came.lower(), came
            opened.append((path, connection, came))
        gateway.process.send_signal(signal.SIGTERM)
        for path, connection, came in opened:
            while piece := connection.recv(65536):
                came += piece
            assert came.endswith(b"0\r\n\r\n"), (path, came)
        assert gateway.process.wait(30) == 0, gateway.log()


def test_one_address_cannot_take_all_connections(world, tmp_path):
    def idle(gateway):
        return socket.create_connection(("127.0.0.1", gateway.port), timeout=60)

    with start(world, tmp_path, "--address-connections", "3") as gateway:
        kept = []

        def refusal():
            kept.append(idle(gateway))  # some of the start may not be gone yet
            kept[-1].settimeout(0.2)
            try:
                return kept[-1].recv(4096)
            except TimeoutError:
                return None

        answer = eventually(refusal, what="the end of its share")
        assert answer.startswith(b"HTTP/1.1 503 ") and b"connections from your address" in answer and len(kept) <= 4
        for one in kept:
            one.close()
        eventually(lambda: served(gateway), what="the next connection")
        assert re.search(r"^gateway_connections_refused_total [1-9]", gateway.get("/metrics").text, re.M)
    flags = ["--address-connections", "1", "--trusted-proxies", "127.0.0.1/32"]
    with Gateway(world.platform, tmp_path / "behind", *flags) as gateway:
        kept = [idle(gateway) for _ in range(5)]
        assert gateway.get("/readyz").status_code == 200, "many people are behind a proxy"
        for one in kept:
            one.close()


def served(gateway):
    try:
        return gateway.get("/readyz").status_code == 200
    except requests.ConnectionError:
        return False


def test_a_notebook_that_never_answers_is_given_up(world, made, tmp_path):
    made({"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "silent", "namespace": TENANT},
          "spec": {"template": {"spec": {"terminationGracePeriodSeconds": 0, "containers": [{
              "name": "silent", "image": "python:3.11", "command": ["python3", "-uc", SILENT],
              "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1}}]}}}})
    world.platform.kubectl("wait", "--for=create", "pod/silent-0", "-n", TENANT, "--timeout=120s")
    world.platform.wait("--for=condition=Ready", "pod/silent-0", "-n", TENANT)
    with start(world, tmp_path, "--response-timeout", "1") as gateway:
        session = sign_in(gateway)
        url = f"{gateway.url}/notebook/{TENANT}/silent/lab"

        def given_up(**headers):
            answer = session.get(url, headers=headers, timeout=60)
            return [answer] if answer.status_code == 504 else None  # until then it says that it is starting

        [answer] = eventually(given_up, what="the end of waiting")
        assert answer.json()["kind"] == "Status" and "silent" in answer.json()["message"], answer.text
