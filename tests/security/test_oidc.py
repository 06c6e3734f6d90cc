"""Signing in at a real OpenID Connect provider, and everything that must not work on the way."""

import json
from urllib.parse import quote

import pytest
from support.gateway import Gateway
from support.oidc_browser import Browser, query
from support.oidc_provider import CLIENT
from support.waiting import eventually


@pytest.fixture(scope="module")
def gateway(platform, provider, oidc_flags, tmp_path_factory):
    """A gateway whose people sign in at the provider."""
    with Gateway(platform, tmp_path_factory.mktemp("gateway") / "state", *oidc_flags) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def people(provider):
    provider.add("olga@example.com", ["data scientists", "team-a"])
    provider.add("unverified@example.com", is_verified=False)
    provider.add("nameless", email="")
    provider.add("root", email="system:admin")
    provider.add("wild", email="*@example.com")
    provider.add("grabber@example.com", ["system:masters", "a,b", "*", "team-b", "", "x" * 150])


# -- the way there and back ---------------------------------------------------------------------------------------------


def test_people_sign_in_and_are_led_to_where_they_wanted(gateway):
    browser = Browser()
    page = browser.open(gateway.url + "/notebooks?ns=a", headers={"Accept": "text/html"})
    assert page.status_code == 401 and "Continue with Example &amp; Co" in page.text
    assert "/login/oidc?next=%2Fnotebooks%3Fns%3Da" in page.text
    answer = browser.sign_in(gateway, "olga@example.com", next="/notebooks?ns=a")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/notebooks?ns=a")
    me = browser.me(gateway).json()
    assert (me["user"], me["groups"]) == ("olga@example.com", ["data scientists", "team-a"])
    session, = [one for one in browser.open(gateway.url + "/api/sessions").json()["sessions"] if one["current"]]
    assert session["method"] == "provider"


def test_what_is_asked_of_the_provider(gateway):
    start = Browser().open(gateway.url + "/login/oidc")
    asked = query(start.headers["Location"])
    assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    assert asked["redirect_uri"] == gateway.url + "/login/oidc/callback"
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    again = query(Browser().open(gateway.url + "/login/oidc").headers["Location"])
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())
    cookie = start.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/login" in cookie
    assert asked["nonce"] not in cookie


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example/", "/\\evil.example", "/login", "\r\nx: y"])
def test_nobody_is_led_elsewhere(gateway, next):
    assert Browser().sign_in(gateway, "olga@example.com", next=next).headers["Location"] == "/"


def test_a_code_is_good_once_and_only_in_the_browser_that_asked(gateway):
    browser = Browser()
    back = browser.come_back(gateway, "olga@example.com")
    stranger = Browser()
    assert stranger.open(back).status_code == 403
    assert stranger.me(gateway).status_code == 401
    assert browser.open(back, "HEAD").status_code == 204
    assert browser.open(back).status_code == 303
    again = Browser()
    again.cookies.update(browser.cookies)
    assert again.open(back).status_code == 403


@pytest.mark.parametrize("name,value", [
    ("state", "A" * 32), ("state", ""), ("code", ""), ("code", "made-up"), ("iss", "https://evil.example"),
    ("iss", None), ("error", "access_denied"),
])
def test_an_answer_that_was_tampered_with_signs_nobody_in(gateway, name, value):
    browser = Browser()
    fields = query(browser.come_back(gateway, "olga@example.com"))
    fields[name] = value
    answer = browser.open(gateway.url + "/login/oidc/callback", params={k: v for k, v in fields.items() if v is not None})
    assert answer.status_code == 403 and "not signed in" in answer.text
    assert browser.me(gateway).status_code == 401


def test_fields_that_come_twice_sign_nobody_in(gateway):
    browser = Browser()
    back = browser.come_back(gateway, "olga@example.com")
    assert browser.open(back + "&code=other").status_code == 403
    assert browser.me(gateway).status_code == 401


def test_a_code_of_another_sign_in_does_not_fit(gateway):
    """The code of somebody else's browser, put into one's own answer: PKCE and nonce are another's."""
    victim, attacker = Browser(), Browser()
    stolen = query(victim.come_back(gateway, "olga@example.com"))["code"]
    fields = query(attacker.come_back(gateway, "grabber@example.com"))
    assert attacker.open(gateway.url + "/login/oidc/callback", params=fields | {"code": stolen}).status_code == 403
    assert attacker.me(gateway).status_code == 401


def test_a_cookie_of_ones_own_making_is_not_believed(gateway):
    browser = Browser()
    back = browser.come_back(gateway, "olga@example.com")
    name, = [name for name in browser.cookies.keys() if name.startswith("martlet_oidc_")]
    value = browser.cookies[name]
    for changed in (value[:-1] + ("A" if value[-1] != "A" else "B"), value.replace(".", "..", 1), "x"):
        other = Browser()
        other.cookies.set(name, changed, path="/login")
        assert other.open(back).status_code == 403


def test_a_restart_in_between_does_no_harm(platform, provider, oidc_flags, tmp_path):
    with Gateway(platform, tmp_path / "state", *oidc_flags) as gateway:
        provider.register(gateway.url)
        browser = Browser()
        back = browser.come_back(gateway, "olga@example.com")
        gateway.kill()
        gateway.start()
        assert browser.open(back).status_code == 303
        gateway.kill()
        gateway.start()
        assert browser.me(gateway).json()["user"] == "olga@example.com"


@pytest.fixture(autouse=True)
def registered(provider, gateway):
    provider.register(gateway.url)


# -- who somebody may be ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user,says", [
    ("nameless", "does not tell your email"), ("unverified@example.com", "not verified"),
    ("root", "belong to Kubernetes"), ("wild", "asterisks"),
])
def test_names_that_cannot_be_sign_nobody_in(gateway, user, says):
    browser = Browser()
    answer = browser.sign_in(gateway, user)
    assert answer.status_code == 403 and says in answer.text
    assert browser.me(gateway).status_code == 401


def test_groups_of_kubernetes_and_groups_that_mean_several_are_left_out(gateway):
    browser = Browser()
    browser.sign_in(gateway, "grabber@example.com")
    assert browser.me(gateway).json()["groups"] == ["team-b", "x" * 150]
    assert browser.open(gateway.url + "/api/k8s/api/v1/nodes").status_code == 403


def test_groups_of_the_provider_are_groups_of_rbac(platform, gateway):
    browser = Browser()
    browser.sign_in(gateway, "olga@example.com")
    namespace = platform.user_namespace
    target = f"{gateway.url}/api/k8s/api/v1/namespaces/{namespace}/pods"
    assert browser.open(target).status_code == 403
    platform.kubectl("create", "rolebinding", "by-group", "-n", namespace, "--clusterrole=kubeflow-view", "--group=team-a")
    try:
        assert browser.open(target).status_code == 200
    finally:
        platform.kubectl("delete", "rolebinding", "by-group", "-n", namespace)


# -- while it lasts, and the end of it --------------------------------------------------------------------------------------


@pytest.fixture
def short_lived(provider):
    """Access tokens that end at once, so that each second the session is refreshed."""
    provider.options.ACCESS_TOKEN_EXPIRE_SECONDS = 1
    yield
    provider.options.ACCESS_TOKEN_EXPIRE_SECONDS = 3600


def test_a_session_follows_the_provider(provider, gateway, short_lived):
    provider.add("mover@example.com", ["before"])
    browser = Browser()
    browser.sign_in(gateway, "mover@example.com")
    made = browser.open(gateway.url + "/api/tokens", "POST", json={"name": "x", "scopes": ["read"]}).json()
    provider.set_groups("mover@example.com", ["after"])
    eventually(lambda: browser.me(gateway).json()["groups"] == ["after"])
    # Many requests at once make one refresh: the provider takes each refresh token once.
    provider.set_groups("mover@example.com", ["later"])
    eventually(lambda: browser.me(gateway).json()["groups"] == ["later"])
    Browser().sign_in(gateway, "mover@example.com")
    assert eventually(lambda: gateway.who(made["token"]) == ("mover@example.com", []))
    provider.forget("mover@example.com")
    eventually(lambda: browser.me(gateway).status_code == 401)
    assert "session ended by the provider" in gateway.log()


def test_keys_that_change_are_found(provider, gateway):
    provider.rotate_keys()
    assert Browser().sign_in(gateway, "olga@example.com").status_code == 303


def test_signing_out_leads_to_the_provider_and_ends_there_too(provider, gateway):
    browser = Browser()
    browser.sign_in(gateway, "olga@example.com")
    assert browser.open(gateway.url + "/logout", "POST", headers={"X-XSRF-TOKEN": "no"}).status_code == 403
    target = browser.open(gateway.url + "/logout", "POST").json()["redirect"]
    assert target.startswith(provider.issuer + "/logout/")
    assert query(target)["post_logout_redirect_uri"] == gateway.url + "/login"
    assert browser.me(gateway).status_code == 401
    assert browser.open(target).headers["Location"] == gateway.url + "/login"
    again = browser.open(browser.open(gateway.url + "/login/oidc").headers["Location"])
    assert "/accounts/login/" in again.headers["Location"], "the provider asks for the password again"


# -- settings ---------------------------------------------------------------------------------------------------------------


def test_prefixes_and_claims_are_settings(platform, provider, oidc_flags, tmp_path):
    environment = {"MARTLET_OIDC_USER_PREFIX": "oidc:", "MARTLET_OIDC_GROUP_PREFIX": "oidc:", "MARTLET_OIDC_USER_CLAIM": "sub"}
    with Gateway(platform, tmp_path / "state", *oidc_flags, environment=environment) as gateway:
        provider.register(gateway.url)
        browser = Browser()
        browser.sign_in(gateway, "grabber@example.com")
        me = browser.me(gateway).json()
        assert me["user"].startswith("oidc:") and "oidc:team-b" in me["groups"]
        assert "oidc:a,b" not in me["groups"]


@pytest.mark.parametrize("flags,says", [
    (["--oidc-issuer", "http://idp.example.com", "--oidc-client-id", "x"], "not encrypted"),
    (["--oidc-issuer", "https://idp.example.com"], "--oidc-client-id"),
    (["--oidc-issuer", "https://idp.example.com", "--oidc-client-id", "x", "--oidc-client-secret-file", "/nowhere"], "secret"),
    (["--trust-user-header"], "--trusted-proxies"), (["--trusted-proxies", "10.0.0.0/99"], "no network"),
    (["--external-url", "martlet.example.com"], "--external-url"),
])
def test_settings_that_would_be_unsafe_are_refused(platform, tmp_path, flags, says):
    gateway = Gateway(platform, tmp_path / "state", *flags)
    with pytest.raises(AssertionError, match=says):
        gateway.start()
    assert gateway.process.returncode != 0


def test_a_provider_that_is_away_stops_nothing_else(platform, provider, oidc_flags, tmp_path):
    flags = [provider.issuer.replace("127.0.0.1", "127.0.0.2") if flag == provider.issuer else flag for flag in oidc_flags]
    with Gateway(platform, tmp_path / "state", *flags) as gateway:
        answer = gateway.get("/login/oidc")
        assert answer.status_code == 502 and "does not answer" in answer.text
        assert gateway.get("/login").status_code == 200


def test_martlet_up_takes_the_same_settings(own_platform, provider, oidc_flags):
    own_platform.start(*map(str, oidc_flags))
    page = Browser().open(own_platform.gateway + "/login")
    assert f"/login/oidc?next={quote('/', safe='')}" in page.text
    start = Browser().open(own_platform.gateway + "/login/oidc")
    assert start.headers["Location"].startswith(provider.issuer + "/authorize/")
    assert json.loads((own_platform.data / "run.json").read_text())["gateway"] in query(start.headers["Location"])["redirect_uri"]
