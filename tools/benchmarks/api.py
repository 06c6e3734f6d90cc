"""Single objects: creating and reading them."""

from load import median_run, rate, wrk
from report import row
from server import Server
from yardsticks import etcd_put, nginx_get

REAL = "kube-apiserver 1.36 + etcd 3.4 on such a machine"


def create(folder):
    with Server(folder / "create") as server:
        best = median_run("create.lua", server.collection(), server.token)
    peer = etcd_put(folder)
    etcd = f"etcd, durable puts of 0.6 KB over its JSON interface: {rate(peer)}" if peer else "etcd is not installed: skipped"
    row("Create a 0.6 KB ConfigMap, fsynced, 16 connections", rate(best), "10,000/s, p99 6 ms",
        f"{etcd}; {REAL}: 2,900/s, p50 4.9 ms, p99 17 ms")


def get(folder):
    with Server(folder / "get") as server:
        wrk("create.lua", server.collection(), server.token, "get", "480", "1", seconds=1)
        best = median_run("get.lua", f"{server.collection()}/bench-get-1-1", server.token)
    peer = nginx_get(folder)
    nginx = "nginx is not installed: skipped"
    if peer:
        nginx = f"nginx, static 1.4 KB over TLS: {peer['rate']:.0f}/s, so {best['rate'] / peer['rate']:.2f} of it"
    row("Get one ConfigMap, 16 connections", rate(best), "30,000/s, half of nginx", f"{nginx}; {REAL}: 6,100/s")
