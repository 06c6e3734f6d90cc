"""The way to a notebook through the gateway, beside nginx as plain reverse proxy to the same server."""

import contextlib
import os
import pathlib
import re
import resource
import select
import socket
import subprocess
import sys
import time

import requests
from load import rate, wrk
from report import ROOT, row
from server import Server
from yardsticks import available, free_port, running

sys.path.insert(0, str(ROOT / "tests"))

NAMESPACE, USER = "bench", "bench@example.com"
CONNECTIONS, SOCKETS, GIB = 32, 1000, 1 << 30
BINARIES = ROOT / ".build" / os.environ.get("MARTLET_TEST_BUILD", "release")


def proxying(folder):
    if not available("nginx"):
        return print("proxying: nginx is not installed: skipped")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    folder.chmod(0o755)
    address = own_address()
    with contextlib.ExitStack() as stack:
        plain, static, special = (free_port() for _ in range(3))
        stack.enter_context(nginx(folder, address, plain, static, special))
        stack.enter_context(running([sys.executable, str(pathlib.Path(__file__).with_name("origin.py")), address, str(special)],
                                    special, address))
        cluster = stack.enter_context(Server(folder / "cluster"))
        objects(cluster, address, {"static": static, "special": special})
        gateway = stack.enter_context(Gateway(cluster, folder / "gateway"))
        peer = Target("127.0.0.1", plain, {"static": "/static/", "special": "/special/"}, None)
        own = Target("127.0.0.1", gateway.port, {name: f"/notebook/{NAMESPACE}/{name}/" for name in ("static", "special")},
                     gateway.cookie())
        requests_per_second(own, peer)
        for what, measure in (("Download", download), ("Upload", upload)):
            times = [(measure(own, gateway), measure(peer, gateway)) for _ in range(3)]
            ours, theirs = min(one for one, _ in times), min(one for _, one in times)
            row(f"{what} of 1 GiB through the gateway", f"{1024 / ours:.0f} MiB/s, {theirs / ours:.2f} of nginx'", "0.9 of nginx'",
                f"nginx: {1024 / theirs:.0f} MiB/s; at most {gateway.grown:.0f} MiB more memory in the gateway")
        before = gateway.memory()
        with open_sockets(own):
            row(f"{SOCKETS} idle WebSockets to a notebook", f"{gateway.memory() - before:.0f} MiB more", "40 MiB")


def requests_per_second(own, peer):
    for target in (own, peer):  # connections, caches, pages of memory
        target.wrk(1)
    results = [(own.wrk(5), peer.wrk(5)) for _ in range(3)]
    for one in (result for pair in results for result in pair):
        assert not one["errors"], one
    ours, theirs = (sorted(runs, key=lambda run: run["rate"])[1] for runs in zip(*results))
    row(f"A notebook's file of 1 KB through the gateway, {CONNECTIONS} connections", rate(ours), "0.8 of nginx', p99 at most 1.5 of its",
        f"nginx as plain proxy: {rate(theirs)}, so {ours['rate'] / theirs['rate']:.2f} and {ours['p99'] / theirs['p99']:.2f}")


class Target:
    """A proxy under test."""

    def __init__(self, host, port, prefixes, cookie):
        self.host, self.port, self.prefixes = host, port, prefixes
        self.lines = [f"Cookie: {cookie}"] if cookie else []

    def wrk(self, seconds):
        return wrk("proxy.lua", f"http://{self.host}:{self.port}{self.prefixes['static']}object.json", *self.lines,
                   connections=CONNECTIONS, seconds=seconds)

    def send(self, request, path, *lines):
        """A connection on which a request's head was sent."""
        connection = socket.create_connection((self.host, self.port), timeout=60)
        head = [f"{request} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", *self.lines, *lines, "", ""]
        connection.sendall("\r\n".join(head).encode())
        return connection


def download(target, gateway):
    """Seconds that 1 GiB takes."""
    gateway.forget_peak()
    began = time.perf_counter()
    with target.send("GET", target.prefixes["static"] + "gib", "Connection: close") as connection:
        buffer, count = bytearray(1 << 20), 0
        while received := connection.recv_into(buffer):
            count += received
    elapsed = time.perf_counter() - began
    assert count > GIB, f"{count} bytes came of {GIB}: {bytes(buffer[:200])}"
    gateway.note_peak()
    return elapsed


def upload(target, gateway):
    gateway.forget_peak()
    chunk = bytes(1 << 20)
    began = time.perf_counter()
    with target.send("PUT", target.prefixes["special"] + "up", f"Content-Length: {GIB}") as connection:
        for _ in range(GIB >> 20):
            connection.sendall(chunk)
        answer = b""
        while str(GIB).encode() not in answer.partition(b"\r\n\r\n")[2]:
            piece = connection.recv(65536)
            assert piece, answer
            answer += piece
    elapsed = time.perf_counter() - began
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    gateway.note_peak()
    return elapsed


@contextlib.contextmanager
def open_sockets(target):
    """As many WebSockets, all of them open."""
    lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
    opened = []
    try:
        for _ in range(SOCKETS):
            opened.append(target.send("GET", target.prefixes["special"] + "ws", *lines))
            answer = opened[-1].recv(4096)
            assert answer.startswith(b"HTTP/1.1 101 "), answer
        yield
    finally:
        for connection in opened:
            connection.close()


class Gateway:
    """The release build, in front of a control plane."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.grown = 0

    def __enter__(self):
        self.process = subprocess.Popen(
            [BINARIES / "gateway", "--port", "0", "--kubeconfig", self.cluster.kubeconfig, "--state-dir", self.folder,
             "--spawner-config", ROOT / "deploy/base/gateway/spawner_ui_config.yaml", "--sign-in-user", USER,
             "--user-requests", "0", "--user-rate", "0"],  # nginx has no limits, either
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        self.sign_in = re.search(r"http://\S+:(\d+)/login\?token=\S+", line)
        assert self.sign_in, "the gateway does not start"
        self.port = int(self.sign_in.group(1))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def cookie(self):
        """Signs in, and waits until the notebooks can be reached."""
        session = requests.Session()
        session.get(self.sign_in.group(), allow_redirects=False, timeout=30).raise_for_status()
        address = f"http://127.0.0.1:{self.port}/notebook/{NAMESPACE}/"
        deadline = time.monotonic() + 30
        while any(session.get(f"{address}{name}/{file}", timeout=10).status_code != 200
                  for name, file in (("static", "object.json"), ("special", ""))):
            assert time.monotonic() < deadline, "the notebooks cannot be reached"
            time.sleep(0.1)
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)

    def memory(self, field="VmRSS"):
        """MiB."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {field}")

    def forget_peak(self):
        self.before = self.memory()
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def note_peak(self):
        self.grown = max(self.grown, self.memory("VmHWM") - self.before)


def objects(cluster, address, ports):
    """Notebooks, and what a node and a Service's controller would say of them."""
    cluster.kubectl("apply", "-k", str(ROOT / "deploy/crds"))
    cluster.kubectl("wait", "--for=condition=Established", "crd/notebooks.kubeflow.org", "--timeout=30s")
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("create", "rolebinding", "bench", "-n", NAMESPACE, "--clusterrole=cluster-admin", f"--user={USER}")
    cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE, "--timeout=30s")
    for name, port in ports.items():
        pod = {"containers": [{"name": name, "image": "none"}], "nodeSelector": {"no": "where"}}
        meta = {"name": name, "namespace": NAMESPACE}
        cluster.apply({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": meta, "spec": {"template": {"spec": pod}}},
            {"apiVersion": "v1", "kind": "Pod", "spec": pod,
             "metadata": {"name": f"{name}-0", "namespace": NAMESPACE, "labels": {"notebook-name": name}}},
            {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": [{
                "addresses": [{"ip": address}], "ports": [{"name": "http-notebook", "port": port}]}]}]})
        cluster.kubectl("patch", "pod", f"{name}-0", "-n", NAMESPACE, "--subresource=status", "--type=merge",
                        "-p", '{"status": {"phase": "Running", "podIP": "%s"}}' % address)


def own_address():
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent
        return probe.getsockname()[0]


def nginx(folder, address, plain, static, special):
    """One that serves files at `static`, and one that leads there, and to the server at `special`."""
    place = folder / "files"
    for part in ("notebook/bench/static", "static"):
        (place / part).mkdir(parents=True)
        (place / part / "object.json").write_text('{"data": "%s"}' % ("x" * 1010))
        with open(place / part / "gib", "wb") as file:
            file.truncate(GIB)
    common = f"""access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
        fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; client_max_body_size 0; sendfile on;"""
    through = "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_request_buffering off;"
    (folder / "nginx.conf").write_text(f"""
        daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 2; user root;
        events {{ worker_connections 4096; }}
        http {{ {common} upstream static {{ server {address}:{static}; keepalive 64; }}
          upstream special {{ server {address}:{special}; keepalive 64; }}
          server {{ listen {address}:{static}; root {place}; }}
          server {{ listen 127.0.0.1:{plain}; {through}
            location /static/ {{ proxy_pass http://static; }} location /special/ {{ proxy_pass http://special; }} }} }}""")
    return running([available("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)], plain)
