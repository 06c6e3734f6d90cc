"""The quota of a Profile that exists, changed by an administrator."""

import pytest

from support import people


@pytest.fixture(scope="module")
def admin(platform):
    people.make_administrator(platform, "quota@example.com")
    people.add(platform, "quota@example.com")
    return people.sign_in(platform, "quota@example.com")


@pytest.fixture
def name(platform):
    name = platform.fresh_name("limited")
    platform.apply({"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": name}, "spec": {
        "owner": {"kind": "User", "name": "ada@example.com"}, "resourceQuotaSpec": {"hard": {"cpu": "4", "requests.nvidia.com/gpu": "1"}}}})
    platform.wait("--for=condition=Successful", f"profile/{name}")
    yield name
    platform.kubectl("delete", "profile", name, "--wait=false")


def put(platform, session, name, body, status=200):
    answer = session.put(f"{platform.gateway}/api/admin/profiles/{name}/quota", json=body, timeout=30)
    assert answer.status_code == status, answer.text
    return answer.json()


def listed(platform, session, name):
    rows = session.get(f"{platform.gateway}/api/admin/profiles", timeout=30).json()["profiles"]
    return next(row["quota"]["hard"] for row in rows if row["name"] == name)


def test_a_quota_is_changed_and_in_the_next_answer(platform, admin, name):
    for hard in ({"cpu": "2", "memory": "8Gi", "pods": "5"}, {"cpu": "500m"}, {}, {"requests.storage": "1Ti", "count/notebooks.kubeflow.org": "3"}, {"cpu": 3}):
        kept = {key: str(value) for key, value in hard.items()}
        assert put(platform, admin, name, {"hard": hard})["hard"] == kept
        assert listed(platform, admin, name) == kept
        if hard:
            key, value = next(iter(kept.items()))
            path = key.replace(".", r"\.")
            platform.wait(f"--for=jsonpath={{.spec.hard.{path}}}={value}", "resourcequota/kf-resource-quota", "-n", name)
            assert platform.get("resourcequota", "kf-resource-quota", "-n", name)["spec"]["hard"] == kept
        else:
            platform.wait("--for=delete", "resourcequota/kf-resource-quota", "-n", name)
    spec = platform.get("profile", name)["spec"]
    assert spec["owner"]["name"] == "ada@example.com" and spec["resourceQuotaSpec"] == {"hard": {"cpu": "3"}}


def test_what_is_no_quota_is_told_by_field_and_changes_nothing(platform, admin, name):
    wrong = {"cpu": "many", "memory": "-1Gi", "pods": "1.5", "wishes": "3", "requests.storage": "", "a b/c": "1"}
    answer = put(platform, admin, name, {"hard": {**wrong, "limits.cpu": "4"}}, 400)
    assert set(answer["fields"]) == set(wrong) and answer["error"]
    for body in ({}, {"hard": []}, {"hard": "4"}, {"hard": None}):
        put(platform, admin, name, body, 400)
    assert listed(platform, admin, name) == {"cpu": "4", "requests.nvidia.com/gpu": "1"}
    put(platform, admin, platform.fresh_name("nobodys"), {"hard": {}}, 404)
