"""What node conformance asks of the life of containers: phases, init containers, probes, hooks, last words."""

import json

from support.pods import events, pod, run, wait_event, wait_phase
from support.waiting import eventually

FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.2; done"


def several(name, namespace, containers, **spec):
    """A Pod of many containers: name to (script, fields)."""
    manifest = pod(name, namespace, "", terminationGracePeriodSeconds=1, **spec)
    manifest["spec"]["containers"] = [
        {"name": key, "image": "busybox", "command": ["/bin/sh", "-c", script], **fields}
        for key, (script, fields) in containers.items()]
    return manifest


def statuses(platform, name, namespace, key="containerStatuses"):
    return {one["name"]: one for one in platform.get("pod", name, "-n", namespace)["status"].get(key, [])}


def test_last_words(platform, namespace):
    fallback = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    cases = {
        "root": ("printf DONE > /dev/termination-log", {"securityContext": {"runAsUser": 0}}),
        "user": ("printf MINE > /tmp/custom", {"terminationMessagePath": "/tmp/custom", "securityContext": {"runAsUser": 1000}}),
        "log": ("echo FAILED; exit 1", fallback),
        "quiet": ("echo nothing to tell", fallback),
        "both": ("echo log; printf FILE > /dev/termination-log", fallback),
        "long": ("head -c 9000 /dev/zero | tr '\\0' x > /dev/termination-log", {}),
    }
    platform.apply(several("words", namespace, cases))
    wait_phase(platform, "words", namespace, "Failed")
    told = {name: one["state"]["terminated"].get("message", "") for name, one in statuses(platform, "words", namespace).items()}
    assert told.pop("long") == "x" * 4096
    assert {name: text.strip() for name, text in told.items()} == {
        "root": "DONE", "user": "MINE", "log": "FAILED", "quiet": "", "both": "FILE"}


def test_phases_follow_the_restart_policy(platform, namespace):
    state = {"volumeMounts": [{"name": "state", "mountPath": "/state"}]}
    volumes = [{"name": "state", "emptyDir": {}}]
    again = "[ -e /state/was ] && %s; touch /state/was; exit 1"
    platform.apply(pod("always", namespace, again % "exec sleep 3600", container=state, volumes=volumes, restartPolicy="Always",
                       terminationGracePeriodSeconds=0))
    platform.apply(pod("failing", namespace, again % "exit 0", container=state, volumes=volumes, restartPolicy="OnFailure"))
    platform.apply(pod("never", namespace, "exit 7"))
    wait_phase(platform, "never", namespace, "Failed")
    wait_phase(platform, "failing", namespace)
    platform.wait("--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/always", "-n", namespace)
    platform.wait("--for=condition=Ready", "pod/always", "-n", namespace)
    never = statuses(platform, "never", namespace)["main"]
    assert (never["restartCount"], never["ready"]) == (0, False)
    assert (never["state"]["terminated"]["exitCode"], never["state"]["terminated"]["reason"]) == (7, "Error")
    assert statuses(platform, "failing", namespace)["main"]["restartCount"] == 1
    assert statuses(platform, "always", namespace)["main"]["lastState"]["terminated"]["exitCode"] == 1
    # One that failed can be deleted.
    platform.kubectl("delete", "pod", "never", "-n", namespace, "--timeout=60s")


def with_init(manifest, *scripts):
    manifest["spec"]["initContainers"] = [
        {"name": f"init{number}", "image": "busybox", "command": ["/bin/sh", "-c", script],
         "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]} for number, script in enumerate(scripts, 1)]
    manifest["spec"]["volumes"] = [{"name": "shared", "emptyDir": {}}]
    manifest["spec"]["containers"][0]["volumeMounts"] = [{"name": "shared", "mountPath": "/shared"}]
    return manifest


def test_init_containers(platform, namespace):
    first, second = "echo one >> /shared/order", "echo two >> /shared/order"
    platform.apply(with_init(pod("stays", namespace, "cat /shared/order; exec sleep 3600", restartPolicy="Always",
                                 terminationGracePeriodSeconds=0), first, second))
    platform.apply(with_init(pod("broken", namespace, "true"), "exit 3", second))
    platform.apply(with_init(pod("tries", namespace, "true", restartPolicy="Always"), "exit 4", second))
    assert run(platform, with_init(pod("ends", namespace, "cat /shared/order"), first, second)) == "one\ntwo\n"
    ended = platform.get("pod", "ends", "-n", namespace)["status"]
    assert [one["state"]["terminated"]["reason"] for one in ended["initContainerStatuses"]] == ["Completed"] * 2
    assert {c["type"]: c["status"] for c in ended["conditions"]}["Initialized"] == "True"

    platform.wait("--for=condition=Ready", "pod/stays", "-n", namespace)
    assert all(one["ready"] for one in statuses(platform, "stays", namespace, "initContainerStatuses").values())

    wait_phase(platform, "broken", namespace, "Failed")
    assert "started" not in json.dumps(statuses(platform, "broken", namespace)["main"]["state"])
    assert statuses(platform, "broken", namespace, "initContainerStatuses")["init1"]["state"]["terminated"]["exitCode"] == 3
    assert statuses(platform, "broken", namespace, "initContainerStatuses")["init2"]["state"]["waiting"]["reason"] == "PodInitializing"

    platform.wait("--for=jsonpath={.status.initContainerStatuses[0].state.waiting.reason}=CrashLoopBackOff", "pod/tries", "-n",
                  namespace)
    trying = platform.get("pod", "tries", "-n", namespace)["status"]
    assert trying["phase"] == "Pending" and trying["initContainerStatuses"][0]["restartCount"] >= 1
    assert trying["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    initialized = next(c for c in trying["conditions"] if c["type"] == "Initialized")
    assert (initialized["status"], initialized["reason"]) == ("False", "ContainersNotInitialized")
    assert initialized["message"] == "containers with incomplete status: [init1 init2]"


def test_sidecars(platform, namespace):
    """Started in their place and before what follows, again when they fail, and ended after the main containers."""
    sidecar = """
[ -e /shared/was ] || { touch /shared/was; exit 1; }
trap 'echo stopped; exit 0' TERM
echo sidecar >> /shared/order; touch /shared/up; echo up
while :; do sleep 0.1; done
"""
    manifest = with_init(pod("helped", namespace, "cat /shared/order", terminationGracePeriodSeconds=10), sidecar,
                         "[ -e /shared/up ] && echo init >> /shared/order")
    manifest["spec"]["initContainers"][0].update(restartPolicy="Always", startupProbe={
        "exec": {"command": ["test", "-e", "/shared/up"]}, "periodSeconds": 1, "failureThreshold": 60})
    assert run(platform, manifest) == "sidecar\ninit\n"
    helper = statuses(platform, "helped", namespace, "initContainerStatuses")["init1"]
    assert helper["restartCount"] == 1 and helper["state"]["terminated"]["exitCode"] == 0
    assert platform.kubectl("logs", "helped", "-c", "init1", "-n", namespace).stdout == "up\nstopped\n"


# Answers 200 until /bad is wanted; redirects as asked.
SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[3:] if not self.path.startswith("/to/http") else self.path[4:])
        else:
            self.send_response(500 if self.path == "/bad" else 200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Answer).serve_forever()
"""


def test_probes(platform, namespace):
    """Who is restarted and who is not; each container is a case, and all of them run side by side."""
    server = "exec python3 -c '%s' %d" % (SERVER.replace("'", '"'), 0)

    def serving(port, path, **probe):
        probe = {"httpGet": {"path": path, "port": port}, "periodSeconds": 1, "failureThreshold": 1, "initialDelaySeconds": 1,
                 "terminationGracePeriodSeconds": 1, **probe}
        return server[:-1] + str(port), {"livenessProbe": probe}

    def checking(command, kind="livenessProbe", **probe):
        return {kind: {"exec": {"command": ["/bin/sh", "-c", command]}, "periodSeconds": 1, "failureThreshold": 1, **probe}}

    tcp = {"livenessProbe": {"tcpSocket": {"port": 8001}, "periodSeconds": 1}}
    cases = {
        "http-good": serving(8001, "/good"), "http-bad": serving(8002, "/bad"),
        "http-here": serving(8003, "/to/bad"), "http-away": serving(8004, "/to/http://0.0.0.0:1/"),
        "tcp-good": (FOREVER, tcp),
        "exec-good": (f"touch /tmp/health; {FOREVER}", checking("cat /tmp/health", initialDelaySeconds=1)),
        "exec-bad": (f"touch /tmp/health; sleep 1; rm /tmp/health; {FOREVER}", checking("cat /tmp/health", initialDelaySeconds=1)),
        "slow": (f"sleep 2; touch /tmp/up; {FOREVER}", {
            **checking("test -e /tmp/up", "startupProbe", failureThreshold=60), **checking("test -e /tmp/up")}),
        "never-up": (FOREVER, checking("false", "startupProbe", failureThreshold=2)),
        "never-ready": (FOREVER, checking("false", "readinessProbe")),
        "hangs": (FOREVER, checking("sleep 60", timeoutSeconds=1)),
        # Who could not be asked is neither well nor ill.
        "absent": (FOREVER, {"livenessProbe": {"exec": {"command": ["/absent"]}, "periodSeconds": 1, "failureThreshold": 1}}),
        "nowhere": (FOREVER, {"startupProbe": {"tcpSocket": {"port": "absent"}, "periodSeconds": 1, "failureThreshold": 1}}),
        # Nobody waits the hour that the Pod would allow.
        "stubborn": ("trap '' TERM; while :; do sleep 0.2; done", checking("false", terminationGracePeriodSeconds=1)),
    }
    manifest = several("probed", namespace, cases, restartPolicy="Always")
    manifest["spec"]["terminationGracePeriodSeconds"] = 3600
    for container in manifest["spec"]["containers"]:
        container.setdefault("env", []).append({"name": "PYTHONUNBUFFERED", "value": "1"})
    platform.apply(manifest)
    restarted = {"http-bad", "http-here", "exec-bad", "never-up", "hangs", "stubborn"}

    def settled():
        told = statuses(platform, "probed", namespace)
        return told if told and all(told[name]["restartCount"] > 0 for name in restarted) else None

    def unasked():
        found = events(platform, "probed", namespace)
        return all(any(f"{word} probe errored and resulted in unknown state: " in one["message"] for one in found)
                   for word in ("Liveness", "Startup"))

    eventually(unasked, 60, "Events of probes that cannot ask")
    told = eventually(settled, 120, "restarts of those whose probes fail")
    assert {name: one["restartCount"] for name, one in told.items() if name not in restarted} == {
        name: 0 for name in cases if name not in restarted}
    assert told["never-ready"]["ready"] is False and told["never-ready"]["started"] is True
    platform.wait("--for=jsonpath={.status.containerStatuses[7].started}=true", "pod/probed", "-n", namespace)
    assert statuses(platform, "probed", namespace)["slow"]["restartCount"] == 0
    ended = told["stubborn"]["lastState"]["terminated"]
    assert ended["exitCode"] == 137 and "signal" not in ended
    assert "which is not followed" in wait_event(platform, "probed", namespace, "ProbeWarning")
    platform.kubectl("delete", "pod", "probed", "-n", namespace, "--now", "--wait=false")


def test_hooks_over_http(platform, namespace):
    """A listener hears of the start and of the end of another Pod; the headers are those of the hook."""
    listen = """
import http.server
class Listen(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, self.headers.get("X-Hook"), flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Listen).serve_forever()
"""
    platform.apply(pod("listener", namespace, listen, "python:3.11", terminationGracePeriodSeconds=0, container={
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}))
    platform.wait("--for=condition=Ready", "pod/listener", "-n", namespace)
    address = platform.get("pod", "listener", "-n", namespace)["status"]["podIP"]

    def hook(path):
        return {"httpGet": {"host": address, "port": 8080, "path": path, "httpHeaders": [{"name": "X-Hook", "value": path[1:]}]}}

    platform.apply(several("hooked", namespace, {
        "main": (FOREVER, {"lifecycle": {"postStart": hook("/started"), "preStop": hook("/stopping")}}),
        "sleeps": (FOREVER, {"lifecycle": {"preStop": {"sleep": {"seconds": 1}}}})}))
    platform.wait("--for=condition=Ready", "pod/hooked", "-n", namespace)
    platform.kubectl("delete", "pod", "hooked", "-n", namespace, "--grace-period=30", "--timeout=60s")
    assert platform.kubectl("logs", "listener", "-n", namespace).stdout.splitlines() == [
        "/started started", "/stopping stopping"]


def test_a_deadline_that_comes_later(platform, namespace):
    platform.apply(pod("patient", namespace, "exec sleep 3600", terminationGracePeriodSeconds=0))
    platform.wait("--for=condition=Ready", "pod/patient", "-n", namespace)
    platform.kubectl("label", "pod", "patient", "-n", namespace, "time=now")
    assert [item["metadata"]["name"] for item in platform.get("pods", "-n", namespace, "-l", "time=now")["items"]] == ["patient"]
    platform.kubectl("patch", "pod", "patient", "-n", namespace, "-p", '{"spec": {"activeDeadlineSeconds": 1}}')
    wait_phase(platform, "patient", namespace, "Failed")
    assert platform.get("pod", "patient", "-n", namespace)["status"]["reason"] == "DeadlineExceeded"


def test_the_node_renews_its_lease(platform):
    def renewed():
        return platform.get("lease", "martlet", "-n", "kube-node-lease")["spec"]["renewTime"]

    before = renewed()
    assert platform.get("lease", "martlet", "-n", "kube-node-lease")["spec"]["holderIdentity"] == "martlet"
    eventually(lambda: renewed() > before, 60, "a newer lease")


def test_pods_that_this_node_cannot_run(platform, namespace):
    missing = platform.kubectl("apply", "-f", "-", input=json.dumps(
        pod("classy", namespace, "true", runtimeClassName="absent")), check=False)
    assert missing.returncode != 0 and 'RuntimeClass "absent" not found' in missing.stderr
    platform.apply({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": f"other-{namespace}"},
                    "handler": "other"})
    try:
        platform.apply(pod("classy", namespace, "true", runtimeClassName=f"other-{namespace}"))
        wait_phase(platform, "classy", namespace, "Failed")
        status = platform.get("pod", "classy", "-n", namespace)["status"]
        assert f'runtime class "other-{namespace}" does not exist on this node' in status["message"]
    finally:
        platform.kubectl("delete", "runtimeclass", f"other-{namespace}")
    foreign = pod("foreign", namespace, "true", os={"name": "windows"})
    platform.apply(foreign)
    wait_phase(platform, "foreign", namespace, "Failed")
    status = platform.get("pod", "foreign", "-n", namespace)["status"]
    assert status["reason"] == "PodOSNotSupported" and "doesn't match node OS" in status["message"]
