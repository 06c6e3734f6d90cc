"""A real Chromium, signed in to a running platform."""

import pathlib

import pytest
from playwright.sync_api import expect, sync_playwright

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
