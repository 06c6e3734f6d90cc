"""The administrators' area: profiles, everybody's workspaces, the audit log."""

import json
import re

import pytest
from playwright.sync_api import expect

from support.platform import notebook
from support.waiting import eventually


@pytest.fixture
def admin(enter, administrator, platform):
    page = enter(administrator)
    page.goto(f"{platform.gateway}/admin/profiles")
    expect(page.get_by_role("heading", name="Profiles", level=1)).to_be_visible()
    return page


def row(page, name):
    return page.get_by_role("row").filter(has_text=name)


def test_a_profile_is_made_transferred_and_deleted(admin, platform, screenshots, accessible):
    name, page = platform.fresh_name("team"), admin
    page.get_by_role("button", name="New profile").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_role("button", name="Create profile").click()
    expect(dialog.get_by_text("Give it a name.")).to_be_visible()
    expect(dialog.get_by_text("Say whose it is.")).to_be_visible()
    screenshots(page, "new-profile-problems")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Owner", exact=True).fill("ada@example.com")
    dialog.get_by_label("CPU").fill("4")
    dialog.get_by_label("Memory").fill("8")
    dialog.get_by_role("button", name="Create profile").click()
    expect(row(page, name)).to_contain_text("ada@example.com")
    platform.wait("--for=condition=Successful", f"profile/{name}")
    expect(row(page, name)).to_contain_text("0 of 4 cores")
    expect(row(page, name)).to_contain_text("of 8 GiB")
    screenshots(page, "profiles")
    accessible(page)

    row(page, name).get_by_role("button", name="Change quota").click()
    dialog = page.get_by_role("dialog", name=f"Quota of {name}")
    expect(dialog.get_by_label("CPU")).to_be_focused()
    expect(dialog.get_by_label("CPU")).to_have_value("4")
    expect(dialog.get_by_label("Memory")).to_have_value("8")
    dialog.get_by_label("CPU").fill("-1")
    dialog.get_by_label("Storage").fill("lots")
    dialog.get_by_role("button", name="Save quota").click()
    expect(dialog.get_by_text("A number that is not below zero, or nothing.")).to_have_count(2)
    screenshots(page, "change-quota-problems")
    accessible(page)
    dialog.get_by_label("CPU").fill("2.5")
    dialog.get_by_label("Memory").fill("")
    dialog.get_by_label("Storage").fill("100")
    screenshots(page, "change-quota")
    dialog.get_by_role("button", name="Save quota").click()
    expect(dialog).to_have_count(0)
    expect(row(page, name)).to_contain_text("0 of 2.5 cores")
    expect(row(page, name)).not_to_contain_text("of 8 GiB")
    platform.wait("--for=jsonpath={.spec.hard.requests\\.storage}=100Gi", "resourcequota/kf-resource-quota", "-n", name)
    assert platform.get("resourcequota", "kf-resource-quota", "-n", name)["spec"]["hard"] == {"cpu": "2500m", "requests.storage": "100Gi"}

    row(page, name).get_by_role("button", name="Transfer").click()
    dialog = page.get_by_role("dialog", name=f"Transfer {name}")
    dialog.get_by_role("radio", name="Group").check()
    dialog.get_by_label("Owner", exact=True).fill("crew")
    dialog.get_by_role("button", name="Transfer").click()
    expect(row(page, name)).to_contain_text("crew")
    platform.wait("--for=jsonpath={.subjects[0].name}=crew", "rolebinding/namespaceAdmin", "-n", name)

    row(page, name).get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name=f"Delete profile {name}?")
    expect(dialog.get_by_label("Name of the profile")).to_be_focused()
    dialog.get_by_label("Name of the profile").fill("something else")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog.get_by_role("textbox")).to_have_attribute("aria-invalid", "true")
    screenshots(page, "delete-profile")
    dialog.get_by_label("Name of the profile").fill(name)
    dialog.get_by_role("button", name="Delete for good").click()
    platform.wait("--for=delete", f"profile/{name}")
    expect(row(page, name)).to_have_count(0)


def test_a_profile_that_failed_says_why(admin, platform):
    name, page = platform.fresh_name("taken"), admin
    platform.kubectl("create", "namespace", name)
    platform.apply({"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": name},
                    "spec": {"owner": {"kind": "User", "name": "ada@example.com"}}})
    platform.wait("--for=condition=Failed", f"profile/{name}")
    page.get_by_role("searchbox").fill(name)
    expect(row(page, name)).to_contain_text("Failed")
    expect(row(page, name)).to_contain_text("not owned by profile creator")
    platform.kubectl("delete", "profile", name)
    platform.kubectl("delete", "namespace", name, "--wait=false")


def test_somebody_elses_workspace_is_stopped_and_started_again(admin, platform, screenshots, accessible):
    name, ns, page = platform.fresh_name("busy"), platform.user_namespace, admin
    waiting = notebook(name, ns, image="example.com/nobody/knows:1")["items"][1]
    waiting["spec"]["template"]["spec"].pop("volumes")
    waiting["spec"]["template"]["spec"]["containers"][0].pop("volumeMounts")
    platform.apply(waiting)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Workspaces").click()
    expect(row(page, name)).to_contain_text("user@example.com")
    screenshots(page, "workspaces")
    accessible(page)
    row(page, name).get_by_role("button", name=f"Stop {ns}/{name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    expect(row(page, name)).to_have_count(0)
    stopped = platform.get("notebook", name, "-n", ns)["metadata"]["annotations"]
    assert "kubeflow-resource-stopped" in stopped
    page.get_by_role("button", name="Undo").click()
    expect(row(page, name)).to_be_visible()
    page.get_by_label(f"Select {ns}/{name}").check()
    page.get_by_role("button", name="Stop selected").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    expect(row(page, name)).to_have_count(0)
    page.get_by_role("radio", name="All").check()
    expect(row(page, name)).to_contain_text("Stopped")
    platform.kubectl("delete", "notebook", name, "-n", ns)


def test_the_audit_log_is_filtered_paged_and_exported(admin, platform, screenshots, accessible, tmp_path):
    name, ns, page = platform.fresh_name("noted"), platform.user_namespace, admin
    maps = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-{i}", "namespace": ns}} for i in range(110)]
    platform.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": maps}))
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("table", name="Audit log")).to_be_visible()
    # The log is written behind the answers: looked for again until it is there, as a person would.
    search = page.get_by_role("searchbox", name="Filter the audit log")
    search.fill(name)
    expect(page).to_have_url(re.compile(f"q={name}"))
    entry = row(page, f"{ns}/{name}-109")

    def is_there():
        page.get_by_role("button", name="Refresh").click()
        page.wait_for_timeout(300)
        return entry.count() > 0
    eventually(is_there, what="the entry of the audit log")
    expect(entry).to_contain_text("Created configmaps")
    expect(entry).to_contain_text("martlet-admin")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    download.value.save_as(tmp_path / "audit.csv")
    lines = (tmp_path / "audit.csv").read_text().splitlines()
    assert lines[0].startswith("time,user,") and any(name in line for line in lines[1:])
    assert len(lines) == 111 and all(name in line for line in lines[1:])
    rows = page.get_by_role("row")
    expect(rows).to_have_count(101)
    page.get_by_role("button", name="Load older entries").click()
    expect(rows).to_have_count(111)
    expect(page.get_by_text("That is all.")).to_be_visible()
    page.get_by_label("Result").select_option("forbid")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Show everything").click()
    expect(page.get_by_role("table", name="Audit log")).to_be_visible()
    screenshots(page, "audit")
    accessible(page)


def test_others_find_nothing_of_the_administrators(page, platform, accessible):
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit log")).to_have_count(0)
    for path in ["profiles", "workspaces", "audit"]:
        page.goto(f"{platform.gateway}/admin/{path}")
        expect(page.get_by_role("heading", name="For administrators").last).to_be_visible()
        assert page.request.get(f"{platform.gateway}/api/admin/{path}").status == 403
    accessible(page)


def test_the_area_is_used_by_keyboard_alone(admin):
    page = admin
    page.keyboard.press("/")
    search = page.get_by_role("combobox", name="Search pages and notebooks")
    expect(search).to_be_focused()
    page.keyboard.type("new profile")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New profile")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("new="))
    page.get_by_role("button", name="New profile").focus()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="New profile")).to_be_focused()
