"""Ten thousand Pods through Deployments and ReplicaSets, without a node."""

import time

from report import row
from server import Server

DEPLOYMENTS, REPLICAS = 100, 100


def deployment(number):
    labels = {"app": f"many-{number}"}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"many-{number}"},
        "spec": {
            "replicas": REPLICAS, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "python:3"}]}},
        },
    }


def workloads(folder):
    wanted = DEPLOYMENTS * REPLICAS
    with Server(folder / "workloads") as server:
        client = server.client()
        server.kubectl("create", "namespace", "many")
        server.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "many", "--timeout=30s")
        began = time.monotonic()
        for number in range(DEPLOYMENTS):
            client.send("POST", "/apis/apps/v1/namespaces/many/deployments", deployment(number))
        deadline = began + 120
        count = 0
        while count < wanted:
            assert time.monotonic() < deadline, f"only {count} Pods"
            time.sleep(0.05)
            page = client.send("GET", "/api/v1/namespaces/many/pods?limit=1")
            count = len(page["items"]) + page["metadata"].get("remainingItemCount", 0)
        row(f"{wanted:,} Pods through {DEPLOYMENTS} Deployments and their ReplicaSets, no node",
            f"{time.monotonic() - began:.1f} s", "5 s")
