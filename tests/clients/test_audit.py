"""The audit log: who did what, and no secret values."""

import json

import pytest
from control_plane import ControlPlane


@pytest.fixture
def own_control_plane(tmp_path):
    plane = ControlPlane(tmp_path / "data")
    yield plane.start()
    plane.stop()


def test_changes_refusals_and_looks_at_secrets_are_written(own_control_plane):
    plane = own_control_plane
    plane.kubectl("create", "namespace", "a")
    plane.kubectl("create", "secret", "generic", "key", "-n", "a", "--from-literal=word=hush-hush")
    plane.kubectl("get", "secret", "key", "-n", "a", "-o", "yaml")
    plane.kubectl("get", "configmaps", "-n", "a")
    plane.kubectl("get", "pods", "-n", "a", "--as=eve", "--as-group=spies", check=False)
    plane.kubectl("create", "secret", "generic", "?", "-n", "a", "--from-literal=word=hush-hush", check=False)
    plane.kubectl("delete", "secret", "key", "-n", "a")
    plane.stop()
    file = plane.data / "audit.log"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert "hush" not in text and "aHVzaC1odXNo" not in text
    entries = [json.loads(line) for line in text.splitlines()]
    mine = [entry for entry in entries if entry["agent"].startswith("kubectl")]

    def found(**wanted):
        return [entry for entry in mine if all(entry.get(key) == value for key, value in wanted.items())]

    assert found(verb="create", resource="namespaces", name="a", code=201, decision="allow", user="kubernetes-admin")
    assert found(verb="create", resource="secrets", namespace="a", name="key", code=201)
    assert found(verb="get", resource="secrets", namespace="a", name="key", code=200)
    assert found(verb="delete", resource="secrets", namespace="a", name="key", code=200)
    denied, = found(verb="list", resource="pods", namespace="a")
    assert denied["user"] == "eve" and denied["impersonatedBy"] == "kubernetes-admin"
    assert denied["decision"] == "forbid" and denied["code"] == 403 and "spies" in denied["groups"]
    assert denied["address"] == "127.0.0.1" and denied["id"] and denied["time"]
    assert not found(verb="list", resource="configmaps")


def test_strangers_are_written_too(own_control_plane):
    session, url = own_control_plane.session()
    session.cert = None
    answer = session.get(f"{url}/api/v1/secrets", headers={"Authorization": "Bearer wrong"}, timeout=20)
    assert answer.status_code == 401
    own_control_plane.stop()
    entries = [json.loads(line) for line in (own_control_plane.data / "audit.log").read_text().splitlines()]
    refused, = [entry for entry in entries if entry["code"] == 401]
    assert refused["user"] == "system:anonymous" and refused["decision"] == "forbid"


def test_full_files_are_put_aside_and_the_oldest_go(tmp_path):
    with ControlPlane(tmp_path / "data", "--audit-file-limit", "3000", "--no-controllers") as plane:
        session, url = plane.session()
        for number in range(60):
            answer = session.post(f"{url}/api/v1/namespaces", json={"metadata": {"name": f"n{number}"}}, timeout=20)
            assert answer.status_code == 201
    files = [plane.data / f"audit.log.{number}" for number in (4, 3, 2, 1)]
    assert not (plane.data / "audit.log.5").exists()
    names = []
    for file in [*files, plane.data / "audit.log"]:
        if file.name == "audit.log" and not file.exists():
            continue  # it was put aside just now
        assert file.stat().st_mode & 0o777 == 0o600
        names += [json.loads(line)["name"] for line in file.read_text().splitlines()]
    assert names == [f"n{number}" for number in range(60)][-len(names):] and len(names) < 60


def test_notes_tell_what_breaks_the_security_profile_of_a_namespace(own_control_plane):
    plane = own_control_plane
    labels = {"pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/audit": "restricted"}
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "held", "labels": labels}})
    plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "held", "--timeout=20s")
    for name, extra in [("plain", {}), ("bad", {"hostPID": True})]:
        spec = {"schedulerName": "none", "containers": [{"name": "c", "image": "x"}], **extra}
        plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "held"}, "spec": spec},
                    check=False)
    plane.stop()
    entries = [json.loads(line) for line in (plane.data / "audit.log").read_text().splitlines()]
    notes = {entry["code"]: entry["notes"] for entry in entries if entry.get("resource") == "pods" and "notes" in entry}
    violations = "pod-security.kubernetes.io/audit-violations"
    assert notes[201][violations].startswith('would violate PodSecurity "restricted:latest": allowPrivilegeEscalation')
    assert 'host namespaces (hostPID=true)' in notes[403][violations]
    assert notes[403]["pod-security.kubernetes.io/enforce-policy"] == "baseline:latest"
