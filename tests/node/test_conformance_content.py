"""What node conformance asks of what containers find: variables, volumes, users, names."""

import base64
import json

from support.pods import claim, config_map, pod, run, wait_event, wait_phase
from support.waiting import eventually


def secret(name, namespace, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": data}


def field(name, path):
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def resource(name, path, container="main", **more):
    return {"name": name, "valueFrom": {"resourceFieldRef": {"resource": path, "containerName": container, **more}}}


def test_variables(platform, namespace):
    platform.apply(config_map("settings", namespace, one="1", two="2"))
    platform.apply(secret("keys", namespace, word="hidden", other="second"))
    platform.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "foo-service", "namespace": namespace},
                    "spec": {"selector": {"app": "none"}, "ports": [{"port": 8765, "targetPort": 8080}]}})
    address = platform.get("service", "foo-service", "-n", namespace)["spec"]["clusterIP"]
    env = [
        {"name": "PLAIN", "value": "plain"}, {"name": "COMPOSED", "value": "$(PLAIN);;$(SETTING)-$(UNKNOWN)-$$(PLAIN)"},
        {"name": "SETTING", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "one"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "word"}}},
        {"name": "MAYBE", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "word", "optional": True}}},
        field("NAME", "metadata.name"), field("SPACE", "metadata.namespace"), field("ADDRESS", "status.podIP"),
        field("HOST", "status.hostIP"), field("UID_", "metadata.uid"), field("NODE", "spec.nodeName"),
        field("ACCOUNT", "spec.serviceAccountName"), field("LABEL", "metadata.labels['app']"),
        resource("CPU", "limits.cpu"), resource("MILLI", "limits.cpu", divisor="1m"), resource("MEMORY", "limits.memory"),
        resource("ASKED", "requests.memory", divisor="1Mi"), resource("ALL", "limits.cpu", "bare"),
    ]
    container = {
        "env": env, "envFrom": [{"configMapRef": {"name": "settings"}, "prefix": "CM_"}, {"secretRef": {"name": "keys"}},
                                {"configMapRef": {"name": "absent", "optional": True}}],
        "resources": {"limits": {"cpu": "1250m", "memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}},
        "command": ["/bin/sh", "-c", "env; echo ARGUMENTS=$0,$1", "$(PLAIN)"], "args": ["$(KEY)"],
    }
    manifest = pod("variables", namespace, "", container=container)
    manifest["spec"]["containers"].append({"name": "bare", "image": "busybox", "command": ["true"]})
    platform.apply(manifest)
    wait_phase(platform, "variables", namespace)
    log = platform.kubectl("logs", "variables", "-c", "main", "-n", namespace).stdout
    told = dict(line.split("=", 1) for line in log.splitlines() if "=" in line)
    item = platform.get("pod", "variables", "-n", namespace)
    wanted = {
        "COMPOSED": "plain;;$(SETTING)-$(UNKNOWN)-$(PLAIN)", "SETTING": "1", "KEY": "hidden", "CM_one": "1", "CM_two": "2",
        "word": "hidden", "other": "second", "NAME": "variables", "SPACE": namespace, "UID_": item["metadata"]["uid"],
        "NODE": "martlet", "ACCOUNT": "default", "LABEL": "variables", "CPU": "2", "MILLI": "1250", "MEMORY": str(64 << 20),
        "ASKED": "32", "ALL": platform.get("node", "martlet")["status"]["allocatable"]["cpu"],
        "HOST": item["status"]["hostIP"], "ARGUMENTS": "plain,hidden",
        "FOO_SERVICE_SERVICE_HOST": address, "FOO_SERVICE_SERVICE_PORT": "8765", "FOO_SERVICE_PORT": f"tcp://{address}:8765",
        "FOO_SERVICE_PORT_8765_TCP": f"tcp://{address}:8765", "FOO_SERVICE_PORT_8765_TCP_PROTO": "tcp",
        "FOO_SERVICE_PORT_8765_TCP_PORT": "8765", "FOO_SERVICE_PORT_8765_TCP_ADDR": address,
    }
    assert {name: told.get(name) for name in wanted} == wanted
    assert told["ADDRESS"].count(".") == 3 and "MAYBE" not in told


MANY = [{"name": name, "mountPath": f"/{name}"} for name in ("made", "changed", "gone", "down", "all")]


def test_volumes_of_configuration_follow_their_sources(platform, namespace):
    """Made, changed and deleted behind a running Pod; labels and annotations as well."""
    platform.apply(config_map("changed", namespace, word="old", extra="x"))
    platform.apply(config_map("gone", namespace, word="here"))
    platform.apply(secret("key", namespace, word="secret"))
    down = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}},
            {"path": "name", "mode": 0o400, "fieldRef": {"fieldPath": "metadata.name"}},
            {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu", "divisor": "1m"}},
            {"path": "memory", "resourceFieldRef": {"containerName": "main", "resource": "requests.memory"}}]
    volumes = [
        {"name": "made", "configMap": {"name": "made", "optional": True}},
        {"name": "changed", "projected": {"sources": [{"configMap": {"name": "changed", "optional": True}}]}},
        {"name": "gone", "configMap": {"name": "gone", "optional": True}},
        {"name": "down", "downwardAPI": {"items": down}},
        {"name": "all", "projected": {"defaultMode": 0o440, "sources": [
            {"secret": {"name": "key", "items": [{"key": "word", "path": "deep/secret"}]}},
            {"configMap": {"name": "changed", "items": [{"key": "extra", "path": "deep/extra"}]}},
            {"downwardAPI": {"items": down[:3]}}]}},
    ]
    manifest = pod("follows", namespace, "exec sleep 3600", terminationGracePeriodSeconds=0, volumes=volumes, container={
        "volumeMounts": MANY, "resources": {"limits": {"cpu": "500m"}, "requests": {"memory": "16Mi"}}},
        securityContext={"fsGroup": 1001, "runAsUser": 1000, "runAsNonRoot": True})
    manifest["metadata"]["annotations"] = {"colour": "red"}
    platform.apply(manifest)
    platform.wait("--for=condition=Ready", "pod/follows", "-n", namespace)

    def shell(script):
        return platform.kubectl("exec", "follows", "-n", namespace, "--", "/bin/sh", "-c", script).stdout.split()

    assert shell("ls /made; cat /changed/word; echo; cat /gone/word") == ["old", "here"]
    assert shell("cat /down/name /down/cpu; echo; cat /down/memory; echo; cat /down/labels; echo; grep ^colour /down/annotations") == [
        "follows500", str(16 << 20), 'app="follows"', 'colour="red"']
    assert shell("cat /all/deep/secret /all/deep/extra /all/name; echo; stat -L -c %a,%g /all/deep/secret /all/name /down/name") == [
        "secretxfollows", "440,1001", "440,1001", "440,1001"]
    platform.apply(config_map("made", namespace, word="new"))
    platform.kubectl("patch", "configmap", "changed", "-n", namespace, "-p", '{"data": {"word": "newer"}}')
    platform.kubectl("delete", "configmap", "gone", "-n", namespace)
    platform.kubectl("label", "pod", "follows", "-n", namespace, "more=yes")
    platform.kubectl("annotate", "pod", "follows", "-n", namespace, "--overwrite", "colour=blue")
    script = "cat /made/word; echo; cat /changed/word; echo; ls /gone; cat /down/labels; echo; grep ^colour /down/annotations"
    eventually(lambda: shell(script) == ["new", "newer", 'app="follows"', 'more="yes"', 'colour="blue"'], 60, script)


def test_files_from_secrets_and_configuration(platform, namespace):
    platform.apply(secret("same", namespace, word="ours"))
    other = platform.fresh_name("other")
    platform.kubectl("create", "namespace", other)
    try:
        platform.apply(secret("same", other, word="theirs"))
        binary = config_map("binary", namespace, text="text")
        binary["binaryData"] = {"bytes": base64.b64encode(bytes([0xDE, 0xCA, 0xFE])).decode()}
        platform.apply(binary)
        volumes = [
            {"name": "plain", "secret": {"secretName": "same"}},
            {"name": "mapped", "secret": {"secretName": "same", "items": [{"key": "word", "path": "new/place", "mode": 0o400}]}},
            {"name": "grouped", "secret": {"secretName": "same", "defaultMode": 0o440}},
            {"name": "binary", "configMap": {"name": "binary"}}]
        mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
        mounts.append({"name": "plain", "mountPath": "/again", "readOnly": True})
        mounts.append({"name": "binary", "mountPath": "/etc/one-file", "subPath": "text"})
        script = ("cat /plain/word /again/word /mapped/new/place /grouped/word /etc/one-file; echo;"
                  "stat -L -c %a /plain/word /mapped/new/place /grouped/word; od -An -tx1 /binary/bytes")
        lines = run(platform, pod("files", namespace, script, volumes=volumes, container={"volumeMounts": mounts},
                                  securityContext={"runAsUser": 1000, "fsGroup": 1001})).split()
        assert lines == ["ours" * 4 + "text", "644", "440", "440", "de", "ca", "fe"]
    finally:
        platform.kubectl("delete", "namespace", other, "--wait=false")


def test_empty_dirs(platform, namespace):
    """Modes for root and others, on disk and in memory, and one folder for two containers."""
    script = """
for volume in disk memory; do
  stat -c '%a %F' /$volume; stat -f -c %T /$volume
  for mode in 644 666 777; do
    echo content > /$volume/$WHO-$mode; chmod $mode /$volume/$WHO-$mode; stat -c '%a %u' /$volume/$WHO-$mode; cat /$volume/$WHO-$mode
  done
done
"""
    waits = "until [ -e /disk/user-777 ]; do sleep 0.1; done; cat /disk/user-777"
    volumes = [{"name": "disk", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory"}}]
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("disk", "memory")]
    manifest = pod("empty", namespace, "", volumes=volumes)
    manifest["spec"]["containers"] = [
        {"name": who, "image": "busybox", "command": ["/bin/sh", "-c", waits if who == "reader" else script],
         "env": [{"name": "WHO", "value": who}], "volumeMounts": mounts, "securityContext": {"runAsUser": user}}
        for who, user in (("root", 0), ("user", 1001), ("reader", 1002))]
    platform.apply(manifest)
    wait_phase(platform, "empty", namespace)
    for who, user in (("root", "0"), ("user", "1001")):
        lines = platform.kubectl("logs", "empty", "-c", who, "-n", namespace).stdout.splitlines()
        modes = [line for mode in ("644", "666", "777") for line in (f"{mode} {user}", "content")]
        assert lines[2:8] == modes and lines[10:] == modes, lines
        assert lines[0] == lines[8] == "777 directory" and lines[9] == "tmpfs" and lines[1] != ""
    assert platform.kubectl("logs", "empty", "-c", "reader", "-n", namespace).stdout == "content\n"


def test_parts_of_volumes_by_variables(platform, namespace):
    mount = {"name": "work", "mountPath": "/part", "subPathExpr": "$(WHERE)"}

    def expanding(name, value, script="true"):
        env = [{"name": "WHERE", **value}]
        return pod(name, namespace, script, container={"env": env, "volumeMounts": [mount, {"name": "work", "mountPath": "/all"}]},
                   volumes=[{"name": "work", "emptyDir": {}}], terminationGracePeriodSeconds=0)

    assert run(platform, expanding("expands", {"value": "here"}, "echo x > /part/file; cat /all/here/file")) == "x\n"
    for name, value in (("absolute", "/tmp"), ("above", "../out")):
        platform.apply(expanding(name, {"value": value}))
        assert "subPath" in wait_event(platform, name, namespace, "Failed")
        assert platform.get("pod", name, "-n", namespace)["status"]["phase"] == "Pending"
    # What is wrong can be mended while the Pod waits.
    late = expanding("late", {"valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['where']"}}}, "echo y > /all/place/file")
    late["metadata"]["annotations"] = {"where": "/wrong"}
    platform.apply(late)
    wait_event(platform, "late", namespace, "Failed")
    platform.kubectl("annotate", "pod", "late", "-n", namespace, "--overwrite", "where=place")
    wait_phase(platform, "late", namespace)


def test_who_a_container_is(platform, namespace):
    def user(name, script, context):
        return name, {"name": name, "image": "busybox", "command": ["/bin/sh", "-c", script], "securityContext": context}

    tries = "id -u; grep NoNewPrivs /proc/self/status | cut -f2"
    cases = dict([
        user("nobody", "id -u; id -g", {"runAsUser": 65534}),
        user("grouped", "id -u; id -g", {"runAsUser": 1001, "runAsGroup": 2002}),
        user("writes", "echo x > /tmp/file; echo y > ~/file && cat ~/file", {"readOnlyRootFilesystem": False}),
        user("fixed", "(echo x > /file) 2>/dev/null || echo read-only", {"readOnlyRootFilesystem": True, "runAsUser": 0}),
        user("plain", "ip link add dummy0 type dummy 2>/dev/null || echo refused", {"privileged": False, "runAsUser": 0}),
        user("stays", tries, {"allowPrivilegeEscalation": False, "runAsUser": 1000}),
        user("unset", tries, {"runAsUser": 1000}),
    ])
    manifest = pod("people", namespace, "", securityContext={"runAsGroup": 3003, "runAsUser": 1234})
    manifest["spec"]["containers"] = list(cases.values())
    platform.apply(manifest)
    wait_phase(platform, "people", namespace)
    told = {name: platform.kubectl("logs", "people", "-c", name, "-n", namespace).stdout.split() for name in cases}
    assert told == {"nobody": ["65534", "3003"], "grouped": ["1001", "2002"], "writes": ["y"], "fixed": ["read-only"],
                    "plain": ["refused"], "stays": ["1000", "1"], "unset": ["1000", "1"]}
    platform.apply(pod("mighty", namespace, "true", container={"securityContext": {"privileged": True}}))
    wait_phase(platform, "mighty", namespace, "Failed")
    assert "asks to be privileged" in platform.get("pod", "mighty", "-n", namespace)["status"]["message"]


def test_names_of_hosts(platform, namespace):
    platform.apply(config_map("own", namespace, hosts="192.0.2.1 mine\n"))
    manifest = pod("hosts", namespace, "cat /etc/hosts", hostAliases=[{"ip": "192.0.2.9", "hostnames": ["foo", "bar"]}],
                   volumes=[{"name": "own", "configMap": {"name": "own"}}])
    manifest["spec"]["containers"].append({
        "name": "own", "image": "busybox", "command": ["cat", "/etc/hosts"],
        "volumeMounts": [{"name": "own", "mountPath": "/etc/hosts", "subPath": "hosts"}]})
    platform.apply(manifest)
    wait_phase(platform, "hosts", namespace)
    managed = platform.kubectl("logs", "hosts", "-c", "main", "-n", namespace).stdout
    address = platform.get("pod", "hosts", "-n", namespace)["status"]["podIP"]
    assert managed.startswith("# Kubernetes-managed hosts file") and "192.0.2.9\tfoo\tbar" in managed
    assert [address, "hosts"] in [line.split() for line in managed.splitlines()]
    assert platform.kubectl("logs", "hosts", "-c", "own", "-n", namespace).stdout == "192.0.2.1 mine\n"


def test_folders_of_the_host_and_claims(own_platform, tmp_path):
    """Folders of the host only with the flag; then with their modes, for reading and writing, and in parts."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    platform = own_platform.start("--allow-host-path")
    platform.apply(claim("data", "default"))
    volumes = [{"name": "host", "hostPath": {"path": str(shared), "type": "Directory"}},
               {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts = [{"name": "host", "mountPath": "/host"}, {"name": "host", "mountPath": "/part", "subPath": "sub"},
              {"name": "data", "mountPath": "/data"}]
    script = "stat -c %a /host; echo from-pod > /host/file; echo part > /part/file; echo kept > /data/file; cat /host/sub/file"
    manifest = pod("folders", "default", script, volumes=volumes, container={"volumeMounts": mounts})
    assert run(platform, manifest).split() == ["777", "part"]
    assert (shared / "file").read_text() == "from-pod\n"
    absent = pod("absent", "default", "true", volumes=[{"name": "host", "hostPath": {"path": str(tmp_path / "none")}}])
    absent["spec"]["containers"][0]["volumeMounts"] = mounts[:1]
    platform.apply(absent)
    assert "does not exist" in wait_event(platform, "absent", "default", "FailedMount")
    # What is there has to be what the type says, and some of it is made.
    for kind, path, word in (("Socket", shared / "file", "a socket file"), ("File", shared, "a file"),
                             ("DirectoryOrCreate", shared / "file", "a directory")):
        wrong = pod(f"wrong-{kind.lower()}", "default", "true", volumes=[{"name": "host", "hostPath": {"path": str(path), "type": kind}}])
        platform.apply(wrong)
        told = wait_event(platform, wrong["metadata"]["name"], "default", "FailedMount")
        assert told.endswith(f"hostPath type check failed: {path} is not {word}")
    volumes = [{"name": "made", "hostPath": {"path": str(shared / "made"), "type": "FileOrCreate"}}]
    run(platform, pod("makes", "default", "test -f /made", volumes=volumes, container={
        "volumeMounts": [{"name": "made", "mountPath": "/made"}]}))
    assert (shared / "made").read_text() == ""
    assert json.loads(platform.kubectl("get", "pvc", "data", "-o", "json").stdout)["status"]["phase"] == "Bound"
