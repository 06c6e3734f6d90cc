"""Signing in and out as a person does it: by password, and at an identity provider."""

from playwright.sync_api import expect
from support import people
from support.gateway import Gateway
from support.oidc_provider import PASSWORD


def sign_out(page):
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()


def test_a_password_leads_to_the_page_that_was_asked_for(chromium, platform):
    people.add(platform, "tilda@example.com")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(platform.gateway + "/volumes")
    page.get_by_label("Name").fill("tilda@example.com")
    page.get_by_label("Password").fill("not it, surely")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(platform.gateway + "/volumes*")
    sign_out(page)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


def test_the_provider_signs_in_and_out(chromium, platform, provider, oidc_flags, tmp_path):
    provider.add("bella@example.com")
    with Gateway(platform, tmp_path / "state", *oidc_flags) as gateway:
        provider.register(gateway.url)
        context = chromium.new_context()
        page = context.new_page()
        page.goto(gateway.url + "/")
        page.get_by_role("link", name="Continue with Example & Co").click()
        page.get_by_label("Username").fill("bella@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Enter").click()
        page.wait_for_url(gateway.url + "/**")
        expect(page.get_by_role("button", name="Account")).to_be_visible()
        sign_out(page)
        page.wait_for_url(gateway.url + "/login")
        # The provider has ended its own session, too: it asks again.
        page.get_by_role("link", name="Continue with Example & Co").click()
        expect(page.get_by_label("Username")).to_be_visible()
        context.close()
