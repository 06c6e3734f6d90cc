"""Taking what belongs to other tenants: Profiles, contributors, namespaces, roles."""

import json
import socket
import urllib.parse

import pytest

from support import audit, people, wire
from support.waiting import eventually
from support.tenants import ADMIN, CONTRIBUTOR, FOREIGN, OWNER, STRANGER, TENANT, VIEWER, Person, binding, profile

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def names(answer):
    return {one["user"]["name"] for one in answer.json().get("bindings", [])}


def there(world, *what):
    return world.platform.kubectl("get", *what, check=False).returncode == 0


@pytest.fixture
def newcomer(world):
    """Somebody who owns nothing yet."""
    name = f"{world.platform.fresh_name('newcomer')}@attacks.example"
    people.add(world.platform, name)
    person = Person(world.platform, name)
    yield person
    world.platform.kubectl("delete", "profile", name.partition("@")[0], "--ignore-not-found", "--wait=false")


def test_a08_nobody_makes_profiles_for_others_nor_more_than_one(world, newcomer):
    made = world.platform.fresh_name("planted")
    create = "/api/workgroup/create"
    newcomer.refused(create, "POST", json={"namespace": made, "user": OWNER})
    for kind, owner in (("User", OWNER), ("Group", "system:authenticated"), ("Group", "team"), ("ServiceAccount", "default"),
                        ("User", newcomer.name.upper()), ("User", f" {newcomer.name}"), ("", ""), ("User", "*")):
        newcomer.refused("/kfam/v1/profiles", "POST", json=profile(made, owner, kind))
    for name in ("kube-system", "kube-public", "default", "kubeflow", TENANT, FOREIGN, "kube-mine", "openshift-x", "../x", "A", "", "a" * 64):
        newcomer.refused("/kfam/v1/profiles", "POST", json=profile(name, newcomer.name))
    for extra in ({"resourceQuotaSpec": {"hard": {}}}, {"plugins": [{"kind": "WorkloadIdentity", "spec": {"gcpServiceAccount": "a@b"}}]}):
        newcomer.refused("/kfam/v1/profiles", "POST", json=profile(made, newcomer.name, **extra))
    labelled = profile(made, newcomer.name)
    labelled["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "privileged"}
    newcomer.refused("/kfam/v1/profiles", "POST", json=labelled)
    newcomer.refused_by_api("/apis/kubeflow.org/v1/profiles", "POST", json=profile(made, newcomer.name))
    assert not there(world, "profile", made) and not there(world, "namespace", made)
    newcomer.ask(create, "POST", json={})
    newcomer.refused(create, "POST", json={"namespace": made})
    assert not there(world, "profile", made)


def test_a08_registration_that_is_closed_is_closed_for_every_way_in(world, newcomer, made):
    made({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dashboard-parameters", "namespace": "kubeflow"},
          "data": {"REGISTRATION_FLOW": "false"}})
    name = newcomer.name.partition("@")[0]
    newcomer.refused("/api/workgroup/create", "POST", json={})
    newcomer.refused("/kfam/v1/profiles", "POST", json=profile(name, newcomer.name))
    assert not there(world, "profile", name)


def test_a09_strangers_cannot_count_tenants_or_users(world, notebooks):
    stranger = world.stranger
    stranger.refused("/api/workgroup/get-all-namespaces")
    stranger.refused(f"/api/workgroup/get-contributors/{TENANT}")
    for path in ("/api/namespaces", "/jupyter/api/namespaces", "/api/workgroup/env-info", "/api/me", "/debug", "/kfam/v1/bindings",
                 f"/kfam/v1/bindings?user={OWNER}", f"/kfam/v1/bindings?user={STRANGER}", "/api/dashboard-links", "/jupyter/api/gpus",
                 "/jupyter/api/storageclasses", "/jupyter/api/config"):
        text = stranger.ask(path).text
        assert not any(secret in text for secret in (TENANT + '"', OWNER, CONTRIBUTOR, VIEWER, ADMIN, "kube-system")), path
    for path in ("/api/v1/namespaces", "/apis/kubeflow.org/v1/profiles", RBAC + "/rolebindings", "/apis/kubeflow.org/v1/notebooks",
                 "/api/v1/nodes", f"/api/v1/namespaces/{TENANT}/events", f"/api/v1/namespaces/{TENANT}"):
        stranger.refused_by_api(path)
    stranger.refused("/kfam/v1/role/clusteradmin?user=" + ADMIN)
    for path in ("profiles", "workspaces", "audit", "audit/export", "audit?log=gateway"):
        stranger.refused("/api/admin/" + path)
    # What is there and what is not is told alike.
    for path, method in (("/kfam/v1/bindings?namespace={}", "GET"), ("/kfam/v1/profiles/{}", "DELETE"), ("/api/activities/{}", "GET"),
                         ("/notebook/{}/echo/", "GET"), ("/jupyter/api/namespaces/{}/notebooks", "GET"),
                         ("/api/k8s/api/v1/namespaces/{}/pods", "GET"), ("/api/quota?ns={}", "GET"), ("/api/logs/{}/echo-0/echo", "GET")):
        answers = []
        for namespace in (TENANT, "nobodys"):
            answer = stranger.ask(path.format(namespace), method, None)
            assert answer.status_code in (401, 403)
            answers.append((answer.status_code, answer.text.replace(namespace, "N").replace(answer.headers.get("audit-id", "-"), "")))
        assert answers[0] == answers[1], path
    for path in ("/api/namespaces", "/debug", "/kfam/v1/bindings", "/kfam/", "/jupyter/api/gpus", "/api/dashboard-links"):
        world.nobody.refused(path, status=401)


def test_a10_a_strange_binding_breaks_nobodys_list(world, made):
    before = names(world.owner.ask("/kfam/v1/bindings"))
    for number, (user, subjects) in enumerate([
            (OWNER, [{"kind": "User", "name": STRANGER}, {"kind": "User", "name": OWNER}]), (ADMIN, []),
            (OWNER, [{"kind": "ServiceAccount", "name": "default", "namespace": FOREIGN}]), ("", [{"kind": "User", "name": STRANGER}])]):
        odd = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {
            "name": f"odd-{number}", "namespace": FOREIGN, "annotations": {"user": user, "role": "edit"}},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kubeflow-edit"}, "subjects": subjects}
        world.stranger.ask(f"/api/k8s{RBAC}/namespaces/{FOREIGN}/rolebindings", "POST", 201, json=odd)
        made(odd)
    for person in (world.owner, world.contributor, world.stranger, world.admin):
        for query in ("", f"?user={OWNER}", f"?user={person.name}", "?role=edit"):
            person.ask("/kfam/v1/bindings" + query)
    assert names(world.owner.ask("/kfam/v1/bindings")) == before
    assert names(world.admin.ask(f"/kfam/v1/bindings?namespace={FOREIGN}")) == {STRANGER}


def test_a11_what_a_binding_says_puts_nothing_into_a_victims_menu(world, made):
    made({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {
        "name": "menu", "namespace": FOREIGN, "annotations": {"user": OWNER, "role": "edit"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kubeflow-edit"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": STRANGER}]})
    for path in ("/api/workgroup/env-info", "/api/me", "/api/namespaces", "/jupyter/api/namespaces", "/kfam/v1/bindings"):
        assert FOREIGN not in world.owner.ask(path).text


def test_a11_a_role_of_ones_own_is_no_membership(world, made):
    """A namespace comes into a menu by the roles of the platform, not by any role that somebody made up."""
    made({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "nothing", "namespace": FOREIGN}, "rules": []},
         {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "nothing", "namespace": FOREIGN},
          "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "nothing"},
          "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": OWNER}]})
    assert FOREIGN not in world.owner.ask("/api/workgroup/env-info").text


@pytest.mark.parametrize("name", ["*", "*@attacks.example", "stranger@*", "a*b@x.y", "%2a@x", "system:anonymous", "System:Anonymous",
                                  "system:serviceaccount:foreign:default"])
def test_a12_names_that_mean_many_are_nobodys(world, name, made):
    if name == "%2a@x":
        world.owner.ask("/kfam/v1/bindings", "POST", json=binding(name, "edit"))
        world.stranger.refused(f"/kfam/v1/bindings?namespace={TENANT}")
        world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding(name, "edit"))
        return
    for role in ("admin", "edit", "view"):
        world.owner.refused("/kfam/v1/bindings", "POST", json=binding(name, role))
    world.owner.refused(f"/api/workgroup/add-contributor/{TENANT}", "POST", 400, json={"contributor": name})
    if "*" in name or name == "system:anonymous":
        owned = profile(world.platform.fresh_name("pattern"), name)
        made(owned)
        world.platform.wait("--for=condition=Failed", f"profile/{owned['metadata']['name']}")
        assert not there(world, "namespace", owned["metadata"]["name"])
        world.admin.refused("/kfam/v1/profiles", "POST", json=profile("any", name))


def test_a12_a_pattern_that_came_by_another_way_matches_nobody(world, made):
    made({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {
        "name": "pattern", "namespace": TENANT, "annotations": {"user": "*@attacks.example", "role": "edit"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kubeflow-edit"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "*@attacks.example"}]})
    world.stranger.refused(f"/notebook/{TENANT}/echo/")
    world.stranger.refused_by_api(f"/api/v1/namespaces/{TENANT}/pods")
    assert TENANT not in world.stranger.ask("/api/workgroup/env-info").text


@pytest.mark.parametrize("name", [
    "а" + "dmin@attacks.example", "оwner@attacks.example", "owner\u200b@attacks.example", "\u202eelpmaxe@x", "owner@attacks。example",
    "ｏwner@attacks.example", "owner@attacks.example\u0000", "owner@attacks.example\n", " owner@attacks.example", "a" * 100_000 + "@x.y",
    "a@" + "b." * 50_000 + "c", "a" * 50_000 + "!@" + "a" * 50_000, "@", "a@b@c" + "." * 50_000])
def test_a13_look_alikes_and_endless_names_are_refused(world, name):
    world.owner.refused(f"/api/workgroup/add-contributor/{TENANT}", "POST", 400, json={"contributor": name})
    if not name.isascii() or name != name.strip() or len(name) > 253:
        world.owner.refused("/kfam/v1/bindings", "POST", json=binding(name, "edit"))


def test_a13_letters_of_another_case_are_another_name(world):
    people.add(world.platform, "cased@attacks.example")
    world.owner.ask("/kfam/v1/bindings", "POST", json=binding("Cased@attacks.example", "edit"))
    try:
        # Whoever signs in, in any spelling, is the one that was added.
        for spelling in ("cased@attacks.example", "CASED@attacks.example"):
            person = Person(world.platform, spelling)
            assert person.ask("/api/me").json()["user"] == "cased@attacks.example"
        person.name = "cased@attacks.example"
        person.refused(f"/kfam/v1/bindings?namespace={TENANT}")
        done = world.platform.cli("login", "add", "Cased@attacks.example", "--data-dir", str(world.platform.data),
                                  input=people.PASSWORD + "\n", check=False)
        assert done.returncode != 0 and "capital" in done.stderr
    finally:
        world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding("Cased@attacks.example", "edit"))


def test_a14_removing_a_name_that_collides_takes_nothing_from_its_neighbour(world):
    near = ["a.b@attacks.example", "a-b@attacks.example", "a_b@attacks.example", "A.B@attacks.example", "a+b@attacks.example", "a..b@attacks.example"]
    url = "/kfam/v1/bindings"
    for name in near:
        world.owner.ask(url, "POST", json=binding(name, "edit"))
    for position, name in enumerate(near):
        world.owner.ask(url, "DELETE", json=binding(name, "edit"))
        left = names(world.owner.ask(f"{url}?namespace={TENANT}&role=edit"))
        assert set(near) & left == set(near[position + 1:])
    for wrong in (binding(CONTRIBUTOR, "view"), binding(VIEWER, "edit"), binding(CONTRIBUTOR, "edit", kind="Group")):
        world.owner.ask(url, "DELETE", 404, json=wrong)
    world.owner.refused(url, "DELETE", json=binding(OWNER, "admin"))
    assert {CONTRIBUTOR, OWNER, VIEWER} <= names(world.owner.ask(f"{url}?namespace={TENANT}"))


def test_a15_bindings_that_would_give_more_than_they_say_are_refused(world):
    for wrong in (
        binding(STRANGER, "kubeflow-admin"), binding(STRANGER, "cluster-admin"), binding(STRANGER, ""), binding(STRANGER, "Admin"),
        binding(STRANGER, "edit/../admin"), binding(STRANGER, "edit", RoleRef={"kind": "Role", "name": "edit"}),
        binding(STRANGER, "edit", RoleRef=None), binding(STRANGER, "edit", RoleRef="edit"), binding(STRANGER, "edit", RoleRef=[]),
        binding("default", "edit", kind="ServiceAccount"), binding("system:authenticated", "edit", kind="Group"),
        binding("system:masters", "view", kind="Group"), binding(STRANGER, "edit", kind="user"), binding(STRANGER, "edit", kind="Everyone"),
        binding(STRANGER, "edit", user=None), binding(STRANGER, "edit", user=[]), binding(STRANGER, "edit", user="x"),
        binding(STRANGER, "edit", user={"kind": "User"}), binding(STRANGER, "edit", user={"kind": "User", "name": 7}),
        binding(STRANGER, "edit", "kube-system"), binding(STRANGER, "edit", "default"), binding(STRANGER, "edit", FOREIGN),
        binding(STRANGER, "edit", "nobodys"), binding(STRANGER, "edit", ""), binding(STRANGER, "edit", None),
        binding(STRANGER, "edit", f"{TENANT}/../{FOREIGN}"), {}, [], None, 7, "x"):
        for method in ("POST", "DELETE"):
            world.owner.refused("/kfam/v1/bindings", method, data=json.dumps(wrong), headers={"Content-Type": "application/json"})
    assert STRANGER not in names(world.owner.ask(f"/kfam/v1/bindings?namespace={TENANT}"))
    for header in ("", "B", "Bearer", "Bearer ", "bearer  ", "Basic YTpi", "Negotiate x"):
        world.ask_kfam("/v1/bindings", status=401, headers={"Authorization": header})
    assert world.owner.ask("/kfam/v1/role/clusteradmin").text == "false", "KFAM still answers"


def test_a16_roles_are_what_they_say(world, notebooks, made):
    """`view` is the role for people who shall see, and no Secret; `edit` is for those who may do all but share."""
    made({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden", "namespace": TENANT}, "stringData": {"word": "hush-hush"}})
    place = f"/api/v1/namespaces/{TENANT}"
    for person in (world.viewer, world.stranger):
        for path in ("/secrets", "/secrets/hidden", "/secrets?watch=1"):
            assert "hush" not in person.refused_by_api(place + path).text
        for path in ("/pods", "/secrets", "/configmaps", "/serviceaccounts/default-editor/token"):
            person.refused_by_api(place + path, "POST", json={"metadata": {"name": "x"}})
        person.refused_by_api(place + "/pods/echo-0", "DELETE")
        person.refused_by_api(f"/apis/kubeflow.org/v1/namespaces/{TENANT}/notebooks/echo", "DELETE")
        person.refused_by_api(f"/apis/kubeflow.org/v1alpha1/namespaces/{TENANT}/poddefaults", "POST", json={"metadata": {"name": "x"}})
        for command in (["exec", "echo-0", "--", "id"], ["attach", "echo-0"]):
            done = world.platform.kubectl("--as", person.name, "-n", TENANT, *command, check=False)
            assert done.returncode != 0 and "orbidden" in done.stderr
    assert audit.api(world.platform, user=VIEWER, subresource="exec", code=403)["name"] == "echo-0"
    world.viewer.refused(notebooks)  # who opens a notebook runs code in it
    # A contributor's looks at Secrets are not refused, and never unseen.
    seen = world.contributor.ask(f"/api/k8s{place}/secrets/hidden")
    line = audit.api(world.platform, id=seen.headers["audit-id"])
    assert (line["user"], line["verb"], line["name"], line["decision"]) == (CONTRIBUTOR, "get", "hidden", "allow")
    world.contributor.refused_by_api(f"/api/v1/namespaces/{FOREIGN}/secrets")
    # ... and no way to more: neither roles, nor bindings, nor tokens of accounts that may more, nor limits.
    for path in ("/roles", "/rolebindings"):
        world.contributor.refused_by_api(f"{RBAC}/namespaces/{TENANT}{path}", "POST", json={"metadata": {"name": "x"}})
    world.contributor.refused_by_api(f"{RBAC}/namespaces/{TENANT}/rolebindings/namespaceAdmin", "PATCH", json={"subjects": []},
                                     headers={"Content-Type": "application/merge-patch+json"})
    for path in ("/resourcequotas", "/limitranges"):
        world.contributor.refused_by_api(place + path, "POST", json={"metadata": {"name": "x"}})


def test_a16_contributors_cannot_share_nor_rise(world):
    url = "/kfam/v1/bindings"
    for person in (world.contributor, world.viewer, world.stranger):
        for role in ("admin", "edit", "view"):
            person.refused(url, "POST", json=binding(person.name, role))
            person.refused(url, "POST", json=binding("friend@attacks.example", role))
            person.refused(url, "DELETE", json=binding(OWNER, role))
        person.refused(f"/api/workgroup/add-contributor/{TENANT}", "POST", json={"contributor": "friend@attacks.example"})
        person.refused(f"/api/workgroup/remove-contributor/{TENANT}", "DELETE", json={"contributor": CONTRIBUTOR})
        person.refused(f"/kfam/v1/profiles/{TENANT}", "DELETE", 401)
    # The Pods of a namespace cannot either, with any account in it.
    for account in ("default-editor", "default-viewer", "default"):
        token = world.token(TENANT, account)
        world.ask_kfam(url.removeprefix("/kfam"), "POST", 403, token, json=binding("friend@attacks.example", "view"))
        world.ask_kfam(f"/v1/profiles/{TENANT}", "DELETE", 401, token)
        world.ask_kfam("/v1/profiles", "POST", 403, token, json=profile("podmade", OWNER))
    assert "friend@attacks.example" not in names(world.owner.ask(f"{url}?namespace={TENANT}"))


def test_owners_cannot_give_what_they_have_not(world):
    """The owner binds roles by RBAC too; only those that the owner has."""
    place = f"{RBAC}/namespaces/{TENANT}"
    for role in ("cluster-admin", "system:node", "martlet-gateway"):
        world.owner.refused_by_api(place + "/rolebindings", "POST", json={
            "metadata": {"name": "more"}, "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": OWNER}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}})
    for rule in ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]},
                 {"apiGroups": [""], "resources": ["resourcequotas"], "verbs": ["update"]},
                 {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}):
        world.owner.refused_by_api(place + "/roles", "POST", json={"metadata": {"name": "more"}, "rules": [rule]})
    for path in ("/clusterroles", "/clusterrolebindings"):
        world.owner.refused_by_api(RBAC + path, "POST", json={"metadata": {"name": "more"}})
    for aggregated in ("kubeflow-edit", "kubeflow-notebooks-edit"):
        world.owner.refused_by_api(f"{RBAC}/clusterroles/{aggregated}", "PATCH", json={"rules": []},
                                   headers={"Content-Type": "application/merge-patch+json"})
    world.owner.refused_by_api(f"/apis/kubeflow.org/v1/profiles/{TENANT}", "PATCH", json={"spec": {"resourceQuotaSpec": {"hard": {}}}},
                               headers={"Content-Type": "application/merge-patch+json"})
    for path in ("/api/v1/namespaces/kubeflow/configmaps/martlet-gateway-keys", "/api/v1/namespaces/kubeflow/secrets/profile-controller-webhook"):
        for method in ("GET", "DELETE"):
            world.owner.refused_by_api(path, method)


def test_a18_nobody_makes_or_loosens_a_namespace(world):
    hostile = {"pod-security.kubernetes.io/enforce": "privileged", "istio-injection": "disabled", "app.kubernetes.io/part-of": "mine"}
    for person in (world.owner, world.contributor, world.stranger):
        person.refused_by_api("/api/v1/namespaces", "POST", json={"metadata": {"name": "early", "labels": hostile}})
        person.refused_by_api(f"/api/v1/namespaces/{TENANT}", "PATCH", json={"metadata": {"labels": hostile}},
                              headers={"Content-Type": "application/merge-patch+json"})
        person.refused_by_api(f"/api/v1/namespaces/{TENANT}", "DELETE")


def test_a18_what_is_taken_over_gets_the_platforms_guards(world, made):
    name = world.platform.fresh_name("early")
    hostile = {"pod-security.kubernetes.io/enforce": "privileged", "istio-injection": "disabled",
               "app.kubernetes.io/part-of": "mine", "team": "kept"}
    made({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": hostile, "annotations": {"owner": STRANGER}}})
    made(profile(name, OWNER))
    world.platform.wait("--for=condition=Failed", f"profile/{name}")
    assert not there(world, "rolebinding", "namespaceAdmin", "-n", name), "another's namespace is left alone"
    world.platform.kubectl("annotate", "--overwrite", "namespace", name, f"owner={OWNER}")
    world.platform.wait("--for=condition=Successful", f"profile/{name}")
    labels = world.platform.get("namespace", name)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline" and labels["istio-injection"] == "enabled"
    assert labels["app.kubernetes.io/part-of"] == "kubeflow-profile" and labels["team"] == "kept"


@pytest.mark.parametrize("owner,kind", [
    ("system:anonymous", "User"), ("system:masters", "User"), ("system:authenticated", "Group"), ("system:unauthenticated", "Group"),
    ("system:serviceaccounts", "Group"), ("system:kube-controller-manager", "User"), ("*", "Group"), ("x", "Role"), ("x", "ServiceAccount")])
def test_profiles_of_kubernetes_own_names_give_nobody_anything(world, owner, kind, made):
    name = world.platform.fresh_name("owned")
    done = made(profile(name, owner, kind), check=False)
    if done.returncode == 0:
        world.platform.wait("--for=condition=Failed", f"profile/{name}")
    assert not there(world, "namespace", name)


def test_a33_profiles_that_go_while_they_come_leave_nothing(world):
    """Made, changed and deleted at once, with a plugin that nobody knows and one that fails."""
    crowd = [world.platform.fresh_name("brief") for _ in range(4)]
    plugins = [{"kind": "Unknown", "spec": {"x": 1}}, {"kind": "AwsIamForServiceAccount", "spec": {"awsIamRole": "nonsense"}}]
    objects = [profile(name, OWNER, plugins=plugins if number % 2 else []) for number, name in enumerate(crowd)]
    for _ in range(2):
        world.platform.apply({"apiVersion": "v1", "kind": "List", "items": objects})
        world.platform.kubectl("delete", "profile", *crowd, "--timeout=60s")
        world.platform.kubectl("delete", "namespace", *crowd, "--ignore-not-found", "--timeout=60s")
    for name in crowd:
        assert not there(world, "profile", name) and not there(world, "namespace", name)
    accounts = world.platform.get("serviceaccounts,rolebindings", "--all-namespaces")["items"]
    assert not {item["metadata"]["namespace"] for item in accounts} & set(crowd)


def test_a35_what_is_taken_away_is_gone_at_the_next_request(world, notebooks):
    """No answer from before stands: the limit is shorter than any memory of an answer."""
    people.add(world.platform, "former@attacks.example")
    former = Person(world.platform, "former@attacks.example")
    for _ in range(3):
        world.owner.ask("/kfam/v1/bindings", "POST", json=binding(former.name, "edit"))
        eventually(lambda: former.ask(notebooks, status=None).status_code == 200, limit=5)
        world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding(former.name, "edit"))
        eventually(lambda: former.ask(notebooks, status=None).status_code == 403, limit=5)
        former.refused_by_api(f"/api/v1/namespaces/{TENANT}/pods")
    world.platform.cli("login", "remove", former.name, "--data-dir", str(world.platform.data))
    eventually(lambda: former.ask("/api/me", status=None).status_code == 401, limit=5)


def test_a35_an_open_socket_ends_with_the_right_to_it(world, notebooks):
    """Who is removed while a terminal is open does not keep the terminal."""
    people.add(world.platform, "leaver@attacks.example")
    leaver = Person(world.platform, "leaver@attacks.example")
    address = urllib.parse.urlsplit(world.platform.gateway)
    head = (f"GET {notebooks}stay HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {wire.cookies(leaver.session)}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n").encode()
    for end in ("role", "session"):
        world.owner.ask("/kfam/v1/bindings", "POST", json=binding(leaver.name, "edit"))
        eventually(lambda: leaver.ask(notebooks, status=None).status_code == 200, limit=5)
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            connection.sendall(head)
            came = b""
            while not came.endswith(b"open"):
                piece = connection.recv(4096)
                assert piece, came
                came += piece
            assert wire.status(came) == 101
            if end == "role":
                world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding(leaver.name, "edit"))
            else:
                leaver.ask("/logout", "POST", 204)
            assert connection.recv(4096) == b"", end
    world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding(leaver.name, "edit"))


def test_a35_each_step_of_a_form_is_the_users_own(world, made):
    """Somebody who may make notebooks but no volumes gets neither by the form; the platform's own rights do not help."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "only-notebooks", "namespace": TENANT},
            "rules": [{"apiGroups": ["kubeflow.org"], "resources": ["notebooks"], "verbs": ["*"]}]}
    made(role, {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "only-notebooks", "namespace": TENANT},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "only-notebooks"},
                "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": STRANGER}]})
    name = world.platform.fresh_name("formed")
    form = {"name": name, "image": "jupyter-minimal", "cpu": "0.1", "memory": "0.1Gi", "workspace": {
        "mount": "/home/jovyan", "newPvc": {"metadata": {"name": "{notebook-name}-workspace"}, "spec": {
            "resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}}}}
    for person in (world.stranger, world.viewer):
        person.refused(f"/jupyter/api/namespaces/{TENANT}/notebooks", "POST", json=form)
    assert not there(world, "notebook", name, "-n", TENANT) and not there(world, "pvc", f"{name}-workspace", "-n", TENANT)
    world.viewer.refused(f"/jupyter/api/namespaces/{TENANT}/notebooks/echo", "PATCH", json={"stopped": True})
    world.viewer.refused(f"/jupyter/api/namespaces/{TENANT}/notebooks/echo", "DELETE")
    for path in ("pvcs", "poddefaults", "notebooks", "notebooks/echo", "notebooks/echo/events"):
        if path not in ("notebooks", "notebooks/echo"):
            world.nobody.refused(f"/jupyter/api/namespaces/{TENANT}/{path}", status=401)


def test_forms_reach_no_other_namespace(world):
    form = {"name": "there", "image": "jupyter-minimal", "cpu": "0.1", "memory": "0.1Gi"}
    place = f"/jupyter/api/namespaces/{FOREIGN}/notebooks"
    for change in ({"namespace": TENANT}, {"name": "../there"}, {"name": "a\nserviceAccountName: admin"}, {"name": "a: {b}"},
                   {"name": {"x": 1}}, {"customImage": "a\nb", "customImageCheck": True}, {"image": "a\nb"}, {"cpu": "-1"}, {"memory": "1\n"}):
        answer = world.stranger.ask(place, "POST", None, json={**form, **change})
        assert answer.status_code in (400, 403, 422), change
    assert not there(world, "notebook", "there", "-n", TENANT)
