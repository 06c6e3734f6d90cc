"""Browsers that know hosts of workspaces, and what these are called."""

import hashlib
import http.client
import re
import shutil
import urllib.parse

from . import people, wire
from .gateway import Gateway, free_port

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none", "Accept": "text/html"}


def label(namespace, name, kind="notebook"):
    """What a workspace's host begins with; kinds by the first segment of their paths."""
    digest = hashlib.sha256(f"/{kind}/{namespace}/{name}/".encode()).digest()
    words = f"{name}-{namespace}"[:42].replace(".", "-")
    while "--" in words:
        words = words.replace("--", "-")
    return words.removesuffix("-") + "-" + "".join(_ALPHABET[byte & 31] for byte in digest[:20])


def with_port(platform, folder, *flags):
    """A gateway that knows who is signed in at the platform's own, with a port for workspaces: its origin is `workspaces`."""
    shutil.copytree(platform.data / "gateway", folder / "state")
    number = free_port()
    gateway = Gateway(platform, folder / "state", "--workspace-host", "none", "--workspace-port", number, *flags)
    gateway.workspaces = f"http://127.0.0.1:{number}"
    return gateway


class Answer:
    def __init__(self, url, response):
        self.url, self.status = url, response.status
        self.fields = response.getheaders()
        self.text = response.read().decode(errors="replace")

    def header(self, name):
        return next((value for key, value in self.fields if key.lower() == name), None)

    @property
    def cookies(self):
        """Name to the whole line, as it was set."""
        return {value.partition("=")[0]: value for key, value in self.fields if key.lower() == "set-cookie"}


class Browser:
    """Keeps cookies by host, whatever the port, and says of itself what browsers say; every host is at the gateway's address, and
    at its port unless `ports` knows another one for the one in an address."""

    def __init__(self, gateway, session=None, ports=None):
        address = urllib.parse.urlsplit(gateway)
        self.gateway, self.address, self.ports = gateway, (address.hostname, address.port), ports or {}
        self.jar = {}
        if session is not None:
            self.jar[address.hostname] = {cookie.name: cookie.value for cookie in session.cookies}

    def cookies(self, url):
        return self.jar.setdefault(urllib.parse.urlsplit(url).hostname, {})

    def port(self, parts):
        return self.ports.get(parts.port, self.address[1])

    def ask(self, url, method="GET", body=None, **headers):
        """One request; fields as `sec_fetch_mode="cors"`, None leaves one out."""
        url = urllib.parse.urljoin(self.gateway, url)
        parts = urllib.parse.urlsplit(url)
        fields = {**NAVIGATION, **{name.replace("_", "-").title(): value for name, value in headers.items()}}
        fields = {name: value for name, value in fields.items() if value is not None}
        fields.setdefault("Host", parts.netloc)
        jar = self.cookies(url)
        if jar:
            fields.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in jar.items()))
        connection = http.client.HTTPConnection(self.address[0], self.port(parts), timeout=30)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body=body, headers=fields)
            answer = Answer(url, connection.getresponse())
        finally:
            connection.close()
        for name, line in answer.cookies.items():
            value, _, rest = line.partition("=")[2].partition(";")
            if "max-age=0" in rest.lower().replace(" ", ""):
                jar.pop(name, None)
            else:
                jar[name] = value
        return answer

    def sign_in(self, url, user):
        """By the form, at an address of the platform's; the answer with the cookies."""
        code = re.search(r'name="form" value="([^"]+)"', self.ask(url + "/login").text).group(1)
        form = urllib.parse.urlencode({"form": code, "next": "/", "user": user, "password": people.PASSWORD}).encode()
        answer = self.ask(url + "/login", "POST", form, content_type="application/x-www-form-urlencoded", origin=url, sec_fetch_site="same-origin")
        assert answer.status == 303, answer.text
        return answer

    def open(self, url, until=None):
        """Follows redirects to their end, or to the first address that contains a text: all answers."""
        answers = [self.ask(url)]
        while answers[-1].status in (301, 302, 303, 307, 308) and len(answers) < 10:
            url = urllib.parse.urljoin(answers[-1].url, answers[-1].header("location"))
            if until and until in url:
                return url
            answers.append(self.ask(url, sec_fetch_site="cross-site"))
        assert until is None, [(one.status, one.url) for one in answers]
        return answers

    def shake(self, url, origin, **headers):
        """The status of a WebSocket's handshake."""
        parts = urllib.parse.urlsplit(url)
        lines = [("Upgrade", "websocket"), ("Cookie", "; ".join(f"{n}={v}" for n, v in self.cookies(url).items())),
                 *((name.replace("_", "-"), value) for name, value in headers.items())]
        if origin is not None:
            lines.append(("Origin", origin))
        return wire.ask(f"http://{self.address[0]}:{self.port(parts)}", parts.path, headers=lines, host=parts.netloc)[0]
