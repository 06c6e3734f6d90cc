"""What machines are like on which ordinary users start platforms: without a program, without a network, with others."""

import http.server
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import urllib.request

import pytest

from support import images
from support.pods import pod, run, wait_event, wait_phase
from support.registry import Registry
from support.rootless import Account, Cable, RootlessPlatform
from support.waiting import eventually


@pytest.fixture
def another(account):
    """A platform of the user's beside the one of most tests, not started."""
    platform = RootlessPlatform(account)
    platform.data = account.home / "another"
    yield platform
    platform.destroy()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.word)

    def log_message(self, *_):
        pass


class Web:
    """A program of the machine that listens."""

    def __init__(self, address, word=b"here"):
        self.server = http.server.ThreadingHTTPServer((address, 0), Page)
        self.server.word = word
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Names(socketserver.BaseRequestHandler):
    """Says of every name that it is at 192.0.2.53."""

    def handle(self):
        data, sock = self.request
        question = data[12:data.index(b"\0", 12) + 5]
        is_ipv4 = question[-4:-2] == b"\0\1"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2\x35" if is_ipv4 else b""
        sock.sendto(data[:2] + b"\x81\x80\0\1\0" + bytes([is_ipv4]) + b"\0\0\0\0" + question + answer, self.client_address)


def asking(name, *lines):
    """A Pod that runs lines of Python without an environment, which would have to be built."""
    return pod(name, "default", "", container={"command": ["python3", "-uc", "\n".join(lines)]})


def fetch(url):
    return f"""
import urllib.request
try:
    print(urllib.request.urlopen({url!r}, timeout=20).read().decode())
except OSError as error:
    print(type(getattr(error, "reason", error)).__name__)
"""


def ways_out(platform, program):
    """The processes that lead out of the platform's network."""
    place = f"{platform.data}/namespaces/way-out.pid"
    return [process for process, line in platform.account.processes() if program in line.partition(" ")[0] and place in line]


def machines_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return probe.getsockname()[0]


@pytest.mark.parametrize("program", ["pasta", "slirp4netns"])
def test_ways_out(another, tmp_path, program):
    """Pods reach the machine's addresses as if they were processes of it, but not its loopback; names are asked there."""
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.77.0.53\n")
    another.instead = {"/etc/resolv.conf": resolver}
    if program == "slirp4netns":
        another.instead[shutil.which("pasta")] = "/dev/null"
    names = socketserver.ThreadingUDPServer(("127.77.0.53", 53), Names)
    threading.Thread(target=names.serve_forever, daemon=True).start()
    address = machines_address()
    with Web("0.0.0.0") as web, Registry() as registry:
        try:
            another.start()
            another.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
            assert ways_out(another, program)
            ask = [fetch(f"http://{at}/") for at in (
                f"{address}:{web.port}", f"{address}:1", f"169.254.1.2:{web.port}", f"127.0.0.1:{web.port}")]
            name = "import socket; print(socket.gethostbyname('some.example'))"
            assert run(another, asking("asks", *ask, name)).split() == [
                "here", "ConnectionRefusedError", "OSError", "ConnectionRefusedError", "192.0.2.53"]
            # The platform itself reaches what listens on the machine's loopback.
            image = registry.push("team/small:1", images.Image(images.shell(), Entrypoint=["/bin/echo", "pulled"]))
            small = pod("small", "default", "", image)
            del small["spec"]["containers"][0]["command"]
            assert run(another, small) == "pulled\n"
            findings = json.loads(another.cli("doctor", "--output", "json", "--data-dir", str(another.data)).stdout)
            assert {finding["subject"]: finding["level"] for finding in findings}[program] == "good"
            if program == "slirp4netns":  # other tests kill the other one
                way_out, = ways_out(another, program)
                os.kill(way_out, signal.SIGKILL)
                assert another.process.wait(60) != 0
                another.start()
                assert len(ways_out(another, program)) == 1
        finally:
            names.shutdown()
            names.server_close()
    # It ends with a killed platform's Pods, and with a start that comes to nothing.
    another.kill()
    another.cli("down", "--data-dir", str(another.data))
    assert ways_out(another, program) == []
    failed = subprocess.run(another.command(
        "--oidc-issuer", "https://id.example.com", "--oidc-client-id", "a", "--oidc-client-secret-file", "/nowhere"),
        capture_output=True, text=True, timeout=60)
    assert failed.returncode != 0 and "/nowhere" in failed.stderr and ways_out(another, program) == []


def test_a_machine_without_a_network_and_one_that_gets_it_later(another):
    with Cable() as cable, Web("0.0.0.0") as web:
        another.network = cable.name
        another.start()
        another.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
        assert run(another, pod("inside", "default", "getent ahostsv4 kubernetes.default | wc -l")) == "3\n"
        another.apply(asking("asks", f"""
import time, urllib.request
while True:
    try:
        urllib.request.urlopen("http://{cable.here}:{web.port}/", timeout=2)
        break
    except OSError:
        time.sleep(0.1)
"""))
        another.wait("--for=condition=Ready", "pod/asks")
        cable.plug_in()
        wait_phase(another, "asks", "default")
        another.stop()
    another.network = None


def without_numbers(account, folder):
    file = folder / "subuid"
    file.write_text("".join(line + "\n" for line in open("/etc/subuid").read().splitlines() if not line.startswith(account.name)))
    file.chmod(0o644)
    return {"/etc/subuid": file}


@pytest.mark.parametrize("what, words", [
    ("newuidmap", "apt-get install uidmap"),
    ("pasta slirp4netns", "apt-get install passt"),
    ("numbers", "usermod --add-subuids"),
])
def test_what_is_missing_is_said(account, another, tmp_path, what, words):
    """Without it there are no Pods, but all else."""
    another.instead = without_numbers(account, tmp_path) if what == "numbers" else {
        shutil.which(name): "/dev/null" for name in what.split()}
    output = []
    read = another._read_until
    another._read_until = lambda *given: output.append(read(*given)) or output[-1]
    another.start()
    assert "No Pods run" in output[-1] and words in output[-1]
    assert another.get("nodes")["items"] == []
    done = another.cli("doctor", "--data-dir", str(another.data), check=False)
    assert words in done.stdout
    another.stop()


def test_two_users_side_by_side(rootless):
    other = Account()
    platform = RootlessPlatform(other)
    try:
        platform.start()
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
        serve = "import http.server\nhttp.server.test(http.server.SimpleHTTPRequestHandler, port=8000, bind='0.0.0.0')"
        port = free_port()
        server = pod("mine", "default", serve, "python:3.11", terminationGracePeriodSeconds=0, container={
            "ports": [{"containerPort": 8000, "hostPort": port}],
            "readinessProbe": {"httpGet": {"port": 8000}, "periodSeconds": 1}})
        rootless.apply(server)
        rootless.wait("--for=condition=Ready", "pod/mine", "-n", "default")
        # The machine has a port once only, and the addresses of others' Pods lead nowhere.
        platform.apply({**server, "metadata": {"name": "late", "namespace": "default"}})
        wait_phase(platform, "late", "default", "Failed")
        assert platform.get("pod", "late", "-n", "default")["status"]["reason"] == "NodePorts"
        address = rootless.get("pod", "mine", "-n", "default")["status"]["podIP"]
        script = fetch(f"http://{address}:8000/")
        assert len(run(platform, pod("asks", "default", script, "python:3.11")).split()) == 1, "an error, and no page"
        look = [*other.command("sh", "-c", f"ls {rootless.data}/pods {rootless.data}/volumes; cat {rootless.data}/kubeconfig")]
        assert subprocess.run(look, capture_output=True, text=True, timeout=60).stdout == ""
        assert {other.owns(rootless.account.first), rootless.account.owns(other.first)} == {False}
        platform.cli("down", "--data-dir", str(platform.data))
        assert platform.process.wait(30) == 0
        eventually(lambda: not other.processes(), what="the end of the other's processes")
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30).status == 200
        rootless.kubectl("delete", "pod", "mine", "-n", "default")
    finally:
        platform.destroy()
        other.remove()


def free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def ports_helper(account):
    return next(process for process, _ in account.processes()
                if open(f"/proc/{process}/comm").read().strip() == "martlet-ports")


def test_ports_of_one_address_of_the_machine(rootless):
    """Of the machine's addresses each can have its ports; the bridge's is known inside only."""
    port, address = free_port(), machines_address()

    def page(name, *ports):
        serve = f"""
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{name}")
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Page).serve_forever()
"""
        return pod(name, "default", serve, "python:3.11", terminationGracePeriodSeconds=1, container={
            "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1},
            "ports": [{"containerPort": 8000, "hostPort": port, **more} for more in ports]})

    def read(at):
        return urllib.request.urlopen(f"http://{at}:{port}/", timeout=30).read().decode()

    rootless.apply(page("near", {"hostIP": "127.0.0.1"}))
    rootless.apply(page("far", {"hostIP": address}))
    rootless.wait("--for=condition=Ready", "pod/near", "pod/far", "-n", "default")
    bridge = rootless.get("pod", "far", "-n", "default")["status"]["hostIP"]
    rootless.apply(page("inside", {"hostIP": bridge}))
    rootless.wait("--for=condition=Ready", "pod/inside", "-n", "default")
    assert (read("127.0.0.1"), read(address)) == ("near", "far")
    with pytest.raises(OSError):
        read("127.0.0.2")
    script = "".join(fetch(f"http://{at}:{port}/") for at in (bridge, address))
    assert run(rootless, pod("asks", "default", script, "python:3.11")).split() == ["inside", "far"]
    with Cable() as cable:  # comes after the ports, which are not at its address
        cable.plug_in()
        assert cable.run("curl", "-s", "-m", "20", f"http://{address}:{port}/") == "far"
        assert cable.run("curl", "-s", "-m", "20", f"http://{cable.here}:{port}/") == ""
    rootless.kubectl("delete", "pod", "near", "far", "inside", "-n", "default")
    # All addresses, and one that leads elsewhere.
    rootless.apply(page("split", {}, {"containerPort": 8001, "hostIP": "127.0.0.1"}))
    assert "give each of them a hostIP" in wait_event(rootless, "split", "default", "FailedCreatePodSandBox")
    rootless.kubectl("delete", "pod", "split", "-n", "default", "--now")
    rootless.apply(page("lost", {"hostIP": "192.0.2.9"}))
    assert "does not have the address 192.0.2.9" in wait_event(rootless, "lost", "default", "FailedCreatePodSandBox")
    rootless.kubectl("delete", "pod", "lost", "-n", "default", "--now")


def test_node_ports_of_the_machine(rootless):
    """They lead from all its addresses to a Service; others' machines come in where policies let them."""
    serve = "import http.server\nhttp.server.test(http.server.SimpleHTTPRequestHandler, port=8000, bind='0.0.0.0')"
    rootless.apply(pod("behind", "default", serve, "python:3.11", terminationGracePeriodSeconds=0, container={
        "readinessProbe": {"httpGet": {"port": 8000}, "periodSeconds": 1}}))
    rootless.wait("--for=condition=Ready", "pod/behind", "-n", "default")
    rootless.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "behind", "namespace": "default"},
                    "spec": {"type": "NodePort", "selector": {"app": "behind"}, "ports": [{"port": 80, "targetPort": 8000}]}})
    port = rootless.get("service", "behind", "-n", "default")["spec"]["ports"][0]["nodePort"]

    def is_open(address):
        with socket.socket() as client:
            return client.connect_ex((address, port)) == 0

    eventually(lambda: is_open("127.0.0.1"), what="the port")
    with Cable() as cable:
        cable.plug_in()
        ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "20", f"http://{cable.here}:{port}/"]
        assert cable.run(*ask) == "200"
        rule = {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
        rootless.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "few", "namespace": "default"},
                        "spec": {"podSelector": {"matchLabels": {"app": "behind"}}, "ingress": [rule]}})
        eventually(lambda: cable.run(*ask) == "000", what="the policy")
        for address in ("127.0.0.1", machines_address()):
            assert urllib.request.urlopen(f"http://{address}:{port}/", timeout=30).status == 200, "this machine always comes in"
        rootless.kubectl("delete", "networkpolicy", "few", "-n", "default")
    rootless.kubectl("delete", "service", "behind", "-n", "default")
    eventually(lambda: not is_open("127.0.0.1"), what="the end of the Service")
    rootless.kubectl("delete", "pod", "behind", "-n", "default", "--now")


def test_ports_of_the_machine(rootless):
    """They lead from all its addresses; others' machines come in where policies let them."""
    port, late = free_port(), free_port()
    serve = """
import http.server, socket, threading
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 8000))
def echo():
    while True:
        data, peer = udp.recvfrom(2048)
        udp.sendto(data.upper(), peer)
threading.Thread(target=echo, daemon=True).start()
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Page).serve_forever()
"""
    ready = {"readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1}}
    rootless.apply(pod("open", "default", serve, "python:3.11", terminationGracePeriodSeconds=0, container={
        **ready, "ports": [{"containerPort": 8000, "hostPort": port},
                           {"containerPort": 8000, "hostPort": port, "protocol": "UDP"}]}))
    rootless.wait("--for=condition=Ready", "pod/open", "-n", "default")
    for address in ("127.0.0.1", machines_address()):
        assert urllib.request.urlopen(f"http://{address}:{port}/", timeout=30).read() == b"served"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            client.sendto(b"hello", (address, port))
            assert client.recv(100) == b"HELLO"
    with Cable() as cable:
        cable.plug_in()
        ask = ["curl", "-s", "-m", "20", f"http://{cable.here}:{port}/"]
        assert cable.run(*ask) == "served"
        rule = {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "few", "namespace": "default"},
                  "spec": {"podSelector": {"matchLabels": {"app": "open"}}, "ingress": [rule]}}
        rootless.apply(policy)
        eventually(lambda: cable.run(*ask) == "", what="the policy")
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30).read() == b"served", "this machine always comes in"
        rule["from"][0]["ipBlock"]["cidr"] = f"{cable.there}/32"
        rootless.apply(policy)
        eventually(lambda: cable.run(*ask) == "served", what="the other policy")
        rootless.kubectl("delete", "networkpolicy", "few", "-n", "default")
    rootless.apply(pod("low", "default", "true", container={"ports": [{"containerPort": 80, "hostPort": 80}]}))
    assert "ip_unprivileged_port_start" in wait_event(rootless, "low", "default", "FailedCreatePodSandBox")
    rootless.kubectl("delete", "pod", "open", "low", "-n", "default", "--now")
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
    os.kill(ports_helper(rootless.account), signal.SIGKILL)
    rootless.apply(pod("late", "default", "true", container={"ports": [{"containerPort": 80, "hostPort": late}]}))
    assert "start the platform again" in wait_event(rootless, "late", "default", "FailedCreatePodSandBox")
    rootless.kubectl("delete", "pod", "late", "-n", "default", "--now")
    rootless.stop()  # the next tests want another
