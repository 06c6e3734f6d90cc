"""Browsers that know hosts of workspaces, and what these are called."""

import hashlib
import http.client
import urllib.parse

from . import wire

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none", "Accept": "text/html"}


def label(namespace, name, kind="notebook"):
    """What a workspace's host begins with; kinds by the first segment of their paths."""
    digest = hashlib.sha256(f"/{kind}/{namespace}/{name}/".encode()).digest()
    words = f"{name}-{namespace}"[:42].replace(".", "-")
    while "--" in words:
        words = words.replace("--", "-")
    return words.removesuffix("-") + "-" + "".join(_ALPHABET[byte & 31] for byte in digest[:20])


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
    """Keeps cookies by host and says of itself what browsers say; every host is at the gateway's address."""

    def __init__(self, gateway, session=None):
        address = urllib.parse.urlsplit(gateway)
        self.gateway, self.address = gateway, (address.hostname, address.port)
        self.jar = {}
        if session is not None:
            self.jar[address.hostname] = {cookie.name: cookie.value for cookie in session.cookies}

    def cookies(self, url):
        return self.jar.setdefault(urllib.parse.urlsplit(url).hostname, {})

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
        connection = http.client.HTTPConnection(*self.address, timeout=30)
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
        return wire.ask(self.gateway, parts.path, headers=lines, host=parts.netloc)[0]
