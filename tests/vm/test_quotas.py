"""Claims keep to their sizes where the file system has quotas of projects: ext4 and XFS."""

import json
import pathlib
import re
import subprocess

import pytest

from support.platform import Platform
from support.pods import pod, run
from support.waiting import eventually

FOREVER = "exec sleep 1000000"
DATA = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
# Changes of a file's project by its owner: as chattr does it, and with bits in the number that the kernel does not look at.
LEAVE = r"""
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
own = sys.argv[1] + "/own"
os.makedirs(own, exist_ok=True)
def call(command, content):
    fd = os.open(own, os.O_RDONLY)
    data = ctypes.create_string_buffer(content, len(content))
    result = libc.syscall(16, ctypes.c_long(fd), ctypes.c_long(command), data)
    os.close(fd)
    return result == 0, data.raw
flags, _, _, project, _ = struct.unpack("5I", call(0x801c581f, bytes(28))[1][:20])
plain = struct.unpack("Q", call(0x80086601, bytes(8))[1])[0]
changes = [(command, struct.pack("7I", wanted, 0, 0, number, 0, 0, 0))
           for command in (0x401c5820, 0x1401c5820) for wanted, number in ((flags & ~0x200, project), (flags, 0))]
changes.append((0x40086602, struct.pack("Q", plain & ~0x20000000)))
for command, content in changes:
    print("left" if call(command, content)[0] else "kept")
    call(0x401c5820, struct.pack("7I", flags, 0, 0, project, 0, 0, 0))
"""


class Sized:
    """A platform whose volumes lie on a file system of one kind."""

    def __init__(self, kind, platform, mount):
        self.kind, self.platform, self.mount = kind, platform, mount

    def claim(self, name, size):
        self.platform.apply({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}})

    def pod(self, name, claim, script=FOREVER, **container):
        return pod(name, "default", script, container={**DATA, **container}, terminationGracePeriodSeconds=0,
                   volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": claim}}])

    def inside(self, script):
        """What a shell in the Pod that stays says, errors too."""
        done = self.platform.kubectl("exec", "lasting", "--", "sh", "-c", f"({script}) 2>&1", check=False)
        return done.stdout

    def folder(self, claim):
        return self.platform.data / "volumes" / "default" / claim

    def project(self, path):
        return int(subprocess.run(
            ["lsattr", "-pd", str(path)], check=True, capture_output=True, text=True).stdout.split()[0])

    def limits(self):
        """KiB that projects may have, by number."""
        report = subprocess.run(
            ["xfs_quota", "-f", "-x", "-c", "report -p -n -N", str(self.mount)], check=True, capture_output=True, text=True)
        rows = (line.split() for line in report.stdout.splitlines())
        return {int(row[0][1:]): int(row[3]) for row in rows if row and re.fullmatch(r"#\d+", row[0]) and int(row[3])}


@pytest.fixture(scope="module", params=["ext4", "xfs"])
def sized(request, tmp_path_factory, shared_caches):
    if request.param == "ext4":
        mount, data = pathlib.Path("/disk"), tmp_path_factory.mktemp("sized") / "data"
    else:
        mount = pathlib.Path("/xfs")
        mount.mkdir()
        subprocess.run(["mount", "-o", "prjquota", "/dev/vdb", str(mount)], check=True)
        data = mount / "data"
    with Platform(data, shared_caches) as platform:
        platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
        sized = Sized(request.param, platform, mount)
        sized.claim("small", "16Mi")
        platform.apply(sized.pod("lasting", "small"))
        platform.wait("--for=condition=Ready", "pod/lasting")
        yield sized


def test_a_claim_has_its_size_and_no_more(sized):
    assert sized.inside("df -kP /data | awk 'NR == 2 {print $2}'") == "16384\n"
    told = sized.inside("dd if=/dev/zero of=/data/full bs=1M count=32 conv=fsync")
    assert ("Disk quota exceeded" if sized.kind == "ext4" else "No space left on device") in told
    size = int(sized.inside("stat -c %s /data/full"))
    assert 12 << 20 < size <= 16 << 20
    # The node and others notice nothing.
    sized.claim("other", "16Mi")
    assert run(sized.platform, sized.pod("other", "other", "dd if=/dev/zero of=/data/part bs=1M count=8 2>/dev/null && echo fine")) == "fine\n"
    assert sized.inside("rm /data/full && echo more > /data/more && cat /data/more") == "more\n"


def test_a_claim_does_not_use_up_all_files(sized):
    many = "i=0; while echo > /data/many/$i && [ $i -lt 6000 ]; do i=$((i+1)); done 2>/dev/null; echo $i"
    count = int(sized.inside(f"mkdir /data/many; {many}"))
    assert 4000 < count < 4096
    assert sized.inside("rm -r /data/many && echo gone") == "gone\n"


def test_a_claim_that_asks_for_more_gets_it_while_it_is_used(sized):
    sized.platform.kubectl(
        "patch", "pvc", "small", "-p", json.dumps({"spec": {"resources": {"requests": {"storage": "32Mi"}}}}))
    eventually(lambda: sized.inside("df -kP /data | awk 'NR == 2 {print $2}'") == "32768\n")
    assert sized.inside("dd if=/dev/zero of=/data/full bs=1M count=24 conv=fsync 2>/dev/null && rm /data/full && echo fine") == "fine\n"


def test_files_would_leave_where_nothing_keeps_them(sized):
    """The attack of the next test is one."""
    folder = sized.mount / "free"
    folder.mkdir()
    subprocess.run(["chattr", "-p", "77", "+P", str(folder)], check=True)
    folder.chmod(0o777)
    done = subprocess.run(
        ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "/usr/bin/python3", "-c", LEAVE, str(folder)],
        check=True, capture_output=True, text=True)
    assert done.stdout == "left\n" * 5


@pytest.mark.parametrize("context", [
    {}, {"seccompProfile": {"type": "Unconfined"}}, {"runAsUser": 0}], ids=["ours", "unconfined", "root"])
def test_files_do_not_leave_the_claim(sized, context):
    name = sized.platform.fresh_name("leave")
    manifest = sized.pod(name, "small", "", securityContext=context)
    manifest["spec"]["containers"][0]["command"] = ["/usr/bin/python3", "-c", LEAVE, "/data"]
    assert run(sized.platform, manifest) == "kept\n" * 5
    number = sized.project(sized.folder("small"))
    assert number >= 1 << 30 and sized.project(sized.folder("small") / "own") == number
    sized.inside("rm -r /data/own")


def test_the_newer_call_for_it_is_refused_too(sized):
    """file_setattr(2), which Debian's kernel does not know yet: EPERM, not ENOSYS."""
    script = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); libc.syscall(469, -1, None, None, 0, 0); print(ctypes.get_errno())"
    assert sized.inside(f"/usr/bin/python3 -c '{script}'") == "1\n"


def test_what_lies_in_a_volume_from_before_counts(sized):
    sized.claim("old", "16Mi")
    assert run(sized.platform, sized.pod("first", "old", "mkdir -p /data/a/b && echo kept > /data/a/b/c && ln -s c /data/a/b/d && echo made")) == "made\n"
    folder = sized.folder("old")
    number = sized.project(folder)
    subprocess.run(["chattr", "-R", "-f", "-P", "-p", "0", str(folder)], check=False)
    assert sized.project(folder / "a/b/c") == 0
    assert run(sized.platform, sized.pod("second", "old", "cat /data/a/b/d && df -kP /data | awk 'NR == 2 {print $2}'")) == "kept\n16384\n"
    assert sized.project(folder) == sized.project(folder / "a/b/c") >= 1 << 30
    assert number >= 1 << 30


def test_a_volume_that_goes_leaves_no_limit(sized):
    sized.claim("gone", "16Mi")
    assert run(sized.platform, sized.pod("user", "gone", "echo much > /data/much && echo made")) == "made\n"
    number = sized.project(sized.folder("gone"))
    assert sized.limits()[number] == 16384
    sized.platform.kubectl("delete", "pod", "user")
    sized.platform.kubectl("delete", "pvc", "gone")
    eventually(lambda: number not in sized.limits() and not sized.folder("gone").exists())


def test_doctor_tells_that_sizes_hold(sized):
    found = json.loads(sized.platform.cli(
        "doctor", "--output", "json", "--data-dir", sized.platform.data, check=False).stdout)
    assert [f["level"] for f in found if f["subject"] == "sizes"] == ["good"]
