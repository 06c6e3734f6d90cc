"""Notebooks at a port of their own: how a person gets there, and what a page in one of them cannot do to the platform."""

import re
import urllib.parse

import pytest
from playwright.sync_api import expect

from support import people
from support.tenants import echo
from support.waiting import eventually
from support.workspaces import with_port

# A page, what it asks for besides, and a WebSocket that answers with what it gets.
SERVER = r"""
import base64, hashlib, http.server, urllib.parse
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if "upgrade" in self.headers:
            key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            self.wfile.write(f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            while head := self.rfile.read(2):
                mask, content = self.rfile.read(4), self.rfile.read(head[1] & 127)
                content = bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))
                if head[0] & 15 == 1: self.wfile.write(bytes([0x81, len(content)]) + content)
                else: break
            self.close_connection = True
            return
        is_script = urllib.parse.urlsplit(self.path).path.endswith(".js")
        content = b"1" if is_script else b"<!doctype html><title>mine</title><h1>Mine</h1>"
        self.send_response(200)
        self.send_header("content-type", "text/javascript" if is_script else "text/html")
        self.send_header("service-worker-allowed", "/")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.do_GET()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8888), Page).serve_forever()
"""


@pytest.fixture(scope="module")
def path(platform):
    """A running notebook."""
    name, ns = platform.fresh_name("port"), platform.user_namespace
    one = echo(name, ns)
    one["spec"]["template"]["spec"]["containers"][0]["command"] = ["python3", "-uc", SERVER]
    platform.apply(one)
    platform.kubectl("wait", "--for=create", f"pod/{name}-0", "-n", ns, "--timeout=120s")
    platform.wait("--for=condition=Ready", f"pod/{name}-0", "-n", ns)
    platform.wait_for_http(f"{platform.gateway}/notebook/{ns}/{name}/", platform.session())
    yield f"/notebook/{ns}/{name}/"
    platform.kubectl("delete", "notebook", name, "-n", ns, "--wait=false")


@pytest.fixture(scope="module")
def visitor(platform):
    return platform.session()


@pytest.fixture(scope="module")
def attacker(platform):
    """Somebody else's session: the notebook's author."""
    people.add(platform, "author@example.com")
    return people.sign_in(platform, "author@example.com").cookies["martlet_session"]


@pytest.fixture(scope="module")
def gateway(platform, visitor, attacker, path, tmp_path_factory):
    with with_port(platform, tmp_path_factory.mktemp("port")) as gateway:
        yield gateway


@pytest.fixture
def context(chromium, gateway, visitor):
    context = chromium.new_context()
    context.set_default_timeout(30_000)
    context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": gateway.url, "httpOnly": cookie.name == "martlet_session"} for cookie in visitor.cookies])
    yield context
    context.close()


ATTACKS = r"""
async ({ gateway, own, ns }) => {
    const outcome = {};
    const attempt = async (name, act) => {
        try { outcome[name] = String(await act()); } catch (error) { outcome[name] = "refused"; }
    };
    const within = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(() => resolve("nothing"), 5000))]);
    const send = { credentials: "include" };
    const token = document.cookie.split("; ").find((pair) => pair.startsWith("XSRF-TOKEN="))?.slice("XSRF-TOKEN=".length);
    outcome.token = String(token !== undefined);
    for (const address of ["/", "/api/me", "/account", "/login"]) {
        history.pushState(null, "", address);  // what it calls itself changes nothing
        for (const path of ["/api/me", "/", own, `/api/stream?ns=${ns}`, "/api/k8s/api/v1/secrets"]) {
            await attempt(`fetch ${path} as ${address}`, async () => (await fetch(gateway + path, send)).text());
        }
        await attempt(`post as ${address}`, async () => (await fetch(`${gateway}/api/tokens`, { ...send, method: "POST",
            headers: { "Content-Type": "application/json", "X-XSRF-TOKEN": token }, body: JSON.stringify({ name: "x", scopes: ["write"] }) })).text());
        await attempt(`its own ${address}`, async () => { const answer = await fetch(address); if (!answer.ok) throw new Error(); return answer.text(); });
    }
    history.pushState(null, "", own);
    for (const [name, path] of [["socket", own], ["socket of the API", "/api/stream"]]) {
        await attempt(name, () => within(new Promise((resolve, reject) => {
            const socket = new WebSocket(gateway.replace("http", "ws") + path);
            socket.onopen = () => resolve("open");
            socket.onerror = () => reject(new Error("refused"));
        })));
    }
    for (const path of ["/", "/account", own]) {
        await attempt(`frame ${path}`, () => within(new Promise((resolve, reject) => {
            const frame = document.createElement("iframe");
            frame.onload = () => {
                try { resolve(frame.contentWindow.document.body.textContent); } catch (error) { reject(error); }
            };
            frame.src = gateway + path;
            document.body.append(frame);
        })));
    }
    await attempt("script of the path", () => within(new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.onload = () => resolve("loaded");
        script.onerror = () => reject(new Error("refused"));
        script.src = `${gateway}${own}x.js`;
        document.body.append(script);
    })));
    for (const scope of ["/", "/notebook/", "/api/"]) {
        await attempt(`worker over ${scope}`, async () => {
            await navigator.serviceWorker.register(`${own}sw.js`, { scope });
            return "registered";
        });
    }
    await attempt("worker at the root", async () => { await navigator.serviceWorker.register("/sw.js", { scope: "/" }); return "registered"; });
    await attempt("window", async () => {
        const opened = window.open(gateway + "/account", "_blank");
        for (let i = 0; i < 20; i += 1) {
            await new Promise((resolve) => setTimeout(resolve, 100));
            if (opened === null || opened.closed) return "gone";
            if (opened.document.body.textContent !== "") return opened.document.body.textContent;
        }
        return "nothing";
    });
    navigator.sendBeacon(gateway + "/logout");
    await attempt("sign out", async () => (await fetch(gateway + "/logout", { ...send, method: "POST", mode: "no-cors" })).type);
    return outcome;
}
"""
FORM = """(target) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "POST", action: target, target: "_blank" });
    document.body.append(form);
    form.submit();
}"""
SOCKET = """(path) => new Promise((resolve, reject) => {
    const socket = new WebSocket(location.origin.replace("http", "ws") + path);
    socket.onopen = () => socket.send("both ways");
    socket.onmessage = (event) => resolve(event.data);
    socket.onerror = reject;
})"""


def test_a_notebook_opens_at_the_port_and_works_there(gateway, context, path):
    page = context.new_page()
    page.goto(f"{gateway.url}{path}lab?a=1#hash")
    expect(page).to_have_url(f"{gateway.workspaces}{path}lab?a=1#hash")
    expect(page.get_by_role("heading", name="Mine")).to_be_visible()
    assert page.evaluate(SOCKET, path) == "both ways"
    assert page.evaluate("async () => (await fetch('api', { method: 'POST', body: 'x' })).status") == 200
    # The way from the dashboard, and back to it.
    name = path.split("/")[3]
    page.goto(f"{gateway.url}/notebooks?ns={path.split('/')[2]}")
    with context.expect_page() as opened:
        page.get_by_role("row").filter(has_text=name).get_by_role("link", name="Open").click()
    expect(opened.value).to_have_url(gateway.workspaces + path)
    opened.value.goto(gateway.workspaces + "/")
    expect(opened.value).to_have_url(re.compile(re.escape(gateway.url + "/")))
    expect(opened.value.get_by_role("navigation", name="Main")).to_be_visible()


def test_somebody_who_is_not_signed_in_is_led_to_the_platform(gateway, chromium, path):
    context = chromium.new_context()
    try:
        page = context.new_page()
        page.goto(gateway.workspaces + path)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert page.url.startswith(gateway.url + "/login")
        page.get_by_label("Name").fill("author@example.com")
        page.get_by_label("Password").fill(people.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="not yours to open")).to_be_visible()
        assert page.url == gateway.workspaces + path, "this one may not, but is back where it was"
    finally:
        context.close()


def test_a26_a_page_at_the_port_cannot_act_as_its_visitor(platform, gateway, context, visitor, attacker, path):
    """With the visitor's session, which the browser sends to both ports, and the CSRF token, which scripts can read at both."""
    page = context.new_page()
    page.goto(gateway.url + path)
    expect(page.get_by_role("heading", name="Mine")).to_be_visible()
    outcome = page.evaluate(ATTACKS, {"gateway": gateway.url, "own": path, "ns": platform.user_namespace})
    assert outcome.pop("token") == "true"
    assert outcome.pop("sign out") in ("opaque", "refused")
    assert outcome.pop("window") in ("gone", "nothing", "refused")
    for name in [name for name in outcome if name.startswith("frame")]:
        assert outcome.pop(name) in ("refused", "nothing"), name
    assert len(outcome) > 20 and set(outcome.values()) == {"refused"}, outcome
    for target in ("/logout", "/api/tokens", "/login"):
        with context.expect_page() as opened:
            page.evaluate(FORM, gateway.url + target)
        expect(opened.value.locator("body")).to_contain_text("not accepted")
    me = f"{gateway.url}/api/me"
    assert context.request.get(me).json()["user"] == "user@example.com", "still signed in"
    assert visitor.get(f"{gateway.url}/api/tokens", timeout=30).json()["tokens"] == []
    # It can set cookies for both ports. That may sign its visitor out, and signs nobody in.
    for place in ("/api", "/login", path.rstrip("/")):
        page.evaluate("(line) => { document.cookie = line; }", f"martlet_session={attacker}; path={place}")
    page.evaluate("(line) => { document.cookie = line; }", f"martlet_session={attacker}; path=/")
    sent = {(cookie["path"], cookie["value"] == attacker) for cookie in context.cookies(gateway.url) if cookie["name"] == "martlet_session"}
    assert sent == {("/", False)}, "the platform's own cannot be replaced by a script"
    tab = context.new_page()
    answer = tab.goto(me)
    assert answer.status == 401 and "author@" not in answer.text()
    tab.goto(gateway.workspaces + path)
    expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    assert eventually(lambda: [cookie for cookie in context.cookies(me) if cookie["value"] == attacker], what="the tossed cookie")
    assert urllib.parse.urlsplit(tab.url).port == gateway.port
