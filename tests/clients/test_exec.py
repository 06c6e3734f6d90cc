"""kubectl exec, attach and cp: processes in a running container, with all their streams."""

import base64
import hashlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest
import websocket

from support.pods import config_map, pod


@pytest.fixture(scope="module")
def shell(platform):
    """A Pod that waits to be entered."""
    platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
    name = platform.fresh_name("shell")
    platform.apply(pod(name, "default", "echo up; exec sleep 3600", "python:3.11", container={
        "command": ["/bin/sh", "-c", "echo up; exec sleep 3600"], "env": [{"name": "COLOUR", "value": "red"}]}))
    platform.wait("--for=condition=Ready", f"pod/{name}", "-n", "default")
    yield name
    platform.kubectl("delete", "pod", name, "-n", "default", "--grace-period=1", "--wait=false")


def enter(platform, name, *command, flags=(), **options):
    return platform.kubectl("exec", name, "-n", "default", *flags, "--", *command, **options)


def test_output_errors_and_the_exit_code_come_apart(platform, shell):
    done = enter(platform, shell, "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert (done.stdout, done.returncode) == ("out\n", 7)
    assert done.stderr.startswith("err\n")


def test_a_process_has_the_user_and_variables_of_the_container(platform, shell):
    assert enter(platform, shell, "sh", "-c", "echo $COLOUR; id -u; cat /proc/1/comm").stdout.split() == [
        "red", "1000", "sleep"]


@pytest.mark.parametrize("protocol", [None, "binary.k8s.io", "base64.binary.k8s.io"])
def test_logs_over_a_websocket(platform, shell, protocol, tmp_path):
    """The bytes come as messages, in base64 where the protocol says so."""
    config = json.loads(platform.kubectl("config", "view", "--raw", "--minify", "-o", "json").stdout)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    for name, text in (("ca", cluster["certificate-authority-data"]), ("crt", user["client-certificate-data"]),
                       ("key", user["client-key-data"])):
        (tmp_path / name).write_bytes(base64.b64decode(text))
    url = cluster["server"].replace("https", "wss") + f"/api/v1/namespaces/default/pods/{shell}/log?container=main"
    link = websocket.create_connection(
        url, timeout=60, subprotocols=[protocol] if protocol else None,
        sslopt={"ca_certs": tmp_path / "ca", "certfile": tmp_path / "crt", "keyfile": tmp_path / "key"})
    text = b""
    try:
        assert link.getsubprotocol() == protocol
        while link.connected:
            opcode, message = link.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                break
            text += base64.b64decode(message) if protocol == "base64.binary.k8s.io" else message
    finally:
        link.close()
    assert text == b"up\n"


def test_input_reaches_the_process_and_ends(platform, shell):
    text = "line\n" * 200_000
    done = enter(platform, shell, "md5sum", flags=["-i"], input=text)
    assert done.stdout.split()[0] == hashlib.md5(text.encode()).hexdigest()


def test_a_megabyte_a_thousandfold_is_not_too_much(platform, shell):
    done = enter(platform, shell, "sh", "-c", "yes 0123456789abcde | head -c 50000000 | tee /dev/stderr | wc -c; true")
    assert done.stdout.strip() == "50000000" and len(done.stderr) == 50_000_000


def test_a_pipe_that_is_read_no_more_ends_its_writer(platform, shell):
    assert enter(platform, shell, "sh", "-c", "yes | head -n 1").stdout == "y\n"


def test_a_program_that_is_not_there(platform, shell):
    done = enter(platform, shell, "no-such-program", check=False)
    assert done.returncode != 0 and "no-such-program" in done.stderr


def test_a_terminal(platform, shell):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "exec", "-it", shell, "-n", "default", "--", "sh"],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    text = ""

    def until(pattern):
        nonlocal text
        deadline = time.monotonic() + 60
        while not re.search(pattern, text):
            assert select.select([master], [], [], deadline - time.monotonic())[0], text
            text += os.read(master, 4096).decode()

    try:
        os.write(master, b"tty; echo $TERM.\n")
        until(r"/dev/pts/\d+\s+xterm\.")
        subprocess.run(["stty", "rows", "33", "cols", "111"], stdin=master, check=True)
        process.send_signal(signal.SIGWINCH)
        os.write(master, b"until [ \"$(stty size)\" = '33 111' ]; do :; done; echo si''zed\n")
        until("sized")
        os.write(master, b"sh -c 'echo in\"\"side; exec sleep 1000'\n")
        until("inside")
        os.write(master, b"\x03")
        until(r"\^C\s+\$ ")
        os.write(master, b"echo inter''rupted\n")
        until("interrupted")
        os.write(master, b"exit 5\n")
        assert process.wait(60) == 5
    finally:
        process.kill()
        process.wait(10)
        os.close(master)


def test_a_process_ends_when_its_caller_goes_away(platform, shell):
    caller = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "exec", shell, "-n", "default", "--", "sh", "-c",
         "echo begun; exec sleep 4321"], stdout=subprocess.PIPE, text=True)
    assert caller.stdout.readline() == "begun\n"
    caller.kill()
    caller.wait(10)
    caller.stdout.close()
    enter(platform, shell, "sh", "-c",
          "for n in $(seq 600); do grep -qs '43[2]1' /proc/[0-9]*/cmdline --exclude-dir=self || exit 0; sleep 0.1; done; exit 1")


def test_files_are_copied_in_and_out(platform, shell, tmp_path):
    source = tmp_path / "data"
    source.mkdir()
    (source / "a.bin").write_bytes(os.urandom(3_000_000))
    (source / "b.txt").write_text("text")
    platform.kubectl("cp", str(source), f"default/{shell}:/tmp/data")
    assert enter(platform, shell, "cat", "/tmp/data/b.txt").stdout == "text"
    platform.kubectl("cp", f"default/{shell}:/tmp/data", str(tmp_path / "back"))
    assert (tmp_path / "back" / "a.bin").read_bytes() == (source / "a.bin").read_bytes()


def test_attach_shows_what_is_written_from_now_on_and_the_exit_code(platform, namespace):
    platform.apply(config_map("gate", namespace, open="no"))
    script = "while [ $(cat /gate/open) != yes ]; do echo waiting; sleep 0.1; done; echo last; exit 3"
    platform.apply(pod("talker", namespace, script, container={"volumeMounts": [{"name": "gate", "mountPath": "/gate"}]},
                       volumes=[{"name": "gate", "configMap": {"name": "gate"}}]))
    platform.wait("--for=condition=Ready", "pod/talker", "-n", namespace)
    attached = subprocess.Popen(["kubectl", "--kubeconfig", platform.kubeconfig, "attach", "talker", "-n", namespace],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert attached.stdout.readline() == "waiting\n"
        platform.kubectl("patch", "configmap", "gate", "-n", namespace, "-p", '{"data": {"open": "yes"}}')
        out, _ = attached.communicate(timeout=120)
        assert out.splitlines()[-1] == "last"
    finally:
        attached.kill()


def test_who_may_not_exec_does_not(platform, namespace, shell):
    platform.kubectl("create", "rolebinding", "viewers", "-n", namespace, "--clusterrole=view", "--user=viewer")
    platform.apply(pod("closed", namespace, "exec sleep 3600"))
    platform.wait("--for=condition=Ready", "pod/closed", "-n", namespace)
    done = platform.kubectl("exec", "closed", "-n", namespace, "--as=viewer", "--", "true", check=False)
    assert done.returncode != 0 and "forbidden" in done.stderr.lower()


def test_an_ended_container_cannot_be_entered(platform, namespace):
    platform.apply(pod("over", namespace, "true"))
    platform.wait("--for=jsonpath={.status.phase}=Succeeded", "pod/over", "-n", namespace)
    done = platform.kubectl("exec", "over", "-n", namespace, "--", "true", check=False)
    assert done.returncode != 0 and ("completed" in done.stderr or "not running" in done.stderr)


def test_why_a_container_cannot_be_entered_is_always_told(platform, namespace):
    """However soon the node agent hangs up after it has said so."""
    manifest = pod("partly", namespace, "exec sleep 3600")
    manifest["spec"]["containers"].append({"name": "over", "image": "busybox", "command": ["true"]})
    platform.apply(manifest)
    platform.wait("--for=jsonpath={.status.containerStatuses[1].state.terminated.exitCode}=0", "pod/partly", "-n", namespace)
    for _ in range(20):
        done = platform.kubectl("exec", "partly", "-c", "over", "-n", namespace, "--", "true", check=False)
        assert 'container "over" of pod "partly" is not running' in done.stderr
