"""What the containers of a Pod share with each other, with those who debug them, and with the host when permitted."""

import os
import socket

from support.machine import Machine
from support.pods import pod, run, wait_event, wait_phase

FOREVER = "trap 'exit 0' TERM; while :; do sleep 1; done"


def two(name, namespace, first, second, **spec):
    manifest = pod(name, namespace, first, **spec)
    other = dict(manifest["spec"]["containers"][0], name="second", command=["/bin/sh", "-c", second])
    manifest["spec"]["containers"].append(other)
    return manifest


def test_containers_of_a_pod_share_memory(platform, namespace):
    script = "echo shared > /dev/shm/word; while [ -f /dev/shm/word ]; do sleep 0.1; done"
    reader = "while ! [ -s /dev/shm/word ]; do sleep 0.1; done; cat /dev/shm/word; rm /dev/shm/word"
    platform.apply(two("memory", namespace, script, reader))
    wait_phase(platform, "memory", namespace)
    assert platform.kubectl("logs", "memory", "-c", "second", "-n", namespace).stdout == "shared\n"
    full = "dd if=/dev/zero of=/dev/shm/x bs=1M count=100 2>/dev/null || wc -c < /dev/shm/x"
    assert run(platform, pod("full", namespace, full)) == f"{64 << 20}\n"


IPC = """
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
who, key = sys.argv[1], 4711
if who == "first":
    segment = libc.shmget(key, 4096, 0o1666)
    memory = libc.shmat(segment, None, 0)
    ctypes.memmove(memory, b"from the first", 14)
    queue = libc.mq_open(b"/queue", os.O_CREAT | os.O_RDWR, 0o666, None)
    os.chmod("/dev/mqueue/queue", 0o666)
    libc.mq_send(queue, b"a message", 9, 0)
    while not os.path.exists("/dev/shm/read"): time.sleep(0.05)
else:
    while (segment := libc.shmget(key, 4096, 0)) < 0 or not os.path.exists("/dev/mqueue/queue"): time.sleep(0.05)
    memory = libc.shmat(segment, None, 0)
    while not ctypes.string_at(memory, 14).strip(b"\\0"): time.sleep(0.05)
    print(ctypes.string_at(memory, 14).decode())
    queue, buffer = libc.mq_open(b"/queue", os.O_RDWR), ctypes.create_string_buffer(8192)
    size = libc.mq_receive(queue, buffer, 8192, None)
    print(buffer.raw[:size].decode())
    open("/dev/shm/read", "w").close()
print(open("/proc/sys/kernel/shm_rmid_forced").read().strip())
"""


def test_containers_of_a_pod_share_system_v_ipc(platform, namespace):
    """Also where each container has users of its own; other Pods see none of it."""
    for name, spec in (("plain", {}), ("shifted", {"hostUsers": False})):
        manifest = pod(name, namespace, "", securityContext={"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}]}, **spec)
        manifest["spec"]["containers"] = [
            {"name": who, "image": "busybox", "command": ["python3", "-c", IPC, who]} for who in ("first", "second")]
        platform.apply(manifest)
        wait_phase(platform, name, namespace)
        assert platform.kubectl("logs", name, "-c", "second", "-n", namespace).stdout.splitlines() == [
            "from the first", "a message", "1"]
    assert run(platform, pod("other", namespace, "cat /proc/sysvipc/shm | wc -l; ls /dev/mqueue; cat /proc/sys/kernel/shm_rmid_forced")
               ).split() == ["1", "0"]


def test_whole_names(platform, namespace):
    names = {"hostname": "node-a", "subdomain": "team", "setHostnameAsFQDN": True}
    name = f"node-a.team.{namespace}.svc.cluster.local"
    assert run(platform, pod("named", namespace, "cat /proc/sys/kernel/hostname; echo $HOSTNAME; cat /etc/hostname",
                             **names)).split() == [name] * 3
    platform.apply(pod("long", namespace, "true", **{**names, "hostname": "a" * 60}))
    assert "is too long (64 characters is the max" in wait_event(platform, "long", namespace, "Failed")


def test_processes_of_a_pod_see_each_other(platform, namespace):
    """Also where each container has users of its own, and a process that lost its parent is buried."""
    seen = "sleep 0.1 & for p in /proc/[0-9]*; do (tr '\\\\0' ' ' < $p/cmdline) 2>/dev/null; echo; done | grep -c 'looked-for'; cat /proc/1/comm"
    waits = f"while ! [ -e /dev/shm/go ]; do sleep 0.1; done; {seen}; touch /dev/shm/done"
    first = "sh -c 'touch /dev/shm/go; while ! [ -e /dev/shm/done ]; do sleep 0.1; done' looked-for"
    manifest = two("together", namespace, first, waits, shareProcessNamespace=True)
    platform.apply(manifest)
    wait_phase(platform, "together", namespace)
    lines = platform.kubectl("logs", "together", "-c", "second", "-n", namespace).stdout.split()
    assert int(lines[0]) >= 1 and lines[1] == "pause"
    manifest = two("rooted", namespace, first, waits, shareProcessNamespace=True, hostUsers=False,
                   securityContext={"runAsUser": 0})
    platform.apply(manifest)
    wait_phase(platform, "rooted", namespace)
    assert platform.kubectl("logs", "rooted", "-c", "second", "-n", namespace).stdout.split()[1] == "pause"
    alone = run(platform, pod("alone", namespace, "cat /proc/1/comm"))
    assert alone == "cat\n" or alone == "sh\n"


def test_debugging_a_pod_that_runs(platform, namespace):
    platform.apply(pod("patient", namespace, f"echo up; {FOREVER}", restartPolicy="Always"))
    platform.wait("--for=condition=Ready", "pod/patient", "-n", namespace)
    script = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done | grep -c 'echo up' && cat /proc/1/comm"
    platform.kubectl("debug", "patient", "-n", namespace, "--image=busybox", "--target=main", "-c", "doctor",
                     "--profile=general", "--", "/bin/sh", "-c", script)
    platform.wait("--for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.reason}=Completed", "pod/patient",
                  "-n", namespace)
    assert platform.kubectl("logs", "patient", "-c", "doctor", "-n", namespace).stdout.split()[-1] == "sh"
    told = platform.get("pod", "patient", "-n", namespace)["status"]
    assert told["phase"] == "Running" and told["ephemeralContainerStatuses"][0]["restartCount"] == 0
    assert told["containerStatuses"][0]["restartCount"] == 0
    # It goes with its Pod.
    platform.kubectl("debug", "patient", "-n", namespace, "--image=busybox", "-c", "stays", "--profile=general", "--",
                     "/bin/sh", "-c", FOREVER)
    # The one that ended and this one; kubectl wait does not bear an index that is not there yet.
    platform.wait("--for=jsonpath={.status.ephemeralContainerStatuses[-1:].state.running}", "pod/patient", "-n", namespace)
    platform.kubectl("delete", "pod", "patient", "-n", namespace, "--timeout=60s")


def test_the_network_of_the_host_is_refused(platform, namespace):
    for field, words in (("hostNetwork", "--allow-host-network"), ("hostPID", "not offered"), ("hostIPC", "not offered")):
        name = field.lower()
        platform.apply(pod(name, namespace, "true", **{field: True}))
        wait_phase(platform, name, namespace, "Failed")
        status = platform.get("pod", name, "-n", namespace)["status"]
        assert status["reason"] == "UnexpectedAdmissionError" and field in status["message"] and words in status["message"]


def test_the_hosts_network_by_flag(own_platform):
    """The Pod has the addresses of the machine, and the names of the cluster only where it asks for them."""
    platform = own_platform.start("--allow-host-network")
    networks = "readlink /proc/self/ns/net; cat /etc/resolv.conf"
    seen = run(platform, pod("host", "default", networks, hostNetwork=True)).splitlines()
    assert seen[0] == os.readlink(f"/proc/{Machine(platform).agent}/ns/net")
    assert (seen[0] == os.readlink("/proc/self/ns/net")) == (not platform.account)
    assert "svc.cluster.local" not in "\n".join(seen)
    named = run(platform, pod("named", "default", networks, hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"))
    assert "default.svc.cluster.local" in named
    serve = "exec python3 -m http.server --bind 127.0.0.1 $PORT"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    manifest = pod("server", "default", serve, hostNetwork=True)
    manifest["spec"]["containers"][0].update(
        image="python:3.11", env=[{"name": "PORT", "value": str(port)}], ports=[{"containerPort": port}],
        readinessProbe={"tcpSocket": {"port": port, "host": "127.0.0.1"}, "periodSeconds": 1})
    platform.apply(manifest)
    platform.kubectl("wait", "pod/server", "-n", "default", "--for=condition=Ready", "--timeout=60s")
    found = platform.get("pod", "server", "-n", "default")
    assert found["status"]["podIP"] == found["status"]["hostIP"]
    assert found["spec"]["containers"][0]["ports"] == [{"containerPort": port, "hostPort": port, "protocol": "TCP"}]
    ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/"]
    assert Machine(platform).inside(*ask, timeout=10).stdout == "200"
    platform.kubectl("delete", "pod", "server", "-n", "default")
    inside = run(platform, pod("apart", "default", "readlink /proc/self/ns/net"))
    assert inside.strip() != seen[0]
