"""A26 where workspaces have hosts of their own: what runs in a notebook, and what somebody sends a browser to, gets nowhere else.

Real pages in a real browser try the same in `tests/browser/test_workspaces.py`.
"""

import json
import re
import urllib.parse

import pytest
import requests

from support import audit, people, wire
from support.gateway import Gateway
from support.tenants import CONTRIBUTOR, FOREIGN, OWNER, TENANT, binding
from support.waiting import eventually
from support.workspaces import Browser, label

PASS = "martlet_workspace"


def place(world, namespace=TENANT, name="echo"):
    """The origin of a notebook."""
    return f"http://{label(namespace, name)}.localhost:{urllib.parse.urlsplit(world.platform.gateway).port}"


def browser(world, person=None):
    return Browser(world.platform.gateway, person and person.session)


@pytest.fixture
def inside(world, notebooks):
    """The owner's browser, in the notebook."""
    one = browser(world, world.owner)
    assert one.open(notebooks)[-1].status == 200
    return one


def told(answer):
    return dict(json.loads(answer.text)["headers"])


def as_script(url, site="same-origin", mode="cors", dest="empty"):
    origin = urllib.parse.urlsplit(url)
    return {"sec_fetch_mode": mode, "sec_fetch_dest": dest, "sec_fetch_site": site, "accept": "*/*",
            "referer": f"{origin.scheme}://{origin.netloc}/"}


def test_a26_a_browser_opens_a_notebook_at_a_host_of_its_own(world, notebooks):
    one = browser(world, world.owner)
    answers = one.open(notebooks + "lab?a=1&b=%2F")
    last = answers[-1]
    assert last.url == place(world) + notebooks + "lab?a=1&b=%2F" and last.status == 200
    assert json.loads(last.text)["path"] == notebooks + "lab?a=1&b=%2F", "its server knows it by its path, as ever"
    came = told(last)
    assert "martlet" not in came.get("Cookie", "") and came["kubeflow-userid"] == OWNER
    set_ = {name: line for answer in answers for name, line in answer.cookies.items() if "Max-Age=0" not in line}
    for name in (PASS, "martlet_enter"):
        attributes = set_[name].split("; ")[1:]
        assert "HttpOnly" in attributes and "SameSite=Lax" in attributes and "Path=/" in attributes
        assert not any(part.lower().startswith("domain") for part in attributes)
    for answer in answers[:-1]:
        assert answer.header("referrer-policy") == "no-referrer" and answer.header("cache-control") == "no-store"
    assert set(one.cookies(place(world))) == {PASS} and PASS not in one.cookies(world.platform.gateway)
    # From then on it is there at once.
    assert [answer.status for answer in one.open(place(world) + notebooks)] == [200]
    assert [answer.status for answer in one.open(place(world) + notebooks[:-1])] == [308, 200]


def test_a26_programs_go_on_by_the_path_and_browsers_get_nothing_there(world, notebooks):
    answer = world.owner.ask(notebooks, headers={"Accept": "text/html"})
    assert "sandbox" in answer.headers["content-security-policy"] and answer.headers["x-content-type-options"] == "nosniff"
    asked = browser(world, world.owner)
    assert asked.ask(notebooks).status == 303
    for mode, dest in (("cors", "empty"), ("no-cors", "script"), ("no-cors", "embed"), ("same-origin", "serviceworker"), ("websocket", "websocket"),
                       ("navigate", "iframe"), ("navigate", "object"), ("navigate", "frame")):
        for site in ("same-origin", "same-site", "cross-site", "none"):
            answer = asked.ask(notebooks, sec_fetch_mode=mode, sec_fetch_dest=dest, sec_fetch_site=site, accept="*/*")
            assert answer.status == 403 and "kubeflow-userid" not in answer.text, (mode, dest, site)
    assert asked.ask(notebooks, "POST", b"a=b", content_type="application/x-www-form-urlencoded").status == 403
    assert asked.shake(world.platform.gateway + notebooks, world.platform.gateway, Sec_Fetch_Mode="websocket") == 403
    # The same connection and cookie, with and without what a browser says: the first answer must not open the way for the second.
    address = urllib.parse.urlsplit(world.platform.gateway)
    head = f"GET {notebooks} HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {wire.cookies(world.owner.session)}\r\n"
    answer = wire.send(world.platform.gateway, (head + "\r\n").encode(), more=[
        (head + "Sec-Fetch-Mode: no-cors\r\nConnection: close\r\n\r\n").encode()])
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"403"]


def test_a26_who_may_not_open_it_is_told_so_by_the_platform(world, notebooks):
    last = browser(world, world.stranger).open(notebooks)[-1]
    assert last.status == 403 and last.url.startswith(world.platform.gateway) and "not yours to open" in last.text
    last = browser(world, world.viewer).open(notebooks)[-1]
    assert last.status == 403 and PASS not in last.cookies
    last = browser(world).open(notebooks + "lab?x")[-1]
    assert last.status == 401 and last.url.startswith(world.platform.gateway)
    assert f'name="next" value="{notebooks}lab?x"' in last.text, "after signing in it goes on"


# -- codes ----------------------------------------------------------------------------------------------------------


def code_of(one, notebooks):
    """The address by which a browser is about to enter."""
    return one.open(notebooks, until="/_martlet/enter")


def test_a26_a_code_opens_once(world, notebooks):
    one = browser(world, world.owner)
    url = code_of(one, notebooks)
    word = one.cookies(place(world))["martlet_enter"]
    assert one.ask(url).status == 303
    one.cookies(place(world))["martlet_enter"] = word
    again = one.ask(url)
    assert again.status == 403 and PASS not in again.cookies
    assert audit.gateway(world.platform, path="/_martlet/enter", code=403)["decision"] == "forbid"


def test_a26_a_stolen_code_opens_nothing_elsewhere(world, notebooks):
    """Whoever saw the address has another browser: none of a word, one of its own, one that was signed in."""
    for thief in (browser(world), browser(world, world.stranger), browser(world, world.contributor)):
        url = code_of(browser(world, world.owner), notebooks)
        code_of(thief, notebooks) if thief.jar.get("127.0.0.1") and thief.ask("/api/me").text.count(CONTRIBUTOR) else None
        answer = thief.ask(url)
        assert answer.status == 403 and PASS not in answer.cookies
        assert thief.ask(place(world) + notebooks, **as_script(place(world))).status == 401
    # Neither does one's own code at another notebook, whose word one has.
    one = browser(world, world.admin)
    url = code_of(one, notebooks)
    code_of(one, f"/notebook/{FOREIGN}/echo/")
    answer = one.ask(url.replace(place(world), place(world, FOREIGN)))
    assert answer.status == 403 and PASS not in answer.cookies
    assert one.ask(url).status == 403, "it was used up by the attempt"


def test_a26_nobody_is_led_into_a_notebook_as_somebody_else(world, notebooks, inside):
    """Sign-in CSRF: the contributor sends the owner's browser on with a code of the contributor's."""
    attacker = browser(world, world.contributor)
    url = code_of(attacker, notebooks)
    before = inside.cookies(place(world))[PASS]
    for headers in ({"sec_fetch_site": "cross-site"}, {"sec_fetch_mode": None, "sec_fetch_dest": None, "sec_fetch_site": None}):
        answer = inside.ask(url, **headers)
        assert answer.status == 403 and PASS not in answer.cookies
    # The word of the attacker's browser, which is in no cookie of the victim's, makes no code that the victim's would take.
    state = urllib.parse.quote(urllib.parse.parse_qs(urllib.parse.urlsplit(attacker.open(notebooks, until="/login/workspace")).query)["state"][0])
    url = inside.open(f"/login/workspace?next={notebooks}&state={state}", until="/_martlet/enter")
    assert inside.ask(url).status == 403
    assert inside.cookies(place(world))[PASS] == before
    assert told(inside.ask(place(world) + notebooks))["kubeflow-userid"] == OWNER


def test_a26_guessed_codes_and_odd_ones_open_nothing(world, notebooks):
    one = browser(world, world.owner)
    code_of(one, notebooks)
    for code in ("", "A" * 43, "../../session.key", "%00", "A" * 5000, "a&code=b"):
        answer = one.ask(f"{place(world)}/_martlet/enter?code={code}")
        assert answer.status in (400, 403) and PASS not in answer.cookies, code
    for frame in ({"sec_fetch_dest": "iframe"}, {"sec_fetch_mode": "cors", "sec_fetch_dest": "empty"}, {"sec_fetch_mode": "no-cors"}):
        for url in (f"{place(world)}/_martlet/begin?next={notebooks}", code_of(one, notebooks), f"/login/workspace?next={notebooks}&state={'A' * 43}"):
            assert one.ask(url, **frame).status == 403, (frame, url)


# -- cookies --------------------------------------------------------------------------------------------------------


def test_a26_a_pass_is_good_at_its_host_only(world, notebooks, inside):
    value = inside.cookies(place(world))[PASS]
    thief = browser(world)
    foreign = place(world, FOREIGN)
    # The administrator may open both: what one host knows is still nothing at the other.
    admin = browser(world, world.admin)
    admin.open(notebooks)
    for cookie, path in ((value, f"/notebook/{FOREIGN}/echo/"), (admin.cookies(place(world))[PASS], f"/notebook/{FOREIGN}/echo/"), (value, notebooks)):
        thief.jar[urllib.parse.urlsplit(foreign).hostname] = {PASS: cookie}
        assert thief.ask(foreign + path, **as_script(foreign)).status in (401, 404)
    for name in (PASS, "martlet_session", "__Host-" + PASS):
        thief.jar["127.0.0.1"] = {name: value}
        for path in ("/api/me", "/kfam/v1/bindings", notebooks, "/api/sessions"):
            assert thief.ask(path, **as_script(world.platform.gateway)).status in (401, 403), (name, path)
    # Changed ones, and the platform's session, which no browser would send there, are nobody's.
    session = world.owner.session.cookies["martlet_session"]
    version, id, via, code = value.split(".")
    for cookie in (session, f"{version}.{id}.{via}.", f"{version}.{id}.{via}x.{code}", f"{version}.{'A' * 24}.{via}.{code}", value + "x", "...", ""):
        for name in (PASS, "martlet_session"):
            thief.jar[urllib.parse.urlsplit(place(world)).hostname] = {name: cookie}
            assert thief.ask(place(world) + notebooks, **as_script(place(world))).status == 401, (name, cookie)


def test_a26_a_neighbours_cookies_do_no_harm(world, notebooks, inside):
    """Tossing: a sibling sets cookies of our names for the domain that both share; the browser sends both, in any order."""
    mine = inside.cookies(place(world))[PASS]
    other = browser(world, world.contributor)
    other.open(notebooks)
    stranger = browser(world, world.stranger)
    stranger.open(f"/notebook/{FOREIGN}/echo/")
    for tossed in ("x", stranger.cookies(place(world, FOREIGN))[PASS], world.stranger.session.cookies["martlet_session"]):
        for line in (f"{PASS}={tossed}; {PASS}={mine}", f"{PASS}={mine}; {PASS}={tossed}", f"{PASS}={mine}; martlet_session={tossed}"):
            answer = inside.ask(place(world) + notebooks, cookie=line, **as_script(place(world)))
            assert answer.status == 401 or told(answer)["kubeflow-userid"] == OWNER, line
    lines = "&".join("header=" + urllib.parse.quote(f"Set-Cookie: {line}") for line in (
        f"{PASS}=x; Path=/; Domain=localhost", f"__Host-{PASS}=x; Path=/; Secure", "martlet_session=x; Path=/; Domain=127.0.0.1", "martlet_enter=x", "own=1; Domain=localhost; Path=/"))
    answer = inside.ask(place(world) + notebooks + "?" + lines)
    assert answer.cookies == {"own": f"own=1; Path={notebooks}"}


def test_a26_a_pass_ends_with_the_session(world, notebooks):
    person = people.sign_in(world.platform, OWNER)
    one = Browser(world.platform.gateway, person)
    one.open(notebooks)
    url = place(world) + notebooks
    assert one.ask(url, **as_script(url)).status == 200
    assert person.post(world.platform.gateway + "/logout", timeout=30).status_code == 204
    eventually(lambda: one.ask(url, **as_script(url)).status == 401, 10, "the end of the pass")
    # Also when somebody ends it from another browser, and when the role goes; a code that is under way is worth nothing then.
    person = people.sign_in(world.platform, OWNER)
    one = Browser(world.platform.gateway, person)
    one.open(notebooks)
    enter = code_of(one, notebooks)
    current, = [each["id"] for each in person.get(world.platform.gateway + "/api/sessions", timeout=30).json()["sessions"] if each["current"]]
    world.owner.ask(f"/api/sessions/{current}", "DELETE", 204)
    eventually(lambda: one.ask(url, **as_script(url)).status == 401, 10, "the end of the pass")
    assert one.ask(enter).status == 403


def test_a26_a_pass_is_worth_what_its_role_allows(world, notebooks):
    user = "leaving@attacks.example"
    people.add(world.platform, user)
    world.owner.ask("/kfam/v1/bindings", "POST", json=binding(user, "edit"))
    one = Browser(world.platform.gateway, people.sign_in(world.platform, user))
    assert one.open(notebooks)[-1].status == 200
    url = place(world) + notebooks
    world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding(user, "edit"))
    eventually(lambda: one.ask(url, **as_script(url)).status == 403, 10, "the end of the role")


# -- what a notebook's host has -------------------------------------------------------------------------------------


def test_a26_the_host_of_a_notebook_has_nothing_else(world, notebooks, inside):
    origin = place(world)
    for path in ("/api/me", "/api/k8s/api/v1/namespaces", "/kfam/v1/bindings", "/login", "/login?token=x", "/login/workspace", "/logout", "/metrics",
                 "/healthz", "/readyz", "/assets/x.js", "/index.html", "/dashboard_lib.bundle.js", "/jupyter/api/config", "/debug", "/_martlet/", "/_martlet",
                 f"/notebook/{FOREIGN}/echo/", f"/notebook/{TENANT}/other/", f"/notebook/{TENANT}/echo%2f../other/", "/notebook/", f"/notebook/{TENANT}"):
        for headers in (as_script(origin), {}):
            answer = inside.ask(origin + path, **headers)
            assert answer.status == 404 and OWNER not in answer.text, (path, answer.status)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/logout", "/login", "/api/tokens", "/_martlet/begin", "/_martlet/enter"):
            answer = inside.ask(origin + path, method, b"{}", content_type="application/json", origin=origin, **as_script(origin))
            assert answer.status in (404, 405), (method, path)
    # Links on pages of ours lead to the platform, as whom the browser knows it.
    assert inside.ask(origin + "/").header("location") == world.platform.gateway + "/"
    assert inside.ask(origin + "/notebooks/a/b?ns=a").header("location") == world.platform.gateway + "/notebooks/a/b?ns=a"
    assert inside.ask(origin + "//evil.example/").status == 404
    # Dots are nothing special: what lies below the path is its server's.
    assert inside.ask(origin + notebooks + "..%2f..%2fapi/me", **as_script(origin)).status == 200


def test_a26_ways_lead_to_notebooks_of_their_host_only(world, notebooks):
    one = browser(world, world.owner)
    for next_ in ("", "/", "//evil.example/", "https://evil.example/", f"//{notebooks}", f"/notebook/{FOREIGN}/echo/", "/api/me", f"{notebooks}../../../api/me",
                  f"{notebooks}\\evil", f"{notebooks}%0d%0aX:y", f"/notebook/{TENANT}/echo@evil.example/", notebooks + "x" * 3000):
        quoted = urllib.parse.quote(next_, safe="%")
        for url in (f"{place(world)}/_martlet/begin?next={quoted}", f"/login/workspace?next={quoted}&state={'A' * 43}"):
            answer = one.ask(url)
            if FOREIGN in next_ and url.startswith("/login"):
                assert answer.status == 403
            else:
                assert answer.status == 400, (url, answer.status, answer.header("location"))
    for via in ("evil.example", "127.0.0.1:1", "127.0.0.1@evil.example", "evil.example/", "evil.example%2fx.localhost", "evil.example:80%23.localhost", ".localhost", "a..localhost", label(FOREIGN, "echo") + ".localhost", "[::1", "%2f%2fevil.example", "127.0.0.1%0d%0aX:y"):
        answer = one.ask(f"{place(world)}/_martlet/begin?via={via}&next={notebooks}")
        assert answer.status == 303 and answer.header("location").startswith(world.platform.gateway + "/login/workspace?"), via
        assert answer.header("x") is None
    for state in ("", "x", "A" * 42, "A" * 44, "\u00e4" * 20, "A" * 5000):
        assert one.ask(f"/login/workspace?next={notebooks}&state={urllib.parse.quote(state)}").status == 400
    # Whatever loopback name the platform is opened by, what a notebook serves is not at it.
    port = urllib.parse.urlsplit(world.platform.gateway).port
    for name in ("platform.localhost", "LOCALHOST", "x.y.localhost"):
        answer = one.ask(notebooks, host=f"{name}:{port}")
        assert answer.status == 303 and "/_martlet/begin?" in answer.header("location"), name
    where = one.ask(f"{place(world)}/_martlet/begin?via=localhost&next={notebooks}").header("location")
    assert where.startswith(world.platform.gateway.replace("127.0.0.1", "localhost") + "/login/workspace?")


def test_a26_requests_between_origins_are_refused_both_ways(world, notebooks, inside):
    origin, sibling, gateway = place(world), place(world, FOREIGN), world.platform.gateway
    token = world.owner.session.cookies["XSRF-TOKEN"]
    # From the notebook to the platform, with all that the browser and a leaked token could bring.
    for site in ("cross-site", "same-site", None):
        for method, path in (("GET", "/api/me"), ("POST", "/api/tokens"), ("DELETE", f"/kfam/v1/profiles/{TENANT}"), ("POST", "/logout"), ("GET", "/api/k8s/api/v1/secrets")):
            headers = {**as_script(origin), "sec_fetch_site": site, "origin": origin, "x_xsrf_token": token, "content_type": "application/json"}
            answer = inside.ask(path, method, b"{}" if method != "GET" else None, **headers)
            assert answer.status == 403 and answer.header("access-control-allow-origin") is None, (site, method, path)
    answer = inside.ask("/api/me", "OPTIONS", **{**as_script(origin, "cross-site"), "origin": origin, "access_control_request_method": "POST"})
    assert answer.header("access-control-allow-origin") is None and answer.status in (403, 404, 405)
    # From elsewhere into the notebook: the browser sends the pass with requests of the same site.
    for source in (gateway, sibling, "http://evil.example", "null"):
        for site in ("same-site", "cross-site"):
            for mode, dest, method in (("cors", "empty", "GET"), ("no-cors", "script", "GET"), ("no-cors", "image", "GET"), ("navigate", "iframe", "GET"),
                                       ("navigate", "document", "POST"), ("cors", "empty", "POST"), ("cors", "empty", "DELETE")):
                headers = {"sec_fetch_mode": mode, "sec_fetch_dest": dest, "sec_fetch_site": site, "origin": source if mode == "cors" or method == "POST" else None}
                assert inside.ask(origin + notebooks, method, **headers).status == 403, (source, site, mode, method)
        assert inside.ask(origin + notebooks, "POST", b"x", sec_fetch_mode=None, sec_fetch_dest=None, sec_fetch_site=None, origin=source).status == 403
    assert inside.ask(origin + notebooks, "POST", b"x", sec_fetch_mode=None, sec_fetch_dest=None, sec_fetch_site=None).status == 403, "it says nothing of where it is from"
    assert inside.ask(origin + notebooks, "POST", b"x", origin=origin, **as_script(origin)).status == 200
    assert inside.ask(origin + notebooks, sec_fetch_site="cross-site").status == 200, "a link in a mail"


def test_a26_sockets_are_opened_by_the_notebooks_own_pages(world, notebooks, inside):
    url = place(world) + notebooks
    assert inside.shake(url, place(world)) == 101
    for origin in (world.platform.gateway, place(world, FOREIGN), "http://evil.example", "null", place(world) + ".evil.example", place(world).replace("http", "https", 1) + "0",
                   place(world).rpartition(":")[0], None):
        assert inside.shake(url, origin) == 403, origin
    assert inside.shake(url, place(world), Sec_Fetch_Site="same-site") == 403
    assert browser(world).shake(url, place(world)) == 401


# -- a wildcard of one's own ----------------------------------------------------------------------------------------


def test_a26_under_tls_no_neighbour_can_set_the_cookies(world, notebooks, tmp_path):
    """TLS ends in front of this gateway; browsers know it as https://martlet.example.org."""
    platform = world.platform
    with Gateway(platform, tmp_path / "state", "--external-url", "https://martlet.example.org", "--workspace-host", "*.ws.example.org") as gateway:
        (tmp_path / "state" / "users").mkdir(exist_ok=True)
        for file in (platform.data / "gateway" / "users").iterdir():
            (tmp_path / "state" / "users" / file.name).write_bytes(file.read_bytes())
        one = Browser(gateway.url)
        answer = one.sign_in("https://martlet.example.org", OWNER)
        assert {"Secure", "HttpOnly", "Path=/"} <= set(answer.cookies["__Host-Http-martlet_session"].split("; "))
        answers = one.open("https://martlet.example.org" + notebooks)
        host = f"{label(TENANT, 'echo')}.ws.example.org"
        assert answers[-1].status == 200 and answers[-1].url == f"https://{host}{notebooks}"
        set_ = {name: line for answer in answers for name, line in answer.cookies.items()}
        for name in ("__Host-martlet_workspace", "__Host-martlet_enter"):
            assert {"Secure", "HttpOnly", "Path=/"} <= set(set_[name].split("; ")), set_[name]
        value = one.jar[host]["__Host-martlet_workspace"]
        one.jar[host] = {PASS: value}
        url = f"https://{host}{notebooks}"
        assert one.ask(url, **as_script(url)).status == 401, "a name that a neighbour could set"
        # By any other name nobody gets anywhere, and the machine's own names have workspaces at the same hosts.
        assert one.ask(f"https://x.ws.example.org{notebooks}").status == 421
        assert one.ask(f"https://{label(TENANT, 'echo')}.localhost{notebooks}").status != 200


def test_a_wildcard_that_cannot_work_is_refused_at_the_start(world, tmp_path):
    for flags, said in ((["--workspace-host", "ws.example.org"], "--workspace-host is a name"), (["--workspace-host", "*.ws.example.org"], "needs --external-url"),
                        (["--workspace-host", "*.ws.example.org/x", "--external-url", "https://a.example"], "--workspace-host is a name")):
        gateway = Gateway(world.platform, tmp_path / "state", *flags)
        with pytest.raises(AssertionError, match=re.escape(said)):
            gateway.start()


def test_without_hosts_of_their_own_notebooks_are_paths_as_before(world, notebooks, tmp_path):
    with Gateway(world.platform, tmp_path / "state", "--workspace-host", "none") as gateway:
        token = world.token(TENANT)
        answer = gateway.get(notebooks, token, headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"})
        assert answer.status_code == 200 and "sandbox" not in answer.headers["content-security-policy"]
        answer = requests.get(gateway.url + notebooks, headers={"Host": f"{label(TENANT, 'echo')}.localhost:{gateway.port}"}, timeout=30, allow_redirects=False)
        assert answer.status_code == 401, "one more name for this machine"
