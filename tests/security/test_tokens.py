"""API tokens: made by people for programs, for some purposes, until a day."""

import json
import re

import pytest
import requests
from support import people
from support.gateway import Gateway
from support.waiting import eventually


@pytest.fixture(scope="module")
def nina(platform):
    """Somebody with a password and a group."""
    people.add(platform, "nina@example.com", "team")
    return people.sign_in(platform, "nina@example.com")


def make(platform, session, **fields):
    answer = session.post(f"{platform.gateway}/api/tokens", json={"name": "ci", "scopes": ["read"], **fields}, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()


def ask(platform, token, path="/api/me", method="GET", **options):
    return requests.request(method, platform.gateway + path, timeout=30, allow_redirects=False,
                            headers={"Authorization": f"Bearer {token}"}, **options)


def listed(platform, session):
    return session.get(f"{platform.gateway}/api/tokens", timeout=30).json()["tokens"]


def test_a_token_acts_as_its_owner(platform, nina):
    made = make(platform, nina, name="nightly build", days=7)
    assert re.fullmatch(r"martlet_[A-Za-z0-9_-]{43}", made["token"])
    me = ask(platform, made["token"]).json()
    assert (me["user"], me["groups"]) == ("nina@example.com", ["team"])
    one, = [one for one in listed(platform, nina) if one["id"] == made["id"]]
    assert "token" not in one and one["name"] == "nightly build" and one["scopes"] == ["read"] and one["lastUsed"]
    assert one["expires"][:4] >= one["created"][:4]
    for part in (platform.data / "gateway").rglob("*"):
        assert not part.is_file() or made["token"].encode() not in part.read_bytes(), part


def test_scopes_are_kept(platform, nina):
    read, write, notebooks = (make(platform, nina, scopes=[scope])["token"] for scope in ("read", "write", "notebooks"))
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    target = "/api/k8s/apis/authentication.k8s.io/v1/selfsubjectreviews"
    assert ask(platform, read, target, "POST", json=review).status_code == 403
    answer = ask(platform, write, target, "POST", json=review)
    assert answer.json()["status"]["userInfo"]["username"] == "nina@example.com"
    assert ask(platform, write).status_code == 200
    assert ask(platform, notebooks).status_code == 403
    notebook = f"/notebook/{platform.user_namespace}/none/"
    assert ask(platform, read, notebook).status_code == 403
    assert "scope" in ask(platform, read, notebook).text
    assert "scope" not in ask(platform, notebooks, notebook).text
    for path, method in (("/kfam/v1/bindings", "DELETE"), ("/kfam/v1/profiles", "POST"), ("/api/workgroup/create", "POST"),
                         ("/jupyter/api/namespaces/x/notebooks", "POST")):
        assert ask(platform, read, path, method, json={}).status_code == 403, path


@pytest.mark.parametrize("wrong", [
    {"name": ""}, {"name": "x" * 101}, {"name": "a\nb"}, {"name": 7}, {"scopes": []}, {"scopes": ["admin"]}, {"scopes": "read"},
    {"scopes": ["read", 7]}, {"days": 0}, {"days": 366}, {"days": -1}, {"days": "7"}, {"days": 1.5}, {"days": 10**30},
], ids=str)
def test_wishes_that_cannot_be(platform, nina, wrong):
    answer = nina.post(f"{platform.gateway}/api/tokens", json={"name": "x", "scopes": ["read"], **wrong}, timeout=30)
    assert answer.status_code == 400 and answer.json()["message"]


def test_a_token_makes_no_tokens_and_ends_no_sessions(platform, nina):
    made = make(platform, nina, scopes=["read", "write", "notebooks"])
    assert ask(platform, made["token"], "/api/tokens", "POST", json={"name": "x", "scopes": ["read"]}).status_code == 403
    assert ask(platform, made["token"], "/api/tokens").status_code == 403
    assert ask(platform, made["token"], "/api/sessions").status_code == 403
    assert ask(platform, made["token"], f"/api/tokens/{made['id']}", "DELETE").status_code == 403


def test_a_foreign_page_makes_no_token(platform, nina):
    wish = {"name": "x", "scopes": ["read"]}
    url = f"{platform.gateway}/api/tokens"
    for headers in ({"X-XSRF-TOKEN": ""}, {"Origin": "http://evil.example"}, {"Referer": f"{platform.gateway}/notebook/a/b/"},
                    {"Content-Type": "text/plain"}):
        assert nina.post(url, data=json.dumps(wish), headers=headers, timeout=30).status_code in (400, 403)


def test_revoked_tokens_end_at_once_and_only_their_owner_revokes(platform, nina):
    made = make(platform, nina)
    other = platform.session()
    url = f"{platform.gateway}/api/tokens/{made['id']}"
    assert other.delete(url, timeout=30).status_code == 404
    assert made["id"] not in [one["id"] for one in listed(platform, other)]
    assert ask(platform, made["token"]).status_code == 200
    assert nina.delete(url, timeout=30).status_code == 204
    assert ask(platform, made["token"]).status_code == 401
    assert nina.delete(url, timeout=30).status_code == 404
    for id in ("..", "%2e%2e%2fsessions", "x", made["id"] + "x", "*"):
        assert nina.delete(f"{platform.gateway}/api/tokens/{id}", timeout=30).status_code in (400, 404, 405)


@pytest.mark.parametrize("change", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "E"), lambda t: t[:-1], lambda t: t + "x",
                                    lambda t: t.upper(), lambda t: t.removeprefix("martlet_"), lambda t: "martlet_" + "A" * 43,
                                    lambda t: "martlet_../" + t[11:]])
def test_what_is_nearly_a_token_is_none(platform, nina, change):
    assert ask(platform, change(make(platform, nina)["token"])).status_code == 401


def test_the_command_line_makes_lists_and_revokes(platform):
    data = ["--data-dir", str(platform.data)]
    made = json.loads(platform.cli("token", "create", "backup", "--user", "ops@example.com", "--group", "ops", "--scope", "read",
                                   "--scope", "write", "--days", "3", "--output", "json", *data).stdout)
    me = ask(platform, made["token"]).json()
    assert (me["user"], me["groups"]) == ("ops@example.com", ["ops"])
    assert platform.cli("token", "create", "own", *data).stdout.startswith("martlet_")
    listed = json.loads(platform.cli("token", "list", "--user", "ops@example.com", "--output", "json", *data).stdout)
    assert [(one["id"], one["name"], one["scopes"]) for one in listed] == [(made["id"], "backup", ["read", "write"])]
    assert made["token"] not in platform.cli("token", "list", *data).stdout
    platform.cli("token", "revoke", made["id"], *data)
    assert eventually_refused(platform, made["token"])
    assert platform.cli("token", "revoke", made["id"], *data, check=False).returncode != 0
    for wrong in (["x", "--user", "system:admin"], ["x", "--days", "400"], ["x", "--scope", "all"], [""]):
        done = platform.cli("token", "create", *wrong, *data, check=False)
        assert done.returncode != 0 and "martlet_" not in done.stdout


def eventually_refused(platform, token):
    """Another process's change is noticed within a second."""
    return eventually(lambda: ask(platform, token).status_code == 401)


def test_who_is_removed_has_no_tokens_and_sessions_any_more(platform):
    people.add(platform, "gone@example.com", "team", "other")
    session = people.sign_in(platform, "gone@example.com")
    token = make(platform, session)["token"]
    people.add(platform, "gone@example.com", "other")
    assert eventually(lambda: ask(platform, token).json()["groups"] == ["other"]), "a group that is lost is lost in tokens"
    said = platform.cli("login", "remove", "gone@example.com", "--data-dir", str(platform.data)).stdout
    assert "1 API tokens" in said
    assert eventually_refused(platform, token)
    assert session.get(f"{platform.gateway}/api/me", timeout=30).status_code == 401


def test_tokens_outlive_the_gateways_death(platform, tmp_path):
    with Gateway(platform, tmp_path / "state") as gateway:
        # The command line needs no more than the folder.
        state = tmp_path / "data"
        state.mkdir()
        (state / "format.json").write_text('{"format":1}')
        (state / "gateway").symlink_to(tmp_path / "state")
        token = platform.cli("token", "create", "x", "--user", "a@example.com", "--data-dir", str(state)).stdout.strip()
        assert gateway.who(token) == ("a@example.com", [])
        gateway.kill()
        gateway.start()
        assert gateway.who(token) == ("a@example.com", [])
