"""A provider that fails in the middle of a refresh: it ends nobody's session, and no token that works once is lost."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest
from support.gateway import Gateway
from support.issuer import Issuer, Key
from support.oidc_browser import Browser, query
from support.waiting import eventually


class Provider(Issuer):
    """Signs everybody in as Anna, with tokens that are refreshed each second, each with a token that works once."""

    def __init__(self):
        super().__init__()
        self.groups = ["before"]
        self.lock = threading.Lock()
        self.number = 0
        self.spent = []  # refresh tokens that came a second time
        self.nonce = None
        self.user_info = lambda handler: handler.send(json.dumps({"sub": "42", "groups": self.groups}).encode())
        self.routes = {"/token": self.token_endpoint, "/userinfo": lambda handler: self.user_info(handler)}

    @property
    def document(self):
        return super().document | {"userinfo_endpoint": self.url + "/userinfo"}

    def token_endpoint(self, handler):
        fields = {name: one for name, (one,) in parse_qs(handler.rfile.read(int(handler.headers["Content-Length"])).decode()).items()}
        with self.lock:
            if fields["grant_type"] == "refresh_token" and fields["refresh_token"] != f"r{self.number}":
                self.spent.append(fields["refresh_token"])
                return handler.send(b'{"error":"invalid_grant"}', 400)
            self.number += 1
            nonce = self.nonce if fields["grant_type"] == "authorization_code" else None
            # Groups come by the endpoint for users only.
            answer = {"id_token": self.token(groups=None, nonce=nonce), "access_token": "a", "token_type": "Bearer",
                      "refresh_token": f"r{self.number}", "expires_in": 1}
        handler.send(json.dumps(answer).encode())


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.go_away()


@pytest.fixture
def signed_in(platform, provider, tmp_path):
    """The gateway, and a browser that signed in at it."""
    with Gateway(platform, tmp_path / "state", "--oidc-issuer", provider.url, "--oidc-client-id", "martlet") as gateway:
        browser = Browser()
        asked = query(browser.open(gateway.url + "/login/oidc").headers["Location"])
        provider.nonce = asked["nonce"]
        back = browser.open(gateway.url + "/login/oidc/callback", params={"code": "c", "state": asked["state"]})
        assert back.status_code == 303, back.text
        yield gateway, browser


def kept(gateway):
    """The provider's tokens as the gateway keeps them."""
    file, = (gateway.state / "sessions").iterdir()
    return json.loads(file.read_text())["provider"]


def groups(gateway, browser):
    answer = browser.me(gateway)
    assert answer.status_code == 200, "the session goes on"
    return answer.json()["groups"]


def unknown_key(provider):
    provider.keys[0] = Key("RS256", "new")
    provider.answer = lambda handler: handler.send(b"{}", 503)


@pytest.mark.parametrize("fail", [
    lambda provider: setattr(provider, "user_info", lambda handler: handler.send(b"", 503)),
    lambda provider: setattr(provider, "user_info", lambda handler: handler.send(b"", 429)),
    unknown_key,
], ids=["user info 503", "user info 429", "new key, and no answer for keys"])
def test_a_provider_that_fails_after_the_exchange_ends_no_session(signed_in, provider, fail):
    gateway, browser = signed_in
    fail(provider)
    before = provider.number
    eventually(lambda: groups(gateway, browser) == ["before"] and provider.number > before)
    assert groups(gateway, browser) == ["before"]
    assert kept(gateway)["refreshToken"] == f"r{provider.number}", "the new token is kept, the old one is used up"
    assert "cannot be refreshed" in gateway.log() and not provider.spent


def test_a_provider_that_refuses_ends_the_session(signed_in, provider):
    gateway, browser = signed_in
    provider.user_info = lambda handler: handler.send(b"", 403)
    eventually(lambda: browser.me(gateway).status_code == 401)


def test_many_at_once_refresh_once_and_never_with_a_used_token(signed_in, provider):
    gateway, browser = signed_in
    cookies = browser.cookies.get_dict()
    with ThreadPoolExecutor(8) as pool:
        def ask(_):
            return gateway.get("/api/me", cookies=cookies).status_code

        start = provider.number
        while provider.number < start + 3:
            assert set(pool.map(ask, range(40))) == {200}
    assert not provider.spent
    provider.groups = ["after"]
    eventually(lambda: groups(gateway, browser) == ["after"])
