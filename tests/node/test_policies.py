"""Who reaches whom: NetworkPolicies, and Profiles kept apart."""

import json

import pytest

from support.machine import Machine
from support.pods import pod, run

SERVER = """
import http.server, socket, threading
class Name(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
    def log_message(self, *_): pass
for port in (8080, 8081, 9090):
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Name)
    threading.Thread(target=server.serve_forever).start()
open("/tmp/ready", "w").close()
"""

ASK = """
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=0.7).close()
        print("yes", end=" ")
    except OSError as error:
        print("no", end=" ")
"""


@pytest.fixture(scope="module")
def rooms(platform):
    """Two namespaces with a server and a client each; the second is of another team."""
    names = [platform.fresh_name("room") for _ in range(2)]
    items = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": team}}}
             for name, team in zip(names, ("red", "blue"))]
    platform.apply({"apiVersion": "v1", "kind": "List", "items": items})
    ready = {"readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1},
             "ports": [{"name": "web", "containerPort": 8080}, {"name": "admin", "containerPort": 9090}]}
    for name in names:
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=60s")
        platform.apply(pod("server", name, SERVER, "python:3.11", container=ready, terminationGracePeriodSeconds=0))
        platform.apply(pod("client", name, "exec sleep 3600", terminationGracePeriodSeconds=0))
    for name in names:
        platform.wait("--for=condition=Ready", "pod/server", "pod/client", "-n", name)
    yield names
    platform.kubectl("delete", "namespace", *names, "--wait=false")


def address(platform, namespace, name="server"):
    return platform.get("pod", name, "-n", namespace)["status"]["podIP"]


def reach(platform, namespace, *targets, name="client"):
    return platform.kubectl("exec", name, "-n", namespace, "--", "python3", "-c", ASK, *targets).stdout.split()


def policy(namespace, name="it", pods=None, **spec):
    types = [kind.capitalize() for kind in ("ingress", "egress") if kind in spec]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"podSelector": {"matchLabels": {"app": pods}} if pods else {}, "policyTypes": types, **spec}}


def settles(platform, wanted, namespace, *targets, name="client"):
    """Rules follow policies a moment later: asks until what is reached is what should be."""
    for _ in range(60):
        found = reach(platform, namespace, *targets, name=name)
        if found == wanted:
            return
    raise AssertionError((found, wanted))


@pytest.fixture
def use(platform):
    used = []

    def use(item):
        platform.apply(item)
        used.append(item)

    yield use
    for item in used:
        platform.kubectl("delete", "networkpolicy", item["metadata"]["name"], "-n", item["metadata"]["namespace"],
                         "--ignore-not-found")


def test_who_may_come_in(platform, rooms, use):
    red, blue = rooms
    server = address(platform, red)
    both = [f"{server}:8080", f"{server}:9090"]
    settles(platform, ["yes", "yes"], red, *both)
    settles(platform, ["yes", "yes"], blue, *both)
    use(policy(red, ingress=[]))
    settles(platform, ["no", "no"], red, *both)
    settles(platform, ["no", "no"], blue, *both)
    # Policies add up; selectors of namespaces and pods together, named ports and ranges.
    use(policy(red, "same", "server", ingress=[{"from": [{"podSelector": {}}], "ports": [{"port": "web"}]}]))
    settles(platform, ["yes", "no"], red, *both)
    use(policy(red, "blues", "server", ingress=[{
        "from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}, "podSelector": {"matchLabels": {"app": "client"}}}],
        "ports": [{"port": 9000, "endPort": 9100}]}]))
    settles(platform, ["no", "yes"], blue, *both)
    settles(platform, ["no", "no"], blue, *both, name="server")
    # The node's own probes go on.
    assert platform.get("pod", "server", "-n", red)["status"]["conditions"][1]["status"] == "True"


def test_who_may_go_out(platform, rooms, use):
    red, blue = rooms
    near, far = address(platform, red), address(platform, blue)
    targets = [f"{near}:8080", f"{far}:8080", f"{far}:9090"]
    use(policy(red, pods="client", egress=[]))
    settles(platform, ["no", "no", "no"], red, *targets)
    # Names are still answered.
    assert "server" not in platform.kubectl("exec", "client", "-n", red, "--", "getent", "hosts", "kubernetes.default").stderr
    use(policy(red, "block", "client", egress=[{
        "to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [f"{near}/32"]}}],
        "ports": [{"port": "web", "protocol": "TCP"}]}]))
    settles(platform, ["no", "yes", "no"], red, *targets)
    # Who is not selected goes where he likes.
    settles(platform, ["yes", "yes"], red, *targets[1:], name="server")


def test_a_service_shows_its_clients_and_obeys_policies(platform, rooms, use):
    red, blue = rooms
    platform.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server", "namespace": red}, "spec": {
        "selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]}})
    settles(platform, ["yes"], red, "server:80")
    fetch = "import urllib.request; print(urllib.request.urlopen('http://server/', timeout=20).read().decode())"
    seen = platform.kubectl("exec", "client", "-n", red, "--", "python3", "-c", fetch).stdout.strip()
    assert seen == address(platform, red, "client")
    # A Pod reaches itself by its Service.
    settles(platform, ["yes"], red, f"server.{red}:80", name="server")
    use(policy(red, "only-blue", "server", ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}]))
    settles(platform, ["no"], red, "server:80")
    settles(platform, ["yes"], blue, f"server.{red}:80")


def test_a_new_pod_has_its_rules_before_its_first_step(platform, rooms, use):
    red, blue = rooms
    use(policy(red, "none", "asking", egress=[]))
    script = ASK.replace("sys.argv[1:]", repr([f"{address(platform, blue)}:8080"]))
    assert run(platform, pod("asking", red, script, "python:3.11")).split() == ["no"]


def test_profiles_do_not_meet(platform, rooms, use):
    red, blue = rooms
    near, far = f"{address(platform, red)}:8080", f"{address(platform, blue)}:8080"
    for name in rooms:
        platform.kubectl("label", "namespace", name, "app.kubernetes.io/part-of=kubeflow-profile")
    try:
        settles(platform, ["yes", "no", "yes"], red, near, far, "kubernetes.default:443")
        settles(platform, ["no"], blue, near)
        use(policy(blue, "guests", "server", ingress=[{
            "from": [{"namespaceSelector": {"matchLabels": {"team": "red"}}}, {"podSelector": {}}]}]))
        settles(platform, ["yes", "yes"], red, near, far)
    finally:
        for name in rooms:
            platform.kubectl("label", "namespace", name, "app.kubernetes.io/part-of-")
    settles(platform, ["yes"], blue, near)


def test_rules_are_replaced_whole_and_count(platform, rooms, use):
    red, _ = rooms
    server = address(platform, red)
    use(policy(red, ingress=[]))
    settles(platform, ["no"], red, f"{server}:8080")
    tables = json.loads(Machine(platform).inside("nft", "-j", "list", "ruleset").stdout)
    chain = f"i-{''.join(f'{int(part):02x}' for part in server.split('.')).lstrip('0')}"
    drops = [rule["rule"] for rule in tables["nftables"] if rule.get("rule", {}).get("chain") == chain
             and any("drop" in part for part in rule["rule"]["expr"])]
    assert len(drops) == 1
    counted = next(part["counter"]["packets"] for part in drops[0]["expr"] if "counter" in part)
    assert counted > 0
