"""GPUs of the machine, as `nvidia.com/gpu`: counted, given with their device nodes, taken back. The nodes are made by the test."""

import pytest

from support.pods import pod, wait_phase
from support.waiting import eventually

# A /dev of the platform's own, with the numbers of NVIDIA's driver, which is not there: who may open them gets another error.
DEV = """
set -e
mkdir -p {folder}
mount -t tmpfs -o mode=755 tmpfs {folder}
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty {folder}
mkdir {folder}/pts {folder}/shm
mount --bind /dev/pts {folder}/pts
mount --bind /dev/shm {folder}/shm
ln -s pts/ptmx {folder}/ptmx
ln -s /proc/self/fd {folder}/fd
for node in nvidia0:0 nvidia1:1 nvidiactl:255; do
  mknod -m 666 {folder}/${{node%:*}} c 195 ${{node#*:}}
done
touch {folder}/nvidia2
mkdir {folder}/net
cp -a /dev/net/tun {folder}/net
mount --rbind {folder} /dev
exec "$@"
"""

LOOK = """
import errno, os, time
for name in sorted(n for n in os.listdir("/dev") if n.startswith("nvidia")):
    try:
        os.close(os.open(f"/dev/{name}", os.O_RDWR))
        word = "opened"
    except OSError as error:
        word = "refused" if error.errno in (errno.EPERM, errno.EACCES) else "permitted"
    print(name, "refused" if word == "refused" else "permitted")
print(os.environ.get("NVIDIA_VISIBLE_DEVICES"), flush=True)
time.sleep(3600)
"""


@pytest.fixture
def with_gpus(own_platform, tmp_path):
    command = own_platform.command
    own_platform.command = lambda *arguments: [
        "unshare", "--mount", "--propagation", "private", "sh", "-c", DEV.format(folder=tmp_path / "dev"), "sh", *command(*arguments)]
    return own_platform.start()


def asking(name, count, script=LOOK, **spec):
    return pod(name, "default", script, "python:3.11", terminationGracePeriodSeconds=0,
               container={"resources": {"limits": {"nvidia.com/gpu": count}}}, **spec)


def log(platform, name):
    return eventually(lambda: platform.kubectl("logs", name).stdout, 60, "a log").split()


def test_gpus_are_counted_given_and_taken_back(with_gpus):
    platform = with_gpus
    for key in ("capacity", "allocatable"):
        assert platform.get("node", "martlet")["status"][key]["nvidia.com/gpu"] == "2"
    platform.apply(asking("one", 1))
    platform.apply(asking("other", 1, securityContext={"runAsUser": 0}))
    platform.apply(pod("none", "default", LOOK, "python:3.11", terminationGracePeriodSeconds=0))
    platform.wait("--for=condition=Ready", "pod/one", "pod/other", "pod/none")
    logs = {name: log(platform, name) for name in ("one", "other", "none")}
    assert logs["none"] == ["None"]
    given = {name: logs[name][0] for name in ("one", "other")}
    assert set(given.values()) == {"nvidia0", "nvidia1"}
    for name, device in given.items():
        assert logs[name] == [device, "permitted", "nvidiactl", "permitted", device[-1]]

    # A third one waits.
    platform.apply(asking("third", 1))
    platform.wait("--for=jsonpath={.status.conditions[?(@.type=='PodScheduled')].reason}=Unschedulable", "pod/third")
    assert "Insufficient nvidia.com/gpu" in platform.kubectl("get", "pod", "third", "-o", "yaml").stdout

    # The agent dies: what was given stays given.
    platform.kill()
    platform.start()
    platform.wait("--for=condition=Ready", "pod/one", "pod/other")
    platform.kubectl("delete", "pod", "one", "--now")
    platform.wait("--for=condition=Ready", "pod/third")
    assert log(platform, "third")[0] == given["one"]
    assert platform.get("pod", "other")["status"]["containerStatuses"][0]["restartCount"] == 0

    # One that ended has given its own back, though its object is still there.
    platform.kubectl("delete", "pod", "third", "--now")
    platform.apply(asking("brief", 1, "print('brief')"))
    wait_phase(platform, "brief", "default")
    platform.apply(asking("next", 1))
    platform.wait("--for=condition=Ready", "pod/next")
    assert log(platform, "next")[0] == given["one"]
