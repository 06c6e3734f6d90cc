"""A26 where workspaces have a port of their own: another origin for scripts, with the cookies of the same host.

A real page in a real browser tries the same in `tests/browser/test_workspace_port.py`.
"""

import json
import re
import socket
import types
import urllib.parse

import pytest
import requests

from support import audit, people, wire
from support.gateway import Gateway
from support.tenants import FOREIGN, OWNER, STRANGER, TENANT
from support.waiting import eventually
from support.workspaces import Browser, with_port

SCRIPTS = (("cors", "empty"), ("no-cors", "script"), ("no-cors", "embed"), ("same-origin", "serviceworker"), ("websocket", "websocket"),
           ("navigate", "iframe"), ("navigate", "object"), ("navigate", "frame"))
SESSION = "martlet_session"


@pytest.fixture(scope="module")
def gateway(world, notebooks, tmp_path_factory):
    with with_port(world.platform, tmp_path_factory.mktemp("port")) as gateway:
        yield gateway


def browser(gateway, person=None):
    port = urllib.parse.urlsplit(gateway.workspaces).port
    return Browser(gateway.url, person and person.session, {port: port})


def told(answer):
    return dict(json.loads(answer.text)["headers"])


def as_script(source, site="same-origin", mode="cors", dest="empty"):
    return {"sec_fetch_mode": mode, "sec_fetch_dest": dest, "sec_fetch_site": site, "accept": "*/*", "referer": source + "/"}


UNSAID = {"sec_fetch_mode": None, "sec_fetch_dest": None, "sec_fetch_site": None}


def test_a26_a_browser_opens_a_notebook_at_the_port(world, gateway, notebooks):
    one = browser(gateway, world.owner)
    answers = one.open(notebooks + "lab?a=1&b=%2F")
    assert [answer.status for answer in answers] == [303, 200]
    assert answers[-1].url == gateway.workspaces + notebooks + "lab?a=1&b=%2F"
    assert json.loads(answers[-1].text)["path"] == notebooks + "lab?a=1&b=%2F"
    came = told(answers[-1])
    assert "martlet" not in came.get("Cookie", "") and came["kubeflow-userid"] == OWNER
    assert came["x-forwarded-host"] == urllib.parse.urlsplit(gateway.workspaces).netloc
    assert [answer.status for answer in one.open(gateway.workspaces + notebooks[:-1])] == [308, 200]
    # A browser that says nothing of itself, because it is old or nothing is encrypted, is known by wanting a page.
    assert one.ask(notebooks, **UNSAID).header("location") == gateway.workspaces + notebooks
    assert one.ask(gateway.workspaces + notebooks, **UNSAID).status == 200


def test_a26_programs_go_on_by_the_path_and_browsers_get_nothing_there(world, gateway, notebooks):
    with requests.Session() as program:
        program.cookies.update(world.owner.session.cookies)
        answer = program.get(gateway.url + notebooks, timeout=30)
    assert answer.status_code == 200 and "sandbox" in answer.headers["content-security-policy"]
    answer = gateway.get(notebooks, world.token(TENANT), headers={"Accept": "text/html"})
    assert answer.status_code == 200 and "sandbox" in answer.headers["content-security-policy"]
    assert requests.get(gateway.workspaces + notebooks, headers={"Authorization": f"Bearer {world.token(TENANT)}"}, timeout=30).status_code == 200
    asked = browser(gateway, world.owner)
    for mode, dest in SCRIPTS:
        for site in ("same-origin", "same-site", "cross-site", "none"):
            answer = asked.ask(notebooks, sec_fetch_mode=mode, sec_fetch_dest=dest, sec_fetch_site=site, accept="*/*")
            assert answer.status == 403 and "kubeflow-userid" not in answer.text, (mode, dest, site)
    assert asked.ask(notebooks, "POST", b"a=b", content_type="application/x-www-form-urlencoded").status == 403
    # The same connection and cookie, with and without what a browser says: the first answer must not open the way for the second.
    address = urllib.parse.urlsplit(gateway.url)
    head = f"GET {notebooks} HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {wire.cookies(world.owner.session)}\r\n"
    answer = wire.send(gateway.url, (head + "\r\n").encode(), more=[
        (head + "\r\n").encode(), (head + "Sec-Fetch-Mode: no-cors\r\nConnection: close\r\n\r\n").encode()])
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"403"]


def test_a26_who_has_to_sign_in_does_so_at_the_platform_and_comes_back(world, gateway, notebooks):
    one = browser(gateway)
    for begin in (gateway.url, gateway.workspaces):
        last = one.open(begin + notebooks + "lab?x")[-1]
        assert last.status == 401 and last.url.startswith(gateway.url + "/login/workspace?")
        assert f'name="next" value="{notebooks}lab?x"' in last.text
    assert one.ask(gateway.workspaces + notebooks, **as_script(gateway.workspaces)).status == 401
    one = browser(gateway, world.owner)
    answers = one.open(f"/login/workspace?next={notebooks}lab%3Fx")
    assert answers[-1].url == gateway.workspaces + notebooks + "lab?x" and answers[-1].status == 200
    for next_ in ("", "/", "//evil.example/", "https://evil.example/", f"//{notebooks}", "/api/me", f"{notebooks}../../../api/me"):
        for place in (f"{gateway.url}/login/workspace", f"{gateway.workspaces}/_martlet/enter"):
            answer = one.ask(f"{place}?next={urllib.parse.quote(next_)}")
            assert answer.status == 400 or answer.header("location").startswith(gateway.workspaces + notebooks), (place, next_)
    # Somebody who is known at one port only is told so, and not sent around for ever.
    assert browser(gateway).ask(f"{gateway.workspaces}/_martlet/enter?next={notebooks}").status == 403
    last = browser(gateway, world.stranger).open(notebooks)[-1]
    assert last.status == 403 and "not yours to open" in last.text


def test_a26_the_port_has_nothing_else(world, gateway, notebooks):
    one, origin = browser(gateway, world.owner), gateway.workspaces
    for path in ("/api/me", "/api/k8s/api/v1/namespaces", "/kfam/v1/bindings", "/login", "/login?token=x", "/login/workspace", "/logout", "/metrics",
                 "/healthz", "/readyz", "/assets/x.js", "/index.html", "/dashboard_lib.bundle.js", "/jupyter/api/config", "/debug", "/_martlet/begin",
                 "/notebook/", f"/notebook/{TENANT}", "//evil.example/"):
        for headers in (as_script(origin), {}, UNSAID):
            answer = one.ask(origin + path, **headers)
            assert answer.status == 404 and OWNER not in answer.text, (path, answer.status)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/logout", "/login", "/api/tokens", "/"):
            answer = one.ask(origin + path, method, b"{}", content_type="application/json", origin=origin, **as_script(origin))
            assert answer.status == 404, (method, path)
    # Links on pages of ours lead to the platform, at the port by which the browser knows it.
    assert one.ask(origin + "/").header("location") == gateway.url + "/"
    assert one.ask(origin + "/notebooks/a/b?ns=a").header("location") == gateway.url + "/notebooks/a/b?ns=a"
    one.ask(notebooks, host="127.0.0.1:8")
    assert one.ask(origin + "/").header("location") == "http://127.0.0.1:8/"
    for odd in ("0", "65536", "x", "80@evil.example", urllib.parse.urlsplit(origin).port):
        one.cookies(origin)["martlet_platform"] = odd
        assert one.ask(origin + "/").header("location") == gateway.url + "/", odd
    # A name that somebody else made point here is none of ours.
    assert one.ask(origin + notebooks, host=f"evil.example:{urllib.parse.urlsplit(origin).port}").status == 421
    assert one.ask(origin + notebooks + "..%2f..%2fapi/me", **as_script(origin)).status == 200, "dots are its server's"


def test_a26_requests_between_the_ports_are_refused_both_ways(world, gateway, notebooks):
    one, origin = browser(gateway, world.owner), gateway.workspaces
    token = world.owner.session.cookies["XSRF-TOKEN"]  # which a script at the other port can read
    attempts = (("GET", "/api/me"), ("POST", "/api/tokens"), ("DELETE", "/api/sessions/x"), ("POST", "/logout"),
                ("GET", "/api/k8s/api/v1/secrets"), ("GET", f"/api/stream?ns={TENANT}"))
    for method, path in attempts:
        body = b"{}" if method != "GET" else None
        for site in ("same-site", "cross-site"):
            answer = one.ask(path, method, body, **as_script(origin, site), origin=origin, x_xsrf_token=token, content_type="application/json")
            assert answer.status == 403 and answer.header("access-control-allow-origin") is None, (site, method, path)
        # Browsers that do not say what kind of request it is say where it comes from.
        for said in ({"origin": origin}, {"referer": origin + "/"}, {"referer": origin + notebooks}):
            answer = one.ask(path, method, body, **UNSAID, **said, accept="*/*", x_xsrf_token=token, content_type="application/json")
            assert answer.status == 403, (said, method, path)
    preflight = {"origin": origin, "access_control_request_method": "POST"}
    answer = one.ask("/api/me", "OPTIONS", **as_script(origin, "same-site"), **preflight)
    assert answer.header("access-control-allow-origin") is None and answer.status in (403, 404, 405)
    assert audit.gateway(world.platform, folder=gateway.state, path="/api/me", code=403)["decision"] == "forbid"
    # From elsewhere into a notebook: the browser sends the session with requests of the same site.
    sources = (gateway.url, "http://evil.example", "null", origin.replace("127.0.0.1", "localhost"), origin + "0", origin.replace("http", "https", 1) + "0")
    for source in sources:
        for mode, dest, method in (("cors", "empty", "GET"), ("no-cors", "script", "GET"), ("navigate", "iframe", "GET"),
                                   ("navigate", "document", "POST"), ("cors", "empty", "POST"), ("cors", "empty", "DELETE")):
            said = source if mode == "cors" or method == "POST" else None
            answer = one.ask(origin + notebooks, method, sec_fetch_mode=mode, sec_fetch_dest=dest, sec_fetch_site="same-site", origin=said)
            assert answer.status == 403, (source, mode, method)
        assert one.ask(origin + notebooks, "POST", b"x", **UNSAID, origin=source).status == 403, source
        assert one.shake(origin + notebooks, source) == 403, source
    assert one.ask(origin + notebooks, "POST", b"x", **UNSAID).status == 403, "it says nothing of where it is from"
    assert one.shake(origin + notebooks, None) == 403
    assert one.ask(origin + notebooks, "POST", b"x", origin=origin, **as_script(origin)).status == 200
    assert one.ask(origin + notebooks, sec_fetch_site="cross-site").status == 200, "a link in a mail"
    assert one.shake(origin + notebooks, origin) == 101
    assert one.shake(gateway.url + notebooks, origin) == 403 and one.shake(gateway.url + notebooks, origin, Sec_Fetch_Mode="websocket") == 403


def test_a26_cookies_that_a_script_sets_sign_nobody_in(world, gateway, notebooks):
    """What a page at one port sets holds at the other one, and by its path it may come first."""
    mine, others = (person.session.cookies[SESSION] for person in (world.owner, world.stranger))

    def who(line):
        answer = requests.get(gateway.url + "/api/me", headers={"Cookie": line}, timeout=30)
        return answer.json()["user"] if answer.status_code == 200 else answer.status_code

    for line in (f"{SESSION}={others}; {SESSION}={mine}", f"{SESSION}={mine}; {SESSION}={others}", f"{SESSION}={others}; {SESSION}=x; {SESSION}={mine}"):
        assert who(line) == 401, "nobody can tell which is whose"
    for line in (f"{SESSION}=x; {SESSION}={mine}", f"{SESSION}={mine}; {SESSION}=x", f"{SESSION}={mine}; {SESSION}={mine}",
                 f"__Host-Http-{SESSION}={others}; {SESSION}={mine}", f"__Host-{SESSION}={others}; {SESSION}={mine}"):
        assert who(line) == OWNER, line
    assert who(f"{SESSION}={others}") == STRANGER
    # Neither does one go by what the connection has shown before.
    host = urllib.parse.urlsplit(gateway.workspaces).netloc
    head = f"GET {notebooks} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n"
    sent = [f"{head}Cookie: {SESSION}={mine}\r\n\r\n"] * 2 + [f"{head}Cookie: {SESSION}={others}; {SESSION}={mine}\r\nConnection: close\r\n\r\n"]
    answer = wire.send(gateway.workspaces, sent[0].encode(), more=[part.encode() for part in sent[1:]])
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"401"]
    token = world.owner.session.cookies["XSRF-TOKEN"]
    for line in (f"XSRF-TOKEN=tossed; XSRF-TOKEN={token}", f"XSRF-TOKEN={token}; XSRF-TOKEN=tossed"):
        headers = {"Cookie": f"{SESSION}={mine}; {line}", "Content-Type": "application/json"}
        for header, code in ((token, 400), ("tossed", 403), ("", 403)):
            answer = requests.post(gateway.url + "/api/tokens", data="{}", headers={**headers, "X-XSRF-TOKEN": header}, timeout=30)
            assert answer.status_code == code, (line, header, answer.text)
    # What its server sets stays below its path, and has none of our names.
    lines = "&".join("header=" + urllib.parse.quote(f"Set-Cookie: {line}") for line in (
        f"{SESSION}=x; Path=/", f"__Host-Http-{SESSION}=x; Path=/; Secure; HttpOnly", "martlet_platform=1; Path=/", "XSRF-TOKEN=x; Path=/", "own=1; Path=/"))
    answer = browser(gateway, world.owner).ask(f"{gateway.workspaces}{notebooks}?{lines}&header=Service-Worker-Allowed:%20/")
    assert answer.cookies == {"own": f"own=1; Path={notebooks}"} and answer.header("service-worker-allowed") is None


def test_a26_what_is_open_at_the_port_ends_with_the_session(world, gateway, notebooks):
    person = people.sign_in(types.SimpleNamespace(gateway=gateway.url), OWNER)
    one = browser(gateway)
    one.jar["127.0.0.1"] = {cookie.name: cookie.value for cookie in person.cookies}
    address = urllib.parse.urlsplit(gateway.workspaces)
    opened = socket.create_connection((address.hostname, address.port), timeout=60)
    with opened:
        opened.sendall((f"GET {notebooks}stay HTTP/1.1\r\nHost: {address.netloc}\r\nOrigin: {gateway.workspaces}\r\n"
                        f"Cookie: {wire.cookies(person)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").encode())
        came = b""
        while not came.endswith(b"open"):
            came += opened.recv(4096)
        assert person.post(gateway.url + "/logout", timeout=30).status_code == 204
        assert opened.recv(4096) == b"", "it is closed"
    eventually(lambda: one.ask(gateway.workspaces + notebooks, **as_script(gateway.workspaces)).status == 401, 10, "the end of the session")


def test_a26_behind_a_proxy_the_port_is_called_as_somebody_says(world, notebooks, tmp_path):
    """TLS ends in front, where the port is another one; what the proxy makes of the host is the same for both."""
    flags = ["--external-url", "https://martlet.example.org", "--workspace-url", "https://martlet.example.org:8443"]
    with with_port(world.platform, tmp_path, *flags) as gateway:
        inner = urllib.parse.urlsplit(gateway.workspaces).port
        one = Browser(gateway.url, ports={8443: inner})
        assert one.open("https://martlet.example.org:8443" + notebooks)[-1].url.startswith("https://martlet.example.org/login/workspace?")
        one.sign_in("https://martlet.example.org", OWNER)
        last = one.open("https://martlet.example.org" + notebooks)[-1]
        assert last.url == "https://martlet.example.org:8443" + notebooks and last.status == 200
        assert one.ask("https://martlet.example.org:8443/").header("location") == "https://martlet.example.org/"
        own, platform = "https://martlet.example.org:8443", "https://martlet.example.org"
        for host in ("martlet.example.org:8443", "martlet.example.org"):
            for origin, code in ((own, 200), (platform, 403), ("http://martlet.example.org", 403), ("https://evil.example", 403)):
                answer = one.ask(own + notebooks, "POST", b"x", host=host, origin=origin, **as_script(origin))
                assert answer.status == code, (host, origin)
        for said in ({"origin": own}, {"referer": own + "/"}):
            assert one.ask(platform + "/api/me", **UNSAID, **said, accept="*/*").status == 403, said
        assert one.ask(platform + "/api/me", **as_script(platform)).status == 200
        # The cookie's name says that only this host can have set it; sessions from before that go on, and get it.
        jar = one.jar["martlet.example.org"]
        secure, token = jar[f"__Host-Http-{SESSION}"], jar["XSRF-TOKEN"]
        assert SESSION not in jar and secure.startswith("v3.")
        old = world.owner.session.cookies[SESSION]
        one.jar["martlet.example.org"] = {SESSION: old}
        renewed = one.ask(platform + "/").cookies[f"__Host-Http-{SESSION}"]
        assert {"Secure", "HttpOnly", "Path=/"} <= set(renewed.split("; "))
        for jar, code in (({SESSION: secure}, 401), ({f"__Host-Http-{SESSION}": old}, 401), ({SESSION: old, f"__Host-Http-{SESSION}": "x"}, 401),
                          ({SESSION: world.stranger.session.cookies[SESSION], f"__Host-Http-{SESSION}": secure}, 200)):
            one.jar["martlet.example.org"] = jar
            answer = one.ask(platform + "/api/me", **as_script(platform))
            assert answer.status == code and (code != 200 or json.loads(answer.text)["user"] == OWNER), jar
        one.jar["martlet.example.org"] = {SESSION: old, f"__Host-Http-{SESSION}": secure, "XSRF-TOKEN": token}
        out = one.ask(platform + "/logout", "POST", b"", x_xsrf_token=token, origin=platform, **as_script(platform))
        assert out.status == 204 and {f"__Host-Http-{SESSION}", SESSION, "XSRF-TOKEN"} == set(out.cookies)


def test_ports_that_cannot_work_are_refused_at_the_start(world, tmp_path):
    external = ["--external-url", "https://a.example"]
    for flags, said in ((["--workspace-port", "x"], "--workspace-port is between"), (["--workspace-port", "65536"], "--workspace-port is between"),
                        (["--workspace-url", "https://a.example:1"], "--workspace-url is"), ([*external, "--workspace-url", "https://a.example"], "--workspace-url is"),
                        ([*external, "--workspace-url", "https://b.example:1", "--workspace-port", "0"], "--workspace-url is"),
                        ([*external, "--workspace-url", "https://a.example:1"], "--workspace-url needs --workspace-port"),
                        (["--port", "65000", "--workspace-port", "65000"], "--workspace-port is another port")):
        gateway = Gateway(world.platform, tmp_path / "state", *flags)
        with pytest.raises(AssertionError, match=re.escape(said)):
            gateway.start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway = Gateway(world.platform, tmp_path / "state", "--workspace-port", taken.getsockname()[1])
        with pytest.raises(AssertionError, match="Address already in use|in use"):
            gateway.start()


def test_notebooks_of_others_are_refused_at_the_port_as_everywhere(world, gateway):
    path = f"/notebook/{FOREIGN}/echo/"
    assert browser(gateway, world.owner).ask(gateway.workspaces + path).status == 403
    assert browser(gateway, world.stranger).ask(gateway.workspaces + path).status == 200
    assert browser(gateway, world.viewer).ask(gateway.workspaces + f"/notebook/{TENANT}/echo/").status == 403
