"""Container images made by hand: layers of tar, a configuration, manifests; as folders, archives, or in a registry."""

import gzip
import hashlib
import io
import json
import pathlib
import platform
import tarfile

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
SHELL = pathlib.Path("/usr/bin/busybox")  # of Debian's busybox-static: needs no libraries

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def entry(name, content=b"", **fields):
    """One member of a layer; `type`, `mode`, `uid`, `gid`, `linkname` and `pax_headers` as in `tarfile`."""
    member = tarfile.TarInfo(name)
    member.mode = 0o644
    member.size = len(content)
    for key, value in fields.items():
        setattr(member, key, value)
    return member, content


def folder(name, mode=0o755, **fields):
    return entry(name, type=tarfile.DIRTYPE, mode=mode, **fields)


def link(name, target, hard=False):
    return entry(name, type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=target, mode=0o777)


def layer(*entries, form=tarfile.PAX_FORMAT):
    """The bytes of a layer, not compressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for member, content in entries:
            tar.addfile(member, io.BytesIO(content) if content else None)
    return buffer.getvalue()


def shell(*more):
    """A layer with a static shell and its usual commands."""
    tools = ["sh", "ls", "cat", "id", "stat", "sleep", "env", "pwd", "echo", "test", "mkdir", "rm", "touch", "trap", "wc",
             "grep", "cut", "kill", "ps", "hostname", "true", "chmod", "mount", "su", "getfattr", "readlink", "find", "nc"]
    return layer(
        folder("bin"), folder("tmp", 0o1777), folder("etc"), folder("proc"), folder("dev"), folder("sys"),
        entry("bin/busybox", SHELL.read_bytes(), mode=0o755), *[link(f"bin/{name}", "busybox") for name in tools],
        entry("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1500:1600:App:/home/app:/bin/sh\n"),
        entry("etc/group", b"root:x:0:\napp:x:1600:\nextra:x:1700:app\n"), *more)


class Image:
    """An image: `layers` are tars; `config` is what an image says about its processes."""

    def __init__(self, *layers, architecture=ARCHITECTURE, docker=False, media_type=LAYER, **config):
        self.tars = layers
        self.blobs = {}
        self.media_type = DOCKER_MANIFEST if docker else MANIFEST
        if docker:
            media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip"
        self.config = json.dumps({
            "architecture": architecture, "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in layers]}}).encode()
        compressed = [gzip.compress(tar, 1, mtime=0) for tar in layers]
        kind = "application/vnd.docker.container.image.v1+json" if docker else "application/vnd.oci.image.config.v1+json"
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": self.media_type,
            "config": self.describe(self.config, kind),
            "layers": [self.describe(blob, media_type) for blob in compressed]}).encode()
        self.size = sum(map(len, compressed))
        self.layers = [digest(blob) for blob in compressed]

    def describe(self, blob, media_type):
        self.blobs[digest(blob)] = blob
        return {"mediaType": media_type, "digest": digest(blob), "size": len(blob)}

    @property
    def digest(self):
        return digest(self.manifest)

    def layout(self, name="latest"):
        """The files of an OCI layout: path to content."""
        index = {"schemaVersion": 2, "manifests": [{
            "mediaType": self.media_type, "digest": self.digest, "size": len(self.manifest),
            "annotations": {"org.opencontainers.image.ref.name": name}}]}
        files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode()}
        for key, blob in {**self.blobs, self.digest: self.manifest}.items():
            files["blobs/" + key.replace(":", "/")] = blob
        return files

    def saved(self, *names):
        """The files of `docker save`."""
        names_of_layers = [f"{index}/layer.tar" for index in range(len(self.tars))]
        manifest = [{"Config": "config.json", "RepoTags": list(names), "Layers": names_of_layers}]
        return {"manifest.json": json.dumps(manifest).encode(), "config.json": self.config,
                **dict(zip(names_of_layers, self.tars))}


def archive(files, path):
    path.write_bytes(layer(*[entry(name, content) for name, content in files.items()]))
    return path


def write(files, directory):
    for name, content in files.items():
        path = pathlib.Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory
