"""Sticky clients, backends that go, ports of the host, and names."""

import socket
import urllib.request

from support.pods import pod, run, wait_phase

WHO = """
import http.server, os, socket, threading
class Name(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["HOSTNAME"].encode())
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 5000))
def answer():
    while True:
        data, peer = server.recvfrom(2048)
        server.sendto(os.environ["HOSTNAME"].encode(), peer)
threading.Thread(target=answer).start()
http.server.ThreadingHTTPServer(("0.0.0.0", 5000), Name).serve_forever()
"""
READY = {"readinessProbe": {"tcpSocket": {"port": 5000}, "periodSeconds": 1}}


def server(name, namespace, ports=None, **spec):
    manifest = pod(name, namespace, WHO, "python:3.11",
                   container={**READY, **({"ports": ports} if ports else {})},
                   **{"terminationGracePeriodSeconds": 0, **spec})
    manifest["metadata"]["labels"] = {"role": "server"}
    return manifest


def service(name, namespace, **spec):
    ports = [{"name": "web", "port": 80, "targetPort": 5000}, {"name": "udp", "port": 53, "protocol": "UDP", "targetPort": 5000}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"role": "server"}, "ports": ports, **spec}}


def both(platform, namespace, **spec):
    platform.apply(service("who", namespace, **spec))
    for name in ("one", "two"):
        platform.apply(server(name, namespace))
    platform.wait("--for=condition=Ready", "pod/one", "pod/two", "-n", namespace)
    platform.wait("--for=jsonpath={.subsets[0].addresses[1]}", "endpoints/who", "-n", namespace)


def test_a_client_keeps_its_backend(platform, namespace):
    both(platform, namespace, sessionAffinity="ClientIP")
    script = """
import urllib.request
names = [urllib.request.urlopen("http://who", timeout=60).read().decode() for n in range(30)]
print(*sorted(set(names)))
"""
    assert run(platform, pod("client", namespace, script, "python:3.11")).strip() in ("one", "two")


def test_a_conversation_moves_when_its_backend_goes(platform, namespace):
    """The client keeps its port; what the kernel remembers of it must not send it to an address that is gone."""
    both(platform, namespace)
    script = """
import socket
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(0.5)
client.connect(("who", 53))
first = None
while True:
    client.send(b"who")
    try:
        name = client.recv(100).decode()
    except OSError:
        continue
    if first is None:
        first = name
        print("first", first, flush=True)
    elif name != first:
        print("moved", flush=True)
        break
"""
    platform.apply(pod("client", namespace, script, "python:3.11"))
    platform.wait("--for=condition=Ready", "pod/client", "-n", namespace)
    log = platform.kubectl("logs", "client", "-n", namespace, "--follow", "--limit-bytes=9", timeout=60).stdout
    platform.kubectl("delete", "pod", log.split()[1], "-n", namespace)
    wait_phase(platform, "client", namespace, timeout=60)


def free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def test_a_port_of_the_host(platform, namespace):
    port = free_port()
    ports = [{"containerPort": 5000, "hostPort": port}]
    platform.apply(server("open", namespace, ports, terminationGracePeriodSeconds=1))
    platform.wait("--for=condition=Ready", "pod/open", "-n", namespace)
    host = platform.get("pod", "open", "-n", namespace)["status"]["hostIP"]
    # The bridge is not the machine's where the platform is an ordinary user's.
    for address in ("127.0.0.1",) if platform.account else (host, "127.0.0.1"):
        assert urllib.request.urlopen(f"http://{address}:{port}", timeout=30).read() == b"open"
    script = f"import urllib.request; print(urllib.request.urlopen('http://{host}:{port}', timeout=30).read().decode())"
    assert run(platform, pod("client", namespace, script, "python:3.11")) == "open\n"
    platform.kubectl("delete", "pod", "open", "-n", namespace)
    with socket.socket() as client:
        client.settimeout(5)
        assert client.connect_ex((address, port)) != 0


def test_a_port_that_a_program_of_the_host_has(platform, namespace):
    """A Pod does not get between a program of the host and its clients, and not to the host's loopback device either."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        platform.apply(server("late", namespace, [{"containerPort": 5000, "hostPort": port}]))
        wait_phase(platform, "late", namespace, "Failed")
        status = platform.get("pod", "late", "-n", namespace)["status"]
        assert status["reason"] == "NodePorts" and "didn't have free ports" in status["message"]
        # Frames to the host's loopback address, sent out on purpose.
        script = f"""
import os, socket, struct, subprocess
subprocess.run(["ip", "route", "replace", "127.0.0.0/8", "dev", "eth0"], capture_output=True)
client = socket.socket()
client.settimeout(2)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0") if os.getuid() == 0 else None
try:
    print(client.connect_ex(("127.0.0.1", {port})) == 0)
except OSError:
    print(False)
"""
        for user in (1000, 0):
            assert run(platform, pod(f"knocks-{user}", namespace, script, "python:3.11", securityContext={"runAsUser": user})
                       ) == "False\n"


def test_names(platform, namespace):
    platform.apply(service("set", namespace, clusterIP="None"))
    platform.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "away", "namespace": namespace},
                    "spec": {"type": "ExternalName", "externalName": f"set.{namespace}.svc.cluster.local"}})
    platform.apply(server("zero", namespace, hostname="member", subdomain="set"))
    platform.wait("--for=condition=Ready", "pod/zero", "-n", namespace)
    platform.wait("--for=jsonpath={.subsets[0].addresses}", "endpoints/set", "-n", namespace)
    address = platform.get("pod", "zero", "-n", namespace)["status"]["podIP"]
    script = """
import socket
for name in ("set", "member.set", "away", "alias.example", "set.@NS@", "set.@NS@.svc"):
    print(name, socket.gethostbyname(name))
print([line.split(None, 1) for line in open("/etc/resolv.conf").read().splitlines()])
""".replace("@NS@", namespace)
    lines = run(platform, pod("asking", namespace, script, "python:3.11", hostAliases=[
        {"ip": "192.0.2.7", "hostnames": ["alias.example"]}], dnsConfig={
        "searches": ["extra.example"], "options": [{"name": "ndots", "value": "3"}, {"name": "edns0"}]})).splitlines()
    assert {line.split()[1] for line in lines[:-1] if not line.startswith("alias")} == {address}
    assert lines[3] == "alias.example 192.0.2.7"
    words = dict(eval(lines[-1]))
    assert words["search"].startswith(f"{namespace}.svc.cluster.local svc.cluster.local cluster.local")
    assert words["search"].endswith("extra.example") and words["options"] == "ndots:3 edns0"
    plain = run(platform, pod("plain", namespace, "cat /etc/resolv.conf", dnsPolicy="None", dnsConfig={
        "nameservers": ["192.0.2.1"], "searches": ["only.example"]}))
    assert plain == "nameserver 192.0.2.1\nsearch only.example\n"
