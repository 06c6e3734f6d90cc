"""An ordinary user's platform runs Pods, in namespaces where that user's subordinate numbers are all there is."""

import json
import os
import pathlib
import re
import select
import signal

from support.platform import notebook
from support.pods import claim, pod, run
from support.waiting import eventually


def users(process):
    return {int(u) for u in pathlib.Path(f"/proc/{process}/status").read_text().split("Uid:\t")[1].split("\n")[0].split()}


def find(account, *words):
    """The one process of the user whose command line holds the words."""
    found = [process for process, line in account.processes() if all(word in line for word in words)]
    assert len(found) == 1, (words, account.processes())
    return found[0]


def sleeper(platform, name, seconds, **spec):
    platform.apply(pod(name, "default", f"exec sleep {seconds}", **spec))
    platform.wait("--for=condition=Ready", f"pod/{name}", "-n", "default")
    return find(platform.account, f"sleep {seconds}")


def test_services_names_exec_and_the_way_out(rootless):
    script = "import http.server\nhttp.server.test(http.server.SimpleHTTPRequestHandler, port=8000, bind='0.0.0.0')"
    rootless.apply(pod("server", "default", script, "python:3.11", container={
        "readinessProbe": {"httpGet": {"port": 8000}, "periodSeconds": 1}}))
    rootless.apply({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]}})
    rootless.wait("--for=condition=Ready", "pod/server", "-n", "default")
    address = rootless.get("service", "web", "-n", "default")["spec"]["clusterIP"]
    index = os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_DEFAULT_INDEX") or "https://pypi.org/simple/"
    ask = f"""
import os, urllib.request
for url in ("http://{address}/", "http://web.default/", {index!r}):
    request = urllib.request.Request(url.rstrip("/") + "/" + ("pip/" if url == {index!r} else ""))
    print(urllib.request.urlopen(request, timeout=30).status)
print(open("/proc/self/uid_map").read().split()[2] == "65536", os.getuid())
"""
    assert run(rootless, pod("client", "default", ask, "python:3.11")).split() == ["200"] * 3 + ["True", "1000"]
    done = rootless.kubectl("exec", "server", "-n", "default", "--", "sh", "-c", "id -u; echo out; exit 3", check=False)
    assert done.stdout.split() == ["1000", "out"] and done.returncode == 3
    assert "GET / HTTP" in rootless.kubectl("logs", "server", "-n", "default").stdout
    measured = r"server +\d+m +[1-9]\d*Mi"
    eventually(lambda: re.search(measured, rootless.kubectl(
        "top", "pod", "server", "-n", "default", "--no-headers", check=False).stdout), what="usage, by its processes")
    node, = rootless.get("nodes")["items"]
    assert {c["type"]: c["status"] for c in node["status"]["conditions"]}["LimitsNotEnforced"] == "True"


def test_root_of_a_pod_is_nobody_on_the_machine_and_sees_nothing_of_others(rootless):
    account = rootless.account
    rootless.apply(claim("secret", "default"))
    volume = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "secret"}}]}
    run(rootless, pod("writer", "default", "id -u > /v/file; chmod 600 /v/file", container={
        "securityContext": {"runAsUser": 0}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}, **volume))
    file = rootless.data / "volumes" / "default" / "secret" / "file"
    assert file.read_text() == "0\n" and file.stat().st_uid == account.first
    root = {"container": {"securityContext": {"runAsUser": 0}}}
    inner = sleeper(rootless, "rooted", 7401.5, **root)
    assert users(inner) == {account.first}
    assert pathlib.Path(f"/proc/{inner}/uid_map").read_text().split()[2] == "65536"
    own = os.readlink(f"/proc/{inner}/ns/user")
    assert own not in {os.readlink(f"/proc/{process}/ns/user") for process in (
        find(account, "node-agent", "--kubeconfig"), os.getpid())}
    attack = f"""
for place in {rootless.data} {file} {rootless.data}/pki {account.home} /run/netns; do
    ls $place > /dev/null 2>&1 && echo "sees $place"
done
mount -t tmpfs none /mnt 2> /dev/null && echo mounted
ip link add dummy9 type bridge 2> /dev/null && echo linked
echo 1 2> /dev/null > /proc/sys/kernel/hostname && echo renamed
mknod /tmp/disk b 8 0 2> /dev/null && echo device
ls -A /home /root | grep -v -e : -e jovyan -e '^$'
cat /proc/self/cgroup | grep -c martlet
echo done
"""
    assert run(rootless, pod("attacker", "default", attack, **root)).split() == ["0", "done"]
    rootless.apply(pod("platform", "default", "true", container={"securityContext": {"runAsUser": 65536}}))
    eventually(lambda: re.search("StartError|CreateContainer", json.dumps(
        rootless.get("pod", "platform", "-n", "default")["status"])), what="a refusal")
    rootless.kubectl("delete", "pod", "rooted", "platform", "-n", "default", "--now")


def test_the_platform_is_the_user_and_its_files_are(rootless):
    account = rootless.account
    assert users(rootless.process.pid) == {account.uid}
    assert pathlib.Path(f"/proc/{rootless.process.pid}/status").read_text().split("CapBnd:\t")[1].split()[0] == "0" * 16
    for name in ("node-agent keep", "node-agent --kubeconfig"):
        assert users(find(account, *name.split())) == {account.first}
    for name in ("kubeconfig", "store", "gateway"):
        assert (rootless.data / name).stat().st_uid == account.uid
    assert [file for file in account.home.iterdir() if file != rootless.data and file.stat().st_uid != account.uid] == []
    assert rootless.cli("status", "--data-dir", str(rootless.data)).stdout.startswith("Martlet is running")
    assert "control-plane: listening" in rootless.cli("logs", "--data-dir", str(rootless.data)).stdout
    findings = json.loads(rootless.cli("doctor", "--output", "json", "--data-dir", str(rootless.data)).stdout)
    said = {finding["subject"]: (finding["level"], finding["detail"]) for finding in findings}
    assert said["user"][0] == said["pasta"][0] == said["subuid"][0] == "good"
    assert said["limits"][0] == "warning" and "not enforced" in said["limits"][1]


def test_a_notebook_answers_through_the_gateway(rootless):
    space = rootless.user_namespace
    rootless.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", space, "--timeout=60s")
    objects = notebook("lab", space, image="python:3.11")
    container = objects["items"][1]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["python3", "-c", """
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())
open("kept", "w").write("mine")
http.server.HTTPServer(("", 8888), Page).serve_forever()
"""]
    rootless.apply(objects)
    session = rootless.session()
    page = f"/notebook/{space}/lab/tree"
    rootless.wait("--for=jsonpath={.status.readyReplicas}=1", "notebook/lab", "-n", space)
    assert rootless.wait_for_http(rootless.gateway + page, session).text == page
    file = rootless.data / "volumes" / space / "lab-workspace" / "kept"
    assert file.stat().st_uid == rootless.account.first + 1000


def test_pods_outlive_the_agent_and_the_platform(rootless):
    account = rootless.account
    inner = sleeper(rootless, "kept", 7402.5)
    agent = find(account, "node-agent", "--kubeconfig")
    watch = os.pidfd_open(agent)
    os.kill(agent, signal.SIGKILL)
    assert select.select([watch], [], [], 30)[0]
    os.close(watch)
    assert run(rootless, pod("after", "default", "echo well")) == "well\n", "by the agent that took over"
    keeper, agent = find(account, "node-agent keep"), find(account, "node-agent", "--kubeconfig")
    watches = [os.pidfd_open(process) for process in (keeper, agent)]
    rootless.kill()
    for watch in watches:
        assert select.select([watch], [], [], 30)[0]
        os.close(watch)
    assert os.path.exists(f"/proc/{inner}")
    rootless.start()
    rootless.wait("--for=condition=Ready", "pod/kept", "-n", "default")
    state = rootless.get("pod", "kept", "-n", "default")["status"]["containerStatuses"][0]
    assert state["restartCount"] == 0 and find(account, "sleep 7402.5") == inner
    assert run(rootless, pod("named", "default", "getent hosts kubernetes.default | wc -l")) == "1\n"

    for words, complaint in ((("node-agent keep",), "the keeper of the node agent was ended"),
                             (("pasta", "--config-net"), "leads out of the Pods' network")):
        os.kill(find(account, *words), signal.SIGKILL)
        assert rootless.process.wait(60) != 0
        assert complaint in rootless.process.stdout.read()
        rootless.start()
        rootless.wait("--for=condition=Ready", "pod/kept", "-n", "default")
        assert find(account, "sleep 7402.5") == inner and find(account, *words)


def test_down_and_reset_leave_nothing(rootless):
    account = rootless.account
    rootless.apply(claim("saved", "default"))
    run(rootless, pod("saver", "default", "echo mine > /v/file", container={
        "securityContext": {"runAsUser": 0}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}, volumes=[
            {"name": "v", "persistentVolumeClaim": {"claimName": "saved"}}]))
    rootless.cli("down", "--data-dir", str(rootless.data))
    assert rootless.process.wait(30) == 0
    eventually(lambda: not account.processes(), what="the end of all processes")
    file = account.home / "kept.backup"
    rootless.cli("backup", str(file), "--volumes", "--data-dir", str(rootless.data))
    assert file.stat().st_uid == account.uid
    rootless.cli("reset", "--yes", "--data-dir", str(rootless.data))
    assert not rootless.data.exists()
    rootless.cli("restore", str(file), "--data-dir", str(rootless.data))
    space = rootless.data / "volumes" / "default" / "saved"
    assert (space / "file").stat().st_uid == account.first
    rootless.start()
    inner = sleeper(rootless, "again", 7403.5)
    rootless.kill()
    eventually(lambda: not [line for _, line in account.processes() if "node-agent" in line], what="the agent's end")
    assert os.path.exists(f"/proc/{inner}")
    assert "had left" in rootless.cli("down", "--data-dir", str(rootless.data)).stdout
    eventually(lambda: not account.processes(), what="the end of all processes")
