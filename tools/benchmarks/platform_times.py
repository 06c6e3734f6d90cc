"""The whole platform: how soon a notebook answers, a start, memory at rest."""

import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.request

from report import ROOT, row

sys.path.insert(0, str(ROOT / "tests"))

from support.platform import Platform, notebook  # noqa: E402


def platform(folder):
    caches = pathlib.Path(os.environ.get("MARTLET_TEST_CACHE", folder / "caches"))
    platform = Platform(folder / "platform", caches)
    try:
        measure(platform, caches, folder)
    finally:
        platform.destroy()


def measure(platform, caches, folder):
    platform.start()
    ns = platform.user_namespace
    platform.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=30s")
    platform.apply(notebook("warm", ns))
    platform.wait("--for=jsonpath={.status.readyReplicas}=1", "notebook/warm", "-n", ns, timeout=600)
    own = jupyter_alone(caches, folder)
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


def memory(pid):
    """Resident memory of one process in MiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


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


def jupyter_alone(caches, folder):
    """The same JupyterLab, started by hand outside of any platform."""
    python = next((caches / "environments").glob("*/bin/python"))
    samples = []
    for _ in range(3):
        began = time.monotonic()
        server = subprocess.Popen(
            [python, "-m", "jupyterlab", "--ip=127.0.0.1", "--port=18888", "--no-browser", "--allow-root",
             "--ServerApp.base_url=/alone", "--ServerApp.token=", "--ServerApp.password=", f"--notebook-dir={folder}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(folder)})
        wait_for("http://127.0.0.1:18888/alone/api/status")
        samples.append(time.monotonic() - began)
        server.terminate()
        server.wait()
    return statistics.median(samples)


def wait_for(url):
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not answer")
        time.sleep(0.01)
