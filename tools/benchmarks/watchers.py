"""A thousand watchers of one namespace, a thousand events."""

import pathlib
import subprocess
import sys
import time

from load import make
from report import row
from server import Server

WATCHERS, EVENTS, PROCESSES = 1000, 1000, 2
CLIENT = pathlib.Path(__file__).parent / "watch_client.py"


def watchers(folder):
    with Server(folder / "watchers") as server:
        server.kubectl("create", "namespace", "watched")
        url = server.collection("watched")
        version = server.client().send("GET", "/api/v1/namespaces/watched/configmaps")["metadata"]["resourceVersion"]
        before = server.memory()
        server.forget_peak()
        clients = [
            subprocess.Popen(
                [sys.executable, str(CLIENT), url, server.token, version, str(WATCHERS // PROCESSES), str(EVENTS)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
        try:
            for client in clients:
                assert client.stdout.readline() == "ready\n"
            connected = server.memory()
            began = time.monotonic()
            make(url, server.token, "seen", 300, EVENTS)
            created = time.monotonic() - began
            ends = [float(client.stdout.readline()) for client in clients]
        finally:
            for client in clients:
                client.kill()
                client.wait()
        peak = server.memory("VmHWM")
        row(f"{WATCHERS:,} watchers of one namespace, {EVENTS:,} events: from the first request to the last delivery",
            f"{max(ends) - began:.2f} s (events made within {created:.2f} s)", "2 s")
        row("Memory they take more, at its highest", f"{peak - before:.0f} MiB ({connected - before:.0f} MiB once connected)",
            "30 MiB")
