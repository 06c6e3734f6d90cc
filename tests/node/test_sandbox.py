"""What a Pod must not be able to do, as an ordinary user and as its root, and what its security context changes."""

import json

import pytest

from support.pods import pod, run, shifted, wait_event, wait_phase

# Tries one thing after another; prints what worked.
ATTACK = r"""
import ctypes, errno, glob, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, action):
    try:
        result = action()
    except (OSError, PermissionError) as error:
        return
    if result in (-1, None, False, [], ""):
        return
    print("worked:", name, repr(result)[:200])
def read(path):
    return open(path, "rb").read(100) or None
def call(number, *arguments):
    return libc.syscall(number, *arguments)
attempt("platform data", lambda: os.listdir("@DATA@"))
attempt("volumes of others", lambda: glob.glob("@DATA@/volumes/*"))
attempt("home of root", lambda: os.listdir("/root") and [n for n in os.listdir("/root") if n not in (".cache", ".local", ".config")])
attempt("keys of the host", lambda: read("/etc/shadow"))
attempt("processes of the host", lambda: [p for p in os.listdir("/proc") if p.isdigit() and int(p) > 1 and int(p) != os.getpid()])
attempt("root of another process", lambda: os.listdir("/proc/1/root/work"))
attempt("mount", lambda: libc.mount(b"tmpfs", b"/mnt", b"tmpfs", 0, None) == 0)
attempt("remount of proc", lambda: libc.mount(b"proc", b"/mnt", b"proc", 0, None) == 0)
attempt("remount of /usr", lambda: libc.mount(None, b"/usr", None, 32 | 4096, None) == 0)
attempt("umount", lambda: libc.umount2(b"/proc/sys", 2) == 0)
attempt("block device", lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(254, 0)))
attempt("mknod", lambda: (os.mknod("/tmp/kmem", 0o20666, os.makedev(1, 2)), read("/tmp/kmem")))
attempt("kernel log", lambda: read("/proc/kmsg"))
attempt("dmesg", lambda: libc.klogctl(3, ctypes.create_string_buffer(100), 100))
attempt("kcore", lambda: read("/proc/kcore"))
attempt("sysrq", lambda: open("/proc/sysrq-trigger", "w").write("h"))
attempt("core pattern", lambda: open("/proc/sys/kernel/core_pattern", "w").write("|/tmp/x"))
attempt("release agent", lambda: glob.glob("/sys/fs/cgroup/*"))
attempt("sysfs", lambda: open("/sys/kernel/mm/ksm/run", "w").write("0"))
attempt("uevent helper", lambda: open("/sys/kernel/uevent_helper", "w").write("/tmp/x"))
attempt("other devices", lambda: [n for n in os.listdir("/sys/class/net") if n not in ("lo", "eth0")])
attempt("write to /usr", lambda: open("/usr/bin/owned", "w"))
attempt("user namespace", lambda: libc.unshare(0x10000000) == 0)
attempt("mount namespace", lambda: libc.unshare(0x00020000) == 0)
attempt("setns", lambda: libc.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0) == 0 and False)
attempt("host name", lambda: libc.sethostname(b"x", 1) == 0)
attempt("clock", lambda: libc.settimeofday(struct.pack("qq", 1, 1), None) == 0)
def netlink(kind, *attributes):
    # Asks the kernel to change routes or addresses; true when it did.
    body = struct.pack("BBBBBBBBI", 2, 24, 0, 0, 254, 4, 0, 1, 0) if kind == 24 else struct.pack("BBBBI", 2, 24, 0, 0, 2)
    body += b"".join(struct.pack("HH", 8, number) + value for number, value in attributes)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.send(struct.pack("IHHII", 16 + len(body), kind, 0x0605, 1, 0) + body)
        return struct.unpack("i", link.recv(4096)[16:20])[0] == 0
ip = socket.inet_aton
index = struct.pack("I", socket.if_nametoindex("eth0"))
attempt("route", lambda: netlink(24, (1, ip("192.0.2.0")), (4, index)))
attempt("address", lambda: netlink(20, (1, ip("10.0.0.1")), (2, ip("10.0.0.1"))))
attempt("interface down", lambda: __import__("fcntl").ioctl(
    socket.socket(), 0x8914, struct.pack("16sH22x", b"eth0", 0)) and "down")
attempt("forwarding", lambda: open("/proc/sys/net/ipv4/ip_forward", "w").write("1"))
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 768))
attempt("hypervisor socket", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt("priority", lambda: os.nice(-10))
for name, number in {"bpf": 321, "userfaultfd": 323, "perf_event_open": 298, "keyctl": 250, "kexec_load": 246,
                     "init_module": 175, "open_by_handle_at": 304, "reboot": 169, "swapon": 167, "io_uring_setup": 425,
                     "pivot_root": 155, "clone3": 435, "fsopen": 430, "open_tree": 428, "add_key": 248,
                     "chroot-and-mount": 165, "quotactl_fd": 443}.items():
    attempt(name, lambda: call(number, 0, 0, 0, 0, 0) >= 0)
for value in (0x40000, 0x400000, 1, 0x20009, 0x80000000, 0xfffffffe, 0xfffffff7, 0xfffdffff):
    attempt(f"personality {value:#x}", lambda: libc.syscall(135, ctypes.c_ulong(value)) >= 0)
attempt("new privileges", lambda: open("/proc/self/status").read().split("NoNewPrivs:\t")[1][0] == "0")
attempt("no filter", lambda: open("/proc/self/status").read().split("Seccomp:\t")[1][0] == "0")
attempt("host root", lambda: os.getuid() == 0 and open("/proc/self/uid_map").read().split()[1:] == ["0", "4294967295"])
print("tried")
"""


# Asks everything that listens for the platform, with no token, with a made-up one, and as somebody else.
KNOCK = """
import json, ssl, urllib.error, urllib.request
context = ssl._create_unverified_context()
paths = ["/api/v1/nodes", "/api/v1/namespaces/kube-system/secrets", "/api/v1/secrets", "/apis", "/metrics", "/logs", "/debug/pprof/",
         "/api/v1/namespaces/default/pods", "/api/env-info", "/api/namespaces", "/"]
heads = [{}, {"Authorization": "Bearer " + "x" * 40}, {"Authorization": "Basic YWRtaW46YWRtaW4="}, {"kubeflow-userid": "admin@example.com"},
         {"X-Remote-User": "admin", "X-Remote-Group": "system:masters"}, {"Impersonate-User": "admin"}]
for server in @SERVERS@:
    for path in paths:
        for head in heads:
            try:
                answer = urllib.request.urlopen(urllib.request.Request(server + path, headers=head), context=context, timeout=5)
                print("worked:", server, path, head, answer.status, answer.read(200))
            except urllib.error.HTTPError as error:
                if error.code not in (401, 403): print("strange:", server, path, error.code)
            except OSError as error:
                print("closed", server)
                break
        else: continue
        break
"""


def test_without_a_token_there_is_no_control_plane(platform, namespace):
    host = run(platform, pod("where", namespace, "getent hosts kubernetes.default | cut -d' ' -f1; ip route | grep default")).split()
    gateway = host[host.index("via") + 1]
    port, api = (url.rsplit(":", 1)[1].strip("/") for url in (platform.gateway, platform.kubernetes))
    servers = ["https://kubernetes.default.svc", f"https://{gateway}:{api}", f"http://{gateway}:{port}", f"http://127.0.0.1:{port}"]
    lines = run(platform, pod("knocks", namespace, KNOCK.replace("@SERVERS@", repr(servers)), "python:3.11",
                              automountServiceAccountToken=False)).splitlines()
    assert lines == [f"closed {server}" for server in servers[1:]], lines
    assert run(platform, pod("bare", namespace, "ls /var/run/secrets 2>/dev/null | wc -l", automountServiceAccountToken=False)) == "0\n"


@pytest.mark.parametrize("user", [1000, 0])
def test_attacks_are_refused(platform, namespace, user):
    script = ATTACK.replace("@DATA@", str(platform.data))
    context = {"securityContext": {"runAsUser": user}}
    assert run(platform, pod("attacker", namespace, script, "python:3.11", container=context)) == "tried\n"


def test_root_of_a_pod_is_nobody_outside(platform, namespace):
    """Root owns what it should inside; on disk its files are root's, outside its processes are nobody's."""
    platform.apply({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}})
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    root = {"securityContext": {"runAsUser": 0}, "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    script = f"""
echo mine > /data/file; chown 1000:100 /data/file
pip --version > /dev/null && python3 -c 'import sys; open(sys.prefix + "/new", "w")'
rm -r /opt/environment/lib/python3*/site-packages/pip && echo removed
stat -c '%u %g' /data/file /usr/bin /etc/passwd
{shifted(platform)} && echo shifted
"""
    manifest = pod("root", namespace, script, "python:3.11", container=root, volumes=volumes)
    manifest["spec"]["containers"][0]["command"] = ["/bin/bash", "-c", script]
    # The machine's own files are nobody's to an ordinary user's Pods.
    usr = "65534 65534" if platform.account else "0 0"
    assert run(platform, manifest).split("\n")[:5] == ["removed", "1000 100", usr, "0 0", "shifted"]
    user = {"securityContext": {"runAsUser": 1000}, "volumeMounts": root["volumeMounts"]}
    assert run(platform, pod("user", namespace, "cat /data/file; echo more >> /data/file && echo written",
                             container=user, volumes=volumes)) == "mine\nwritten\n"


def test_users_of_its_own_when_asked(platform, namespace):
    script = f"id -u; {shifted(platform)} && echo shifted; ls /sys/class/net"
    assert run(platform, pod("own", namespace, script, hostUsers=False)).split() == ["1000", "shifted", "eth0", "lo"]


def test_how_much_of_proc_is_seen(platform, namespace):
    script = "grep -c ' /proc/' /proc/self/mounts || true"
    assert int(run(platform, pod("masked", namespace, script, hostUsers=False))) > 5
    assert run(platform, pod("whole", namespace, script, hostUsers=False, container={
        "securityContext": {"procMount": "Unmasked"}})) == "0\n"


def test_capabilities(platform, namespace):
    script = "grep -E 'Cap(Bnd|Eff|Amb)' /proc/self/status | tr '\\n' ' '"
    def told(name, **capabilities):
        context = {"securityContext": {"runAsUser": 0, "capabilities": capabilities}}
        words = run(platform, pod(name, namespace, script, container=context)).split()
        return dict(zip([w.rstrip(":") for w in words[::2]], (int(w, 16) for w in words[1::2])))
    assert told("none", drop=["ALL"]) == {"CapEff": 0, "CapBnd": 0, "CapAmb": 0}
    some = told("some", drop=["ALL"], add=["NET_BIND_SERVICE", "CHOWN"])
    assert some["CapEff"] == some["CapBnd"] == 1 << 10 | 1
    platform.apply(pod("greedy", namespace, "true", container={
        "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}))
    assert "SYS_ADMIN" in wait_event(platform, "greedy", namespace, "Failed")


def waiting(platform, name, namespace):
    wait_event(platform, name, namespace, "Failed")
    path = "{.status.containerStatuses[0].state.waiting.reason}"
    platform.wait(f"--for=jsonpath={path}=CreateContainerConfigError", f"pod/{name}", "-n", namespace)
    state = platform.get("pod", name, "-n", namespace)["status"]["containerStatuses"][0]["state"]
    return state["waiting"]["message"]


def test_who_must_not_be_root(platform, namespace):
    context = {"runAsNonRoot": True, "runAsUser": 0}
    platform.apply(pod("rooted", namespace, "true", container={"securityContext": context}))
    assert waiting(platform, "rooted", namespace).startswith(
        f"container's runAsUser breaks non-root policy (pod: \"rooted_{namespace}(")
    assert run(platform, pod("good", namespace, "id -u; id -g; id -G", securityContext={
        "runAsNonRoot": True, "runAsUser": 1234, "runAsGroup": 2345, "supplementalGroups": [3456], "fsGroup": 4567,
    })) == "1234\n2345\n2345 3456 4567\n"


def test_a_read_only_root(platform, namespace):
    context = {"securityContext": {"readOnlyRootFilesystem": True},
               "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}
    script = "for f in /file /etc/hosts /home/jovyan/x /opt/x; do : 2>/dev/null >> $f && echo $f; done; : > /scratch/x && echo ok"
    assert run(platform, pod("fixed", namespace, f"exec 2>/dev/null; ({script}) || true; : > /scratch/x && echo ok",
                             "busybox", container=context, volumes=[{"name": "scratch", "emptyDir": {}}])).split()[-1] == "ok"


def test_settings_of_the_kernel(platform, namespace):
    settings = [{"name": "kernel.shm_rmid_forced", "value": "1"}, {"name": "net/ipv4/tcp_syncookies", "value": "0"},
                {"name": "net.ipv4.ip_local_port_range", "value": "20000 20010"}]
    script = "cd /proc/sys; cat kernel/shm_rmid_forced net/ipv4/tcp_syncookies net/ipv4/ip_local_port_range"
    assert run(platform, pod("set", namespace, script, securityContext={"sysctls": settings})).split() == [
        "1", "0", "20000", "20010"]
    unsafe = [{"name": "kernel.msgmax", "value": "65536"}]
    platform.apply(pod("unsafe", namespace, "true", securityContext={"sysctls": unsafe}))
    wait_phase(platform, "unsafe", namespace, "Failed")
    status = platform.get("pod", "unsafe", "-n", namespace)["status"]
    assert (status["reason"], status["message"]) == (
        "SysctlForbidden", 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted')


def test_filters_of_system_calls(platform, namespace):
    def filtered(name, profile):
        context = {"securityContext": {"seccompProfile": profile}}
        return pod(name, namespace, "grep ^Seccomp: /proc/self/status; mkdir /tmp/x 2>&- && echo made || true", container=context)
    assert run(platform, filtered("default", {"type": "RuntimeDefault"})) == "Seccomp:\t2\nmade\n"
    assert run(platform, filtered("open", {"type": "Unconfined"})) == "Seccomp:\t0\nmade\n"
    folder = platform.data / "seccomp"
    folder.mkdir(exist_ok=True)
    (folder / "no-mkdir.json").write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}))
    assert run(platform, filtered("own", {"type": "Localhost", "localhostProfile": "no-mkdir.json"})) == "Seccomp:\t2\n"
    platform.apply(filtered("missing", {"type": "Localhost", "localhostProfile": "none.json"}))
    assert "cannot load seccomp profile" in wait_event(platform, "missing", namespace, "Failed")
