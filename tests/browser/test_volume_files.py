"""The files of a volume, from the list of volumes: the viewer opens in a tab, at a host of its own, and can be closed."""

import re

import pytest
from playwright.sync_api import expect

from support.tenants import claim
from support.workspaces import label


@pytest.fixture
def volume(platform):
    """A claim with a file on it, of the user's own namespace."""
    name, ns = platform.fresh_name("files"), platform.user_namespace
    platform.apply(claim(name, ns))
    platform.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": ns}, "spec": {
        "restartPolicy": "Never", "securityContext": {"fsGroup": 100},
        "volumes": [{"name": "files", "persistentVolumeClaim": {"claimName": name}}],
        "containers": [{"name": "write", "image": "busybox", "command": ["sh", "-c", "echo hello > /files/greeting.txt"],
                        "volumeMounts": [{"name": "files", "mountPath": "/files"}]}]}})
    platform.wait("--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "-n", ns)
    platform.kubectl("delete", "pod", name, "-n", ns)
    yield name
    platform.kubectl("delete", "pvcviewer", name, "-n", ns, "--ignore-not-found", "--wait=false")
    platform.kubectl("delete", "pvc", name, "-n", ns, "--ignore-not-found", "--wait=false")


def test_the_files_of_a_volume_open_in_a_tab_and_close(platform, context, page, volume, screenshots, accessible):
    ns = platform.user_namespace
    page.goto(f"{platform.gateway}/volumes?ns={ns}")
    row = page.get_by_role("row").filter(has_text=volume)
    with context.expect_page() as opened:
        row.get_by_role("button", name="Browse files").click()
    tab = opened.value
    # A page that tells how far it is comes first, and goes on by itself.
    expect(tab.get_by_role("link", name="greeting.txt").first).to_be_visible(timeout=180_000)
    expect(tab).to_have_url(re.compile(
        rf"http://{label(ns, volume, 'pvcviewers')}\.localhost:\d+/pvcviewers/{ns}/{volume}/"))
    close = row.get_by_role("button", name="Close its files")
    expect(close).to_be_visible()
    accessible(page)
    screenshots(page, "volume-files")
    # Once more: it is there already.
    with context.expect_page() as again:
        row.get_by_role("button", name="Browse files").click()
    expect(again.value.get_by_role("link", name="greeting.txt").first).to_be_visible()
    again.value.close()
    close.click()
    expect(close).to_be_hidden()
    tab.reload()
    expect(tab.get_by_role("heading", name="No such volume viewer")).to_be_visible()
    tab.get_by_role("link", name="All volumes").click()
    expect(tab).to_have_url(re.compile(re.escape(f"{platform.gateway}/volumes") + ".*"))
