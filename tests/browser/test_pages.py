"""Each page by itself: sign-in, empty and failed states, keyboard, narrow screens."""

import re

import pytest
from playwright.sync_api import expect

from support.platform import notebook


def test_without_a_session_the_page_says_how_to_sign_in(chromium, platform, screenshots):
    page = chromium.new_page()
    page.goto(platform.gateway + "/notebooks")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    if page.get_by_label("Password").count():  # once somebody has one, links are the second way
        page.get_by_text("No password at hand?").click()
    expect(page.get_by_text("martlet login url")).to_be_visible()
    screenshots(page, "sign-in")
    page.close()


def test_a_used_sign_in_address_explains_itself(chromium, platform):
    url = platform.fresh_sign_in_url()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(url)
    context.clear_cookies()  # with a session the address would simply lead to the page
    page.goto(url)
    expect(page.get_by_text("martlet login url")).to_be_visible()
    context.close()


def test_the_shell_loads_nothing_from_elsewhere_and_runs_under_a_strict_policy(page, platform):
    foreign = []
    page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(platform.gateway) else None)
    answer = page.goto(platform.gateway + "/notebooks")
    policy = answer.headers["content-security-policy"]
    assert "unsafe-inline" not in policy and "default-src 'self'" in policy
    expect(page.get_by_role("heading", name="Notebooks", level=1)).to_be_visible()
    assert foreign == []


def test_a_list_is_live_without_reloading(page, platform):
    name, ns = platform.fresh_name("live"), platform.user_namespace
    page.goto(f"{platform.gateway}/notebooks?ns={ns}")
    expect(page.get_by_role("heading", name="Notebooks", level=1)).to_be_visible()
    stopped = notebook(name, ns)["items"][1]
    stopped["metadata"]["annotations"] = {"kubeflow-resource-stopped": "2026-01-01T00:00:00Z"}
    stopped["spec"]["template"]["spec"].pop("volumes")
    stopped["spec"]["template"]["spec"]["containers"][0].pop("volumeMounts")
    platform.apply(stopped)
    expect(page.get_by_role("main").get_by_role("link", name=name, exact=True)).to_be_visible()
    platform.kubectl("delete", "notebook", name, "-n", ns)
    expect(page.get_by_role("main").get_by_role("link", name=name, exact=True)).to_have_count(0)


def test_pictures_of_the_lists(page, platform, screenshots):
    page.goto(platform.gateway + "/notebooks")
    expect(page.get_by_role("heading", name="Notebooks", level=1)).to_be_visible()
    page.wait_for_load_state("load")
    screenshots(page, "notebooks")
    page.goto(platform.gateway + "/volumes")
    expect(page.get_by_role("heading", name="Volumes", level=1)).to_be_visible()
    screenshots(page, "volumes")


def test_an_unknown_address_says_so(page, platform):
    page.goto(platform.gateway + "/nowhere")
    expect(page.get_by_text(re.compile("not found|no page|does not exist", re.I)).first).to_be_visible()


def test_an_image_nobody_knows_shows_the_reason(page, platform):
    name, ns = platform.fresh_name("odd"), platform.user_namespace
    odd = notebook(name, ns, image="example.com/nobody/knows:1")["items"][1]
    odd["spec"]["template"]["spec"].pop("volumes")
    odd["spec"]["template"]["spec"]["containers"][0].pop("volumeMounts")
    platform.apply(odd)
    page.goto(f"{platform.gateway}/notebooks/{ns}/{name}")
    expect(page.get_by_text("environments.yaml").first).to_be_visible(timeout=60_000)
    platform.kubectl("delete", "notebook", name, "-n", ns)


@pytest.mark.parametrize("path", ["/", "/notebooks", "/notebooks/new", "/volumes"])
def test_every_control_has_a_name_and_every_page_one_heading(page, platform, path):
    """The part of accessibility that a machine can see: named controls, labelled fields, one h1, one main."""
    page.goto(platform.gateway + path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.get_by_role("main").count() == 1
    unnamed = page.evaluate("""() => [...document.querySelectorAll('button, a[href], input, select, textarea')]
        .filter(e => e.offsetParent && !(e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
            || e.title || (e.labels && e.labels.length) || e.type === 'hidden'))
        .map(e => e.outerHTML.slice(0, 120))""")
    assert unnamed == []


def test_the_palette_opens_by_keyboard_and_goes_to_a_page(page, platform):
    page.goto(platform.gateway + "/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    search = page.get_by_role("combobox", name="Search pages and notebooks")
    for attempt in range(5):  # as a person who presses again when the page was still coming up
        page.keyboard.press("Control+k")
        try:
            expect(search).to_be_focused(timeout=3_000)
            break
        except AssertionError:
            assert attempt < 4, "the palette does not open"
    page.keyboard.type("volumes")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Volumes")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/volumes"))
