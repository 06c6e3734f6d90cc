"""The control plane alone, with an administrator's token for load generators."""

import base64
import http.client
import json
import pathlib
import ssl
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))

from control_plane import ControlPlane  # noqa: E402


class Server(ControlPlane):
    token = None

    def start(self):
        super().start()
        config = json.loads(self.kubectl("config", "view", "--raw", "-o", "json").stdout)["clusters"][0]["cluster"]
        self.url = config["server"]
        self.authority = self.data / "authority.pem"
        self.authority.write_bytes(base64.b64decode(config["certificate-authority-data"]))
        if not self.token:
            self.kubectl("wait", "--for=create", "namespace/default", "--timeout=30s")
            self.kubectl("create", "serviceaccount", "bench", "-n", "default")
            self.kubectl("create", "clusterrolebinding", "bench", "--clusterrole=cluster-admin",
                         "--serviceaccount=default:bench")
            self.token = self.kubectl("create", "token", "bench", "-n", "default", "--duration=2h").stdout.strip()
        return self

    def collection(self, namespace="default", resource="configmaps"):
        return f"{self.url}/api/v1/namespaces/{namespace}/{resource}"

    def client(self):
        """A connection of its own."""
        return Client(self)

    @property
    def pid(self):
        return self.process.pid

    def memory(self, field="VmRSS"):
        """Resident memory in MiB, or with `VmHWM` its highest since the last `forget_peak`."""
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {field} of process {self.pid}")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")


class Client:
    """Requests one after another over one connection."""

    def __init__(self, server):
        address = urllib.parse.urlparse(server.url)
        context = ssl.create_default_context(cafile=server.authority)
        self.connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=60)
        self.headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}

    def send(self, method, path, body=None):
        """The answer's JSON; fails unless the request was taken."""
        self.connection.request(method, path, json.dumps(body) if body else None, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text)
