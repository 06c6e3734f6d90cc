"""A gateway of its own in front of a running platform, as in a cluster: the binary, with its service account's kubeconfig."""

import os
import select
import signal
import socket
import subprocess
import time

import requests

from .platform import BINARIES, ROOT


def free_port():
    """A port that was free a moment ago; issuers and redirects must know it before the gateway starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """`authority`: the file by which clients believe its certificate, where it has one."""

    def __init__(self, platform, state, *flags, port=None, environment=None, authority=None):
        self.port = port or free_port()
        self.authority = authority and str(authority)
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{self.port}"
        self.state = state
        self.platform = platform
        self.log_file = state.parent / f"{state.name}.log"
        self.environment = {**os.environ, **(environment or {})}
        self.command = [
            str(BINARIES / "gateway"), "--port", str(self.port), "--kubeconfig", str(platform.data / "kubeconfigs/gateway"),
            "--state-dir", str(state), "--spawner-config", str(ROOT / "deploy/base/gateway/spawner_ui_config.yaml"),
            "--web-root", str(ROOT / "web/dist"), *map(str, flags),
        ]
        self.process = None

    def start(self):
        with open(self.log_file, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=self.environment, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.get("/readyz").status_code == 200:
                    return self
            except requests.ConnectionError:
                pass
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            select.select([], [], [], 0.02)

    def log(self):
        return self.log_file.read_text(errors="replace")[-8000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    # -- asking -----------------------------------------------------------------------------------------------------

    def get(self, path, token=None, **options):
        headers = options.pop("headers", {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return requests.get(
            self.url + path, headers=headers, timeout=60, allow_redirects=False, verify=self.authority, **options)

    def who(self, token):
        """Whom the gateway takes the bearer of a token for; None for nobody."""
        answer = self.get("/api/me", token)
        if answer.status_code == 401:
            return None
        assert answer.status_code == 200, (answer.status_code, answer.text)
        me = answer.json()
        return me["user"], me["groups"]
