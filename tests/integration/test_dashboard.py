"""The API of Kubeflow's Central Dashboard and of the admin area, as scripts and framed applications use it."""

import csv
import io
import json
import time

import pytest
import requests

from support import people
from support.waiting import eventually

MINE = "kubeflow-user-example-com"
ME = "user@example.com"


def asker(platform, session):
    def ask(path, method="GET", status=200, **options):
        answer = session.request(method, platform.gateway + path, timeout=30, **options)
        assert status in (None, answer.status_code), f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        is_json = answer.text and answer.headers["content-type"].startswith("application/json")
        return answer.json() if is_json else answer.text

    return ask


@pytest.fixture(scope="module")
def me(platform):
    platform.wait("--for=condition=Successful", f"profile/{MINE}")
    return platform.session()


@pytest.fixture(scope="module")
def api(platform, me):
    """Asks as the local user, who owns a namespace and administers nothing else."""
    return asker(platform, me)


@pytest.fixture(scope="module")
def admin(platform):
    """Asks as an administrator."""
    people.add(platform, "boss@example.com")
    people.make_administrator(platform, "boss@example.com")
    yield asker(platform, people.sign_in(platform, "boss@example.com"))
    platform.kubectl("delete", "clusterrolebinding", "administrator-boss-example-com")


@pytest.fixture
def newcomer(platform):
    """Asks as somebody who owns nothing: the function, and the name."""
    user = f"{platform.fresh_name('newcomer')}@example.com"
    people.add(platform, user)
    return asker(platform, people.sign_in(platform, user)), user.split("@")[0]


@pytest.fixture
def config_map(platform):
    """Puts a key into the dashboard's ConfigMap, under the name that is given."""
    made = []

    def put(name, **data):
        platform.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kubeflow"},
                        "data": data})
        made.append(name)

    yield put
    for name in made:
        platform.kubectl("delete", "configmap", name, "-n", "kubeflow", "--ignore-not-found")


# -- who one is, and where ------------------------------------------------------------------------------------------


def test_env_info_tells_user_platform_and_namespaces(api, admin):
    info = api("/api/workgroup/env-info")
    assert info["user"] == ME and info["isClusterAdmin"] is False
    assert {"user": ME, "namespace": MINE, "role": "owner"} in info["namespaces"]
    assert set(info["platform"]) == {"provider", "providerName", "kubeflowVersion", "logoutUrl"}
    assert admin("/api/workgroup/env-info")["isClusterAdmin"] is True


def test_roles_are_those_of_the_bindings(api, newcomer):
    ask, name = newcomer
    user = f"{name}@example.com"
    for role, word in [("view", "viewer"), ("edit", "contributor"), ("admin", "owner")]:
        binding = {"user": {"kind": "User", "name": user}, "referredNamespace": MINE,
                   "RoleRef": {"apiGroup": "", "kind": "ClusterRole", "name": role}}
        api("/kfam/v1/bindings", "POST", json=binding)
        seen = eventually(lambda: ask("/api/workgroup/env-info")["namespaces"])
        assert seen == [{"user": user, "namespace": MINE, "role": word}]
        api("/kfam/v1/bindings", "DELETE", json=binding)
        eventually(lambda: not ask("/api/workgroup/env-info")["namespaces"])


def test_exists_tells_whether_one_owns_a_namespace(api, newcomer):
    assert api("/api/workgroup/exists") == {
        "hasAuth": True, "user": "user", "hasWorkgroup": True, "registrationFlowAllowed": True}
    ask, name = newcomer
    assert ask("/api/workgroup/exists") == {
        "hasAuth": True, "user": name, "hasWorkgroup": False, "registrationFlowAllowed": True}


def test_debug_tells_who_one_is_and_how_that_is_known(api):
    told = api("/debug")
    assert told["user"] == {"email": ME, "username": "user", "domain": "example.com", "hasAuth": True}
    assert told["headersForIdentity"] == {"USERID_HEADER": "kubeflow-userid", "USERID_PREFIX": ""}
    assert told["registrationFlowAllowed"] is True and told["profilesServiceUrl"].endswith("/kfam")


def test_strangers_learn_nothing(platform):
    for path in ["env-info", "get-all-namespaces", f"get-contributors/{MINE}"]:
        answer = requests.get(f"{platform.gateway}/api/workgroup/{path}", timeout=30)
        assert answer.status_code == 401
        assert answer.json() == {"error": "Unable to ascertain user identity from request, cannot access route."}
    assert requests.get(f"{platform.gateway}/api/workgroup/exists", timeout=30).json()["hasAuth"] is False
    for path in ["/api/namespaces", f"/api/activities/{MINE}", "/api/admin/profiles", "/api/admin/audit", "/debug"]:
        assert requests.get(platform.gateway + path, timeout=30).status_code == 401, path


def test_unknown_routes_are_answered_in_the_dashboards_words(api):
    assert api("/api/nowhere", status=404) == {"error": "Could not find the route you're looking for"}


def test_metrics_are_what_the_node_measures(api, config_map):
    def measured(series):
        answer = eventually(lambda: api(f"/api/metrics/{series}?interval=Last5m"))
        # The server cut at a whole second, some time before this.
        assert all(time.time() - 360 <= one["timestamp"] <= time.time() + 1 for one in answer)
        return answer

    eventually(lambda: "error" not in api("/api/metrics", status=None))
    assert api("/api/metrics") == {"resourceChartsLinkText": "View in dashboard"}
    assert {one["label"] for one in measured("node")} == {"instance=martlet"}
    assert all(0 <= one["value"] <= 1 for one in measured("node")), measured("node")
    assert all(one["label"] == "" and 0 <= one["value"] <= 1 for one in measured("podcpu"))
    assert all(one["value"] >= 0 for one in measured("podmem"))
    # Asked later, so there may be more by then.
    first = measured("node")
    longer = api("/api/metrics/node?interval=Last180m")
    assert [one for one in first if one in longer] == first, "the default and longer spans hold it too"
    assert "interval" in api("/api/metrics/node?interval=Last1y", status=400)["error"]
    assert "error" in api("/api/metrics/gpu", status=404)
    config_map("centraldashboard-parameters", CD_COLLECT_METRICS="false")
    for path in ["/api/metrics", "/api/metrics/node"]:
        assert api(path, status=405) == {"error": "Operation not supported"}


def test_namespaces_and_activities_are_whole_objects(api, admin, newcomer, platform):
    assert MINE in [one["metadata"]["name"] for one in api("/api/namespaces")]
    assert "kube-system" in [one["metadata"]["name"] for one in admin("/api/namespaces")]
    ask, _ = newcomer
    assert ask("/api/namespaces") == []
    assert ask(f"/api/activities/{MINE}", status=403) == {
        "error": f"Access denied. You do not have permission to view activities for namespace '{MINE}'."}
    platform.apply({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "seen", "namespace": MINE},
                    "involvedObject": {"kind": "Namespace", "name": MINE, "namespace": MINE}, "reason": "Seen",
                    "message": "here", "type": "Normal"})
    assert "Seen" in [one["reason"] for one in api(f"/api/activities/{MINE}")]


# -- ConfigMaps -----------------------------------------------------------------------------------------------------


def test_links_come_from_the_configmap_by_its_new_and_old_name(api, config_map):
    default = api("/api/dashboard-links")
    assert {"menuLinks", "externalLinks", "quickLinks", "documentationItems"} <= set(default)
    assert api("/api/dashboard-settings") == {"DASHBOARD_FORCE_IFRAME": True}
    old, new = {"menuLinks": [{"type": "item", "link": "/old/"}]}, {"menuLinks": [{"type": "item", "link": "/new/"}]}
    config_map("centraldashboard-config", links=json.dumps(old), settings='{"DASHBOARD_FORCE_IFRAME": false}')
    assert api("/api/dashboard-links") == old
    assert api("/api/dashboard-settings") == {"DASHBOARD_FORCE_IFRAME": False}
    config_map("dashboard-config", links=json.dumps(new))
    assert api("/api/dashboard-links") == new
    assert api("/api/dashboard-settings") == {"DASHBOARD_FORCE_IFRAME": False}, "a key that the new one has not"


def test_links_that_are_no_json_are_a_failure_in_words(api, config_map):
    config_map("dashboard-config", links="{", settings="7")
    assert api("/api/dashboard-links", status=500)["error"].startswith("Cannot load dashboard menu link")
    assert api("/api/dashboard-settings", status=500)["error"].startswith("Cannot load dashboard settings")


# -- contributors ---------------------------------------------------------------------------------------------------


def test_contributors_come_and_go_and_each_answer_is_the_new_list(api, admin):
    added = api(f"/api/workgroup/add-contributor/{MINE}", "POST", json={"contributor": "bob@example.com"})
    assert added == ["bob@example.com"]
    assert api(f"/api/workgroup/get-contributors/{MINE}") == ["bob@example.com"]
    mine = eventually(lambda: [row for row in admin("/api/workgroup/get-all-namespaces")
                               if row[0] == MINE and row[2] == "bob@example.com"])
    assert mine == [[MINE, ME, "bob@example.com"]]
    api("/api/workgroup/get-all-namespaces", status=403)
    removed = api(f"/api/workgroup/remove-contributor/{MINE}", "DELETE", json={"contributor": "bob@example.com"})
    assert removed == []


@pytest.mark.parametrize("wrong", ["*@example.com", "bob", "b ob@example.com", "a" * 300 + "@x", "a@-x.com", "a@x..y", "@x"])
def test_names_that_are_no_address_are_refused(api, wrong):
    answer = api(f"/api/workgroup/add-contributor/{MINE}", "POST", status=400, json={"contributor": wrong})
    assert answer == {"error": "Contributor doesn't look like a valid email address"}


def test_a_missing_contributor_and_a_foreign_namespace_are_refused(api):
    assert "Missing" in api(f"/api/workgroup/add-contributor/{MINE}", "POST", status=400, json={})["error"]
    assert "kube-system" in api(
        "/api/workgroup/add-contributor/kube-system", "POST", status=403, json={"contributor": "a@b"})["error"]


def test_changes_need_the_csrf_token(platform, me):
    answer = requests.post(f"{platform.gateway}/api/workgroup/create", json={"namespace": "forged"},
                           cookies=me.cookies.get_dict(), timeout=30)
    assert answer.status_code == 403 and "CSRF" in answer.json()["error"]


# -- registration ---------------------------------------------------------------------------------------------------


def test_a_newcomer_registers_and_leaves_again(newcomer, api):
    ask, name = newcomer
    assert ask("/api/workgroup/create", "POST", json={}) == {"message": f"Created namespace {name}"}
    mine = [{"user": f"{name}@example.com", "namespace": name, "role": "owner"}]
    assert ask("/api/workgroup/env-info")["namespaces"] == mine, "what one has just made is in the next answer"
    assert ask("/api/workgroup/exists")["hasWorkgroup"] is True
    assert name in ask("/api/workgroup/create", "POST", status=403, json={"namespace": f"{name}-2"})["error"]
    assert "error" in api(f"/api/workgroup/get-contributors/{name}", status=403)
    gone = ask("/api/workgroup/nuke-self", "DELETE")
    assert gone["message"] == f"Removed namespace/profile {name}"
    assert ask("/api/workgroup/env-info")["namespaces"] == []


def test_registration_honours_its_switch_under_both_names(newcomer, config_map, platform):
    ask, name = newcomer
    config_map("centraldashboard-parameters", CD_REGISTRATION_FLOW="false")
    assert ask("/api/workgroup/exists")["registrationFlowAllowed"] is False
    assert "registration" in ask("/api/workgroup/create", "POST", status=403, json={})["error"]
    wire = {"metadata": {"name": name}, "spec": {"owner": {"kind": "User", "name": f"{name}@example.com"}}}
    ask("/kfam/v1/profiles", "POST", status=403, json=wire)
    assert platform.kubectl("get", "profile", name, check=False).returncode != 0
    config_map("dashboard-parameters", REGISTRATION_FLOW="true")
    assert ask("/api/workgroup/exists")["registrationFlowAllowed"] is True
    ask("/api/workgroup/create", "POST", json={})
    ask("/api/workgroup/nuke-self", "DELETE")


def test_one_registers_for_oneself_only(newcomer):
    ask, name = newcomer
    ask("/api/workgroup/create", "POST", status=403, json={"namespace": name, "user": "victim@example.com"})
    ask("/api/workgroup/create", "POST", status=403, json={"namespace": "kube-system"})
    ask("/api/workgroup/create", "POST", status=403, json={"namespace": MINE})
    for wrong in ["Not Valid", "a" * 64, "../x"]:
        assert "error" in ask("/api/workgroup/create", "POST", status=403, json={"namespace": wrong})
    assert ask("/api/workgroup/exists")["hasWorkgroup"] is False


def test_an_administrator_makes_namespaces_for_others(admin, newcomer, platform):
    ask, name = newcomer
    made = platform.fresh_name("made")
    admin("/api/workgroup/create", "POST", json={"namespace": made, "user": f"{name}@example.com"})
    assert [one["namespace"] for one in ask("/api/workgroup/env-info")["namespaces"]] == [made]
    assert "kube-system" in admin("/api/workgroup/create", "POST", status=403, json={"namespace": "kube-system"})["error"]
    platform.kubectl("delete", "profile", made)


def test_one_cannot_remove_a_namespace_that_is_not_called_like_oneself(api, admin):
    assert "error" in api("/api/workgroup/nuke-self", "DELETE", status=401)
    assert "error" in admin("/api/workgroup/nuke-self", "DELETE", status=404)


# -- admin ----------------------------------------------------------------------------------------------------------


def test_the_admin_area_lists_profiles_with_quota_and_workspaces(admin, platform):
    name = platform.fresh_name("team")
    platform.apply({"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": name}, "spec": {
        "owner": {"kind": "Group", "name": "crew"}, "resourceQuotaSpec": {"hard": {"cpu": "4"}}}})
    platform.wait("--for=condition=Successful", f"profile/{name}")
    platform.apply({"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {
        "name": "idle", "namespace": name, "annotations": {"kubeflow-resource-stopped": "2026-01-01T00:00:00Z"}},
        "spec": {"template": {"spec": {"containers": [{"name": "idle", "image": "x"}]}}}})

    def found():
        row = next((one for one in admin("/api/admin/profiles")["profiles"] if one["name"] == name), None)
        return row if row and row["quota"]["hard"] and row["notebooks"]["total"] else None

    deadline = time.monotonic() + 30
    while not (row := found()):
        assert time.monotonic() < deadline
    assert row["owner"] == {"kind": "Group", "name": "crew"} and row["state"] == "Successful"
    assert row["quota"]["hard"] == {"cpu": "4"} and row["notebooks"] == {"total": 1, "running": 0}
    rows = admin("/api/admin/workspaces")["workspaces"]
    assert [(one["name"], one["owner"], one["status"]["phase"]) for one in rows if one["namespace"] == name] == [
        ("idle", "crew", "stopped")]
    platform.kubectl("delete", "profile", name)


def audited(admin, query, wanted=1):
    """The log is written behind the answers; the limit only ends a failing test."""
    deadline = time.monotonic() + 30
    while len(entries := admin(f"/api/admin/audit?{query}")["entries"]) < wanted:
        assert time.monotonic() < deadline, f"no entry for {query}"
    return entries


def test_the_audit_log_is_filtered_and_paged_newest_first(admin, platform):
    names = [platform.fresh_name("audited") for _ in range(3)]
    for name in names:
        platform.kubectl("create", "configmap", name, "-n", MINE)
    audited(admin, f"name={names[-1]}&verb=create")
    query = f"namespace={MINE}&resource=configmaps&verb=create&q=audited"
    entries = audited(admin, query, 3)
    assert [one["name"] for one in entries[:3]] == names[::-1]
    assert all(one["user"] and one["decision"] == "allow" for one in entries)
    first = admin(f"/api/admin/audit?{query}&limit=2")
    assert [one["name"] for one in first["entries"]] == names[:0:-1] and first["next"]
    second = admin(f"/api/admin/audit?{query}&limit=2&before={first['next']}")
    assert second["entries"][0]["name"] == names[0]
    admin(f"/api/admin/audit?{query}&before=elsewhere", status=400)
    assert admin("/api/admin/audit?to=2001-01-01T00:00:00Z")["entries"] == []
    assert "from" in admin("/api/admin/audit?from=yesterday", status=400)["message"]


def test_equal_ids_of_requests_do_not_hold_up_the_pages(admin, platform):
    """Who sends a request chooses its id."""
    marker = platform.fresh_name("paged")
    for number in range(5):
        answer = requests.get(f"{platform.gateway}/api/me", timeout=30,
                              headers={"X-Request-Id": marker, "User-Agent": f"{marker} {number}"})
        assert answer.status_code == 401
    query = f"log=gateway&q={marker}"
    audited(admin, query, 5)
    seen, mark = [], ""
    while mark is not None:
        page = admin(f"/api/admin/audit?{query}&limit=2{mark and '&before=' + mark}")
        seen += [one["agent"] for one in page["entries"]]
        assert len(seen) <= 5
        mark = page["next"]
    assert seen == [f"{marker} {number}" for number in reversed(range(5))]


def test_the_audit_log_is_exported_as_csv_and_lines(admin, platform):
    name = platform.fresh_name("exported")
    platform.kubectl("create", "configmap", name, "-n", MINE)
    audited(admin, f"name={name}&verb=create")
    rows = list(csv.DictReader(io.StringIO(admin(f"/api/admin/audit/export?format=csv&name={name}&verb=create"))))
    assert len(rows) == 1 and rows[0]["resource"] == "configmaps" and rows[0]["namespace"] == MINE
    lines = admin(f"/api/admin/audit/export?format=jsonl&name={name}&verb=create").splitlines()
    assert [json.loads(line)["name"] for line in lines] == [name]


def test_the_admin_area_is_closed_to_others(api):
    for path in ["profiles", "workspaces", "audit", "audit/export"]:
        api(f"/api/admin/{path}", status=403)


# -- the library of framed applications -----------------------------------------------------------------------------


def test_the_dashboards_library_is_served_under_its_fixed_name(platform):
    answer = requests.get(f"{platform.gateway}/dashboard_lib.bundle.js", timeout=30)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")
    assert "CentralDashboardEventHandler" in answer.text
