"""exec, cp and port-forward over SPDY, as older clients do, and over the older channels of WebSockets."""

import hashlib
import os
import re
import socket
import subprocess

import kubernetes
import pytest
from control_plane import CLIENTS
from kubernetes import client
from kubernetes.stream import portforward, stream

from support.pods import pod

PAGE = "from http.server import *; import os; os.chdir('/tmp'); open('index.html', 'w').write('a page'); " \
    "HTTPServer(('', 7000), SimpleHTTPRequestHandler).serve_forever()"
# kubectl of two ages: one speaks nothing but SPDY, the other is told to.
OLD = (str(CLIENTS / "kubectl-1.20"), {})
NEW = (str(CLIENTS / "kubectl"), {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"})


@pytest.fixture(scope="module")
def server(platform):
    name = platform.fresh_name("page")
    platform.apply(pod(name, "default", PAGE, "python:3.11", container={"readinessProbe": {
        "tcpSocket": {"port": 7000}, "periodSeconds": 1}}))
    platform.wait("--for=condition=Ready", f"pod/{name}", "-n", "default")
    yield name
    platform.kubectl("delete", "pod", name, "-n", "default", "--grace-period=1", "--wait=false")


def kubectl(platform, which, *arguments, **options):
    program, environment = which
    return subprocess.run([program, "--kubeconfig", platform.kubeconfig, *arguments], capture_output=True, text=True,
                          timeout=60, env={**os.environ, **environment}, **options)


@pytest.mark.parametrize("which", [OLD, NEW], ids=["old", "new"])
def test_kubectl_over_spdy(platform, server, which, tmp_path):
    done = kubectl(platform, which, "exec", server, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.returncode) == ("out\n", 7) and "err\n" in done.stderr
    text = "line\n" * 100_000
    done = kubectl(platform, which, "exec", "-i", server, "--", "md5sum", input=text)
    assert done.stdout.split()[0] == hashlib.md5(text.encode()).hexdigest(), done.stderr
    (tmp_path / "file").write_text(text)
    assert kubectl(platform, which, "cp", str(tmp_path / "file"), f"default/{server}:/tmp/copy").returncode == 0
    assert kubectl(platform, which, "exec", server, "--", "wc", "-c", "/tmp/copy").stdout.split()[0] == "500000"
    missing = kubectl(platform, which, "exec", server, "-c", "nobody", "--", "true")
    assert missing.returncode != 0 and "nobody" in missing.stderr


@pytest.mark.parametrize("which", [OLD, NEW], ids=["old", "new"])
def test_ports_over_spdy(platform, server, which):
    program, environment = which
    process = subprocess.Popen(
        [program, "--kubeconfig", platform.kubeconfig, "port-forward", f"pod/{server}", ":7000"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})
    try:
        port = int(re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline()).group(1))
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
                peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert b"a page" in b"".join(iter(lambda: peer.recv(4096), b""))
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize("deed,arguments", [("exec", []), ("forward", ["7000", "a page"])])
def test_client_go_streams(platform, server, deed, arguments):
    done = subprocess.run([str(CLIENTS / "go-clients"), deed, platform.kubeconfig, "default", "json", server, *arguments],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_python_client_runs_commands_and_reaches_ports(platform, server):
    with kubernetes.config.new_client_from_config(platform.kubeconfig) as api:
        core = client.CoreV1Api(api)
        response = stream(core.connect_get_namespaced_pod_exec, server, "default", stdin=True, stdout=True, stderr=True,
                          command=["sh", "-c", "read line; echo got $line; exit 3"], _preload_content=False)
        response.write_stdin("it\n")
        response.run_forever(timeout=60)
        assert response.read_stdout() == "got it\n" and response.returncode == 3
    with kubernetes.config.new_client_from_config(platform.kubeconfig) as api:
        core = client.CoreV1Api(api)
        ports = portforward(core.connect_get_namespaced_pod_portforward, server, "default", ports="7000")
        peer = ports.socket(7000)
        peer.setblocking(True)
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"a page" in b"".join(iter(lambda: peer.recv(4096), b"")) and ports.error(7000) is None
