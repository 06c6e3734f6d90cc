"""Volumes as a container sees them: modes, chosen keys, parts of volumes, memory with a limit, what is refused."""

import json

from support.pods import claim, config_map, pod, run, wait_event, wait_phase

MOUNT = [{"name": "v", "mountPath": "/v"}]


def look(platform, namespace, name, volume, script, mounts=None, **spec):
    return run(platform, pod(name, namespace, script, container={"volumeMounts": mounts or MOUNT},
                             volumes=[{"name": "v", **volume}], **spec))


def test_modes_and_chosen_keys(platform, namespace):
    platform.apply(config_map("settings", namespace, one="1", two="2", three="3"))
    script = "cd /v; find -L . -type f -not -path '*/..*' | sort | xargs stat -L -c '%n %a'; cat *"
    assert look(platform, namespace, "all", {"configMap": {"name": "settings", "defaultMode": 0o400}},
                "id -u; " + script, securityContext={"runAsUser": 0}).split() == [
        "0", "./one", "400", "./three", "400", "./two", "400", "132"]
    items = [{"key": "one", "path": "deep/er/uno", "mode": 0o444}, {"key": "two", "path": "due"}]
    assert look(platform, namespace, "some", {"configMap": {"name": "settings", "items": items}},
                "cd /v; cat deep/er/uno due; stat -L -c %a deep/er/uno due; touch x 2>&- || echo read-only").split() == [
        "12444", "644", "read-only"]
    assert look(platform, namespace, "none", {"secret": {"secretName": "missing", "optional": True}}, "ls /v") == ""
    platform.apply(pod("lost", namespace, "true", container={"volumeMounts": MOUNT},
                       volumes=[{"name": "v", "secret": {"secretName": "missing"}}]))
    assert 'secret "missing" not found' in wait_event(platform, "lost", namespace, "FailedMount")


def test_parts_of_volumes(platform, namespace):
    platform.apply(claim("data", namespace))
    volume = {"persistentVolumeClaim": {"claimName": "data"}}
    mounts = [{"name": "v", "mountPath": "/whole"}, {"name": "v", "mountPath": "/part", "subPathExpr": "logs/$(HOSTNAME)"},
              {"name": "v", "mountPath": "/fixed", "subPath": "logs", "readOnly": True}]
    manifest = pod("writer", namespace, "echo here > /part/file; cat /whole/logs/writer/file; touch /fixed/x 2>&- || echo read-only;"
                   " ln -s / /whole/out", container={"volumeMounts": mounts, "env": [{"name": "HOSTNAME", "value": "writer"}]},
                   volumes=[{"name": "v", **volume}])
    assert run(platform, manifest) == "here\nread-only\n"
    platform.apply(pod("escape", namespace, "ls /v", container={"volumeMounts": [
        {"name": "v", "mountPath": "/v", "subPath": "out/etc"}]}, volumes=[{"name": "v", **volume}]))
    assert "leaves the volume" in wait_event(platform, "escape", namespace, "Failed")


def test_memory_with_a_limit(platform, namespace):
    script = "grep -o ' /v tmpfs' /proc/mounts; head -c 3000000 /dev/zero > /v/big 2>&- || echo full"
    assert look(platform, namespace, "memory", {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, script) == (
        " /v tmpfs\nfull\n")


def test_a_group_for_files(platform, namespace):
    script = "stat -c '%g %A' /v; touch /v/new; stat -c %g /v/new"
    assert look(platform, namespace, "grouped", {"emptyDir": {}}, script, securityContext={"fsGroup": 4242}).split() == [
        "4242", "drwxrwsrwx", "4242"]


def test_a_claim_that_lives_as_long_as_its_pod(platform, namespace):
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
    assert look(platform, namespace, "brief", {"ephemeral": {"volumeClaimTemplate": template}},
                "echo kept > /v/file; cat /v/file") == "kept\n"
    owner = platform.get("pvc", "brief-v", "-n", namespace)["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"]) == ("Pod", "brief")


def test_what_is_refused(platform, namespace):
    for name, volume, word in (("host", {"hostPath": {"path": "/etc"}}, "--allow-host-path"),
                               ("image", {"image": {"reference": "busybox"}}, "not offered"),
                               ("huge", {"emptyDir": {"medium": "HugePages"}}, "huge pages is not offered")):
        platform.apply(pod(name, namespace, "true", container={"volumeMounts": MOUNT}, volumes=[{"name": "v", **volume}]))
        reason = "UnexpectedAdmissionError" if name == "host" else "FailedMount"
        assert word in wait_event(platform, name, namespace, reason)


def test_who_can_read_tokens(platform, namespace):
    """The user of all containers alone, a group where there is one, else everybody inside."""
    script = "cd /var/run/secrets/kubernetes.io/serviceaccount; stat -Lc '%u %g %a' token; test -s token && cat token > /dev/null"
    both = {"name": "other", "image": "busybox", "command": ["true"], "securityContext": {"runAsUser": 1001}}
    cases = {"user": ({"runAsUser": 1000}, "1000 0 600"), "group": ({"runAsUser": 1000, "fsGroup": 2000}, "0 2000 640"),
             "several": ({"runAsUser": 1000}, "0 0 644"), "anybody": ({}, "0 0 644"), "root": ({"runAsUser": 0}, "0 0 600")}
    for name, (context, expected) in cases.items():
        manifest = pod(name, namespace, script, securityContext=context)
        manifest["spec"]["containers"] += [both] if name == "several" else []
        platform.apply(manifest)
    for name, (context, expected) in cases.items():
        wait_phase(platform, name, namespace)
        assert platform.kubectl("logs", name, "-c", "main", "-n", namespace).stdout == expected + "\n", name


def test_a_token_for_an_audience(platform, namespace):
    source = {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 600}}
    script = "cut -d. -f2 /v/token; stat -L -c %a /v/token"
    text = look(platform, namespace, "token", {"projected": {"sources": [source]}}, script).split()
    import base64
    claims = json.loads(base64.urlsafe_b64decode(text[0] + "=="))
    assert claims["aud"] == ["vault"] and claims["exp"] - claims["iat"] == 600
