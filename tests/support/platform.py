"""Starts, asks and stops one Martlet."""

import itertools
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = ROOT / ".build" / os.environ.get("MARTLET_TEST_BUILD", "debug")
MARTLET = BINARIES / "martlet"
START_LIMIT = 90  # seconds until a start that does not come is a failure, on a busy machine

_numbers = itertools.count(1)


class Platform:
    """`martlet up` with a data directory of its own."""

    # The ordinary user whose it is (`support.rootless.Account`); None: root's.
    account = None
    # What it sees instead of files of the machine: path to path.
    instead = {}
    # The network it is started in (a name below /run/netns); None: the machine's.
    network = None

    def __init__(self, data, caches, *arguments):
        self.data = pathlib.Path(data)
        self.caches = pathlib.Path(caches)
        self.arguments = list(arguments)
        self.process = None
        self.sign_in_url = None

    # -- life ---------------------------------------------------------------------------------------------------

    def command(self, *arguments):
        return self.typed(
            "up", "--data-dir", str(self.data), "--port", "0", "--api-port", "0",
            "--environments-dir", str(self.caches / "environments"), "--uv-cache-dir", str(self.caches / "uv"),
            *self.arguments, *arguments)

    def typed(self, *arguments):
        """A command line of martlet, as its user types it."""
        words = [str(MARTLET), *map(str, arguments)]
        return self.account.typed(words, self.instead, self.network) if self.account else words

    def start(self, *arguments):
        """Starts it and returns once it says that it is ready."""
        if self.account:
            self.account.take(self.data)
        self.process = subprocess.Popen(
            self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            text=True, start_new_session=True)
        output = self._read_until(r"(http://\S+/login\?token=\S+)")
        self.sign_in_url = re.search(r"(http://\S+/login\?token=\S+)", output).group(1)
        self._read_until(r"stop: .*\n", output)
        return self

    def _read_until(self, pattern, text=""):
        deadline = time.monotonic() + START_LIMIT
        while not re.search(pattern, text):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            piece = os.read(self.process.stdout.fileno(), 4096).decode() if ready else ""
            if not piece:
                raise AssertionError(f"martlet did not become ready:\n{text}\n{self.log()}")
            text += piece
        return text

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(60) == 0, self.log()

    def kill(self):
        """As a power cut for the platform: nothing is flushed, nobody is told."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def destroy(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.data.exists() and (self.data / "format.json").exists():
            self.cli("reset", "--yes", "--data-dir", str(self.data), check=False)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.destroy()  # `with` does not leave what it could not enter
            raise

    def __exit__(self, *_):
        self.destroy()

    # -- asking -------------------------------------------------------------------------------------------------

    @property
    def run(self):
        return json.loads((self.data / "run.json").read_text())

    @property
    def gateway(self):
        return self.run["gateway"]

    @property
    def kubernetes(self):
        return self.run["kubernetes"]

    @property
    def kubeconfig(self):
        return str(self.data / "kubeconfig")

    @property
    def user_namespace(self):
        return self.run["namespace"]

    def log(self, lines=60):
        text = ""
        for name in ("martlet.log", "node-agent.log"):
            file = self.data / "logs" / name
            if file.exists():
                text += f"-- {name}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) + "\n"
        return text

    def cli(self, *arguments, check=True, **options):
        done = subprocess.run(self.typed(*arguments), capture_output=True, text=True, timeout=90, **options)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def fresh_sign_in_url(self):
        return self.cli("login", "url", "--data-dir", str(self.data)).stdout.strip()

    def kubectl(self, *arguments, check=True, input=None, timeout=120):
        inside = ["nsenter", f"--net=/run/netns/{self.network}"] if self.network else []
        done = subprocess.run(
            [*inside, "kubectl", "--kubeconfig", self.kubeconfig, *arguments], capture_output=True, text=True, input=input,
            timeout=timeout)
        if check:
            assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}\n{self.log(30)}"
        return done

    def get(self, *arguments):
        """An object or list as kubectl reads it."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json").stdout)

    def wait(self, *arguments, timeout=180):
        """`kubectl wait`, which watches."""
        return self.kubectl("wait", *arguments, f"--timeout={timeout}s", timeout=timeout + 20)

    def apply(self, manifest, *arguments):
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        return self.kubectl("apply", "-f", "-", *arguments, input=text)

    def session(self):
        """A signed-in HTTP session, as the page's: cookie and CSRF header."""
        import requests

        session = requests.Session()
        session.get(self.fresh_sign_in_url(), timeout=30).raise_for_status()
        session.headers["X-XSRF-TOKEN"] = session.cookies.get("XSRF-TOKEN", "")
        return session

    @staticmethod
    def fresh_name(prefix):
        return f"{prefix}-{os.getpid()}-{next(_numbers)}"

    def wait_for_http(self, url, session, status=200, timeout=120):
        """Asks until the answer has the status: the page of a starting notebook says so by itself, with a pause."""
        deadline = time.monotonic() + timeout
        while True:
            answer = session.get(url, timeout=30, allow_redirects=False)
            if answer.status_code == status:
                return answer
            assert time.monotonic() < deadline, f"{url}: {answer.status_code} {answer.text[:500]}\n{self.log()}"
            time.sleep(0.1)


def notebook(name, namespace, image="jupyter-minimal", memory="1Gi", labels=None):
    """A Notebook with a workspace volume, as the form of the page makes it."""
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": f"{name}-workspace", "namespace": namespace},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            },
            {
                "apiVersion": "kubeflow.org/v1",
                "kind": "Notebook",
                "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
                "spec": {"template": {"spec": {
                    "serviceAccountName": "default-editor",
                    "containers": [{
                        "name": name, "image": image,
                        "resources": {"requests": {"cpu": "0.1", "memory": "256Mi"}, "limits": {"memory": memory}},
                        "volumeMounts": [{"name": "workspace", "mountPath": "/home/jovyan"}],
                    }],
                    "volumes": [{"name": "workspace",
                                 "persistentVolumeClaim": {"claimName": f"{name}-workspace"}}],
                }}},
            },
        ],
    }
