"""kill -9 at a random moment under load: nothing that was acknowledged is lost."""

import base64
import json
import random
import re
import ssl
import threading
import urllib.error
import urllib.request

import yaml

from support.platform import notebook

WRITERS = 8


def api(platform):
    """(server, TLS context) of the administrator, from the kubeconfig."""
    config = yaml.safe_load(open(platform.kubeconfig))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    pem = platform.data / "client.pem"
    pem.write_bytes(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
    context.load_cert_chain(pem)
    return cluster["server"], context


def test_acknowledged_objects_survive_a_kill_under_load_and_the_notebook_runs_again(own_platform):
    platform = own_platform.start()
    ns = platform.user_namespace
    platform.wait("--for=jsonpath={.status.phase}=Active", f"namespace/{ns}")
    platform.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=30s")
    platform.apply(notebook("lab", ns))
    platform.wait("--for=jsonpath={.status.readyReplicas}=1", "notebook/lab", "-n", ns, timeout=400)
    platform.kubectl("wait", "--for=condition=Ready", "pod/lab-0", "-n", ns, "--timeout=120s")
    pv = platform.get("pvc", "lab-workspace", "-n", ns)["spec"]["volumeName"]
    folder = platform.get("pv", pv)["spec"]["hostPath"]["path"]
    with open(f"{folder}/kept.txt", "w") as file:
        file.write("workspace file")
    pod_before = platform.get("pod", "lab-0", "-n", ns)["metadata"]["uid"]

    server, context = api(platform)
    acknowledged, lock, killed = {}, threading.Lock(), threading.Event()
    enough = threading.Semaphore(0)

    def write(writer):
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        number = 0
        while not killed.is_set():
            name, number = f"load-{writer}-{number}", number + 1
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                    "data": {"value": f"{writer}/{number}", "filler": "x" * random.randint(0, 2000)}}
            request = urllib.request.Request(
                f"{server}/api/v1/namespaces/default/configmaps", json.dumps(body).encode(),
                {"Content-Type": "application/json"})
            try:
                with opener.open(request, timeout=30) as answer:
                    json.load(answer)
            except (urllib.error.URLError, OSError, ValueError):
                return  # the server is gone; what was under way was not acknowledged
            with lock:
                acknowledged[name] = body["data"]
            enough.release()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for _ in range(random.randint(200, 600)):
        enough.acquire()
    platform.kill()
    killed.set()
    for thread in threads:
        thread.join()

    platform.start()
    found = {item["metadata"]["name"]: item["data"] for item in platform.get("configmaps", "-n", "default")["items"]
             if item["metadata"]["name"].startswith("load-")}
    lost = {name for name, data in acknowledged.items() if found.get(name) != data}
    assert not lost and len(acknowledged) >= 200

    platform.wait("--for=condition=Ready", "pod/lab-0", "-n", ns)
    assert platform.get("pod", "lab-0", "-n", ns)["metadata"]["uid"] == pod_before, "the Pod was adopted, not replaced"
    with open(f"{folder}/kept.txt") as file:
        assert file.read() == "workspace file"
    session = platform.session()
    answer = platform.wait_for_http(f"{platform.gateway}/notebook/{ns}/lab/api/status", session)
    assert re.search(r'"started"', answer.text)


def test_a_stopped_platform_leaves_no_process_mount_or_address_behind(own_platform):
    import subprocess

    platform = own_platform.start()
    ns = platform.user_namespace
    platform.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=30s")
    platform.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sleeper", "namespace": ns},
                    "spec": {"containers": [{"name": "main", "image": "busybox", "command": ["sleep", "100000"]}]}})
    platform.wait("--for=condition=Ready", "pod/sleeper", "-n", ns)
    platform.stop()
    marker = str(platform.data)
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert [line for line in processes.splitlines() if marker in line] == []
    assert marker not in open("/proc/self/mountinfo").read()
    number = (platform.data / "network").read_text().strip()
    addresses = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True).stdout
    assert f"10.244.{number}." not in addresses
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout
    assert f"10.244.{number}." not in rules
