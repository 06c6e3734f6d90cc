"""kubectl port-forward: connections to ports that a Pod offers to nobody but itself."""

import contextlib
import hashlib
import re
import socket
import subprocess
import threading

import pytest

from support.pods import pod

SERVER = """
import hashlib, socket, threading
server = socket.create_server(("127.0.0.1", 7000))
def serve(peer):
    # The sum of all that comes until the peer says that this is all; then as many bytes back.
    total, size = hashlib.md5(), 0
    while data := peer.recv(65536):
        total.update(data)
        size += len(data)
    peer.sendall(total.hexdigest().encode() + b"\\n" + b"x" * size)
    peer.close()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


@pytest.fixture(scope="module")
def server(platform):
    platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
    name = platform.fresh_name("server")
    platform.apply(pod(name, "default", SERVER, "python:3.11", container={"readinessProbe": {
        "exec": {"command": ["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 7000), 5)"]},
        "periodSeconds": 1, "timeoutSeconds": 10}}))
    platform.wait("--for=condition=Ready", f"pod/{name}", "-n", "default")
    yield name
    platform.kubectl("delete", "pod", name, "-n", "default", "--grace-period=1", "--wait=false")


@contextlib.contextmanager
def forward(platform, name, port):
    """kubectl and the local port it listens on."""
    process = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "port-forward", name, "-n", "default", f":{port}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, int(re.search(r"127\.0\.0\.1:(\d+)", line).group(1))
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
        process.stderr.close()


def ask(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
        received = bytearray()

        def read():
            while piece := peer.recv(65536):
                received.extend(piece)

        reader = threading.Thread(target=read)
        reader.start()
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        reader.join()
    return bytes(received)


def expected(data):
    return hashlib.md5(data).hexdigest().encode() + b"\n" + b"x" * len(data)


def test_bytes_go_both_ways_and_ends_are_passed_on(platform, server):
    with forward(platform, server, 7000) as (_, port):
        for data in (b"", b"hello", b"0123456789" * 500_000, *[b"short"] * 30):
            assert ask(port, data) == expected(data)


def test_many_connections_at_once(platform, server):
    with forward(platform, server, 7000) as (_, port):
        answers = {}
        threads = [threading.Thread(target=lambda n=n: answers.update({n: ask(port, b"%d" % n * 10_000)}))
                   for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(answers[n] == expected(b"%d" % n * 10_000) for n in range(20))


def test_a_port_where_nobody_listens_is_told(platform, server):
    with forward(platform, server, 7001) as (process, port):
        assert ask(port, b"hello") == b""
        assert "Connection refused" in process.stderr.readline()
