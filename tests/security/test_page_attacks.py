"""What a foreign page, a notebook's page or a text could make a signed-in browser do."""

import html
import json
import re
import urllib.parse

import pytest
import requests

from support import audit, wire
from support.tenants import FOREIGN, OWNER, STRANGER, TENANT, binding, echo

CHANGES = [
    ("POST", "/api/workgroup/create", {"namespace": "forged"}), ("DELETE", "/api/workgroup/nuke-self", {}),
    ("POST", f"/api/workgroup/add-contributor/{TENANT}", {"contributor": "a@b.example"}),
    ("DELETE", f"/api/workgroup/remove-contributor/{TENANT}", {"contributor": "a@b.example"}),
    ("POST", "/kfam/v1/bindings", binding("a@b.example", "edit")), ("DELETE", f"/kfam/v1/profiles/{TENANT}", {}),
    ("POST", f"/jupyter/api/namespaces/{TENANT}/notebooks", {"name": "forged"}),
    ("PATCH", f"/jupyter/api/namespaces/{TENANT}/notebooks/echo", {"stopped": True}),
    ("DELETE", f"/jupyter/api/namespaces/{TENANT}/notebooks/echo", {}),
    ("POST", f"/api/k8s/api/v1/namespaces/{TENANT}/secrets", {"metadata": {"name": "forged"}}),
    ("DELETE", f"/api/k8s/apis/kubeflow.org/v1/namespaces/{TENANT}/notebooks/echo", {}), ("DELETE", "/api/sessions/x", {}),
    ("POST", "/logout", {}),
]


def cookies(world):
    return world.owner.session.cookies.get_dict()


def forged(world, method, path, status=403, **options):
    """A request with the owner's cookies and nothing that only the owner's page knows."""
    request_id = audit.request_id()
    headers = {"X-Request-Id": request_id, **options.pop("headers", {})}
    answer = requests.request(method, world.platform.gateway + path, cookies=options.pop("cookies", cookies(world)),
                              headers=headers, timeout=30, allow_redirects=False, **options)
    assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
    line = audit.gateway(world.platform, id=request_id)
    assert line["code"] == status and line["user"] == OWNER and line["reason"]
    return answer


def still_there(world):
    assert world.owner.ask("/api/me").json()["user"] == OWNER
    assert "a@b.example" not in world.owner.ask(f"/kfam/v1/bindings?namespace={TENANT}").text


@pytest.mark.parametrize("method,path,body", CHANGES, ids=[f"{m} {p}" for m, p, _ in CHANGES])
def test_a25_changes_need_what_only_our_page_knows(world, method, path, body):
    gateway = world.platform.gateway
    token = cookies(world)["XSRF-TOKEN"]
    forged(world, method, path, json=body)
    forged(world, method, path, data=json.dumps(body), headers={"Content-Type": "text/plain"})
    forged(world, method, path, data={"namespace": "forged", "XSRF-TOKEN": token, "_xsrf": token})
    forged(world, method, path + "?XSRF-TOKEN=" + token, json=body)
    for wrong in ("", "x", token[:-1], token + "x", world.stranger.session.cookies["XSRF-TOKEN"]):
        forged(world, method, path, json=body, headers={"X-XSRF-TOKEN": wrong})
        # A notebook or a neighbour that tosses a cookie knows what it tossed: cookie and header agree, and are wrong.
        forged(world, method, path, json=body, headers={"X-XSRF-TOKEN": wrong}, cookies={**cookies(world), "XSRF-TOKEN": wrong})
    right = {"X-XSRF-TOKEN": token}
    for origin in ("http://evil.example", "null", gateway.replace("127.0.0.1", "localhost"), gateway + "0", "https://evil.example:443"):
        forged(world, method, path, json=body, headers={**right, "Origin": origin})
    for site in ("cross-site", "same-site", "anything"):
        forged(world, method, path, json=body, headers={**right, "Sec-Fetch-Site": site})
    # Other spellings of a method change nothing about it.
    for override in ("X-HTTP-Method-Override", "X-Method-Override"):
        answer = requests.get(gateway + path, cookies=cookies(world), headers={override: method}, timeout=30, allow_redirects=False)
        assert answer.status_code in (200, 404, 405)
    still_there(world)


def test_a25_json_in_other_clothes_is_not_read(world):
    """Even with the token: what a form of another site could send is no JSON."""
    for type_ in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json-patch", ""):
        answer = world.stranger.ask("/api/workgroup/create", "POST", None, data='{"namespace": "forged"}', headers={"Content-Type": type_})
        assert answer.status_code in (400, 403, 415)
    assert world.platform.kubectl("get", "profile", "forged", "stranger", check=False).returncode != 0


def test_a25_a_read_changes_nothing(world):
    for path in ("/logout", "/api/workgroup/create?namespace=forged", "/api/workgroup/nuke-self", f"/kfam/v1/profiles/{TENANT}",
                 f"/api/workgroup/add-contributor/{TENANT}?contributor=a@b.example", f"/jupyter/api/namespaces/{TENANT}/notebooks/echo?stopped=1"):
        assert world.owner.ask(path, status=None).status_code in (200, 404, 405)
    assert world.owner.ask("/api/workgroup/create", "HEAD", None).status_code in (404, 405)
    still_there(world)


def test_a25_a_notebooks_cookies_stay_with_it(world, notebooks):
    """Tossing: a server behind the gateway sets cookies of the platform's names, for the platform's paths."""
    lines = ["martlet_session=stolen; Path=/", "MARTLET_SESSION=x; Path=/", "XSRF-TOKEN=tossed; Path=/", "martlet_form=x", "a=b; Path=/; Domain=127.0.0.1",
             "c=d; PATH = /", "__Host-x=y; Path=/; Secure", " martlet_session=spaced; Path=/", "martlet_session; Path=/", "=martlet_session=x; Path=/",
             "e=f;path=/;pAtH=/kfam", "g=h; Path=/\tx",
             # Signs that are one with what follows or precedes them: U+0600 with `;`, U+0301 with `=`.
             "i=j; x=\u00d8\u0080; Path=/; y=z", "XSRF-TOKEN=\u00cc\u0081x=; Path=/", "martlet_session\u00cc\u0081=x; Path=/"]
    query = "&".join("header=" + urllib.parse.quote(f"Set-Cookie: {line}") for line in lines)
    code, answer = wire.ask(world.platform.gateway, notebooks + "?" + query, headers=[("Cookie", wire.cookies(world.owner.session))])
    set_ = [line.split(b": ", 1)[1].decode() for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n") if line.lower().startswith(b"set-cookie")]
    assert code == 200 and len(set_) >= 3
    for cookie in set_:
        name, _, rest = cookie.partition("=")
        attributes = [part.strip().lower() for part in rest.split(";")[1:]]
        assert name.strip() and not re.match(r"(martlet_|xsrf-token|__host-|__secure-)", name.strip().lower()), cookie
        assert [part for part in attributes if part.startswith("path")] == [f"path={notebooks}"], cookie
        assert not any(part.startswith("domain") for part in attributes), cookie
    # The first cookie of a name counts for some servers, the last for others; a tossed one beside ours must not open more.
    mine, token = cookies(world)["martlet_session"], cookies(world)["XSRF-TOKEN"]
    for line in (f"martlet_session=x; martlet_session={mine}", f"martlet_session={mine}; martlet_session=x"):
        answer = requests.get(world.platform.gateway + "/api/me", headers={"Cookie": line}, timeout=30)
        assert answer.status_code == 401 or answer.json()["user"] == OWNER
    answer = requests.post(world.platform.gateway + "/logout", timeout=30, headers={
        "Cookie": f"martlet_session={mine}; XSRF-TOKEN=tossed; XSRF-TOKEN={token}", "X-XSRF-TOKEN": "tossed"})
    assert answer.status_code == 403


def test_a25_a_notebook_never_gets_what_would_let_it_act(world, notebooks):
    headers = [("Cookie", wire.cookies(world.owner.session) + "; own=1; martlet_x=2"), ("Authorization", "Token secret-token"),
               ("X-XSRF-TOKEN", cookies(world)["XSRF-TOKEN"]), ("Proxy-Authorization", "Basic x"), ("Impersonate-User", STRANGER)]
    code, answer = wire.ask(world.platform.gateway, notebooks, headers=headers)
    came = answer.split(b"\r\n\r\n", 1)[1].decode()
    assert code == 200 and '"own=1"' in came
    for secret in (cookies(world)["martlet_session"], cookies(world)["XSRF-TOKEN"], "secret-token", "martlet_", "Basic x", STRANGER):
        assert secret not in came, secret
    headers[0] = ("Cookie", f"evil=\u00d8\u0080; {wire.cookies(world.owner.session)}; own=1")
    code, answer = wire.ask(world.platform.gateway, notebooks, headers=headers)
    assert code == 200 and b"own=1" in answer and cookies(world)["martlet_session"].encode() not in answer
    # As everywhere: a token that does not hold is refused, whatever cookie it comes with.
    headers[1] = ("Authorization", "Bearer secret-token")
    code, answer = wire.ask(world.platform.gateway, notebooks, headers=headers)
    assert code == 401 and b"own=1" not in answer


def test_a26_the_api_is_closed_to_pages_of_notebooks(world, notebooks):
    """By what a browser tells of a page below /notebook/. What it cannot tell is in the README of the gateway."""
    token = {"X-XSRF-TOKEN": cookies(world)["XSRF-TOKEN"], "Sec-Fetch-Site": "same-origin", "Origin": world.platform.gateway}
    for referer in (world.platform.gateway + notebooks, world.platform.gateway + f"/notebook/{FOREIGN}/echo/lab?x=/", notebooks):
        for method, path, body in CHANGES:
            forged(world, method, path, json=body, headers={**token, "Referer": referer})
        for path in ("/api/me", "/api/k8s/api/v1/namespaces/x/secrets", "/kfam/v1/bindings", "/api/admin/audit", "/api/sessions"):
            forged(world, "GET", path, headers={**token, "Referer": referer})
    still_there(world)


def test_a26_a_notebook_reaches_no_further_than_its_folder(world, notebooks):
    lines = ["Service-Worker-Allowed: /", 'Clear-Site-Data: "*"', "Strict-Transport-Security: max-age=1", 'Alt-Svc: h2="evil:1"',
             'NEL: {"report_to":"x","max_age":1}', 'Report-To: {"group":"x","max_age":1,"endpoints":[{"url":"https://evil.example"}]}',
             "Connection: X-Injected", "X-Injected: 1", "Content-Length: 3", "Transfer-Encoding: chunked"]
    query = "&".join("header=" + urllib.parse.quote(line) for line in lines[:8])
    answer = world.owner.ask(notebooks + "?" + query)
    for name in ("service-worker-allowed", "clear-site-data", "strict-transport-security", "alt-svc", "nel", "report-to", "x-injected"):
        assert name not in answer.headers
    assert "frame-ancestors" in answer.headers["content-security-policy"]
    for part in ("api/me", "kfam/v1/bindings", "login"):
        assert "echo" in world.owner.ask(f"{notebooks}{part}").json()["path"], "below its path everything is its own"


def test_a27_the_frames_library_answers_its_own_origin_only(world):
    script = requests.get(world.platform.gateway + "/dashboard_lib.bundle.js", timeout=30)
    assert script.headers["x-content-type-options"] == "nosniff" and "origin" in script.text
    assert not re.search(r"""postMessage\([^)]*,\s*["']\*["']\)""", script.text), "nothing is told to just any page"
    for path in ("/", "/login", "/api/me", "/kfam/", f"/notebook/{TENANT}/nothing/"):
        answer = (world.nobody if path == "/login" else world.owner).ask(path, status=None)
        policy = answer.headers.get("content-security-policy", "")
        assert "frame-ancestors" in policy or answer.headers.get("x-frame-options") in ("DENY", "SAMEORIGIN"), path
        assert "access-control-allow-origin" not in answer.headers


NASTY = ['"><img src=x onerror=alert(1)>', "<script>alert(1)</script>", "${7*7}{{7*7}}", "javascript:alert(1)", "'-alert(1)-'",
         "\u2028</title><svg onload=alert(1)>", "a\nserviceAccountName: admin", "&#x3c;script&#x3e;"]


@pytest.mark.parametrize("text", NASTY)
def test_a28_a_name_is_never_a_piece_of_something_else(world, text):
    """In forms, paths, names of users and of notebooks: refused or escaped, and no other field changes by it."""
    form = {"name": text, "image": "jupyter-minimal", "cpu": "0.1", "memory": "0.1Gi"}
    answer = world.owner.ask(f"/jupyter/api/namespaces/{TENANT}/notebooks", "POST", 400, json=form)
    assert answer.headers["content-type"].startswith("application/json") and answer.headers["x-content-type-options"] == "nosniff"
    if "\n" in text or not text.isascii() or " " in text:
        done = world.platform.cli("login", "add", text, "--data-dir", str(world.platform.data), check=False, input="correct horse\n")
        assert done.returncode != 0
    page = requests.Session()
    code = re.search(r'name="form" value="([^"]+)"', page.get(world.platform.gateway + "/login", timeout=30).text).group(1)
    for path in ("/nothing/" + urllib.parse.quote(text), "/login?next=/" + urllib.parse.quote(text), "/notebook/x/" + urllib.parse.quote(text)):
        shown = world.owner.ask(path, status=None, headers={"Accept": "text/html"}).text + world.nobody.ask(path, status=None).text
        assert text not in shown or html.escape(text) == text, path
    # An address of its own, so that the platform's own sign-ins are not slowed down.
    body = urllib.parse.urlencode({"form": code, "user": text, "password": "wrong password"}).encode()
    _, answer = wire.ask(world.platform.gateway, "/login", "POST", [
        ("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", f"martlet_form={page.cookies['martlet_form']}")], body,
        source=f"127.2.0.{NASTY.index(text) + 1}")
    shown = answer.split(b"\r\n\r\n", 1)[1].decode()
    assert text not in shown or html.escape(text) == text
    assert b"script-src" in answer or b"default-src 'none'" in answer


@pytest.fixture
def stuck(world, made):
    """A notebook that cannot start, with an Event that says something nasty."""
    name = world.platform.fresh_name("stuck")
    notebook = echo(name, TENANT)
    notebook["spec"]["template"]["spec"]["nodeSelector"] = {"no": "where"}
    made(notebook)
    made({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": TENANT}, "type": "Warning", "reason": "Failed",
          "message": "<img src=x onerror=alert(1)>\u202e", "source": {"component": "<b>x</b>"}, "lastTimestamp": "2099-01-01T00:00:00Z",
          "involvedObject": {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "name": name, "namespace": TENANT}})
    return name


def test_a34_texts_of_others_are_texts(world, stuck):
    answer = world.owner.ask(f"/notebook/{TENANT}/{stuck}/", status=503, headers={"Accept": "text/html"})
    assert "<img" not in answer.text and "<b>" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for path in (f"/jupyter/api/namespaces/{TENANT}/notebooks", f"/jupyter/api/namespaces/{TENANT}/notebooks/{stuck}/events",
                 f"/api/activities/{TENANT}", f"/api/k8s/api/v1/namespaces/{TENANT}/events"):
        told = world.owner.ask(path)
        assert told.headers["content-type"].startswith("application/json"), path
        assert told.headers["x-content-type-options"] == "nosniff" and "sandbox" in told.headers["content-security-policy"]
        assert told.headers["cache-control"] == "no-store"


def test_a34_objects_of_the_api_are_never_pages(world, made):
    made({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "page", "namespace": TENANT},
          "data": {"x.html": "<script>alert(1)</script>"}})
    for accept in ("text/html", "*/*", "application/json", "application/yaml"):
        answer = world.owner.ask(f"/api/k8s/api/v1/namespaces/{TENANT}/configmaps/page", status=None, headers={"Accept": accept})
        assert "html" not in answer.headers["content-type"] and answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


# -- where one is sent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [
    "//evil.example", "/\\evil.example", "https://evil.example", "///evil.example", "/%09/evil.example", "/\t/evil.example", "\\\\evil.example",
    "javascript:alert(1)", "data:text/html,x", "/%5cevil.example", "/..//evil.example", "/.//evil.example", "http:evil.example", "@evil.example", "/login", "/logout/../..//evil.example",
    "/\r\nX: y", "", "/" + "a" * 3000, "/x?a=//evil.example"])
def test_after_signing_in_one_stays_here(world, target):
    answer = world.owner.ask("/login?next=" + urllib.parse.quote(target, safe=""), status=303)
    where = urllib.parse.urljoin(world.platform.gateway + "/login", answer.headers["location"])
    parts = urllib.parse.urlsplit(where)
    assert f"{parts.scheme}://{parts.netloc}" == world.platform.gateway and "x" not in answer.headers
    # A browser folds dots and reads `\\` as `/`: what is left must not begin with two.
    assert not re.match(r"[/\\]{2}", re.sub(r"/\.{1,2}(?=/)", "", urllib.parse.urlsplit(where).path)), where


def test_redirects_of_services_do_not_lead_away(world):
    for path in ("/kfam//evil.example/", "/kfam/v1//evil.example/", "//evil.example/..", "/kfam", "/kfam/v1/bindings/"):
        code, answer = wire.ask(world.platform.gateway, path, headers=[("Cookie", wire.cookies(world.owner.session))])
        for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n"):
            if line.lower().startswith(b"location: "):
                assert re.match(rb"location: /kfam(/|$)", line.lower()), line


def test_answers_are_not_kept_by_caches(world, notebooks):
    """Deception: a cache in front that takes a suffix for a static file."""
    for path in ("/api/me", "/api/me/x.css", "/api/sessions", "/kfam/v1/bindings", "/login", "/login/x.js", "/x.css", "/"):
        answer = world.owner.ask(path, status=None)
        assert "public" not in answer.headers.get("cache-control", "") or OWNER not in answer.text
        if path.startswith(("/api", "/kfam", "/login")):
            assert OWNER not in answer.text or "no-store" in answer.headers["cache-control"], path
