"""Contributors, activity, registration and the account, as people use them."""

import re

import pytest
import requests
from playwright.sync_api import expect

from support import people


@pytest.fixture
def contributors(page, platform):
    """The page of contributors, and the session behind it."""
    page.goto(f"{platform.gateway}/contributors?ns={platform.user_namespace}")
    expect(page.get_by_role("heading", name="Contributors", level=1)).to_be_visible()
    return page


def row(page, name):
    return page.get_by_role("row").filter(has_text=name)


def can(platform, verb, *flags):
    return platform.kubectl("auth", "can-i", verb, "notebooks.kubeflow.org", "-n", platform.user_namespace, *flags,
                            check=False).stdout.strip()


def test_an_owner_adds_changes_and_removes_a_contributor(contributors, platform, screenshots):
    page, name = contributors, f"{platform.fresh_name('grace')}@example.com"
    page.get_by_role("button", name="Add contributor").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("User name")).to_be_focused()
    dialog.get_by_label("User name").fill("*@example.com")
    expect(dialog.get_by_text("would match others too")).to_be_visible()
    screenshots(page, "add-contributor")
    dialog.get_by_label("User name").fill(name)
    dialog.get_by_label("User name").press("Enter")
    # No reload and no waiting: who has just been added is there.
    expect(row(page, name)).to_be_visible()
    assert can(platform, "create", "--as", name) == "yes"

    row(page, name).get_by_label(f"Role of {name}").select_option("view")
    expect(page.get_by_text(f"{name} is viewer now.")).to_be_visible()
    assert can(platform, "create", "--as", name) == "no" and can(platform, "list", "--as", name) == "yes"
    screenshots(page, "contributors")

    row(page, name).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(row(page, name)).to_have_count(0)
    assert can(platform, "list", "--as", name) == "no"
    page.get_by_role("button", name="Undo").click()
    expect(row(page, name)).to_be_visible()
    row(page, name).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(row(page, name)).to_have_count(0)


def test_a_group_contributes_and_its_members_see_only_themselves(contributors, enter, platform):
    page, group = contributors, platform.fresh_name("crew")
    page.get_by_role("button", name="Add contributor").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Group").check()
    dialog.get_by_label("Group name").fill(group)
    dialog.get_by_label("Role").select_option("view")
    dialog.get_by_role("button", name="Add contributor").click()
    expect(row(page, group)).to_be_visible()

    member = enter(f"{platform.fresh_name('member')}@example.com", group)
    member.goto(f"{platform.gateway}/contributors?ns={platform.user_namespace}")
    expect(row(member, group)).to_be_visible()
    expect(member.get_by_text("You see your own role")).to_be_visible()
    expect(member.get_by_role("row")).to_have_count(2)
    expect(member.get_by_role("button", name="Add contributor")).to_have_count(0)
    member.goto(f"{platform.gateway}/?ns={platform.user_namespace}")
    expect(member.get_by_role("heading", level=1)).to_be_visible()
    expect(member.get_by_role("button", name="New notebook")).to_have_count(0)

    row(page, group).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(row(page, group)).to_have_count(0)


def test_activity_is_live_and_filtered(page, platform, screenshots):
    ns, name = platform.user_namespace, platform.fresh_name("seen")

    def happen(reason, kind):
        platform.apply({"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{name}.{reason.lower()}", "namespace": ns},
                        "involvedObject": {"kind": "Notebook", "name": name, "namespace": ns}, "type": kind,
                        "reason": reason, "message": f"{reason} of {name}",
                        "lastTimestamp": platform.kubectl("get", "namespace", ns, "-o", "jsonpath={.metadata.creationTimestamp}").stdout})

    happen("Began", "Normal")
    page.goto(f"{platform.gateway}/activity?ns={ns}")
    expect(page.get_by_text(f"Began of {name}")).to_be_visible()
    happen("Tripped", "Warning")
    expect(page.get_by_text(f"Tripped of {name}")).to_be_visible()
    screenshots(page, "activity")
    page.get_by_role("radio", name="Warnings").check()
    expect(page.get_by_text(f"Began of {name}")).to_have_count(0)
    expect(page.get_by_text(f"Tripped of {name}")).to_be_visible()
    page.get_by_role("searchbox", name="Filter activity").fill("nothing of the kind")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    expect(page).to_have_url(re.compile("type=warnings.*q=nothing|q=nothing.*type=warnings"))
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_text(f"Began of {name}")).to_be_visible()


# -- registration ---------------------------------------------------------------------------------------------------


@pytest.fixture
def switch(platform):
    """Sets the switch of the registration flow, as an administrator of Kubeflow does."""

    def put(value):
        platform.apply({"apiVersion": "v1", "kind": "ConfigMap", "data": {"REGISTRATION_FLOW": value},
                        "metadata": {"name": "dashboard-parameters", "namespace": "kubeflow"}})

    yield put
    platform.kubectl("delete", "configmap", "dashboard-parameters", "-n", "kubeflow", "--ignore-not-found")


def test_a_newcomer_makes_a_namespace_and_works_in_it(enter, switch, platform, screenshots, accessible):
    name = platform.fresh_name("Ada.Newcomer").lower()
    page = enter(f"{name}@example.com")
    expect(page.get_by_role("heading", name="Welcome to Martlet")).to_be_visible()
    field = page.get_by_label("Name of your namespace")
    expect(field).to_have_value(name.replace(".", "-"))
    field.fill("Not Valid")
    expect(page.get_by_text("Use lower case letters only.")).to_be_visible()
    accessible(page)
    screenshots(page, "registration")
    field.fill("kube-system")
    page.get_by_role("button", name="Create namespace").click()
    expect(page.get_by_role("alert").filter(has_text="kube-system")).to_be_visible()
    field.fill(name.replace(".", "-"))
    field.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("Good .*, Ada"))).to_be_visible()
    expect(page).to_have_url(re.compile(f"ns={name.replace('.', '-')}"))
    page.get_by_role("link", name="Notebooks", exact=True).first.click()
    expect(page.get_by_role("heading", name="No notebooks yet")).to_be_visible()
    platform.kubectl("delete", "profile", name.replace(".", "-"))


def test_without_the_switch_a_newcomer_waits_for_others(enter, switch, platform, screenshots):
    switch("false")
    user = f"{platform.fresh_name('late')}@example.com"
    page = enter(user)
    expect(page.get_by_role("heading", name="You have no namespace yet")).to_be_visible()
    expect(page.get_by_text("Welcome to Martlet")).to_have_count(0)
    screenshots(page, "no-namespace")
    # The page goes on by itself once somebody has let them in.
    me = platform.session()
    binding = {"user": {"kind": "User", "name": user}, "referredNamespace": platform.user_namespace,
               "RoleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "edit"}}
    assert me.post(f"{platform.gateway}/kfam/v1/bindings", json=binding, timeout=30).status_code == 200
    expect(page.get_by_role("heading", name=re.compile("Good "))).to_be_visible()
    assert me.delete(f"{platform.gateway}/kfam/v1/bindings", json=binding, timeout=30).status_code == 200


# -- account --------------------------------------------------------------------------------------------------------


def test_a_session_elsewhere_is_ended_from_the_account(enter, platform, screenshots, accessible):
    user = f"{platform.fresh_name('roamer')}@example.com"
    page = enter(user, "crew")
    elsewhere = people.sign_in(platform, user)
    elsewhere.headers["user-agent"] = "curl/8.0"
    assert elsewhere.get(f"{platform.gateway}/api/me", timeout=30).status_code == 200
    page.get_by_role("button", name="Account").click()
    page.get_by_role("link", name="Account and tokens").click()
    expect(page.get_by_role("heading", name="Account", level=1)).to_be_visible()
    expect(page.get_by_text("This one")).to_be_visible()
    screenshots(page, "account")
    accessible(page)
    page.get_by_role("button", name="End", exact=True).click()
    expect(page.get_by_role("button", name="End", exact=True)).to_have_count(0)
    assert elsewhere.get(f"{platform.gateway}/api/me", timeout=30).status_code == 401
    assert page.request.get(f"{platform.gateway}/api/me").status == 200


def test_a_token_is_made_used_and_revoked(enter, platform, screenshots, accessible):
    user = f"{platform.fresh_name('scripter')}@example.com"
    page = enter(user)
    page.goto(platform.gateway + "/account")
    expect(page.get_by_text("None yet.")).to_be_visible()
    page.get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog", name="New API token")
    expect(dialog.get_by_label("What it is for")).to_be_focused()
    dialog.get_by_label("Read", exact=True).uncheck()
    dialog.get_by_role("button", name="Create token").click()
    expect(dialog.get_by_text("Say what it is for.")).to_be_visible()
    expect(dialog.get_by_text("Choose what it may do.")).to_be_visible()
    screenshots(page, "new-token-problems")
    dialog.get_by_label("What it is for").fill("nightly report")
    dialog.get_by_label("Read", exact=True).check()
    dialog.get_by_label("Expires after").select_option("7")
    dialog.get_by_role("button", name="Create token").click()
    secret = page.get_by_role("note", name="Token").text_content()
    accessible(page)
    screenshots(page, "token-shown-once")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text(secret)).to_have_count(0)

    bearer = {"Authorization": f"Bearer {secret}"}
    assert requests.get(f"{platform.gateway}/api/me", headers=bearer, timeout=30).json()["user"] == user
    refused = requests.post(f"{platform.gateway}/api/workgroup/create", headers=bearer, json={}, timeout=30)
    assert refused.status_code == 403, "it may read only"
    page.reload()
    line = page.get_by_role("listitem").filter(has_text="nightly report")
    expect(line).to_contain_text("last used just now")
    screenshots(page, "account-tokens")
    line.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("None yet.")).to_be_visible()
    assert requests.get(f"{platform.gateway}/api/me", headers=bearer, timeout=30).status_code == 401


def test_a_lost_session_is_said_and_leads_to_the_sign_in_page(page, context, platform):
    page.goto(platform.gateway + "/contributors")
    # Not while the first answer is on its way, which would be taken for news on the way back.
    expect(page.get_by_role("row").filter(has_text="Owner")).to_be_visible()
    context.clear_cookies()
    page.get_by_role("link", name="Notebooks", exact=True).first.click()
    page.get_by_role("link", name="Contributors", exact=True).first.click()
    expect(page.get_by_text("Your session has ended.").first).to_be_visible()
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_logging_out_by_its_address_asks_those_who_come_from_elsewhere(enter, platform, accessible):
    page = enter(f"{platform.fresh_name('leaver')}@example.com")
    page.goto(platform.gateway + "/logout")
    expect(page.get_by_role("heading", name="Sign out of Martlet?")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


# -- every page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/notebooks", "/notebooks/new", "/volumes", "/contributors", "/activity", "/account"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, platform, path, scheme, accessible):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(platform.gateway + path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("main").get_by_role("status").filter(visible=True)).to_have_count(0)
    accessible(page)


def test_the_sign_in_page_can_be_used_by_everybody(chromium, enter, platform, accessible, screenshots):
    enter(f"{platform.fresh_name('anybody')}@example.com")  # now there are passwords
    context = chromium.new_context()
    page = context.new_page()
    page.goto(platform.gateway + "/contributors")
    expect(page.get_by_label("Name")).to_be_focused()
    accessible(page)
    screenshots(page, "sign-in-password")
    page.get_by_label("Name").fill("nobody@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    expect(page.get_by_label("Password")).to_be_focused()
    screenshots(page, "sign-in-refused")
    context.close()


def test_pages_tell_that_they_failed_and_try_again(page, platform, screenshots):
    path = "**/kfam/v1/bindings**"
    page.route(path, lambda route: route.fulfill(status=500, body="broken"))
    page.goto(platform.gateway + "/contributors")
    expect(page.get_by_role("heading", name="The contributors cannot be listed")).to_be_visible()
    screenshots(page, "contributors-failed")
    page.unroute(path)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table", name="Contributors")).to_be_visible()


def test_pages_say_that_they_load(page, platform):
    held = []
    page.route("**/kfam/v1/bindings**", lambda route: held.append(route))
    page.goto(platform.gateway + "/contributors")
    expect(page.get_by_role("status", name="Loading contributors")).to_be_visible()
    held[0].continue_()
    expect(page.get_by_role("table", name="Contributors")).to_be_visible()
