"""Environments stand in for images: built from a package index that can be away, and matched to names."""

import base64
import hashlib
import http.server
import io
import socket
import threading
import zipfile

import yaml

from support.platform import Platform


def wheel(package):
    """A package of one line, as a wheel: (file name, bytes)."""
    module = package.replace("-", "_")
    files = {
        f"{module}.py": "WORD = 'from the index'\n",
        f"{module}-99.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 99.0\n",
        f"{module}-99.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for name, text in files.items())
    files[f"{module}-99.0.dist-info/RECORD"] = record + f"{module}-99.0.dist-info/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return f"{module}-99.0-py3-none-any.whl", buffer.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """A package index (PEP 503) with one package, and stand-ins for those that every environment is seeded with."""

    wheels = {package: wheel(package) for package in ("martlet-tiny", "pip", "setuptools", "wheel")}

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        if parts[0] == "simple" and parts[-1] in self.wheels:
            name = self.wheels[parts[-1]][0]
            body, kind = f'<a href="/files/{parts[-1]}/{name}">{name}</a>'.encode(), "text/html"
        elif parts[0] == "files":
            body, kind = self.wheels[parts[1]][1], "application/octet-stream"
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_without_a_network_the_pod_says_so_and_starts_when_the_network_is_back(tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{port}/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    listed = tmp_path / "environments.yaml"
    listed.write_text(yaml.safe_dump({"environments": [
        {"name": "tiny", "images": ["tiny:*"], "python": "3.11", "packages": ["martlet-tiny"]}]}))
    with Platform(tmp_path / "data", tmp_path / "caches", "--environments", str(listed)) as platform:
        platform.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lonely", "namespace": "default"}, "spec": {
            "restartPolicy": "Never", "containers": [{
                "name": "main", "image": "tiny:1", "command": ["python", "-c", "import martlet_tiny; print(martlet_tiny.WORD)"]}]}})
        platform.wait("--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff", "pod/lonely")
        events = platform.kubectl("get", "events", "--field-selector", "involvedObject.name=lonely", "-o", "wide").stdout
        assert 'environment "tiny" cannot be built' in events, events
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Index)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            platform.wait("--for=jsonpath={.status.phase}=Succeeded", "pod/lonely")
        finally:
            server.shutdown()
        assert platform.kubectl("logs", "lonely").stdout.strip() == "from the index"
