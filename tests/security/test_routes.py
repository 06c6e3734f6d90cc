"""The isolation matrix: every route, asked by everybody, answers as its table says."""

import base64
import dataclasses
import json
import pathlib
import re
import subprocess
import urllib.parse

import pytest
import requests

from support import people, tokens, wire
from support.platform import MARTLET
from support.workspaces import label, with_port
from support.tenants import ADMIN, CONTRIBUTOR, FOREIGN, OWNER, STRANGER, TENANT, VIEWER, echo, profile

CALLERS = ["anonymous", "other", "viewer", "contributor", "owner", "admin", "foreign-pod", "own-pod"]
NAMES = {"other": STRANGER, "viewer": VIEWER, "contributor": CONTRIBUTOR, "owner": OWNER, "admin": ADMIN}
# What begins a path at the host of a workspace `echo`: of the kind that the path names, else of the notebook.
WORKSPACE = "//{workspace}"
KINDS = {"notebook", "tensorboard", "pvcviewers"}
# The same for a gateway with a port for workspaces.
PORT = "//{port}"
FOLDER = pathlib.Path(__file__).parent / "routes"
VALUES = {"ns": TENANT, "namespace": TENANT, "name": "echo", "pod": "echo-0", "container": "echo", "id": "A" * 24, "series": "node",
          "secret": "guessed"}


@dataclasses.dataclass
class Row:
    """One line of a table."""

    server: str
    method: str
    pattern: str
    expected: dict
    details: dict

    @property
    def name(self):
        return f"{self.server} {self.details.get('method', self.method)} {self.details.get('path', self.pattern)} " + str(
            self.details.get("query", ""))

    def fill(self, text):
        """With values in the places of names."""
        values = {**VALUES, **self.details}
        return re.sub(r"\{([a-z]+)\*?\}", lambda found: values[found[1]] if found[1] in values else found[0], text)


def read(server):
    for line in (FOLDER / f"{server}.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        cells, _, tail = line.partition("|")
        method, pattern, *answers = cells.split()
        assert len(answers) == len(CALLERS), line
        details = {}
        head, found, body = tail.partition("body=")
        if found:
            details["body"] = body.strip()
        for part in head.split():
            key, _, value = part.partition("=")
            details[key] = value
        expected = {caller: {int(code) for code in answer.split("/")} for caller, answer in zip(CALLERS, answers)}
        yield Row(server, method, pattern, expected, details)


ROWS = [row for server in ("gateway", "kfam", "webhook") for row in read(server)]


def test_no_route_is_missing_from_the_tables():
    """The servers say themselves what they answer."""
    listed = subprocess.run([MARTLET, "routes"], capture_output=True, text=True, check=True, timeout=60).stdout
    served = {tuple(line.split(" ")) for line in listed.splitlines()}
    assert len(served) > 50
    known = {(row.server, row.method, row.pattern) for row in ROWS}
    assert served - known == set(), "routes without a row in tests/security/routes"
    assert known - served == set(), "rows without a route"


@pytest.fixture(scope="module")
def callers(world, notebooks, served, tmp_path_factory):
    """How each asks each server."""
    platform = world.platform
    idle = echo("idle", TENANT, {"kubeflow-resource-stopped": "2026-01-01T00:00:00Z"})
    idle["spec"]["template"]["spec"]["nodeSelector"] = {"no": "where"}
    platform.apply(idle)
    platform.apply(profile("route-gone", OWNER))
    platform.wait("--for=condition=Successful", "profile/route-gone")
    sessions = {caller: getattr(world, {"other": "stranger"}.get(caller, caller)).session for caller in NAMES}
    pods = {"foreign-pod": world.token(FOREIGN), "own-pod": world.token(TENANT)}
    beside = with_port(platform, tmp_path_factory.mktemp("port")).start()
    signer = tokens.Signer.of_gateway(platform)
    hook = platform.get("mutatingwebhookconfiguration", "martlet-poddefaults")["webhooks"][0]["clientConfig"]
    authority = tmp_path_factory.mktemp("hook") / "ca.crt"
    authority.write_bytes(base64.b64decode(hook["caBundle"]))
    addresses = {"gateway": platform.gateway, "kfam": world.kfam.removesuffix("/kfam"),
                 "webhook": "https://" + urllib.parse.urlsplit(hook["url"]).netloc}

    def session(row, caller):
        plain = requests.Session()
        plain.trust_env, plain.verify = False, str(authority)
        if caller in pods:
            plain.headers["Authorization"] = f"Bearer {pods[caller]}"
        elif caller in NAMES and row.server != "gateway":
            plain.headers["Authorization"] = "Bearer " + signer.sign(tokens.claims(NAMES[caller]))
        elif caller in NAMES:
            return people.sign_in(platform, NAMES[caller]) if "fresh" in row.details else sessions[caller]
        return plain

    def ask(row, caller):
        asking, address = session(row, caller), addresses[row.server]
        method = row.details.get("method", "GET" if row.method == "*" else row.method)
        path = row.fill(row.details.get("path", row.pattern))
        host = None
        if path.startswith(WORKSPACE):
            path = path.removeprefix(WORKSPACE)
            first = path.split("/")[1]
            kind = row.details.get("at", first if first in KINDS else "notebook")
            host = f"{label(TENANT, row.fill('{name}'), kind)}.localhost:{urllib.parse.urlsplit(address).port}"
        elif path.startswith(PORT):
            path, address = path.removeprefix(PORT), beside.workspaces
        if "query" in row.details:
            path += "?" + row.fill(row.details["query"])
        headers = {"Host": host} if host else {}
        if "upgrade" in row.details:  # requests does not understand the answer
            lines = [("Cookie", wire.cookies(asking)), ("Upgrade", "websocket")]
            if "Authorization" in asking.headers:
                lines.append(("Authorization", asking.headers["Authorization"]))
            return wire.ask(address, path, headers=lines, host=host)[0], path
        body = row.details.get("body")
        if body:
            body, headers = row.fill(body), {**headers, "Content-Type": "application/json"}
            json.loads(body)
        with asking.request(method, address + path, data=body, headers=headers, timeout=30, allow_redirects=False, stream=True) as answer:
            return answer.status_code, f"{method} {path}"

    yield ask
    beside.__exit__()
    platform.kubectl("delete", "notebook", "idle", "-n", TENANT, "--wait=false")
    platform.kubectl("delete", "profile", "route-gone", "route-made", "route-kfam", "--ignore-not-found", "--wait=false")


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_everybody_is_answered_as_the_table_says(callers, row):
    found, wanted = {}, {}
    for caller in CALLERS:
        code, asked = callers(row, caller)
        found[caller], wanted[caller] = code, row.expected[caller]
    wrong = {caller: (found[caller], wanted[caller]) for caller in CALLERS if found[caller] not in wanted[caller]}
    assert not wrong, f"{asked}: {wrong}"
