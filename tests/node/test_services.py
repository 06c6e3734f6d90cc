"""Sticky clients, backends that go, ports of the host and of the node, and names."""

import contextlib
import errno
import os
import random
import secrets
import select
import signal
import socket
import struct
import subprocess
import urllib.request

import pytest

from support.machine import Machine
from support.pods import pod, run, wait_event, wait_phase
from support.waiting import eventually

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


@contextlib.contextmanager
def another_address(is_there=True):
    """Another address of this machine, and what makes it one where that is left to the test."""
    text = f"198.18.{secrets.randbelow(250)}.{1 + secrets.randbelow(250)}"

    def change(verb, check=True):
        subprocess.run(["ip", "address", verb, f"{text}/32", "dev", "lo"], check=check, capture_output=True, timeout=30)

    try:
        if is_there:
            change("add")
        yield text if is_there else (text, lambda: change("add"))
    finally:
        change("del", check=False)


def ports_at(port, *addresses, **more):
    return [{"containerPort": 5000, "hostPort": port, "hostIP": address, "protocol": protocol, **more}
            for address in addresses for protocol in ("TCP", "UDP")]


def ask(address, port):
    """Who answers, over TCP and UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        client.sendto(b"who", (address, port))
        return urllib.request.urlopen(f"http://{address}:{port}", timeout=30).read().decode(), client.recv(100).decode()


def is_open(address, port):
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex((address, port)) == 0


def test_a_port_of_one_address_of_the_host(platform, namespace):
    """Each address has its ports; whoever wants all waits for those who have one."""
    port = free_port()
    with another_address() as other:
        platform.apply(server("near", namespace, ports_at(port, "127.0.0.1"), terminationGracePeriodSeconds=1))
        platform.apply(server("far", namespace, ports_at(port, other), terminationGracePeriodSeconds=1))
        platform.wait("--for=condition=Ready", "pod/near", "pod/far", "-n", namespace)
        assert ask("127.0.0.1", port) == ("near", "near") and ask(other, port) == ("far", "far")
        assert not is_open("127.0.0.2", port) and not is_open(platform.get("pod", "far", "-n", namespace)["status"]["hostIP"], port)
        script = f"import urllib.request; print(urllib.request.urlopen('http://{other}:{port}', timeout=30).read().decode())"
        assert run(platform, pod("client", namespace, script, "python:3.11")) == "far\n"

        platform.apply(server("all", namespace, ports_at(port, "0.0.0.0")))
        assert "didn't have free ports" in wait_event(platform, "all", namespace, "FailedScheduling")
        # The node itself looks, too, when nobody asks the scheduler.
        node = platform.get("pod", "far", "-n", namespace)["spec"]["nodeName"]
        for name, text in (("again", other), ("every", "::")):
            platform.apply(server(name, namespace, ports_at(port, text), nodeName=node))
            wait_phase(platform, name, namespace, "Failed")
            assert platform.get("pod", name, "-n", namespace)["status"]["reason"] == "NodePorts"

        platform.kubectl("delete", "pod", "near", "-n", namespace)
        assert not is_open("127.0.0.1", port) and ask(other, port) == ("far", "far")
        platform.kubectl("delete", "pod", "far", "-n", namespace)
        platform.wait("--for=condition=Ready", "pod/all", "-n", namespace)
        assert ask("127.0.0.1", port) == ask(other, port) == ("all", "all")


def test_two_addresses_of_the_host_lead_to_a_pod(platform, namespace):
    port = free_port()
    with another_address() as other:
        ports = ports_at(port, "127.0.0.1", other)
        platform.apply(server("both", namespace, ports))
        platform.wait("--for=condition=Ready", "pod/both", "-n", namespace)
        assert ask("127.0.0.1", port) == ask(other, port) == ("both", "both")
        assert not is_open("127.0.0.2", port)
        assert platform.get("pod", "both", "-n", namespace)["spec"]["containers"][0]["ports"] == ports
        # One that is among all of them already.
        ports = [*ports_at(port + 1, "127.0.0.1"), *ports_at(port + 1, "0.0.0.0")]
        platform.apply(server("more", namespace, ports))
        platform.wait("--for=condition=Ready", "pod/more", "-n", namespace)
        assert ask("127.0.0.1", port + 1) == ask(other, port + 1) == ("more", "more")


def test_a_program_at_another_address_of_the_host(platform, namespace):
    with another_address() as other, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        platform.apply(server("beside", namespace, ports_at(port, other)))
        platform.wait("--for=condition=Ready", "pod/beside", "-n", namespace)
        assert ask(other, port) == ("beside", "beside")
        with socket.create_connection(("127.0.0.1", port), timeout=30), listener.accept()[0]:
            pass
        platform.apply(server("instead", namespace, ports_at(port, "127.0.0.1")))
        wait_phase(platform, "instead", namespace, "Failed")
        assert platform.get("pod", "instead", "-n", namespace)["status"]["reason"] == "NodePorts"


def test_an_address_that_the_host_does_not_have(platform, namespace):
    """The Pod says so, and starts once the address is there."""
    port = free_port()
    platform.apply(server("never", namespace, ports_at(port, "fe80::1")))
    assert '"fe80::1" of host port' in wait_event(platform, "never", namespace, "FailedCreatePodSandBox")
    with another_address(is_there=False) as (other, add):
        platform.apply(server("early", namespace, ports_at(port, other)))
        message = wait_event(platform, "early", namespace, "FailedCreatePodSandBox")
        assert f"does not have the address {other}" in message and "set hostIP to" in message
        add()
        platform.wait("--for=condition=Ready", "pod/early", "-n", namespace)
        assert ask(other, port) == ("early", "early")
    state = platform.get("pod", "never", "-n", namespace)["status"]["containerStatuses"][0]["state"]
    assert state["waiting"]["reason"] == "ContainerCreating"


def test_ports_of_the_host_outlive_the_agent(own_platform):
    platform, port = own_platform.start(), free_port()
    platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
    with another_address() as other:
        platform.apply(server("far", "default", ports_at(port, other), terminationGracePeriodSeconds=1))
        platform.apply(server("near", "default", ports_at(port, "127.0.0.1"), terminationGracePeriodSeconds=1))
        platform.wait("--for=condition=Ready", "pod/far", "pod/near", "-n", "default")
        agent = Machine(platform).agent
        watch = os.pidfd_open(agent)
        os.kill(agent, signal.SIGKILL)
        assert select.select([watch], [], [], 60)[0]
        os.close(watch)
        # By the agent that took over.
        assert run(platform, pod("after", "default", "echo well")) == "well\n"
        eventually(lambda: is_open(other, port) and is_open("127.0.0.1", port), what="the ports")
        assert ask(other, port) == ("far", "far") and ask("127.0.0.1", port) == ("near", "near")
        assert not is_open("127.0.0.2", port)
        platform.kubectl("delete", "pod", "far", "-n", "default")
        assert not is_open(other, port) and ask("127.0.0.1", port) == ("near", "near")


def machines_address():
    """The address under which others know this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


def node_service(name, namespace, kind="NodePort", **spec):
    """A Service with one node port of TCP and UDP."""
    ports = [{"name": kind, "port": 80, "protocol": kind.upper(), "targetPort": 5000} for kind in ("tcp", "udp")]
    return service(name, namespace, type=kind, **{"ports": ports, **spec})


def node_port(platform, namespace, name="who"):
    ports = {port["nodePort"] for port in platform.get("service", name, "-n", namespace)["spec"]["ports"]}
    assert len(ports) == 1
    return ports.pop()


def refuses_datagrams(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.connect((address, port))
        try:
            client.send(b"who")
            client.recv(100)
        except ConnectionRefusedError:
            return True
        except OSError:
            pass
        return False


def is_free(port):
    with contextlib.suppress(OSError), socket.create_server(("", port)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", port))
        return True
    return False


def refuses(address, port):
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex((address, port)) == errno.ECONNREFUSED


@pytest.mark.parametrize("kind,policy", [("NodePort", "Cluster"), ("LoadBalancer", "Local")])
def test_a_port_of_the_node(platform, namespace, kind, policy):
    platform.apply(node_service("who", namespace, kind, externalTrafficPolicy=policy))
    port, addresses = node_port(platform, namespace), ("127.0.0.1", machines_address())
    for address in addresses:
        assert refuses(address, port)
        eventually(lambda: refuses_datagrams(address, port), what="the refusal")
    platform.apply(server("one", namespace))
    for address in addresses:
        eventually(lambda: not refuses(address, port), what="the port")
        eventually(lambda: not refuses_datagrams(address, port), what="the port of UDP")
        assert ask(address, port) == ("one", "one")
    host = platform.get("pod", "one", "-n", namespace)["status"]["hostIP"]
    script = "".join(f"import urllib.request; print(urllib.request.urlopen('http://{address}:{port}', timeout=30).read().decode())\n"
                     for address in (host, addresses[1]))
    assert run(platform, pod("client", namespace, script, "python:3.11")) == "one\none\n"
    platform.kubectl("delete", "pod", "one", "-n", namespace)
    eventually(lambda: refuses(addresses[0], port) and refuses_datagrams(addresses[0], port), what="the end of the only endpoint")
    platform.apply(server("two", namespace))
    eventually(lambda: not refuses(addresses[1], port), what="another endpoint")
    assert ask(addresses[1], port) == ("two", "two")
    platform.kubectl("delete", "service", "who", "-n", namespace)
    eventually(lambda: all(refuses(address, port) for address in addresses), what="the end of the Service")
    eventually(lambda: is_free(port), what="the port for programs of the host")


def test_a_client_of_a_port_of_the_node_keeps_its_backend(platform, namespace):
    both(platform, namespace, type="NodePort", sessionAffinity="ClientIP",
         ports=[{"name": "web", "port": 80, "targetPort": 5000}])
    port = node_port(platform, namespace)
    eventually(lambda: not refuses("127.0.0.1", port), what="the port")
    names = {urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=30).read().decode() for _ in range(20)}
    assert len(names) == 1
    platform.kubectl("patch", "service", "who", "-n", namespace, "-p", '{"spec": {"sessionAffinity": "None"}}')

    def both_answer():
        return len({urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=30).read() for _ in range(20)}) == 2

    eventually(both_answer, what="any backend")


def unused_node_port():
    for port in random.sample(range(30000, 32768), 100):
        with contextlib.suppress(OSError), socket.create_server(("", port)):
            return port
    raise AssertionError("no port is free")


def test_a_port_of_the_node_that_a_program_has(platform, namespace):
    """It stays the program's, at all of the machine's addresses, until the program lets go of it."""
    port = unused_node_port()
    platform.apply(server("one", namespace))
    platform.wait("--for=condition=Ready", "pod/one", "-n", namespace)
    ports = [{"port": 80, "targetPort": 5000, "nodePort": port}]
    with socket.create_server(("127.0.0.1", port)) as listener:
        platform.apply(node_service("who", namespace, ports=ports))
        assert f"{port}/TCP does not lead to the Service" in wait_event(
            platform, "who", namespace, "NodePortUnavailable", kind="Service")
        assert refuses(machines_address(), port)
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        with listener.accept()[0]:  # and leaves nothing that lingers
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
    eventually(lambda: not refuses("127.0.0.1", port), what="the Service's turn")
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=30).read() == b"one"
    with pytest.raises(OSError):
        socket.create_server(("127.0.0.1", port))  # now no program gets between


def test_a_port_of_the_node_and_policies(platform, namespace):
    """A Pod that may not reach the endpoint does not by way of the node; the node itself always does."""
    platform.apply(node_service("who", namespace))
    platform.apply(server("one", namespace))
    platform.wait("--for=condition=Ready", "pod/one", "-n", namespace)
    platform.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "none", "namespace": namespace},
                    "spec": {"podSelector": {"matchLabels": {"role": "server"}}, "policyTypes": ["Ingress"]}})
    port, host = node_port(platform, namespace), platform.get("pod", "one", "-n", namespace)["status"]["hostIP"]
    eventually(lambda: not refuses("127.0.0.1", port), what="the port")
    script = f"""
import socket
client = socket.socket()
client.settimeout(3)
print(client.connect_ex(("{host}", {port})) == 0)
"""
    assert run(platform, pod("client", namespace, script, "python:3.11")) == "False\n"
    assert ask("127.0.0.1", port) == ("one", "one")


@pytest.mark.root("without it the machine gives a port once: the first comer has it")
def test_a_port_of_a_pod_comes_before_a_port_of_the_node(platform, namespace):
    platform.apply(node_service("who", namespace))
    platform.apply(server("one", namespace))
    port = node_port(platform, namespace)
    eventually(lambda: not refuses("127.0.0.1", port), what="the port")
    late = server("late", namespace, ports_at(port, "127.0.0.1"))
    late["metadata"]["labels"] = {"role": "other"}
    platform.apply(late)
    platform.wait("--for=condition=Ready", "pod/late", "-n", namespace)
    assert ask("127.0.0.1", port) == ("late", "late") and ask(machines_address(), port) == ("one", "one")


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
