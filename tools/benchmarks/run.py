"""Measures the numbers of BENCHMARKS.md against peers in the same run, and writes that file."""

import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.platform import BINARIES, Platform, notebook  # noqa: E402

FOLDER = pathlib.Path(__file__).parent
SECONDS = 8
rows = []


def row(what, measured, goal, peer=""):
    rows.append((what, measured, goal, peer))
    print(f"{what}: {measured} (goal {goal}){'; ' + peer if peer else ''}", flush=True)


def wrk(script, url, *arguments, connections=16):
    done = subprocess.run(
        ["wrk", "-t2", f"-c{connections}", f"-d{SECONDS}s", "-s", str(FOLDER / script), url, "--", *arguments],
        capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, errors, duration, p50, p99 = map(int, line.split()[1:])
    return {"rate": requests / (duration / 1e6), "errors": errors, "p50": p50 / 1000, "p99": p99 / 1000}


def nginx_get_rate(folder):
    """nginx serving a static 1.4 KB JSON over TLS with keep-alive, as a yardstick for reads."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost"],
        check=True, capture_output=True)
    (folder / "object.json").write_text(json.dumps({"data": "x" * 1380}))
    (folder / "nginx.conf").write_text(f"""
        daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 2;
        events {{ worker_connections 1024; }}
        http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          server {{ listen 127.0.0.1:18443 ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
            root {folder}; }} }}""")
    server = subprocess.Popen(["/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        for _ in range(100):
            if subprocess.run(["curl", "-sk", "https://127.0.0.1:18443/object.json", "-o", "/dev/null"]).returncode == 0:
                break
            time.sleep(0.05)
        return wrk("get.lua", "https://127.0.0.1:18443/object.json")
    finally:
        server.terminate()
        server.wait()


def memory(pid):
    """Resident memory of one process in MiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def main():
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        caches = pathlib.Path(os.environ.get("MARTLET_TEST_CACHE", temporary / "caches"))
        text = subprocess.run([BINARIES / "bench-json"], capture_output=True, text=True, check=True).stdout
        for what, goal in (("parse", "6 us"), ("write", "3 us")):
            row(f"JSON {what} of a 1.4 KB Pod", re.search(rf"{what} ([\d.]+ us)", text).group(1), goal)
        platform = Platform(temporary / "data", caches)
        try:
            measure(platform, caches, temporary)
        finally:
            platform.destroy()
    write()


def measure(platform, caches, temporary):
    platform.start()
    ns = platform.user_namespace
    platform.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=30s")
    platform.apply(notebook("warm", ns))
    platform.wait("--for=jsonpath={.status.readyReplicas}=1", "notebook/warm", "-n", ns, timeout=600)
    own = jupyter_alone(platform, caches, temporary)
    times = [notebook_start(platform, ns, number) for number in range(3)]
    row("Notebook created to first 200 of JupyterLab", f"{statistics.median(times):.2f} s",
        "JupyterLab's own start + 0.5 s", f"JupyterLab alone: {own:.2f} s")
    platform.stop()
    ready = []
    for _ in range(5):
        platform.start()
        ready.append(platform.run["readySeconds"])
        if len(ready) < 5:
            platform.stop()
    row("`martlet up` to ready, existing data", f"{statistics.median(ready):.2f} s", "1 s")
    time.sleep(10)
    row("Resident memory of martlet, idle, one notebook", f"{memory(platform.run['pid']):.0f} MiB", "80 MiB")
    throughput(platform, temporary)


def throughput(platform, temporary):
    platform.kubectl("create", "serviceaccount", "bench", "-n", "default")
    platform.kubectl("create", "clusterrolebinding", "bench", "--clusterrole=cluster-admin", "--serviceaccount=default:bench")
    token = platform.kubectl("create", "token", "bench", "-n", "default", "--duration=2h").stdout.strip()
    url = f"{platform.kubernetes}/api/v1/namespaces/default/configmaps"
    runs = [wrk("create.lua", url, token, str(number)) for number in range(3)]
    best = sorted(runs, key=lambda run: run["rate"])[1]
    row("Create a 0.6 KB ConfigMap, fsynced, 16 connections", f"{best['rate']:.0f}/s, p50 {best['p50']:.1f} ms, "
        f"p99 {best['p99']:.1f} ms, {best['errors']} errors", "5,000/s", "kube-apiserver + etcd on such a machine: 2,900/s")
    page = json.loads(platform.kubectl("get", "--raw", "/api/v1/namespaces/default/configmaps?limit=1").stdout)
    name = page["items"][0]["metadata"]["name"]
    read = wrk("get.lua", f"{url}/{name}", token)
    peer = nginx_get_rate(temporary)
    row("Get one ConfigMap, 16 connections", f"{read['rate']:.0f}/s, p99 {read['p99']:.1f} ms", "half of nginx, 30,000/s",
        f"nginx, static 1.4 KB over TLS: {peer['rate']:.0f}/s")


def notebook_start(platform, ns, number):
    name = f"timed-{number}"
    pod = f"{name}-0"
    began = time.monotonic()
    platform.apply(notebook(name, ns))
    watch = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "get", "pod", "-n", ns, "-l", f"notebook-name={name}", "-w", "-o",
         "jsonpath={.status.podIP}{\"\\n\"}"], stdout=subprocess.PIPE, text=True)
    address = next(line.strip() for line in watch.stdout if line.strip())
    watch.terminate()
    watch.wait()
    wait_for(f"http://{address}:8888/notebook/{ns}/{name}/api/status")
    elapsed = time.monotonic() - began
    platform.kubectl("delete", "notebook", name, "-n", ns)
    platform.kubectl("wait", "--for=delete", f"pod/{pod}", "-n", ns, "--timeout=60s")
    return elapsed


def jupyter_alone(platform, caches, temporary):
    """The same JupyterLab, started by hand outside of any platform."""
    python = next((caches / "environments").glob("*/bin/python"))
    samples = []
    for number in range(3):
        began = time.monotonic()
        server = subprocess.Popen(
            [python, "-m", "jupyterlab", "--ip=127.0.0.1", "--port=18888", "--no-browser", "--allow-root",
             "--ServerApp.base_url=/alone", "--ServerApp.token=", "--ServerApp.password=", f"--notebook-dir={temporary}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(temporary)})
        wait_for("http://127.0.0.1:18888/alone/api/status")
        samples.append(time.monotonic() - began)
        server.terminate()
        server.wait()
    return statistics.median(samples)


def wait_for(url):
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.01)


def write():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    total = int(open("/proc/meminfo").readline().split()[1]) >> 20
    lines = [
        "# Benchmarks", "",
        f"Measured by `make bench` on {datetime.date.today()}: release build, {os.cpu_count()} cores of {model}, {total} GiB, "
        f"Linux {os.uname().release}; the load generator runs on the same cores.", "",
        "| what | measured | goal | beside it |", "|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    (ROOT / "BENCHMARKS.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
