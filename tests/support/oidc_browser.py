"""What a browser does to sign in at a provider, step by step, so that a test can change a step."""

import html
import re
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from .oidc_provider import PASSWORD


class Browser(requests.Session):
    """Keeps cookies, follows redirects only when told."""

    def open(self, url, method="GET", **options):
        return self.request(method, url, timeout=60, allow_redirects=False, **options)

    def follow(self, answer, until):
        """Follows redirects until one leads to an address that begins with `until`, which is not opened."""
        for _ in range(10):
            assert answer.is_redirect, (answer.status_code, answer.url, answer.text[:500])
            target = urljoin(answer.url, answer.headers["Location"])
            if target.startswith(until):
                return target
            answer = self.open(target)
        raise AssertionError("too many redirects")

    def send_form(self, answer, **fields):
        """Sends the form of a page with what it has in it and these fields."""
        inputs = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
        action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
        data = {name: html.unescape(value) for name, value in inputs.items()} | fields
        return self.open(urljoin(answer.url, action.group(1)) if action else answer.url, "POST", data=data)

    def come_back(self, gateway, user, next="/", start=None):
        """Signs in at the provider; returns the address by which it leads back to the gateway."""
        answer = start or self.open(f"{gateway.url}/login/oidc", params={"next": next})
        callback = gateway.url + "/login/oidc/callback"
        answer = self.open(answer.headers["Location"])
        if answer.is_redirect and "/accounts/login/" in answer.headers["Location"]:
            page = self.open(urljoin(answer.url, answer.headers["Location"]))
            answer = self.send_form(page, username=user, password=PASSWORD)
        return self.follow(answer, callback)

    def sign_in(self, gateway, user, next="/"):
        answer = self.open(self.come_back(gateway, user, next))
        if answer.status_code == 303:
            self.headers["X-XSRF-TOKEN"] = self.cookies.get("XSRF-TOKEN", "")
        return answer

    def me(self, gateway):
        return self.open(gateway.url + "/api/me")


def query(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
