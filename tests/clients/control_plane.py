"""The control plane alone: the API and its controllers, without node, gateway and page. Starts in a moment."""

import itertools
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / ".build" / os.environ.get("MARTLET_TEST_BUILD", "debug") / "control-plane"
CLIENTS = ROOT / ".build" / "clients"  # what tools/clients brings: kubectl of other ages, helm, client-go programs
START_LIMIT = 60  # seconds until a start that does not come is a failure, on a busy machine

_numbers = itertools.count(1)


class ControlPlane:
    """One process with a data folder of its own."""

    def __init__(self, data, *arguments):
        self.data = pathlib.Path(data)
        self.arguments = list(arguments)
        self.process = None
        self.environment = {}

    def start(self, *arguments):
        """Starts it and returns once it has written the administrator's kubeconfig, which it does when it answers."""
        self.start_only(*arguments)
        deadline = time.monotonic() + START_LIMIT
        while not (self.data / "kubeconfig").exists():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return self

    def start_only(self, *arguments):
        """Starts it and waits for nothing."""
        (self.data / "kubeconfig").unlink(missing_ok=True)
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = self.data / "control-plane.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "--data-dir", str(self.data), "--port", "0", *self.arguments, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.environment})

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(30)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def kubeconfig(self):
        return str(self.data / "kubeconfig")

    def kubectl(self, *arguments, check=True, input=None, timeout=60, program="kubectl", environment=None):
        """Runs kubectl as the administrator; its caches lie in the data folder, so that no other server's are used."""
        done = subprocess.run(
            [program, "--kubeconfig", self.kubeconfig, "--cache-dir", str(self.data / "kubectl"), *arguments],
            capture_output=True, text=True, input=input, timeout=timeout, env={**os.environ, **(environment or {})})
        if check:
            assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done

    def apply(self, manifest, *arguments, **options):
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        return self.kubectl("apply", "-f", "-", *arguments, input=text, **options)

    def get(self, *arguments):
        """An object or list as kubectl reads it."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json").stdout)

    def session(self):
        """An HTTP session with the administrator's certificate, and the address to put before paths."""
        import base64

        import requests
        import yaml

        config = yaml.safe_load(pathlib.Path(self.kubeconfig).read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        files = {}
        for name, text in [("ca", cluster["certificate-authority-data"]), ("crt", user["client-certificate-data"]),
                           ("key", user["client-key-data"])]:
            files[name] = self.data / f"admin.{name}"
            files[name].write_bytes(base64.b64decode(text))
            files[name].chmod(0o600)
        session = requests.Session()
        session.trust_env = False  # or REQUESTS_CA_BUNDLE would win
        session.verify, session.cert = str(files["ca"]), (str(files["crt"]), str(files["key"]))
        return session, cluster["server"]

    @staticmethod
    def fresh_name(prefix):
        return f"{prefix}-{os.getpid()}-{next(_numbers)}"
