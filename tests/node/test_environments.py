"""Environments stand in for images: built from a package index that can be away, and matched to names."""

import base64
import hashlib
import http.server
import io
import pathlib
import socket
import threading
import zipfile

import yaml

from support.platform import Platform
from support.pods import pod


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
    system = next(file.parent.name for file in pathlib.Path("/usr/lib/python3/dist-packages").glob("[a-z]*/__init__.py"))
    listed.write_text(yaml.safe_dump({"environments": [
        {"name": "tiny", "images": ["tiny:*"], "python": "3.11", "packages": [["martlet-tiny"]]},
        {"name": "both", "images": ["both:*"], "python": "3", "packages": ["martlet-tiny"], "systemPackages": True},
        {"name": "lacking", "images": ["lacking:*"], "needs": [{"path": "/usr/lib/nowhere", "package": "python3-nowhere"}]}]}))
    with Platform(tmp_path / "data", tmp_path / "caches", "--environments", str(listed)) as platform:
        platform.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lonely", "namespace": "default"}, "spec": {
            "restartPolicy": "Never", "containers": [{
                "name": "main", "image": "tiny:1", "command": ["python", "-c", "import martlet_tiny; print(martlet_tiny.WORD)"]}]}})
        platform.wait("--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff", "pod/lonely")
        events = platform.kubectl("get", "events", "--field-selector", "involvedObject.name=lonely", "-o", "wide").stdout
        assert 'environment "tiny" cannot be built' in events, events
        assert "not on this machine yet: martlet-tiny" in events, events
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Index)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            platform.wait("--for=jsonpath={.status.phase}=Succeeded", "pod/lonely")
            assert platform.kubectl("logs", "lonely").stdout.strip() == "from the index"
            sees_what_debian_installed(platform, system)
            names_what_the_machine_lacks(platform)
        finally:
            server.shutdown()


def sees_what_debian_installed(platform, module):
    code = f"import importlib.util as u, martlet_tiny; print(u.find_spec('{module}').origin, martlet_tiny.WORD)"
    platform.apply(pod("both", "default", f'exec python -c "{code}"', "both:1", restartPolicy="Never"))
    platform.wait("--for=jsonpath={.status.phase}=Succeeded", "pod/both")
    assert platform.kubectl("logs", "both").stdout.strip() == (
        f"/usr/lib/python3/dist-packages/{module}/__init__.py from the index")


def names_what_the_machine_lacks(platform):
    platform.apply(pod("lacking", "default", "true", "lacking:1"))
    platform.wait("--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff", "pod/lacking")
    events = platform.kubectl("get", "events", "--field-selector", "involvedObject.name=lacking", "-o", "wide").stdout
    assert "needs /usr/lib/nowhere on this machine: install with apt-get install python3-nowhere" in events, events
