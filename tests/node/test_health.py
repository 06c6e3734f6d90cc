"""Probes over TLS and gRPC, and Pods that fill the disk."""

import datetime
import json

from support.pods import config_map, pod, wait_event, wait_phase

TLS = """
import http.server, ssl
class Yes(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ok" else 503)
        self.end_headers()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tls/both.pem")
server = http.server.ThreadingHTTPServer(("0.0.0.0", 8443), Yes)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def certificate():
    """A certificate that nobody trusts, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256()))
    return (made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())).decode()


def test_probes_over_tls(platform, namespace):
    platform.apply(config_map("tls", namespace, **{"both.pem": certificate()}))
    probe = {"httpGet": {"port": 8443, "path": "/ok", "scheme": "HTTPS"}, "periodSeconds": 1}
    manifest = pod("secure", namespace, TLS, "python:3.11", terminationGracePeriodSeconds=0, container={
        "readinessProbe": probe, "volumeMounts": [{"name": "tls", "mountPath": "/tls"}]},
        volumes=[{"name": "tls", "configMap": {"name": "tls"}}])
    platform.apply(manifest)
    platform.wait("--for=condition=Ready", "pod/secure", "-n", namespace)
    manifest["metadata"]["name"] = "unwell"
    probe["httpGet"]["path"] = "/bad"
    platform.apply(manifest)
    assert "HTTP probe failed with statuscode: 503" in wait_event(platform, "unwell", namespace, "Unhealthy")


# As much of an HTTP/2 server as a health check meets: frames of settings, and one answer per call.
GRPC = """
import os, socket, socketserver
def frame(kind, flags, stream, body): return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body
class Health(socketserver.StreamRequestHandler):
    def handle(self):
        assert self.rfile.read(24).startswith(b"PRI * HTTP/2.0")
        self.wfile.write(frame(4, 0, 0, b""))
        while True:
            head = self.rfile.read(9)
            if len(head) < 9: return
            body = self.rfile.read(int.from_bytes(head[:3], "big"))
            if head[3] == 0:
                status = 1 if body[5:] == b"\\x0a\\x04good" else 2
                message = bytes([8, status])
                self.wfile.write(frame(1, 4, 1, b"\\x88") + frame(0, 0, 1, bytes([0, 0, 0, 0, len(message)]) + message))
                self.wfile.flush()
socketserver.ThreadingTCPServer(("0.0.0.0", 5555), Health).serve_forever()
"""


def test_probes_over_grpc(platform, namespace):
    for name in ("good", "poor"):
        platform.apply(pod(name, namespace, GRPC, "python:3.11", terminationGracePeriodSeconds=0, container={
            "readinessProbe": {"grpc": {"port": 5555, "service": name}, "periodSeconds": 1}}))
    platform.wait("--for=condition=Ready", "pod/good", "-n", namespace)
    assert "NOT_SERVING" in wait_event(platform, "poor", namespace, "Unhealthy")


def test_who_fills_an_empty_dir_is_evicted(platform, namespace):
    platform.apply(pod("greedy", namespace, "head -c 3000000 /dev/zero > /scratch/big; exec sleep 3600", container={
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]},
        volumes=[{"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}]))
    wait_phase(platform, "greedy", namespace, "Failed")
    status = platform.get("pod", "greedy", "-n", namespace)["status"]
    assert status["reason"] == "Evicted"
    assert status["message"] == 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". '
    assert [c["reason"] for c in status["conditions"] if c["type"] == "DisruptionTarget"] == ["TerminationByKubelet"]
    wait_event(platform, "greedy", namespace, "Evicted")


def test_who_writes_beside_volumes_is_evicted(platform, namespace):
    limits = {"resources": {"limits": {"ephemeral-storage": "1Mi"}}}
    platform.apply(pod("scribbler", namespace, "head -c 3000000 /dev/zero > ~/big; exec sleep 3600", container=limits))
    wait_phase(platform, "scribbler", namespace, "Failed")
    assert "ephemeral local storage usage exceeds" in platform.get("pod", "scribbler", "-n", namespace)["status"]["message"]


def test_the_status_tells_what_a_container_got(platform, namespace):
    requests = {"resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
                "securityContext": {"runAsUser": 1234, "runAsGroup": 5678}}
    platform.apply(pod("told", namespace, "exec sleep 3600", terminationGracePeriodSeconds=0, container=requests,
                       readinessGates=[{"conditionType": "example.com/gate"}], securityContext={"fsGroup": 42}))
    platform.wait("--for=condition=ContainersReady", "pod/told", "-n", namespace)
    item = platform.get("pod", "told", "-n", namespace)
    status = item["status"]["containerStatuses"][0]
    assert status["allocatedResources"] == {"cpu": "50m", "memory": "32Mi"}
    assert status["resources"] == item["spec"]["containers"][0]["resources"]
    assert status["user"]["linux"] == {"uid": 1234, "gid": 5678, "supplementalGroups": [42, 5678]}
    assert item["status"]["observedGeneration"] == item["metadata"]["generation"]
    ready = next(c for c in item["status"]["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    gate = [{"type": "example.com/gate", "status": "True"}]
    platform.kubectl("patch", "pod", "told", "-n", namespace, "--subresource=status", "-p",
                     json.dumps({"status": {"conditions": gate}}))
    platform.wait("--for=condition=Ready", "pod/told", "-n", namespace)
