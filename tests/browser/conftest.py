"""A real Chromium, signed in to a running platform."""

import pathlib

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from support import people

SHOTS = pathlib.Path(__file__).parent / "shots"
# A busy machine is slow, not wrong.
expect.set_options(timeout=20_000)

SIZES = {"1440": (1440, 900), "390": (390, 844)}


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium, platform):
    """A fresh signed-in browser profile; a page error of ours fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    problems = []
    context.on("weberror", lambda event: problems.append(str(event.error)))
    page = context.new_page()
    page.goto(platform.fresh_sign_in_url())
    page.close()
    yield context
    context.close()
    assert problems == []


@pytest.fixture
def enter(chromium, platform):
    """A page of somebody's, who signs in with a password: `enter("ada@example.com", "group")`."""
    contexts, problems = [], []

    def open_page(user, *groups):
        people.add(platform, user, *groups)
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        context.set_default_timeout(30_000)
        context.on("weberror", lambda event: problems.append(str(event.error)))
        page = context.new_page()
        page.goto(platform.gateway + "/")
        page.get_by_label("Name").fill(user)
        page.get_by_label("Password").fill(people.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="session")
def administrator(platform):
    """The name of a user who may do everything."""
    people.make_administrator(platform, "boss@example.com")
    return "boss@example.com"


@pytest.fixture
def accessible():
    """Fails when axe-core finds something on a page."""

    def check(page):
        # Colours on their way from one theme to another are none that anybody reads; the way begins with a frame.
        page.evaluate("""new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
            .then(() => Promise.allSettled(document.getAnimations().map((one) => one.finished)))""")
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found] == []

    return check


@pytest.fixture
def page(context, platform):
    page = context.new_page()
    page.goto(platform.gateway + "/")
    return page


@pytest.fixture
def screenshots(platform):
    """Takes a page's pictures at both widths, light and dark, for a person to look at."""

    def take(page, name):
        SHOTS.mkdir(exist_ok=True)
        for label, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": height})
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.screenshot(path=SHOTS / f"{name}-{label}-{scheme}.png")
                overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert overflow <= 0, f"{name} at {label} px scrolls sideways by {overflow} px"
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(color_scheme="light", reduced_motion="no-preference")

    return take
