"""Notebooks at hosts of their own: how a person gets there, and what a page in one of them cannot do."""

import re
import urllib.parse

import pytest
from playwright.sync_api import expect

from support import people
from support.platform import notebook
from support.tenants import binding, echo
from support.workspaces import label

HTML = urllib.parse.urlencode({"body": "<!doctype html><title>mine</title><h1>Mine</h1>", "header": "Content-Type: text/html"})


@pytest.fixture(scope="module")
def servers(platform):
    """Two running notebooks of one namespace: their paths."""
    names, ns = [platform.fresh_name("own"), platform.fresh_name("other")], platform.user_namespace
    for name in names:
        platform.apply(echo(name, ns))
    for name in names:
        platform.kubectl("wait", "--for=create", f"pod/{name}-0", "-n", ns, "--timeout=120s")
        platform.wait("--for=condition=Ready", f"pod/{name}-0", "-n", ns)
        platform.wait_for_http(f"{platform.gateway}/notebook/{ns}/{name}/", platform.session())
    yield [f"/notebook/{ns}/{name}/" for name in names]
    platform.kubectl("delete", "notebook", *names, "-n", ns, "--wait=false")


def origin(platform, path):
    _, _, ns, name, _ = path.split("/")
    return f"http://{label(ns, name)}.localhost:{urllib.parse.urlsplit(platform.gateway).port}"


def test_a_notebook_opens_at_a_host_of_its_own(platform, context, page, servers):
    path, ns = servers[0], platform.user_namespace
    name = path.split("/")[3]
    page.goto(f"{platform.gateway}/notebooks?ns={ns}")
    row = page.get_by_role("row").filter(has_text=name)
    with context.expect_page() as opened:
        row.get_by_role("link", name="Open").click()
    tab = opened.value
    expect(tab).to_have_url(origin(platform, path) + path)
    expect(tab.locator("body")).to_contain_text(f'"path": "{path}"')
    # The way there leaves nothing behind to go back to, and the address works as a bookmark.
    fresh = context.new_page()
    fresh.goto(origin(platform, path) + path + "lab?a=1#hash")
    expect(fresh).to_have_url(origin(platform, path) + path + "lab?a=1#hash")
    fresh.goto(origin(platform, path) + "/")
    expect(fresh.get_by_role("navigation", name="Main")).to_be_visible()


def test_somebody_who_has_to_sign_in_first_comes_out_in_the_notebook(platform, enter, chromium, servers):
    path = servers[0]
    context = chromium.new_context()
    context.set_default_timeout(30_000)
    try:
        page = context.new_page()
        page.goto(origin(platform, path) + path + "lab")
        expect(page).to_have_url(re.compile(re.escape(platform.gateway + "/login")))
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto(platform.fresh_sign_in_url())
        page.goto(origin(platform, path) + path + "lab")
        expect(page).to_have_url(origin(platform, path) + path + "lab")
    finally:
        context.close()


def test_signing_in_by_the_form_leads_on_to_the_host(platform, chromium, servers):
    """Browsers hold what follows a form to the policy of its page."""
    people.add(platform, "newcomer@example.com")
    owner, role = platform.session(), binding("newcomer@example.com", "edit", platform.user_namespace)
    owner.post(f"{platform.gateway}/kfam/v1/bindings", timeout=30, json=role).raise_for_status()
    context = chromium.new_context()
    context.set_default_timeout(30_000)
    try:
        page = context.new_page()
        page.goto(platform.gateway + servers[0])
        page.get_by_label("Name").fill("newcomer@example.com")
        page.get_by_label("Password").fill(people.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(origin(platform, servers[0]) + servers[0])
        expect(page.locator("body")).to_contain_text("newcomer@example.com")
    finally:
        context.close()
        owner.delete(f"{platform.gateway}/kfam/v1/bindings", timeout=30, json=role).raise_for_status()


ATTACKS = r"""
async ({ gateway, own, sibling, api }) => {
    const outcome = {};
    const attempt = async (name, act) => {
        try { outcome[name] = String(await act()); } catch (error) { outcome[name] = "refused"; }
    };
    const within = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(() => resolve("nothing"), 5000))]);
    const send = { credentials: "include" };
    for (const host of [gateway, gateway.replace("127.0.0.1", "localhost")]) {
        for (const path of ["/api/me", "/", own, "/kfam/v1/bindings"]) {
            await attempt(`fetch ${host}${path}`, async () => (await fetch(host + path, send)).text());
        }
        await attempt(`post ${host}`, async () => (await fetch(`${host}/api/tokens`, { ...send, method: "POST",
            headers: { "Content-Type": "application/json", "X-XSRF-TOKEN": "x" }, body: "{}" })).text());
        await attempt(`socket ${host}`, () => within(new Promise((resolve, reject) => {
            const socket = new WebSocket(host.replace("http", "ws") + own);
            socket.onopen = () => resolve("open");
            socket.onerror = () => reject(new Error("refused"));
        })));
    }
    await attempt("fetch sibling", async () => (await fetch(sibling, send)).text());
    await attempt("socket sibling", () => within(new Promise((resolve, reject) => {
        const socket = new WebSocket(sibling.replace("http", "ws"));
        socket.onopen = () => resolve("open");
        socket.onerror = () => reject(new Error("refused"));
    })));
    for (const [name, address] of [["frame platform", gateway + "/"], ["frame sibling", sibling], ["frame path", gateway + own]]) {
        await attempt(name, () => within(new Promise((resolve, reject) => {
            const frame = document.createElement("iframe");
            frame.onload = () => {
                try { resolve(frame.contentWindow.document.body.textContent); } catch (error) { reject(error); }
            };
            frame.src = address;
            document.body.append(frame);
        })));
    }
    await attempt("script of the path", () => within(new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.onload = () => resolve("loaded");
        script.onerror = () => reject(new Error("refused"));
        script.src = `${gateway}${own}?body=1&header=Content-Type:%20text/javascript`;
        document.body.append(script);
    })));
    await attempt("worker over everything", async () => {
        await navigator.serviceWorker.register(`${own}sw.js?body=1&header=Content-Type:%20text/javascript&header=Service-Worker-Allowed:%20/`, { scope: "/" });
        return "registered";
    });
    for (const line of ["martlet_session=tossed; domain=localhost; path=/", "martlet_session=tossed; domain=127.0.0.1; path=/",
        "martlet_workspace=tossed; domain=localhost; path=/", "XSRF-TOKEN=tossed; domain=localhost; path=/"]) document.cookie = line;
    outcome.cookie = document.cookie;
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


def test_a26_a_page_in_a_notebook_cannot_act_as_its_visitor(platform, context, servers):
    """With the visitor's session in the browser, and all that a script may try."""
    own, other = servers
    page = context.new_page()
    page.goto(f"{platform.gateway}{own}?{HTML}")
    expect(page.get_by_role("heading", name="Mine")).to_be_visible()
    assert page.url.startswith(origin(platform, own)), "it runs, but not as the platform"
    neighbour = context.new_page()  # whom the visitor has been at, too
    neighbour.goto(f"{platform.gateway}{other}")
    outcome = page.evaluate(ATTACKS, {"gateway": platform.gateway, "own": own, "sibling": origin(platform, other) + other, "api": platform.gateway + "/api/me"})
    assert outcome.pop("cookie") == "", "neither ours nor one for all"
    assert outcome.pop("sign out") in ("opaque", "refused")
    assert outcome.pop("window") in ("gone", "nothing", "refused")
    for name in [name for name in outcome if name.startswith("frame")]:
        assert outcome.pop(name) in ("refused", "nothing"), name
    assert outcome and set(outcome.values()) == {"refused"}, outcome
    assert {cookie["domain"] for cookie in context.cookies() if cookie["value"] == "tossed"} == set()
    me = context.request.get(f"{platform.gateway}/api/me")
    assert me.status == 200 and me.json()["user"] == "user@example.com", "still signed in"
    # Its own server it reaches, by all ways, as ever.
    assert page.evaluate(f"""async () => (await fetch("{own}api", {{ method: "POST", body: "x" }})).status""") == 200


def test_a_notebook_ends_for_its_visitor_with_the_session(platform, chromium, servers):
    context = chromium.new_context()
    context.set_default_timeout(30_000)
    try:
        page = context.new_page()
        page.goto(platform.fresh_sign_in_url())
        tab = context.new_page()
        tab.goto(f"{platform.gateway}{servers[0]}?{HTML}")
        assert tab.evaluate("async () => (await fetch(location.href)).status") == 200
        page.goto(platform.gateway + "/logout")
        page.get_by_role("main").get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        tab.wait_for_function("async () => (await fetch(location.href)).status === 401")
        tab.reload()
        expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    finally:
        context.close()


# -- notebooks that do not run --------------------------------------------------------------------------------------


def waiting(platform, name, **spec):
    one = notebook(name, platform.user_namespace, image=spec.pop("image", "jupyter-minimal"))["items"][1]
    pod = one["spec"]["template"]["spec"]
    pod.pop("volumes")
    pod["containers"][0].pop("volumeMounts")
    pod.update(spec)
    return one


RELOADS = 'meta[http-equiv="refresh"]'


def test_a_notebook_that_cannot_start_says_what_to_do_and_stops_trying(platform, context, screenshots, accessible):
    name, ns = platform.fresh_name("broken"), platform.user_namespace
    platform.apply(waiting(platform, name, image="127.0.0.1:1/nobody/knows:1"))
    page = context.new_page()
    page.goto(f"{platform.gateway}/notebook/{ns}/{name}/")
    expect(page.get_by_role("heading", name=f"{name} did not start")).to_be_visible(timeout=90_000)
    expect(page.locator(RELOADS)).to_have_count(0)
    expect(page.get_by_text("Check how its image is spelled")).to_be_visible()
    expect(page.get_by_role("link", name="Try again")).to_have_attribute("href", f"/notebook/{ns}/{name}/")
    expect(page.get_by_role("list", name="What happened last").get_by_role("listitem").first).to_be_visible()
    screenshots(page, "start-failed")
    accessible(page)
    page.get_by_role("link", name="Show its details").click()
    expect(page).to_have_url(re.compile(re.escape(f"{platform.gateway}/notebooks/{ns}/{name}")))
    platform.kubectl("delete", "notebook", name, "-n", ns, "--wait=false")


def test_a_notebook_that_waits_shows_how_far_it_is_and_opens_by_itself(platform, context, screenshots):
    name, ns = platform.fresh_name("late"), platform.user_namespace
    late = echo(name, ns)
    late["spec"]["template"]["spec"]["nodeSelector"] = {"martlet.test/late": "yes"}
    platform.apply(late)
    page = context.new_page()
    page.goto(f"{platform.gateway}/notebook/{ns}/{name}/")
    expect(page.get_by_role("heading", name=re.compile(f"{name} (is starting|has trouble starting)"))).to_be_visible()
    expect(page.get_by_role("heading", name=f"{name} has trouble starting")).to_be_visible(timeout=90_000)
    expect(page.locator(RELOADS)).to_have_count(1)
    expect(page.get_by_text("No machine has free what")).to_be_visible()
    page.route("**/notebook/**", lambda route: None)  # for its pictures it does not reload
    screenshots(page, "start-trouble")
    page.unroute("**/notebook/**")
    platform.kubectl("label", "node", "--all", "martlet.test/late=yes")
    expect(page.locator("body")).to_contain_text('"method": "GET"', timeout=90_000)
    platform.kubectl("label", "node", "--all", "martlet.test/late-")
    platform.kubectl("delete", "notebook", name, "-n", ns, "--wait=false")


def test_a_stopped_notebook_says_so(platform, context, screenshots):
    name, ns = platform.fresh_name("off"), platform.user_namespace
    stopped = waiting(platform, name)
    stopped["metadata"]["annotations"] = {"kubeflow-resource-stopped": "2026-01-01T00:00:00Z"}
    platform.apply(stopped)
    page = context.new_page()
    page.goto(f"{platform.gateway}/notebook/{ns}/{name}/")
    expect(page.get_by_role("heading", name=f"{name} is stopped")).to_be_visible()
    expect(page.locator(RELOADS)).to_have_count(0)
    screenshots(page, "start-stopped")
    platform.kubectl("delete", "notebook", name, "-n", ns, "--wait=false")
