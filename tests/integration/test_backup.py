"""`martlet backup` of a running platform, and `martlet restore` into an empty folder."""

import base64
import json
import os
import pathlib
import stat
import threading

import pytest
import requests
import yaml

from support.platform import Platform

NAMESPACE = "kept"


@pytest.fixture(scope="module")
def source(tmp_path_factory, shared_caches):
    """A platform with something in it."""
    with Platform(tmp_path_factory.mktemp("backup") / "data", shared_caches) as platform:
        platform.kubectl("create", "namespace", NAMESPACE)
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE, "--timeout=30s")
        platform.kubectl("create", "configmap", "settings", "-n", NAMESPACE, "--from-literal=a=b")
        platform.kubectl("create", "secret", "generic", "secret", "-n", NAMESPACE, "--from-literal=s=t")
        platform.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "files", "namespace": NAMESPACE},
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
        platform.wait("--for=jsonpath={.status.phase}=Bound", "pvc/files", "-n", NAMESPACE)
        folder = volume_folder(platform)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sub").mkdir()
        (folder / "sub" / "note.txt").write_text("kept\n")
        (folder / "big").write_bytes(os.urandom(3 << 20))
        (folder / "link").symlink_to("sub/note.txt")
        (folder / "sub" / "note.txt").chmod(0o640)
        os.chown(folder / "sub" / "note.txt", 1000, 100)
        os.utime(folder / "sub" / "note.txt", (1_700_000_000, 1_700_000_000))
        os.mkfifo(folder / "fifo")
        yield platform


def config_maps(platform):
    return json.loads(platform.kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/configmaps").stdout)


def volume_folder(platform):
    volume = platform.get("pvc", "files", "-n", NAMESPACE)["spec"]["volumeName"]
    return pathlib.Path(platform.get("pv", volume)["spec"]["hostPath"]["path"])


@pytest.fixture(scope="module")
def backup(source, tmp_path_factory):
    """A backup with volumes, made while objects are written; and what it said."""
    file = tmp_path_factory.mktemp("files") / "martlet.backup"
    stop, written = threading.Event(), []

    def write():
        while not stop.is_set():
            written.append(source.kubectl("create", "configmap", f"n-{len(written)}", "-n", NAMESPACE))

    writer = threading.Thread(target=write)
    writer.start()
    done = source.cli("backup", str(file), "--volumes", "--output", "json", "--data-dir", str(source.data))
    stop.set()
    writer.join()
    return file, json.loads(done.stdout)


def test_a_backup_says_what_it_holds_and_only_its_owner_may_read_it(source, backup):
    file, said = backup
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert said["bytes"] == file.stat().st_size and said["objects"] > 50 and said["volumes"] is True
    assert (said["volumeFiles"], said["skipped"]) == (3, 1), "two files, a link, and a fifo that is none"
    assert any("logs" in what for what in said["leavesOut"])
    assert list(file.parent.iterdir()) == [file], "nothing unfinished is left beside it"
    again = source.cli("backup", str(file), "--data-dir", str(source.data), check=False)
    assert again.returncode == 1 and "--overwrite" in again.stderr
    other = file.parent / "small"
    text = source.cli("backup", str(other), "--data-dir", str(source.data)).stdout
    assert "content of volumes (--volumes takes it)" in text and "martlet restore" in text
    other.unlink()
    doctor = source.cli("doctor", "--output", "json", "--data-dir", str(source.data), check=False)
    findings = {finding["subject"]: finding for finding in json.loads(doctor.stdout)}
    assert findings["store"]["level"] == "good" and "objects" in findings["store"]["detail"]
    assert str(other) in findings["backup"]["detail"]


def test_a_restored_platform_is_the_same_with_older_versions_gone(source, backup, tmp_path, shared_caches):
    file, said = backup
    token = source.kubectl("create", "token", "default", "-n", NAMESPACE).stdout.strip()
    old = config_maps(source)
    kubeconfig = yaml.safe_load(open(source.kubeconfig))
    data = tmp_path / "restored"
    done = source.cli("restore", str(file), "--output", "json", "--data-dir", str(data))
    restored = json.loads(done.stdout)
    assert restored["objects"] == said["objects"] and restored["backupRevision"] == said["revision"]
    assert int(restored["revision"]) > int(old["metadata"]["resourceVersion"]) + 1_000_000
    for name in ("ca.key", "service-accounts.key"):
        assert (data / "pki" / name).read_bytes() == (source.data / "pki" / name).read_bytes()
        assert stat.S_IMODE((data / "pki" / name).stat().st_mode) == 0o600
    # The older platform and the new one would both want the volume and its Pods: only one runs.
    source.stop()
    with Platform(data, shared_caches) as platform:
        found = config_maps(platform)
        assert int(found["metadata"]["resourceVersion"]) >= int(restored["revision"])
        items = {item["metadata"]["name"]: item for item in found["items"]}
        for item in old["items"]:
            if int(item["metadata"]["resourceVersion"]) <= int(said["revision"]):
                assert items[item["metadata"]["name"]] == item
        assert platform.get("secret", "secret", "-n", NAMESPACE)["data"] == {"s": "dA=="}
        folder = volume_folder(platform)
        assert str(folder).startswith(str(data))
        note = folder / "sub" / "note.txt"
        assert note.read_text() == "kept\n" and (folder / "link").read_text() == "kept\n"
        assert (stat.S_IMODE(note.stat().st_mode), note.stat().st_uid, note.stat().st_gid) == (0o640, 1000, 100)
        assert int(note.stat().st_mtime) == 1_700_000_000
        assert not (folder / "fifo").exists() and (folder / "big").stat().st_size == 3 << 20
        # Who trusted the old one trusts this one, and the other way round.
        authority = yaml.safe_load(open(platform.kubeconfig))["clusters"][0]["cluster"]["certificate-authority-data"]
        assert authority == kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"]
        (tmp_path / "ca.crt").write_bytes(base64.b64decode(authority))
        review = requests.post(
            f"{platform.kubernetes}/apis/authentication.k8s.io/v1/selfsubjectreviews", json={}, timeout=30,
            verify=str(tmp_path / "ca.crt"), headers={"Authorization": f"Bearer {token}"})
        assert review.status_code == 201, review.text
        assert review.json()["status"]["userInfo"]["username"] == f"system:serviceaccount:{NAMESPACE}:default"
        version = old["metadata"]["resourceVersion"]
        watch = platform.kubectl(
            "get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/configmaps?watch=1&timeoutSeconds=5&resourceVersion={version}")
        assert json.loads(watch.stdout.splitlines()[0])["object"]["code"] == 410
        created = json.loads(platform.kubectl("create", "configmap", "after", "-n", NAMESPACE, "-o", "json").stdout)
        assert int(created["metadata"]["resourceVersion"]) > int(restored["revision"])


def restore(source, file, data):
    return source.cli("restore", str(file), "--data-dir", str(data), check=False)


def test_a_folder_that_is_not_empty_is_left_alone(source, backup, tmp_path):
    (tmp_path / "precious").write_text("x")
    done = restore(source, backup[0], tmp_path)
    assert done.returncode == 1 and "not empty" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["precious"]


def test_damage_anywhere_is_found_before_anything_is_written(source, backup, tmp_path):
    content = backup[0].read_bytes()
    places = [0, 8, 20, 60, len(content) // 3, len(content) // 2, len(content) - 30, len(content) - 1]
    for place in places:
        file = tmp_path / f"flipped-{place}"
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
        done = restore(source, file, tmp_path / "data")
        assert done.returncode == 1 and str(file) in done.stderr, (place, done.stderr)
        file.unlink()
    for length in (0, 7, 16, 100, len(content) // 2, len(content) - 1):
        file = tmp_path / f"cut-{length}"
        file.write_bytes(content[:length])
        done = restore(source, file, tmp_path / "data")
        assert done.returncode == 1 and str(file) in done.stderr, (length, done.stderr)
        file.unlink()
    longer = tmp_path / "longer"
    longer.write_bytes(content + b"x")
    assert "follows its end" in restore(source, longer, tmp_path / "data").stderr
    assert not (tmp_path / "data").exists()
    done = restore(source, tmp_path / "none", tmp_path / "data")
    assert done.returncode == 1 and "cannot be read" in done.stderr


def test_a_damaged_block_is_named_with_its_place(source, backup, tmp_path):
    content = bytearray(backup[0].read_bytes())
    content[len(content) // 2] ^= 4
    file = tmp_path / "damaged"
    file.write_bytes(content)
    done = restore(source, file, tmp_path / "data")
    assert "is damaged at byte " in done.stderr and "does not match its checksum" in done.stderr


def test_a_newer_format_is_refused(source, backup, tmp_path):
    content = bytearray(backup[0].read_bytes())
    content[8] = 2
    file = tmp_path / "newer"
    file.write_bytes(content)
    done = restore(source, file, tmp_path / "data")
    assert done.returncode == 1 and "newer Martlet" in done.stderr and "format 2" in done.stderr


def test_an_unfinished_restore_does_not_start(source, backup, tmp_path):
    data = tmp_path / "data"
    assert restore(source, backup[0], data).returncode == 0
    (data / "restore-unfinished").touch()
    up = source.cli("up", "--port", "0", "--api-port", "0", "--data-dir", str(data), check=False)
    assert up.returncode == 1 and "did not finish" in up.stderr
    assert "martlet reset" in restore(source, backup[0], data).stderr
    assert source.cli("reset", "--yes", "--data-dir", str(data)).returncode == 0
    assert not data.exists()


def test_a_backup_of_a_stopped_and_damaged_store_is_refused(source, backup, tmp_path):
    data = tmp_path / "data"
    assert restore(source, backup[0], data).returncode == 0
    whole = source.cli("backup", str(tmp_path / "copy"), "--data-dir", str(data))
    assert "objects" in whole.stdout, "the platform need not run"
    snapshot = next((data / "store").glob("snapshot-*"))
    content = bytearray(snapshot.read_bytes())
    content[len(content) // 2] ^= 1
    snapshot.write_bytes(content)
    done = source.cli("backup", str(tmp_path / "other"), "--data-dir", str(data), check=False)
    assert done.returncode == 1 and str(snapshot) in done.stderr and "byte" in done.stderr
    assert not (tmp_path / "other").exists()
    doctor = source.cli("doctor", "--output", "json", "--data-dir", str(data), check=False)
    findings = {finding["subject"]: finding for finding in json.loads(doctor.stdout)}
    assert findings["store"]["level"] == "bad" and str(snapshot) in findings["store"]["detail"]
    assert doctor.returncode == 1


def test_wrong_usage(source, tmp_path):
    assert source.cli("backup", check=False).returncode == 64
    nowhere = source.cli("backup", str(tmp_path / "x"), "--data-dir", str(tmp_path / "none"), check=False)
    assert nowhere.returncode == 1 and "not a data directory" in nowhere.stderr
    for command in ("backup", "restore"):
        assert "Exit codes" in source.cli(command, "--help").stdout
