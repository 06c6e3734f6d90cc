"""Services over UDP, and two platforms on one machine."""

from support.platform import Platform
from support.pods import pod, run, wait_phase

ECHO = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 5000))
open("/tmp/ready", "w").close()
while True:
    data, peer = server.recvfrom(2048)
    server.sendto(b"you said " + data, peer)
"""

ASK = """
import socket, time
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
for attempt in range(60):
    client.sendto(b"hello", ("%s", 53))
    try:
        print(client.recv(2048).decode())
        break
    except TimeoutError:
        pass
"""


def serve(name, namespace, port, protocol):
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"name": "it", "port": port, "protocol": protocol, "targetPort": 5000}]},
    }


def test_a_service_over_udp(platform, namespace):
    ready = {"readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}}
    platform.apply(pod("echo", namespace, ECHO, "python:3.11", container=ready))
    platform.apply(serve("echo", namespace, 53, "UDP"))
    platform.wait("--for=condition=Ready", "pod/echo", "-n", namespace)
    assert run(platform, pod("asking", namespace, ASK % "echo", "python:3.11")) == "you said hello\n"


WEB = """
import http.server, os
class Name(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["WHO"].encode())
http.server.ThreadingHTTPServer(("0.0.0.0", 5000), Name).serve_forever()
"""

FETCH = """
import os, urllib.request
print(urllib.request.urlopen("http://web.default.svc/", timeout=60).read().decode())
token = open("/var/run/secrets/kubernetes.io/serviceaccount/token").read()
import ssl
context = ssl.create_default_context(cafile="/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
request = urllib.request.Request("https://kubernetes.default.svc/api", headers={"Authorization": "Bearer " + token})
print(urllib.request.urlopen(request, context=context, timeout=60).status)
"""


def test_two_platforms_side_by_side_do_not_meet(tmp_path, shared_caches):
    with Platform(tmp_path / "one", shared_caches) as one, Platform(tmp_path / "two", shared_caches) as two:
        for platform, who in ((one, "one"), (two, "two")):
            manifest = pod("web", "default", WEB, "python:3.11", container={
                "env": [{"name": "WHO", "value": who}],
                "readinessProbe": {"tcpSocket": {"port": 5000}, "periodSeconds": 1}})
            platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
            platform.apply(manifest)
            platform.apply(serve("web", "default", 80, "TCP"))
        addresses = set()
        for platform, who in ((one, "one"), (two, "two")):
            platform.wait("--for=condition=Ready", "pod/web", "-n", "default")
            platform.kubectl("wait", "--for=jsonpath={.subsets[0].addresses}", "endpoints/web", "-n", "default",
                             "--timeout=60s")
            assert run(platform, pod("fetch", "default", FETCH, "python:3.11")).split() == [who, "200"]
            addresses.add(platform.get("pod", "web", "-n", "default")["status"]["podIP"])
        assert len(addresses) == 2
        two.stop()
        one.kubectl("delete", "pod", "fetch", "-n", "default")
        assert run(one, pod("fetch", "default", FETCH, "python:3.11")).split() == ["one", "200"]
        wait_phase(one, "web", "default", "Running")
