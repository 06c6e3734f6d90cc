"""The story of the first flight, as a person lives it in a browser."""

import re

from playwright.sync_api import expect


def test_a_person_creates_opens_stops_starts_and_deletes_a_notebook(platform, context, page, screenshots):
    name, ns = platform.fresh_name("story"), platform.user_namespace
    screenshots(page, "home")
    navigation = page.get_by_role("navigation", name="Main")
    navigation.get_by_role("link", name="Notebooks").click()
    page.get_by_role("link", name="New notebook").or_(page.get_by_role("button", name="New notebook")).first.click()

    page.get_by_role("textbox", name="Name", exact=True).fill("Not Valid")
    expect(page.get_by_text(re.compile("lower", re.I)).first).to_be_visible()
    screenshots(page, "new-notebook-error")
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    screenshots(page, "new-notebook")
    page.get_by_role("button", name=re.compile("^Create")).click()

    expect(page.get_by_role("heading", name=name)).to_be_visible()
    screenshots(page, "notebook-starting")
    expect(page.get_by_role("main").get_by_text("Running", exact=True).first).to_be_visible(timeout=400_000)
    screenshots(page, "notebook-running")

    with context.expect_page() as opened:
        page.get_by_role("link", name="Open").click()
    lab = opened.value
    lab.wait_for_load_state()
    run_cell(lab, "print('sum', 6 * 7); open('kept.txt', 'w').write('still here')")
    expect(lab.get_by_text("sum 42")).to_be_visible(timeout=60_000)
    lab.close()

    for tab in ("Logs", "Events", "YAML"):
        page.get_by_role("tab", name=tab).or_(page.get_by_role("link", name=tab)).first.click()
        if tab == "Logs":
            expect(page.get_by_text("Jupyter Server").first).to_be_visible()
        if tab == "Events":
            expect(page.get_by_text("Started container").first).to_be_visible()
        screenshots(page, f"notebook-{tab.lower()}")

    page.get_by_role("button", name="Stop").first.click()
    expect(page.get_by_role("main").get_by_text("Stopped", exact=True).first).to_be_visible(timeout=90_000)
    platform.wait("--for=delete", f"pod/{name}-0", "-n", ns)
    page.get_by_role("button", name="Start").first.click()
    expect(page.get_by_role("main").get_by_text("Running", exact=True).first).to_be_visible(timeout=90_000)
    answer = context.request.get(f"{platform.gateway}/notebook/{ns}/{name}/api/contents/kept.txt")
    for _ in range(100):
        if answer.status == 200:
            break
        page.wait_for_timeout(200)  # the server inside the Pod is starting
        answer = context.request.get(f"{platform.gateway}/notebook/{ns}/{name}/api/contents/kept.txt")
    assert answer.json()["content"] == "still here"

    page.get_by_role("button", name="Delete").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(name)
    screenshots(page, "delete-notebook")
    dialog.get_by_role("button", name=re.compile("^Delete")).click()
    platform.wait("--for=delete", f"notebook/{name}", "-n", ns)
    navigation.get_by_role("link", name="Notebooks").click()
    expect(page.get_by_role("main").get_by_role("link", name=name, exact=True)).to_have_count(0)


def run_cell(lab, code):
    """Opens a new Python notebook from JupyterLab's launcher and runs one cell."""
    lab.locator(".jp-LauncherCard[data-category=Notebook]").first.click(timeout=60_000)
    cell = lab.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    cell.wait_for(timeout=60_000)
    # The kernel is connected once the status bar says so; before, running a cell does nothing.
    expect(lab.locator("#jp-bottom-panel").get_by_text(re.compile(r"\| Idle"))).to_be_visible(timeout=60_000)
    cell.click()
    lab.keyboard.type(code)
    lab.keyboard.press("Shift+Enter")
