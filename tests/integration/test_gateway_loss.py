"""kill -9 of the gateway during 100 notebook sessions: nobody is signed out, and what ran goes on."""

import json
import socket
import urllib.parse
import uuid

import websocket

from support import people, wire
from support.platform import notebook
from support.tenants import binding, echo

# A server with something to lose: each `kernel` counts the lines that it got, over all of its connections.
KERNELS = r"""
import http.server, threading
counts, lock = {}, threading.Lock()
class Kernels(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if "upgrade" not in self.headers:
            self.send_response(204)
            self.end_headers()
            return
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while self.rfile.readline():
            with lock:
                counts[self.path] = counts.get(self.path, 0) + 1
            self.wfile.write(b"%d\n" % counts[self.path])
        self.close_connection = True
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 200
Server(("0.0.0.0", 8888), Kernels).serve_forever()
"""
PEOPLE, EACH = 4, 25
REAL = "real"


class Kernel:
    """A kernel of JupyterLab's, by its WebSocket, as the page speaks to it."""

    def __init__(self, platform, ns, session, kernel):
        address = urllib.parse.urlsplit(platform.gateway)
        self.socket = websocket.create_connection(
            f"ws://{address.netloc}/notebook/{ns}/{REAL}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}",
            cookie=wire.cookies(session), origin=platform.gateway, timeout=120)

    def run(self, code):
        """What some code writes."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex, "date": "", "version": "5.3"}
        self.socket.send(json.dumps({
            "header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [],
            "content": {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}}))
        text = ""
        while True:
            message = json.loads(self.socket.recv())
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if message["msg_type"] == "stream":
                text += message["content"]["text"]
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return text

    def is_cut(self):
        """Reads to the end."""
        try:
            while self.socket.recv():
                pass
        except (websocket.WebSocketException, OSError):
            pass
        self.socket.close()


def begin_kernel(platform, ns, session):
    """Starts a kernel by the notebook's API, with the token that Jupyter wants to see twice."""
    url = f"{platform.gateway}/notebook/{ns}/{REAL}"
    answer = session.get(f"{url}/tree", timeout=60)
    token = next(cookie.value for cookie in session.cookies if cookie.name == "_xsrf")
    answer = session.post(f"{url}/api/kernels", json={"name": "python3"}, timeout=120, headers={"X-XSRFToken": token, "Origin": platform.gateway})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def connect(platform, ns, number, session):
    """A socket to a kernel, as the notebook's page opens it."""
    address = urllib.parse.urlsplit(platform.gateway)
    connection = socket.create_connection((address.hostname, address.port), timeout=60)
    connection.sendall((f"GET /notebook/{ns}/lab/kernels/{number} HTTP/1.1\r\nHost: {address.netloc}\r\nOrigin: {platform.gateway}\r\n"
                        f"Cookie: {wire.cookies(session)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").encode())
    stream = connection.makefile("rwb")
    assert b" 101 " in stream.readline()
    while stream.readline().strip():
        pass
    return connection, stream


def ask(stream):
    stream.write(b"next\n")
    stream.flush()
    return int(stream.readline())


def test_sessions_and_kernels_outlive_a_kill_of_the_gateway(own_platform):
    platform = own_platform.start()
    ns = platform.user_namespace
    platform.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=60s")
    lab = echo("lab", ns)
    lab["spec"]["template"]["spec"]["containers"][0]["command"] = ["python3", "-uc", KERNELS]
    platform.apply(lab)
    platform.apply(notebook(REAL, ns))
    owner = platform.session()
    users = [f"person-{number}@example.com" for number in range(PEOPLE)]
    for user in users:
        people.add(platform, user)
        answer = owner.post(f"{platform.gateway}/kfam/v1/bindings", json=binding(user, "edit", ns), timeout=30)
        assert answer.status_code == 200, answer.text
    platform.kubectl("wait", "--for=create", "pod/lab-0", "-n", ns, "--timeout=120s")
    platform.wait("--for=condition=Ready", "pod/lab-0", "-n", ns, timeout=300)
    platform.wait_for_http(f"{platform.gateway}/notebook/{ns}/lab/", owner, 204)
    pod = platform.get("pod", "lab-0", "-n", ns)

    signed_in = [(user, people.sign_in(platform, user)) for user in users for _ in range(EACH)]
    open_ = [connect(platform, ns, number, session) for number, (_, session) in enumerate(signed_in)]
    assert [ask(stream) for _, stream in open_] == [1] * len(signed_in)
    platform.wait("--for=condition=Ready", f"pod/{REAL}-0", "-n", ns, timeout=400)
    platform.wait_for_http(f"{platform.gateway}/notebook/{ns}/{REAL}/api", owner)
    real = begin_kernel(platform, ns, owner)
    kernel = Kernel(platform, ns, owner, real)
    assert kernel.run("import os; known = 6 * 7; print(os.getpid())") == kernel.run("print(os.getpid())")
    process = kernel.run("print(os.getpid())")

    platform.kill()
    assert {stream.readline() for _, stream in open_} == {b""}, "their connections ended with it"
    for connection, _ in open_:
        connection.close()
    kernel.is_cut()
    platform.start()

    for user, session in signed_in:
        assert session.get(f"{platform.gateway}/api/me", timeout=30).json()["user"] == user
    now = platform.get("pod", "lab-0", "-n", ns)
    assert now["metadata"]["uid"] == pod["metadata"]["uid"]
    assert now["status"]["containerStatuses"][0]["restartCount"] == 0
    platform.wait_for_http(f"{platform.gateway}/notebook/{ns}/lab/", owner, 204)
    again = [connect(platform, ns, number, session) for number, (_, session) in enumerate(signed_in)]
    assert [ask(stream) for _, stream in again] == [2] * len(signed_in), "each kernel knows what it knew"
    platform.wait_for_http(f"{platform.gateway}/notebook/{ns}/{REAL}/api", owner)
    kernel = Kernel(platform, ns, owner, real)
    assert kernel.run("print(known, os.getpid())") == f"42 {process}", "the same one, by the cookies from before"
    kernel.socket.close()
    for connection, _ in again:
        connection.close()
