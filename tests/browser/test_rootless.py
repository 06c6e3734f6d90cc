"""A notebook of an ordinary user's platform, in a browser."""

import pytest
from browser.test_story import run_cell
from playwright.sync_api import expect

from support.platform import notebook


@pytest.fixture(scope="module")
def platform(rootless):
    return rootless


def test_a_cell_runs_in_jupyterlab(platform, context):
    name, ns = platform.fresh_name("lab"), platform.user_namespace
    platform.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=60s")
    platform.apply(notebook(name, ns))
    platform.wait("--for=jsonpath={.status.readyReplicas}=1", f"notebook/{name}", "-n", ns, timeout=400)
    lab = context.new_page()
    lab.goto(f"{platform.gateway}/notebook/{ns}/{name}/lab")
    run_cell(lab, "import os; print('sum', 6 * 7, os.getuid()); open('kept.txt', 'w').write('still here')")
    expect(lab.get_by_text("sum 42 1000")).to_be_visible(timeout=60_000)
    file = platform.data / "volumes" / ns / f"{name}-workspace" / "kept.txt"
    assert file.read_text() == "still here" and platform.account.owns(file.stat().st_uid)
    lab.close()
    platform.kubectl("delete", "notebook", name, "-n", ns, "--timeout=60s")
