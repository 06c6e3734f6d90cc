"""`martlet profile`: what an administrator does with Profiles at the command line."""

import json

import pytest


@pytest.fixture
def profile(platform):
    def run(*arguments, check=True):
        return platform.cli("profile", *arguments, "--data-dir", str(platform.data), check=check)

    return run


@pytest.fixture
def name(platform, profile):
    name = platform.fresh_name("project")
    profile("create", name, "--owner", "owner@example.com", "--quota", "cpu=3", "--quota", "requests.storage=7Gi")
    yield name
    profile("delete", name, "--yes", check=False)


def one(profile, name):
    return next(each for each in json.loads(profile("list", "--output", "json").stdout) if each["name"] == name)


def may(platform, verb, what, namespace, user, *groups):
    flags = [part for group in groups for part in ("--as-group", group)]
    done = platform.kubectl("auth", "can-i", verb, what, "-n", namespace, "--as", user, *flags, check=False)
    return done.stdout.strip() == "yes"


def test_a_profile_is_there_when_the_command_ends(platform, profile, name):
    listed = one(profile, name)
    assert listed["state"] == "Successful" and listed["owner"] == {"kind": "User", "name": "owner@example.com"}
    assert listed["contributors"] == []
    assert may(platform, "create", "notebooks.kubeflow.org", name, "owner@example.com")
    assert platform.get("resourcequota", "kf-resource-quota", "-n", name)["spec"]["hard"] == {"cpu": "3", "requests.storage": "7Gi"}
    assert f"{name}  Successful  owned by owner@example.com" in profile("list").stdout


def test_a_transfer_gives_all_and_takes_all(platform, profile, name):
    profile("transfer", name, "heir@example.com")
    assert may(platform, "create", "notebooks.kubeflow.org", name, "heir@example.com")
    assert not may(platform, "get", "pods", name, "owner@example.com")
    profile("transfer", name, "heirs", "--group")
    assert may(platform, "create", "notebooks.kubeflow.org", name, "anybody@example.com", "heirs")
    assert not may(platform, "get", "pods", name, "heir@example.com")
    assert one(profile, name)["owner"] == {"kind": "Group", "name": "heirs"}


@pytest.mark.parametrize("role", ["admin", "edit", "view"])
@pytest.mark.parametrize("flags", [[], ["--group"]], ids=["user", "group"])
def test_contributors_come_and_go(platform, profile, name, role, flags):
    profile("add-contributor", name, "guest", "--role", role, *flags)
    profile("add-contributor", name, "guest", "--role", role, *flags)
    kind = "Group" if flags else "User"
    assert one(profile, name)["contributors"] == [{"kind": kind, "name": "guest", "role": role}]
    who = ("x@example.com", "guest") if flags else ("guest",)
    assert may(platform, "list", "pods", name, *who) and may(platform, "create", "pods", name, *who) == (role != "view")
    profile("remove-contributor", name, "guest", "--role", role, *flags)
    assert not may(platform, "list", "pods", name, *who)
    assert profile("remove-contributor", name, "guest", "--role", role, *flags, check=False).returncode != 0


@pytest.mark.parametrize("arguments,says", [
    (["create", "Not_A_Name", "--owner", "a"], "name"), (["create", "x", "--owner", "*"], "*"),
    (["create", "kubeflow", "--owner", "a@example.com"], "kubeflow"), (["create", "x", "--owner", "a", "--quota", "cpu"], "quota"),
    (["transfer", "nobodys", "a"], "nobodys"), (["add-contributor", "nobodys", "a"], "nobodys"),
    (["add-contributor", "nobodys", "a", "--role", "owner"], "role"), (["delete", "nobodys"], "--yes"),
    (["delete", "nobodys", "--yes"], "nobodys"), (["add-contributor", "nobodys", "system:authenticated", "--group"], "system:authenticated"),
])
def test_what_cannot_be_is_said(platform, profile, arguments, says):
    done = profile(*arguments, check=False)
    assert done.returncode != 0 and says in done.stderr
    assert arguments[1] not in [each["name"] for each in json.loads(profile("list", "--output", "json").stdout)]


def test_deleting_is_asked_for_twice(platform, profile, name):
    assert profile("delete", name, check=False).returncode != 0
    profile("delete", name, "--yes")
    platform.kubectl("wait", "--for=delete", f"namespace/{name}", "--timeout=60s")
