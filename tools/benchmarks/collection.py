"""A collection of 29,000 ConfigMaps: listing it, the memory it takes, and a start that finds it on the disk."""

import json
import statistics
import subprocess
import time

from load import make
from report import row
from server import Server

OBJECTS = 29_000


def fill(server):
    """Creates the objects, 34 MB of JSON in a list."""
    make(server.collection(), server.token, "all", 780, OBJECTS)


def collection(folder):
    with Server(folder / "collection") as server:
        fill(server)
        times, size = [], 0
        for _ in range(9):
            size, seconds = fetch(server)
            times.append(seconds)
        row(f"List 29,000 ConfigMaps ({size / 1e6:.0f} MB)", f"{statistics.median(times) * 1000:.0f} ms", "60 ms",
            "kube-apiserver on such a machine: 416 ms")
        used = server.memory()
        starts, fresh = [], 0
        for _ in range(5):
            server.stop()
            before = time.monotonic()
            server.start()
            wait_until_listed(server)
            starts.append(time.monotonic() - before)
        # What a start needs for a moment is given back soon after.
        time.sleep(3)
        fresh = server.memory()
        row("Resident memory with 29,000 ConfigMaps", f"{used:.0f} MiB after creating and listing them, {fresh:.0f} MiB some seconds after a start",
            "130 MiB", "kube-apiserver + etcd: 1,008 MB")
        row("Start with 29,000 objects on disk, until the first answer", f"{statistics.median(starts):.2f} s", "0.5 s",
            "kube-apiserver, empty: 2.8 s")


def curl(server, url, *arguments):
    return subprocess.run(
        ["curl", "-s", "--cacert", str(server.authority), "-H", f"Authorization: Bearer {server.token}", *arguments, url],
        capture_output=True, text=True, check=True).stdout


def fetch(server):
    """Bytes and seconds of one list."""
    answer = curl(server, server.collection(), "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{time_total}")
    code, size, seconds = answer.split()
    assert code == "200", answer
    return int(size), float(seconds)


def wait_until_listed(server):
    """The server writes its kubeconfig once it is ready; what counts is that objects are there."""
    page = json.loads(curl(server, server.collection() + "?limit=1"))
    assert page["metadata"]["remainingItemCount"] >= OBJECTS - 1, page["metadata"]
