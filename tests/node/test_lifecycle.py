"""Hooks, deadlines, configuration that changes under a running Pod, and logs that are followed."""

import json
import subprocess

from support.pods import claim, config_map, events, pod, run, wait_event, wait_phase
from support.waiting import eventually

DATA = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}


def data_volume(name):
    return [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]


def test_pre_stop_ends_before_the_signal_comes(platform, namespace):
    platform.apply(claim("data", namespace))
    hook = {"lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", "echo hook >> /data/order; sleep 1; echo hooked >> /data/order"]}}}}
    script = "trap 'echo term >> /data/order; exit 0' TERM; echo up >> /data/order; while :; do sleep 0.1; done"
    platform.apply(pod("stopped", namespace, script, container={**DATA, **hook}, volumes=data_volume("data")))
    platform.wait("--for=condition=Ready", "pod/stopped", "-n", namespace)
    platform.kubectl("delete", "pod", "stopped", "-n", namespace)
    platform.wait("--for=delete", "pod/stopped", "-n", namespace)
    text = run(platform, pod("reader", namespace, "cat /data/order", container=DATA, volumes=data_volume("data")))
    assert text.split() == ["up", "hook", "hooked", "term"]


def test_a_pre_stop_that_hangs_ends_with_the_grace_period(platform, namespace):
    """The container is asked to end all the same."""
    platform.apply(claim("data", namespace))
    hook = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "3600"]}}}}
    script = "trap 'echo term > /data/end; exit 0' TERM; touch /data/end; while :; do sleep 0.1; done"
    platform.apply(pod("stuck", namespace, script, container={**DATA, **hook, "readinessProbe": {
        "exec": {"command": ["test", "-e", "/data/end"]}, "periodSeconds": 1}},
        volumes=data_volume("data"), terminationGracePeriodSeconds=1))
    platform.wait("--for=condition=Ready", "pod/stuck", "-n", namespace)
    platform.kubectl("delete", "pod", "stuck", "-n", namespace, "--wait=false")
    platform.wait("--for=delete", "pod/stuck", "-n", namespace, timeout=60)
    assert run(platform, pod("reader", namespace, "cat /data/end", container=DATA, volumes=data_volume("data"))) == "term\n"


def test_a_container_stays_ready_until_it_ends(platform, namespace):
    """Endpoints that are on their way out can serve as long as they are ready."""
    platform.kubectl("create", "service", "clusterip", "leaving", "--tcp=80:80", "-n", namespace)
    hook = {"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "while ! [ -e /tmp/go ]; do sleep 0.1; done"]}}},
            "readinessProbe": {"exec": {"command": ["sh", "-c", "! [ -e /tmp/unwell ]"]}, "periodSeconds": 1}}
    platform.apply(pod("leaving", namespace, "exec sleep 3600", container=hook, terminationGracePeriodSeconds=120))
    platform.wait("--for=condition=Ready", "pod/leaving", "-n", namespace)
    platform.kubectl("delete", "pod", "leaving", "-n", namespace, "--wait=false")

    def conditions():
        slices = platform.get("endpointslices", "-n", namespace, "-l", "kubernetes.io/service-name=leaving")["items"]
        found = [endpoint["conditions"] for one in slices for endpoint in one.get("endpoints") or []]
        return found[0] if found and found[0]["terminating"] else None

    assert eventually(conditions, 60, "an endpoint that terminates") == {"ready": False, "serving": True, "terminating": True}
    wait_event(platform, "leaving", namespace, "Killing")
    ready = {c["type"]: c["status"] for c in platform.get("pod", "leaving", "-n", namespace)["status"]["conditions"]}["Ready"]
    assert ready == "True"
    platform.kubectl("exec", "leaving", "-n", namespace, "--", "touch", "/tmp/unwell")
    platform.wait("--for=condition=Ready=False", "pod/leaving", "-n", namespace)
    platform.kubectl("exec", "leaving", "-n", namespace, "--", "touch", "/tmp/go")
    platform.wait("--for=delete", "pod/leaving", "-n", namespace)


def test_sidecars_end_one_by_one_the_last_first(platform, namespace):
    platform.apply(claim("data", namespace))
    script = "trap 'sleep 0.5; echo {0} >> /data/order; exit 0' TERM; touch /data/{0}; while :; do sleep 0.1; done"
    sidecars = [{"name": name, "image": "busybox", "restartPolicy": "Always", "command": ["/bin/sh", "-c", script.format(name)],
                 "startupProbe": {"exec": {"command": ["test", "-e", f"/data/{name}"]}, "periodSeconds": 1}, **DATA}
                for name in ("first", "second", "third")]
    run(platform, pod("helped", namespace, "true", initContainers=sidecars, volumes=data_volume("data")))
    told = platform.kubectl("get", "pod", "helped", "-n", namespace).stdout.splitlines()[1].split()
    assert told[1:3] == ["0/4", "Completed"]
    text = run(platform, pod("reader", namespace, "cat /data/order", container=DATA, volumes=data_volume("data")))
    assert text.split() == ["third", "second", "first"]


def test_hooks_of_sidecars_begin_with_the_end_of_the_pod(platform, namespace):
    platform.apply(claim("data", namespace))
    trap = "trap '{}; exit 0' TERM; touch /data/{}; while :; do sleep 0.1; done"
    hook = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "echo hook >> /data/order"]}}}
    sidecar = {"name": "side", "image": "busybox", "restartPolicy": "Always", "lifecycle": hook, **DATA,
               "command": ["/bin/sh", "-c", trap.format("echo side >> /data/order", "side")],
               "startupProbe": {"exec": {"command": ["test", "-e", "/data/side"]}, "periodSeconds": 1}}
    main = trap.format("while ! test -s /data/order; do sleep 0.1; done; echo main >> /data/order", "main")
    platform.apply(pod("helped", namespace, main, initContainers=[sidecar], volumes=data_volume("data"), container={
        **DATA, "readinessProbe": {"exec": {"command": ["test", "-e", "/data/main"]}, "periodSeconds": 1}}))
    platform.wait("--for=condition=Ready", "pod/helped", "-n", namespace)
    platform.kubectl("delete", "pod", "helped", "-n", namespace)
    text = run(platform, pod("reader", namespace, "cat /data/order", container=DATA, volumes=data_volume("data")))
    assert text.split() == ["hook", "main", "side"]


def test_a_changed_image_starts_the_container_again(platform, namespace):
    for name, script in (("runs", "trap 'exit 0' TERM; while :; do sleep 0.1; done"), ("fails", "exit 1")):
        platform.apply(pod(name, namespace, script, "busybox:1", restartPolicy="Always"))
    platform.wait("--for=condition=Ready", "pod/runs", "-n", namespace)
    waiting = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff"
    count = "--for=jsonpath={.status.containerStatuses[0].restartCount}="
    # From here on the next start is ten seconds away, and the one after it twenty.
    platform.wait(count + "2", "pod/fails", "-n", namespace)
    platform.wait(waiting, "pod/fails", "-n", namespace)
    for name in ("runs", "fails"):
        platform.kubectl("set", "image", f"pod/{name}", "main=busybox:2", "-n", namespace)
    platform.wait(count + "1", "pod/runs", "-n", namespace)
    platform.wait("--for=jsonpath={.status.containerStatuses[0].image}=busybox:2", "pod/runs", "-n", namespace)
    assert wait_event(platform, "runs", namespace, "Killing") == "Container main definition changed, will be restarted"
    platform.wait(count + "3", "pod/fails", "-n", namespace)
    platform.wait(waiting, "pod/fails", "-n", namespace)
    state = platform.get("pod", "fails", "-n", namespace)["status"]["containerStatuses"][0]["state"]
    assert state["waiting"]["message"].startswith("back-off 10s ")


def test_who_names_the_node_is_refused_what_it_has_not(platform, namespace):
    node = platform.get("nodes")["items"][0]
    asks = {"resources": {"requests": {"cpu": "1000"}}}
    platform.apply(pod("greedy", namespace, "true", container=asks, nodeName=node["metadata"]["name"]))
    wait_phase(platform, "greedy", namespace, "Failed")
    status = platform.get("pod", "greedy", "-n", namespace)["status"]
    assert status["reason"] == "OutOfcpu" and "containerStatuses" not in status
    assert status["message"].startswith("Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: ")
    assert platform.kubectl("get", "pod", "greedy", "-n", namespace).stdout.splitlines()[1].split()[2] == "OutOfcpu"
    # What was refused is not counted.
    assert run(platform, pod("modest", namespace, "echo ran", container={"resources": {"requests": {"cpu": "10m"}}},
                             nodeName=node["metadata"]["name"])) == "ran\n"


def test_who_names_a_node_that_it_does_not_want_is_refused(platform, namespace):
    node = platform.get("nodes")["items"][0]
    name = node["metadata"]["name"]
    def term(key, operator, *values): return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}]}}}}
    refused = {"selecting": {"nodeSelector": {"disk": "fast"}}, "attracted": term("kubernetes.io/os", "NotIn", "linux")}
    for pod_name, wants in refused.items():
        platform.apply(pod(pod_name, namespace, "true", nodeName=name, **wants))
        wait_phase(platform, pod_name, namespace, "Failed")
        status = platform.get("pod", pod_name, "-n", namespace)["status"]
        assert status["reason"] == "NodeAffinity" and "didn't match Pod's node affinity/selector" in status["message"]
    wants = {"nodeSelector": {"kubernetes.io/os": "linux"}, **term("kubernetes.io/hostname", "In", name)}
    assert run(platform, pod("content", namespace, "echo ran", nodeName=name, **wants)) == "ran\n"


def test_an_evicted_pod_says_that_it_was(platform, namespace):
    manifest = pod("evicted", namespace, "exec sleep 3600", terminationGracePeriodSeconds=1)
    manifest["metadata"]["finalizers"] = ["example.com/kept"]
    platform.apply(manifest)
    platform.wait("--for=condition=Ready", "pod/evicted", "-n", namespace)
    platform.kubectl("create", "-f", "-", "--raw", f"/api/v1/namespaces/{namespace}/pods/evicted/eviction", input=json.dumps(
        {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted", "namespace": namespace}}))
    wait_phase(platform, "evicted", namespace, "Failed")
    conditions = {c["type"]: c for c in platform.get("pod", "evicted", "-n", namespace)["status"]["conditions"]}
    assert conditions["DisruptionTarget"]["reason"] == "EvictionByEvictionAPI"
    platform.kubectl("patch", "pod", "evicted", "-n", namespace, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def test_a_container_is_ready_only_after_its_post_start_hook(platform, namespace):
    hook = {"lifecycle": {"postStart": {"exec": {"command": ["/bin/sh", "-c", "echo started > /tmp/hook"]}}}}
    script = "while ! [ -e /tmp/hook ]; do sleep 0.1; done; cat /tmp/hook"
    assert run(platform, pod("hooked", namespace, script, container=hook)) == "started\n"


def test_a_failed_post_start_hook_ends_the_container(platform, namespace):
    hook = {"lifecycle": {"postStart": {"exec": {"command": ["/bin/sh", "-c", "echo no such luck >&2; exit 4"]}}}}
    platform.apply(pod("unlucky", namespace, "exec sleep 3600", container=hook, terminationGracePeriodSeconds=1))
    wait_phase(platform, "unlucky", namespace, "Failed")
    assert "no such luck" in wait_event(platform, "unlucky", namespace, "FailedPostStartHook")
    wait_event(platform, "unlucky", namespace, "Killing")


def test_a_pod_past_its_deadline_fails(platform, namespace):
    platform.apply(pod("late", namespace, "exec sleep 3600", activeDeadlineSeconds=2, terminationGracePeriodSeconds=1))
    wait_phase(platform, "late", namespace, "Failed")
    status = platform.get("pod", "late", "-n", namespace)["status"]
    assert status["reason"] == "DeadlineExceeded"
    wait_event(platform, "late", namespace, "DeadlineExceeded")


def test_a_running_pod_sees_new_configuration(platform, namespace):
    platform.apply(config_map("settings", namespace, colour="red"))
    platform.kubectl("create", "secret", "generic", "key", "-n", namespace, "--from-literal=word=old")
    script = """
cat /settings/colour /key/word; echo; readlink /settings/colour
while [ "$(cat /settings/colour)" != blue ]; do sleep 0.1; done
while [ "$(cat /key/word)" != new ]; do sleep 0.1; done
echo "$(cat /settings/colour) $(cat /key/word) $COLOUR $(cat /fixed)"
"""
    mounts = {
        "volumeMounts": [{"name": "settings", "mountPath": "/settings"}, {"name": "key", "mountPath": "/key"},
                         {"name": "settings", "mountPath": "/fixed", "subPath": "colour"}],
        "env": [{"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}],
    }
    platform.apply(pod("watching", namespace, script, container=mounts, volumes=[
        {"name": "settings", "configMap": {"name": "settings"}}, {"name": "key", "secret": {"secretName": "key"}}]))
    platform.wait("--for=condition=Ready", "pod/watching", "-n", namespace)
    platform.kubectl("patch", "configmap", "settings", "-n", namespace, "-p", '{"data": {"colour": "blue"}}')
    platform.kubectl("patch", "secret", "key", "-n", namespace, "-p", '{"stringData": {"word": "new"}}')
    wait_phase(platform, "watching", namespace)
    lines = platform.kubectl("logs", "watching", "-n", namespace).stdout.splitlines()
    assert lines[0] == "redold"
    # What was given as a variable or by subPath stays as it was at the start, as on a cluster.
    assert lines[-1] == "blue new red red"


def test_a_followed_log_comes_as_it_is_written_and_ends_with_the_container(platform, namespace):
    platform.apply(config_map("gate", namespace, open="no"))
    script = "echo one; echo two >&2; while [ $(cat /gate/open) != yes ]; do sleep 0.1; done; echo three; printf four"
    platform.apply(pod("talker", namespace, script, container={"volumeMounts": [{"name": "gate", "mountPath": "/gate"}]},
                       volumes=[{"name": "gate", "configMap": {"name": "gate"}}]))
    platform.wait("--for=condition=Ready", "pod/talker", "-n", namespace)
    follower = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "logs", "-f", "talker", "-n", namespace],
        stdout=subprocess.PIPE, text=True)
    try:
        assert {follower.stdout.readline(), follower.stdout.readline()} == {"one\n", "two\n"}
        platform.kubectl("patch", "configmap", "gate", "-n", namespace, "-p", '{"data": {"open": "yes"}}')
        assert follower.stdout.read().split() == ["three", "four"]
        assert follower.wait(60) == 0
    finally:
        follower.kill()
        follower.stdout.close()


def test_logs_of_a_container_that_was_restarted(platform, namespace):
    script = "echo run; [ -e /state/was ] && exec sleep 3600; touch /state/was; echo last words; exit 1"
    platform.apply(pod("again", namespace, script, restartPolicy="OnFailure",
                       container={"volumeMounts": [{"name": "state", "mountPath": "/state"}]},
                       volumes=[{"name": "state", "emptyDir": {}}]))
    platform.wait("--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/again", "-n", namespace)
    platform.wait("--for=condition=Ready", "pod/again", "-n", namespace)
    assert platform.kubectl("logs", "again", "-n", namespace).stdout == "run\n"
    assert platform.kubectl("logs", "again", "-n", namespace, "--previous").stdout == "run\nlast words\n"
    stamped = platform.kubectl("logs", "again", "-n", namespace, "--previous", "--tail=1", "--timestamps").stdout
    assert stamped.split(" ", 1)[1] == "last words\n" and stamped[:4].isdigit()
    started = [event for event in events(platform, "again", namespace) if event["reason"] == "Started"]
    assert [event["involvedObject"]["fieldPath"] for event in started] == ["spec.containers{main}"]
    # What ended for good has no run before.
    run(platform, pod("once", namespace, "echo once"))
    told = platform.kubectl("logs", "once", "-n", namespace, "--previous", check=False).stderr
    assert 'previous terminated container "main" in pod "once" not found' in told
