"""Local users with passwords, their sessions, and proxies that say who is asking."""

import json
import re
import socket

import pytest
import requests
from support import people
from support.gateway import Gateway
from support.issuer import Issuer
from support.oidc_browser import Browser
from support.waiting import eventually

HERE = "127.0.0.1/32"


def try_password(url, user, password, **headers):
    """One attempt, as a browser makes it."""
    browser = Browser()
    page = browser.open(f"{url}/login")
    code = re.search(r'name="form" value="([^"]+)"', page.text).group(1)
    return browser.open(f"{url}/login", "POST", headers=headers, data={
        "form": code, "next": "/", "user": user, "password": password})


@pytest.fixture(scope="module")
def paula(platform):
    people.add(platform, "paula@example.com", "team")
    return "paula@example.com"


# -- passwords --------------------------------------------------------------------------------------------------------------


def test_a_right_password_signs_in_and_a_wrong_one_does_not(platform, paula):
    answer = try_password(platform.gateway, paula, people.PASSWORD)
    assert answer.status_code == 303
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    for user, password in ((paula, people.PASSWORD + "x"), (paula, ""), ("nobody@example.com", people.PASSWORD), ("", ""),
                           (paula, "x" * 5000), ("../" + paula, people.PASSWORD), (paula + "\0", people.PASSWORD)):
        answer = try_password(platform.gateway, user, password)
        assert answer.status_code == 401 and "not right" in answer.text, (user, answer.status_code)
        assert people.PASSWORD not in answer.text and "martlet_session" not in answer.headers.get("Set-Cookie", "")


def test_what_is_typed_is_no_markup(platform):
    answer = try_password(platform.gateway, '"><script>alert(1)</script>', "x")
    assert "<script>" not in answer.text and "&lt;script&gt;" in answer.text
    assert "script-src" not in answer.headers["Content-Security-Policy"] and "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_guessing_is_slow_and_does_not_lock_out_others(platform, tmp_path):
    with Gateway(platform, tmp_path / "state", "--trusted-proxies", HERE) as gateway:
        at = {"X-Forwarded-For": "192.0.2.1"}
        answers = [try_password(gateway.url, "victim@example.com", "guess", **at).status_code for _ in range(7)] \
            if has_form(gateway, platform) else []
        assert answers == [401] * 5 + [429] * 2
        refused = try_password(gateway.url, "victim@example.com", "guess", **at)
        assert int(refused.headers["Retry-After"]) > 0 and "Try again in" in refused.text
        assert try_password(gateway.url, "victim@example.com", "guess", **{"X-Forwarded-For": "192.0.2.2"}).status_code == 401
        assert try_password(gateway.url, "other@example.com", "guess", **at).status_code == 401
        # What a client writes in front of the proxy's own word counts for nothing.
        forged = {"X-Forwarded-For": "198.51.100.7, 192.0.2.1"}
        assert try_password(gateway.url, "victim@example.com", "guess", **forged).status_code == 429


def has_form(gateway, platform):
    """A gateway shows the form once somebody has a password there."""
    data = gateway.state.parent / "data"
    data.mkdir(exist_ok=True)
    (data / "format.json").write_text('{"format":1}')
    (data / "gateway").symlink_to(gateway.state)
    platform.cli("login", "add", "somebody@example.com", "--data-dir", str(data), input="long enough\n")
    return True


def test_a_foreign_page_signs_nobody_in(platform, paula):
    fields = {"user": paula, "password": people.PASSWORD, "next": "/"}
    url = f"{platform.gateway}/login"
    assert requests.post(url, data=fields, timeout=30, allow_redirects=False).status_code == 403
    assert requests.post(url, data=fields | {"form": "x"}, cookies={"martlet_form": "x"}, timeout=30).status_code == 403
    browser = Browser()
    code = re.search(r'name="form" value="([^"]+)"', browser.open(url).text).group(1)
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert browser.open(url, "POST", headers=headers, data=fields | {"form": code}).status_code == 403
    assert browser.open(url, "POST", data=json.dumps(fields), headers={"Content-Type": "application/json"}).status_code == 415
    other = Browser()
    other.open(url)
    assert other.open(url, "POST", data=fields | {"form": code}).status_code == 403, "another browser's code"


def test_signing_in_begins_a_new_session_whatever_cookie_was_there(platform, paula):
    browser = Browser()
    browser.cookies.set("martlet_session", "v2.AAAAAAAAAAAAAAAAAAAAAAAA.1.99999999999.AAAA")
    page = browser.open(f"{platform.gateway}/login")
    answer = browser.send_form(page, user=paula, password=people.PASSWORD)
    assert answer.status_code == 303 and "v2.AAAAAAAAAAAA" not in answer.headers["Set-Cookie"]


def test_passwords_are_kept_as_slow_hashes_and_named_by_nothing(platform, paula):
    files = list((platform.data / "gateway" / "users").iterdir())
    texts = [file.read_text() for file in files]
    assert any("$scrypt$ln=15,r=8,p=3$" in text for text in texts)
    assert not any(people.PASSWORD in text for text in texts)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


@pytest.mark.parametrize("user,password,says", [
    ("system:admin", "long enough", "Kubernetes"), ("*@example.com", "long enough", "asterisks"), ("a b", "long enough", "blanks"),
    ("x@example.com", "short", "8 characters"), ("x@example.com", "x" * 1025, "1024"), ("x@example.com", "", "password"),
    ("PAULA@example.com", "long enough", "capital letters"),
])
def test_people_who_cannot_be_are_not_added(platform, paula, user, password, says):
    done = platform.cli("login", "add", user, "--data-dir", str(platform.data), input=password + "\n", check=False)
    assert done.returncode != 0 and says in done.stderr


def test_the_command_line_lists_changes_and_removes(platform):
    data = ["--data-dir", str(platform.data)]
    people.add(platform, "rosa@example.com", "a", "b")
    assert {"user": "rosa@example.com", "groups": ["a", "b"]} in json.loads(
        platform.cli("login", "list", "--output", "json", *data).stdout)
    session = people.sign_in(platform, "rosa@example.com")
    platform.cli("login", "add", "rosa@example.com", *data, input="another password\n")
    # Another process ended the session: that is noticed within a second.
    eventually(lambda: session.get(f"{platform.gateway}/api/me", timeout=30).status_code == 401)
    assert try_password(platform.gateway, "rosa@example.com", people.PASSWORD).status_code == 401
    assert try_password(platform.gateway, "rosa@example.com", "another password").status_code == 303
    platform.cli("login", "remove", "rosa@example.com", *data)
    assert try_password(platform.gateway, "rosa@example.com", "another password").status_code == 401
    assert platform.cli("login", "remove", "rosa@example.com", *data, check=False).returncode != 0


# -- sessions -----------------------------------------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended_one_by_one(platform, paula):
    here, there = people.sign_in(platform, paula), people.sign_in(platform, paula)
    url = f"{platform.gateway}/api/sessions"
    sessions = here.get(url, timeout=30).json()["sessions"]
    current, = [one for one in sessions if one["current"]]
    assert current["method"] == "password" and current["address"] == "127.0.0.1" and "requests" in current["agent"]
    other, = [one for one in there.get(url, timeout=30).json()["sessions"] if one["current"]]
    assert other["id"] in [one["id"] for one in sessions]
    stranger = platform.session()
    assert stranger.delete(f"{url}/{other['id']}", timeout=30).status_code == 404
    assert other["id"] not in [one["id"] for one in stranger.get(url, timeout=30).json()["sessions"]]
    assert here.delete(f"{url}/{other['id']}", headers={"X-XSRF-TOKEN": "x"}, timeout=30).status_code == 403
    assert here.delete(f"{url}/{other['id']}", timeout=30).status_code == 204
    assert there.get(f"{platform.gateway}/api/me", timeout=30).status_code == 401
    assert here.get(f"{platform.gateway}/api/me", timeout=30).status_code == 200


def test_signing_out_ends_the_session_for_whoever_has_the_cookie(platform, paula):
    session = people.sign_in(platform, paula)
    stolen = session.cookies["martlet_session"]
    assert requests.get(f"{platform.gateway}/api/me", cookies={"martlet_session": stolen}, timeout=30).status_code == 200
    assert session.post(f"{platform.gateway}/logout", timeout=30).status_code == 204
    assert requests.get(f"{platform.gateway}/api/me", cookies={"martlet_session": stolen}, timeout=30).status_code == 401


def test_cookies_that_were_changed_or_are_of_another_gateway_are_nobodys(platform, paula, tmp_path):
    value = people.sign_in(platform, paula).cookies["martlet_session"]
    version, id, issued, expires, code = value.split(".")
    bad = [f"{version}.{id}.{issued}.9{expires}.{code}", f"{version}.{id}.{issued}.{expires}.", f"{version}.{id}.{issued}.{expires}",
           f"v1.{id}.{issued}.{expires}.{code}", f"{version}.../../users.{issued}.{expires}.{code}", value + "x", "", "....", "x" * 4000]
    for cookie in bad:
        answer = requests.get(f"{platform.gateway}/api/me", cookies={"martlet_session": cookie}, timeout=30)
        assert answer.status_code == 401, cookie
    with Gateway(platform, tmp_path / "state") as other:
        assert requests.get(f"{other.url}/api/me", cookies={"martlet_session": value}, timeout=30).status_code == 401


# -- proxies that say who is asking -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def behind_proxy(platform, tmp_path_factory):
    """A gateway that believes a proxy on this machine, as behind oauth2-proxy."""
    with Gateway(platform, tmp_path_factory.mktemp("proxied") / "state", "--trusted-proxies", HERE, "--trust-user-header",
                 "--userid-prefix", "accounts:", "--logout-url", "/oauth2/sign_out",
                 environment={"USERID_HEADER": "x-user-email"}) as running:
        yield running


def said(gateway, *lines):
    """Whom the gateway takes a request with these header lines for, exactly as they are."""
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall("\r\n".join(["GET /api/me HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *lines, "", ""]).encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, body = answer.split(b"\r\n\r\n", 1)
    if head.split()[1] == b"401":
        return None
    me = json.loads(body)
    return me["user"], me["groups"]


def test_a_trusted_proxy_says_who_is_asking(behind_proxy):
    assert said(behind_proxy, "X-User-Email: accounts:vera@example.com", "kubeflow-groups: a, two words,system:masters,,b") \
        == ("vera@example.com", ["a", "two words", "b"])
    assert said(behind_proxy, "x-user-email: accounts:vera@example.com") == ("vera@example.com", [])


@pytest.mark.parametrize("lines", [
    ["kubeflow-userid: accounts:vera@example.com"], ["X_User_Email: accounts:vera@example.com"],
    ["X-User-Email: vera@example.com"], ["X-User-Email: accounts:"], ["X-User-Email: accounts:system:admin"],
    ["X-User-Email: accounts:a@x", "X-User-Email: accounts:b@x"], ["X-User-Email: accounts:a@x,accounts:b@x"],
    ["X-User-Email: accounts:*"], ["X-User-Email: veraaccounts:@x"], ["X-User-Email: accounts:a b"],
    ["Remote-User: vera@example.com"], ["Impersonate-User: vera@example.com"], ["kubeflow-groups: a"],
], ids=str)
def test_what_is_not_clear_is_not_believed(behind_proxy, lines):
    assert said(behind_proxy, *lines) is None


def test_the_prefix_is_taken_off_once_and_only_in_front(behind_proxy):
    assert said(behind_proxy, "X-User-Email: accounts:accounts:x@y") == ("accounts:x@y", [])


def test_strangers_say_nothing(platform, paula):
    for header in ("kubeflow-userid", "Kubeflow-Userid", "KUBEFLOW_USERID", "x-user-email", "X-Forwarded-User", "X-Auth-Request-Email",
                   "X-Goog-Authenticated-User-Email", "Remote-User"):
        answer = requests.get(f"{platform.gateway}/api/me", headers={header: "user@example.com"}, timeout=30)
        assert answer.status_code == 401, header
    session = people.sign_in(platform, paula)
    answer = session.get(f"{platform.gateway}/api/me", timeout=30, headers={
        "kubeflow-userid": "user@example.com", "kubeflow-groups": "system:masters", "Impersonate-User": "root"})
    assert (answer.json()["user"], answer.json()["groups"]) == (paula, ["team"])


def test_a_browser_behind_a_proxy_needs_the_csrf_token(behind_proxy):
    """The proxy adds who is asking to whatever a browser sends, also to what a foreign page made it send."""
    vera = {"X-User-Email": "accounts:vera@example.com"}
    page = requests.get(behind_proxy.url + "/", headers=vera, timeout=30)
    token = page.cookies["XSRF-TOKEN"]
    url = f"{behind_proxy.url}/api/tokens"
    wish = {"name": "x", "scopes": ["read"]}
    browser = vera | {"Cookie": f"_oauth2_proxy=x; XSRF-TOKEN={token}"}
    assert requests.post(url, json=wish, headers=browser, timeout=30).status_code == 403
    assert requests.post(url, json=wish, headers=browser | {"X-XSRF-TOKEN": "x"}, timeout=30).status_code == 403
    assert requests.post(url, json=wish, headers=browser | {"X-XSRF-TOKEN": token}, timeout=30).status_code == 201
    other = {"X-User-Email": "accounts:mallory@example.com", "Cookie": f"XSRF-TOKEN={token}", "X-XSRF-TOKEN": token}
    assert requests.post(url, json=wish, headers=other, timeout=30).status_code == 403
    assert requests.post(url, json=wish, headers=vera, timeout=30).status_code == 201, "a program has no cookies"
    out = requests.post(f"{behind_proxy.url}/logout", headers=browser | {"X-XSRF-TOKEN": token}, timeout=30)
    assert out.json() == {"redirect": "/oauth2/sign_out"}
    info = requests.get(f"{behind_proxy.url}/api/workgroup/env-info", headers=vera, timeout=30).json()
    assert info["platform"]["logoutUrl"] == "/oauth2/sign_out"


def test_a_browser_behind_a_proxy_that_forwards_tokens_gets_what_changes_need(platform, tmp_path):
    issuer = Issuer()
    with Gateway(platform, tmp_path / "state", "--trusted-proxies", HERE, "--oidc-issuer", issuer.url,
                 "--oidc-client-id", "martlet") as gateway:
        proxied = {"Authorization": f"Bearer {issuer.token()}"}
        token = gateway.get("/", headers=dict(proxied)).cookies["XSRF-TOKEN"]
        url = f"{gateway.url}/api/k8s/apis/authentication.k8s.io/v1/selfsubjectreviews"
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        browser = proxied | {"Cookie": f"_oauth2_proxy=x; XSRF-TOKEN={token}"}
        assert requests.post(url, json=review, headers=browser, timeout=30).status_code == 403
        assert requests.post(url, json=review, headers=browser | {"X-XSRF-TOKEN": token}, timeout=30).status_code == 201
        other = {"Authorization": f"Bearer {issuer.token(email='mallory@example.com')}", "X-XSRF-TOKEN": token,
                 "Cookie": f"XSRF-TOKEN={token}"}
        assert requests.post(url, json=review, headers=other, timeout=30).status_code == 403
        assert requests.post(url, json=review, headers=proxied, timeout=30).status_code == 201, "a program has no cookies"
    with Gateway(platform, tmp_path / "direct", "--oidc-issuer", issuer.url, "--oidc-client-id", "martlet") as gateway:
        answer = gateway.get("/", issuer.token())
        assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
    issuer.go_away()


def test_cookies_are_kept_to_https_where_the_browser_came_by_it(platform, tmp_path):
    with Gateway(platform, tmp_path / "state", "--trusted-proxies", HERE) as gateway:
        assert "Secure" in gateway.get("/login", headers={"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]
        assert "Secure" not in gateway.get("/login", headers={"X-Forwarded-Proto": "http"}).headers["Set-Cookie"]
        assert gateway.get("/metrics").status_code != 200, "what a proxy passes on is not from this machine"
    with Gateway(platform, tmp_path / "other", "--external-url", "https://martlet.example.com") as gateway:
        assert "Secure" in gateway.get("/login", headers={"Host": "martlet.example.com"}).headers["Set-Cookie"]
    assert "Secure" not in requests.get(f"{platform.gateway}/login", headers={"X-Forwarded-Proto": "https"},
                                        timeout=30).headers["Set-Cookie"]


def test_sessions_survive_the_gateways_death(platform, tmp_path):
    with Gateway(platform, tmp_path / "state") as gateway:
        has_form(gateway, platform)
        browsers = []
        for _ in range(3):
            browser = Browser()
            browser.send_form(browser.open(f"{gateway.url}/login"), user="somebody@example.com", password="long enough")
            browsers.append(browser)
        gateway.kill()
        gateway.start()
        assert [browser.me(gateway).json()["user"] for browser in browsers] == ["somebody@example.com"] * 3
