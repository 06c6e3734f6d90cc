"""Root of a Pod where files of the machine cannot be shown under other owners: its /usr is an overlay, as in a container."""

import json

import pytest

from support.pods import claim, pod, run, shifted, wait_phase
from support.platform import Platform

pytestmark = pytest.mark.root("overlays of the machine's own files")

# An overlay of each folder over itself, which only the platform sees.
VIEW = r"""
set -e
layers=$1; shift
mount --make-rprivate /
mount -t tmpfs layers "$layers"
for folder in usr etc srv; do
  mkdir "$layers/$folder" "$layers/$folder-work"
  mount -t overlay -o "lowerdir=/$folder,upperdir=$layers/$folder,workdir=$layers/$folder-work" overlay "/$folder"
done
exec "$@"
"""


class OverlaidPlatform(Platform):
    def __init__(self, data, caches, layers, *arguments):
        super().__init__(data, caches, *arguments)
        self.layers = layers

    def typed(self, *arguments):
        return ["unshare", "--mount", "sh", "-c", VIEW, "sh", str(self.layers), *super().typed(*arguments)]


@pytest.fixture(scope="module")
def overlaid(tmp_path_factory, shared_caches):
    folder = tmp_path_factory.mktemp("overlaid")
    (folder / "layers").mkdir()
    with OverlaidPlatform(folder / "data", shared_caches, folder / "layers", "--allow-host-path") as platform:
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
        yield platform


def test_root_of_a_pod_runs_and_the_machines_files_are_nobodys(overlaid):
    overlaid.apply(claim("kept", "default"))
    script = f"""
{shifted(overlaid)} || echo "users are the machine's"
stat -c '%n %u:%g' /usr/bin/env /etc/ssl/certs /host /data
test -r /var/run/secrets/kubernetes.io/serviceaccount/token && echo token
touch /usr/bin/owned 2>/dev/null && echo "/usr can be written to"
chmod 777 /host 2>/dev/null && echo "folders of the machine can be changed"
touch /data/made; stat -c '%n %u:%g' /data/made
"""
    manifest = pod(
        "rooted", "default", script, securityContext={"runAsUser": 0},
        container={"volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "host", "mountPath": "/host"}]},
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "kept"}}, {"name": "host", "hostPath": {"path": "/srv"}}])
    assert run(overlaid, manifest).split("\n") == [
        "/usr/bin/env 65534:65534", "/etc/ssl/certs 65534:65534", "/host 65534:65534", "/data 0:0", "token",
        "/data/made 0:0", ""]
    made = overlaid.data / "volumes" / "default" / "kept" / "made"
    assert (made.stat().st_uid, made.stat().st_gid) == (0, 0)


def test_a_secret_that_is_its_owners_alone_is_read_by_root_and_stays_so(overlaid):
    overlaid.apply({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "word", "namespace": "default"},
        "stringData": {"word": "old"}})
    script = """
stat -L -c '%u %a' /word/word
cat /word/word; echo
while [ "$(cat /word/word)" != new ]; do sleep 0.1; done
stat -L -c '%u %a' /word/word
"""
    overlaid.apply(pod(
        "reader", "default", script, securityContext={"runAsUser": 0},
        container={"volumeMounts": [{"name": "word", "mountPath": "/word"}]},
        volumes=[{"name": "word", "secret": {"secretName": "word", "defaultMode": 0o400}}]))
    overlaid.wait("--for=condition=Ready", "pod/reader")
    overlaid.kubectl("patch", "secret", "word", "-p", json.dumps({"stringData": {"word": "new"}}))
    wait_phase(overlaid, "reader", "default")
    assert overlaid.kubectl("logs", "reader").stdout == "0 400\nold\n0 400\n"


def test_users_of_its_own_keep_what_they_install(overlaid):
    script = "import os; open('/opt/environment/new', 'w').close(); print(os.stat('/opt/environment/new').st_uid, os.getuid())"
    assert run(overlaid, pod("user", "default", script, image="python:3.11", hostUsers=False)) == "1000 1000\n"


def test_doctor_tells_of_it(overlaid):
    found = json.loads(overlaid.cli("doctor", "--output", "json", "--data-dir", overlaid.data, check=False).stdout)
    assert [f["level"] for f in found if f["subject"] == "owners"] == ["warning"]
