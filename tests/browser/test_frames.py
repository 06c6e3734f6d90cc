"""Applications of others in the dashboard's frame: they load its library and are told which namespace is chosen."""

import json
import re

import pytest
from playwright.sync_api import expect

# As the applications of Kubeflow do it: the library under its fixed name, one handler, three setters.
APPLICATION = """<!doctype html><html lang="en"><head><title>Demo</title><script src="/dashboard_lib.bundle.js"></script></head><body>
<h1>Demo</h1><p id="framed"></p><p id="connected">no</p><p id="namespace"></p><p id="all"></p>
<a id="deeper" href="#/deeper">Deeper</a> <a id="out" href="/logout">Leave</a>
<script src="/demo/app.js"></script></body></html>"""
SCRIPT = """const show = (id, text) => { document.getElementById(id).textContent = text; };
window.received = [];
window.centraldashboard.CentralDashboardEventHandler.init((handler, isIframed) => {
    show("framed", String(isIframed));
    handler.onParentConnected = () => show("connected", "yes");
    handler.onNamespaceSelected = (namespace) => { window.received.push(namespace); show("namespace", namespace); };
    handler.onAllNamespacesSelected = (namespaces) => show("all", namespaces.join(","));
}, window.location.search.includes("alone"));"""

LINKS = {
    "menuLinks": [
        {"type": "item", "link": "/demo/", "text": "Demo", "icon": "kubeflow:katib"},
        {"type": "item", "link": "/demo/#/there", "text": "Demo, there"},
        {"type": "section", "text": "Tuning", "items": [{"type": "item", "link": "/katib/?of={ns}", "text": "Experiments"}]},
        {"type": "item", "link": "javascript:alert(1)", "text": "Evil"},
    ],
    "externalLinks": [{"link": "https://example.com/docs", "text": "Manual", "iframe": False}],
    "quickLinks": [{"text": "Start a demo", "desc": "Framed", "link": "/demo/new"}],
    "documentationItems": [],
}


@pytest.fixture
def framed(page, context, platform):
    """The page, with links to an application that is served beside the gateway's own answers."""
    platform.apply({"apiVersion": "v1", "kind": "ConfigMap", "data": {"links": json.dumps(LINKS)},
                    "metadata": {"name": "centraldashboard-config", "namespace": "kubeflow"}})
    for path in ("demo", "katib"):
        context.route(re.compile(rf"^{re.escape(platform.gateway)}/{path}/[^.]*$"),
                      lambda route: route.fulfill(body=APPLICATION, content_type="text/html; charset=utf-8"))
    context.route(f"{platform.gateway}/demo/app.js", lambda route: route.fulfill(body=SCRIPT, content_type="text/javascript"))
    page.goto(f"{platform.gateway}/?ns={platform.user_namespace}")
    yield page
    platform.kubectl("delete", "configmap", "centraldashboard-config", "-n", "kubeflow")


def application(page):
    return page.frame_locator("iframe")


def test_a_framed_application_is_told_the_namespace_and_each_change(framed, platform, screenshots, accessible):
    page, ns = framed, platform.user_namespace
    other = platform.fresh_name("other")
    platform.apply({"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": other},
                    "spec": {"owner": {"kind": "User", "name": "user@example.com"}}})
    platform.wait("--for=condition=Successful", f"profile/{other}")
    page.reload()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Demo", exact=True).click()
    app = application(page)
    expect(app.locator("#framed")).to_have_text("true")
    expect(app.locator("#connected")).to_have_text("yes")
    expect(app.locator("#namespace")).to_have_text(ns)
    expect(page).to_have_url(f"{platform.gateway}/_/demo/?ns={ns}")
    screenshots(page, "framed")
    accessible(page)

    page.get_by_role("button", name=f"Namespace {ns}").click()
    expect(page.get_by_role("option", name="All namespaces")).to_have_count(0)
    page.get_by_role("option", name=other).click()
    expect(app.locator("#namespace")).to_have_text(other)
    expect(page).to_have_url(f"{platform.gateway}/_/demo/?ns={other}")
    assert page.frames[-1].evaluate("received") == [ns, other], "told, not loaded again"
    platform.kubectl("delete", "profile", other, "--wait=false")


def test_addresses_inside_and_outside_follow_each_other(framed, platform):
    page, ns = framed, platform.user_namespace
    page.goto(f"{platform.gateway}/_/demo/list?x=1&ns={ns}#/start")
    app = application(page)
    expect(app.locator("#namespace")).to_have_text(ns)
    assert page.frames[-1].url == f"{platform.gateway}/demo/list?x=1#/start"
    app.locator("#deeper").click()
    expect(page).to_have_url(f"{platform.gateway}/_/demo/list?x=1&ns={ns}#/deeper")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Demo", exact=True).click()
    expect(app.locator("#namespace")).to_have_text(ns)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Demo, there").click()
    expect(page).to_have_url(f"{platform.gateway}/_/demo/?ns={ns}#/there")
    page.wait_for_function("document.querySelector('iframe').contentWindow.location.hash === '#/there'")
    expect(page.locator("nav [aria-current=page]")).to_have_text("Demo, there")


def test_all_namespaces_are_offered_where_they_can_be_shown(framed, platform):
    page, ns = framed, platform.user_namespace
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Experiments").click()
    app = application(page)
    expect(app.locator("#namespace")).to_have_text(ns)
    assert page.frames[-1].url == f"{platform.gateway}/katib/?of={ns}"
    page.get_by_role("button", name=f"Namespace {ns}").click()
    page.get_by_role("option", name="All namespaces").click()
    expect(app.locator("#all")).to_have_text(re.compile(f"(^|,){re.escape(ns)}(,|$)"))
    page.reload()
    expect(app.locator("#all")).to_have_text(re.compile(f"(^|,){re.escape(ns)}(,|$)"))
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Volumes").click()
    expect(page).to_have_url(f"{platform.gateway}/volumes?ns={ns}")


def test_an_application_by_itself_goes_into_the_frame_where_the_settings_say_so(framed, platform):
    page = framed
    page.goto(f"{platform.gateway}/demo/one?x=1#/h")
    expect(page).to_have_url(re.compile(re.escape(f"{platform.gateway}/_/demo/one?x=1") + ".*#/h"))
    expect(application(page).locator("#connected")).to_have_text("yes")
    page.goto(f"{platform.gateway}/demo/one?alone")
    expect(page.locator("#framed")).to_have_text("false")
    platform.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "centraldashboard-config", "namespace": "kubeflow"},
                    "data": {"links": json.dumps(LINKS), "settings": '{"DASHBOARD_FORCE_IFRAME": false}'}})
    with page.expect_response("**/api/dashboard-settings"):
        page.goto(f"{platform.gateway}/demo/one")
    expect(page).to_have_url(f"{platform.gateway}/demo/one")


def test_links_of_the_configmap_are_shown_and_none_runs(framed, platform):
    page = framed
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation.get_by_role("link", name="Manual")).to_have_attribute("href", "https://example.com/docs")
    expect(navigation.get_by_role("link", name="Evil")).to_have_count(0)
    expect(navigation.get_by_role("list", name="Tuning").get_by_role("link", name="Experiments")).to_be_visible()
    page.get_by_role("navigation", name="Quick links").get_by_role("link", name="Start a demo").click()
    expect(page).to_have_url(re.compile("/_/demo/new"))
    page.goto(f"{platform.gateway}/_/jupyter/")
    expect(page.get_by_role("heading", name="Notebooks", level=1)).to_be_visible()


def test_messages_of_other_origins_and_of_other_windows_are_not_believed(framed, platform):
    page = framed
    page.goto(f"{platform.gateway}/_/demo/")
    app = application(page)
    expect(app.locator("#namespace")).to_have_text(platform.user_namespace)
    # A message that only claims to be the dashboard's: of another origin, as a page elsewhere would send it.
    page.frames[-1].evaluate("""() => window.dispatchEvent(new MessageEvent("message", {
        origin: "https://evil.example", data: {type: "namespace-selected", value: "evil"}}))""")
    page.evaluate("window.postMessage({type: 'iframe-connected'}, '*')")
    expect(app.locator("#namespace")).to_have_text(platform.user_namespace)
    assert page.frames[-1].evaluate("received") == [platform.user_namespace]


def test_signing_out_in_a_frame_concerns_the_whole_page(framed, platform):
    page = framed
    page.goto(f"{platform.gateway}/_/demo/")
    application(page).locator("#out").click()
    expect(page).to_have_url(re.compile("/(login|logout|$)"))
    expect(page.get_by_role("heading", name=re.compile("Sign (in|out)")).first).to_be_visible()
