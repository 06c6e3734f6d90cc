"""An image as people make one: built by buildah, pushed to Debian's registry, pulled by the node."""

import json
import os
import shutil
import socket
import subprocess
import tarfile
import time

import pytest
import requests

from support import images
from support.pods import pod, run, wait_phase
from support.registry import Registry
from support.waiting import eventually

CONTAINERFILE = """
FROM scratch
ADD root.tar /
RUN mkdir -p /srv/app && echo built > /srv/app/word && chown 1500:1600 /srv/app/word
USER 1500:1600
WORKDIR /srv/app
ENV WORD=hello
EXPOSE 8080/tcp
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat word; echo $WORD; id -u; pwd"]
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Debian's docker-registry on a port of its own; its address."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = folder / "registry.yml"
    settings.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
                        f"http: {{addr: '127.0.0.1:{port}'}}\n")
    server = subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def answers():
            assert server.poll() is None, "the registry ended"
            try:
                return requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5).status_code == 200
            except requests.ConnectionError:
                return False

        eventually(answers, 60, "an answer of the registry")
        yield f"localhost:{port}"
    finally:
        server.terminate()
        server.wait(30)


def build(folder, name, containerfile):
    """Builds from a root file system that is copied from this machine, and pushes."""
    root = folder / "root"
    for part in ("bin", "tmp", "etc"):
        (root / part).mkdir(parents=True)
    shutil.copy(images.SHELL, root / "bin" / "busybox")
    for tool in ("sh", "cat", "id", "mkdir", "chown", "echo", "pwd"):
        (root / "bin" / tool).symlink_to("busybox")
    with tarfile.open(folder / "root.tar", "w") as tar:
        tar.add(root, ".")
    (folder / "Containerfile").write_text(containerfile)
    buildah = ["buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
    for arguments in (["bud", "--isolation", "chroot", "--network", "host", "-t", "made:1", str(folder)],
                      ["push", "--tls-verify=false", "made:1", f"docker://{name}"]):
        done = subprocess.run([*buildah, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_an_image_that_was_built_and_pushed(platform, namespace, registry, tmp_path):
    reference = f"{registry}/team/made:1"
    build(tmp_path, reference, CONTAINERFILE)

    def made(name, **container):
        manifest = pod(name, namespace, "", reference)
        manifest["spec"]["containers"][0].pop("command")
        manifest["spec"]["containers"][0].update(container)
        return manifest

    # What the image says; then other arguments, another command, and both.
    assert run(platform, made("plain")).split() == ["built", "hello", "1500", "/srv/app"]
    assert run(platform, made("arguments", args=["echo $WORD again"])) == "hello again\n"
    assert run(platform, made("command", command=["/bin/id", "-g"])) == "1600\n"
    assert run(platform, made("both", command=["/bin/echo"], args=["two", "words"])) == "two words\n"
    digest = requests.head(f"http://{registry}/v2/team/made/manifests/1", timeout=30, headers={
        "Accept": "application/vnd.oci.image.manifest.v1+json"}).headers["Docker-Content-Digest"]
    told = platform.get("pod", "plain", "-n", namespace)["status"]["containerStatuses"][0]
    assert told["imageID"] == f"{registry}/team/made@{digest}"
    by_digest = made("by-digest")
    by_digest["spec"]["containers"][0]["image"] = f"{registry}/team/made@{digest}"
    platform.apply(by_digest)
    wait_phase(platform, "by-digest", namespace)


def test_images_that_nobody_uses_go(own_platform, tmp_path):
    """By age, and earlier where the disk has little left; those of containers that run and those from files stay."""
    data = own_platform.data
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(data)], check=True)
    try:
        with Registry() as registry:
            for name in ("old", "lately", "held"):
                registry.push(f"team/{name}:1", images.Image(images.shell(images.entry("name", name.encode())), Cmd=["/bin/sleep", "3600"]))
            platform = own_platform.start()
            references = {name: f"{registry.name}/team/{name}:1" for name in ("old", "lately", "held")}
            for name, reference in references.items():
                manifest = pod(name, "default", "", reference, terminationGracePeriodSeconds=0)
                manifest["spec"]["containers"][0].pop("command")
                platform.apply(manifest)
            platform.wait("--for=condition=Ready", *[f"pod/{name}" for name in references])
        file = images.archive(images.Image(images.shell(images.entry("name", b"loaded"))).saved("example.com/loaded:1"), tmp_path / "loaded.tar")
        platform.cli("images", "load", str(file), "--data-dir", str(data))
        platform.kubectl("delete", "pod", "old", "lately", "--now", "--timeout=60s")
        platform.kill()
        index = json.loads((data / "images" / "index.json").read_text())
        now = time.time()
        for image in index["images"]:
            is_lately = any(references["lately"] == tag for tag in image["tags"])
            image["lastUsed"] = int(now - (3600 if is_lately else 15 * 86400))
        (data / "images" / "index.json").write_text(json.dumps(index))

        def left():
            listed = json.loads(platform.cli("images", "list", "--output", "json", "--data-dir", str(data)).stdout)["images"]
            return {name.rsplit("/", 1)[1] for image in listed for name in image["names"]}

        platform.start()
        eventually(lambda: left() == {"lately:1", "held:1", "loaded:1"}, 60, "the end of the old image")
        platform.kill()
        status = os.statvfs(data)
        (data / "filler").write_bytes(bytes(status.f_bavail * status.f_frsize - (32 << 20)))
        if platform.account:
            platform.account.take(data / "filler")
        platform.start()
        eventually(lambda: left() == {"held:1", "loaded:1"}, 60, "the end of an image that takes room")
        assert platform.get("pod", "held")["status"]["containerStatuses"][0]["restartCount"] == 0
        assert len(list((data / "images" / "layers").iterdir())) == 2
    finally:
        own_platform.destroy()
        subprocess.run(["umount", "-l", str(data)], check=True)
