"""Pods: how soon the first process runs, many at once, Services against Pod addresses, exec."""

import base64
import http.client
import json
import os
import pathlib
import ssl
import statistics
import subprocess
import sys
import time
import urllib.parse

import yaml
from report import ROOT, row

sys.path.insert(0, str(ROOT / "tests"))

from support.platform import Platform  # noqa: E402
from support.pods import pod  # noqa: E402

SPEED = """
import socket, sys, time
def connect(host, port):
    s = socket.create_connection((host, port)); s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); return s
def rate(host):
    s, chunk, sent, began = connect(host, 7001), b"x" * (1 << 20), 0, time.monotonic()
    while time.monotonic() - began < 3:
        s.sendall(chunk); sent += len(chunk)
    s.shutdown(socket.SHUT_WR); s.recv(1)
    return sent / (time.monotonic() - began)
def delay(host):
    s, times = connect(host, 7002), []
    for _ in range(4000):
        began = time.perf_counter(); s.sendall(b"x"); s.recv(1); times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]
for host in sys.argv[1:]: print(rate(host), delay(host))
"""

PEER = """
import socket, threading
def listen(port): return socket.create_server(("0.0.0.0", port))
def drain(s):
    while s.recv(1 << 20): pass
    s.close()
def echo(s):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := s.recv(64): s.sendall(data)
def serve(port, work):
    server = listen(port)
    while True: threading.Thread(target=work, args=(server.accept()[0],)).start()
threading.Thread(target=serve, args=(7002, echo)).start()
serve(7001, drain)
"""


class API:
    """A kept-alive connection to the API server, as the platform's administrator."""

    def __init__(self, platform, folder):
        config = yaml.safe_load(open(platform.kubeconfig))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self.headers = {"Content-Type": "application/json"}
        if "client-certificate-data" in user:
            pem = folder / "client.pem"
            pem.write_bytes(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            pem.chmod(0o600)
            context.load_cert_chain(pem)
        else:
            self.headers["Authorization"] = f"Bearer {user['token']}"
        address = urllib.parse.urlparse(cluster["server"])
        self.connection = http.client.HTTPSConnection(address.hostname, address.port, context=context)

    def __call__(self, method, path, body=None):
        self.connection.request(method, path, body and json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        return json.loads(answer.read())


def pods(folder):
    caches = pathlib.Path(os.environ.get("MARTLET_TEST_CACHE", folder / "caches"))
    platform = Platform(folder / "platform", caches)
    try:
        platform.start()
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
        api = API(platform, folder)
        first_process(platform, api)
        hundred(platform, api)
        network(platform)
        execute(platform)
    finally:
        platform.destroy()


PATH = "/api/v1/namespaces/default/pods"


def first_process(platform, api):
    """A Pod that is created bound, so that the clock starts with the request that binds it."""
    times = []
    for number in range(50):
        name = f"quick-{number}"
        began = time.time()
        made = api("POST", PATH, pod(name, "default", "date +%s.%N", nodeName="martlet"))
        log = platform.data / "pods" / made["metadata"]["uid"] / "containers" / "main" / "0" / "log"
        while not (log.exists() and log.read_text().count(" ") >= 3):
            time.sleep(0.002)
        times.append((float(log.read_text().split()[3]) - began) * 1000)
        api("DELETE", f"{PATH}/{name}?gracePeriodSeconds=0")
    row("Pod bound to its first process running, median of 50", f"{statistics.median(times):.0f} ms", "60 ms",
        f"slowest {max(times):.0f} ms; the request that creates it included")


def memory(platform):
    """Resident memory of all processes of the platform that are not Pods', MiB; and how many processes Pods have."""
    total, data = 0, str(platform.data)
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if line[0].endswith(("/martlet", "/node-agent")) and data in line:
                total += int(next(x for x in open(f"/proc/{entry}/status") if x.startswith("VmRSS")).split()[1]) / 1024
        except (OSError, StopIteration):
            continue
    return total


def hundred(platform, api):
    before = memory(platform)
    began = time.monotonic()
    for number in range(100):
        api("POST", PATH, pod(f"sleep-{number}", "default", "exec sleep 3600", terminationGracePeriodSeconds=0))
    while True:
        items = api("GET", f"{PATH}?resourceVersion=0")["items"]
        if sum(i["status"].get("phase") == "Running" for i in items if i["metadata"]["name"].startswith("sleep")) == 100:
            break
        time.sleep(0.05)
    elapsed = time.monotonic() - began
    row("100 Pods of `sleep` all Running", f"{elapsed:.1f} s", "5 s", f"{memory(platform) - before:.0f} MiB more in martlet")
    platform.kubectl("delete", "pods", "--all", "-n", "default", "--grace-period=0", "--force", timeout=300)


def network(platform):
    ready = {"readinessProbe": {"tcpSocket": {"port": 7001}, "periodSeconds": 1}}
    platform.apply(pod("peer", "default", PEER, "python:3.11", container=ready, terminationGracePeriodSeconds=0))
    platform.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "peer", "namespace": "default"}, "spec": {
        "selector": {"app": "peer"}, "ports": [{"name": f"p{n}", "port": n} for n in (7001, 7002)]}})
    platform.apply(pod("asking", "default", "exec sleep 3600", terminationGracePeriodSeconds=0))
    platform.wait("--for=condition=Ready", "pod/peer", "pod/asking", "-n", "default")
    platform.kubectl("wait", "--for=jsonpath={.subsets[0].addresses}", "endpoints/peer", "-n", "default", "--timeout=60s")
    direct = platform.get("pod", "peer", "-n", "default")["status"]["podIP"]
    through = platform.get("service", "peer", "-n", "default")["spec"]["clusterIP"]
    lines = platform.kubectl(
        "exec", "asking", "-n", "default", "--", "python3", "-c", SPEED, direct, through, direct, through).stdout.split()
    values = [float(value) for value in lines]
    rates, delays = values[0::2], values[1::2]
    best = {0: max(rates[0::2]), 1: max(rates[1::2])}
    row("TCP through a ClusterIP against the Pod's address", f"{100 * best[1] / best[0]:.0f} %", "90 %",
        f"{best[0] * 8 / 1e9:.1f} Gbit/s straight")
    row("Latency through a ClusterIP, in addition", f"{1e6 * (min(delays[1::2]) - min(delays[0::2])):.0f} us", "50 us",
        f"{1e6 * min(delays[0::2]):.0f} us straight")


def execute(platform):
    def timed(*arguments):
        began = time.monotonic()
        subprocess.run(["kubectl", "--kubeconfig", platform.kubeconfig, *arguments], check=True, capture_output=True)
        return time.monotonic() - began

    own = statistics.median(timed("version", "--client") for _ in range(15))
    whole = statistics.median(timed("exec", "asking", "-n", "default", "--", "true") for _ in range(15))
    row("exec round trip, without kubectl's own start", f"{1000 * (whole - own):.0f} ms", "50 ms")
