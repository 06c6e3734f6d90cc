"""What was begun with a session, a token or a role ends with it: streams, logs, watches, downloads."""

import pytest
import requests

from support import people
from support.tenants import TENANT, binding

USER = "revoked@attacks.example"
LONG = {
    "stream": f"/api/stream?ns={TENANT}&topics=notebooks",
    "log": f"/api/logs/{TENANT}/echo-0/echo?follow=1",
    "watch": f"/api/k8s/api/v1/namespaces/{TENANT}/configmaps?watch=1",
    "kubectl logs": f"/api/k8s/api/v1/namespaces/{TENANT}/pods/echo-0/log?follow=true",
}


@pytest.fixture
def member(world, notebooks):
    """Somebody with a part in the namespace, who may lose it."""
    people.add(world.platform, USER)
    world.owner.ask("/kfam/v1/bindings", "POST", json=binding(USER, "edit"))
    session = people.sign_in(world.platform, USER)
    yield session
    world.owner.ask("/kfam/v1/bindings", "DELETE", None, json=binding(USER, "edit"))


def opened(world, session, path, headers=None):
    """A long answer that has begun; the time only ends a failing test."""
    answer = session.get(world.platform.gateway + path, stream=True, timeout=12, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return answer


def ends(answer):
    """True when nothing more comes, because the connection was cut or closed."""
    try:
        for _ in answer.iter_content(None):
            pass
    except requests.exceptions.ChunkedEncodingError:
        return True
    except requests.exceptions.ConnectionError as error:
        return "timed out" not in str(error).lower()
    return True


def all_end(answers):
    assert {kind: ends(answer) for kind, answer in answers.items()} == dict.fromkeys(answers, True)


def test_long_answers_end_with_the_session(world, member):
    answers = {kind: opened(world, member, path) for kind, path in LONG.items()}
    assert member.post(world.platform.gateway + "/logout", timeout=30).status_code == 204
    all_end(answers)


def test_long_answers_end_with_the_role(world, member):
    answers = {kind: opened(world, member, path) for kind, path in LONG.items()}
    world.owner.ask("/kfam/v1/bindings", "DELETE", json=binding(USER, "edit"))
    all_end(answers)


def test_long_answers_end_with_the_token(world, member):
    made = member.post(world.platform.gateway + "/api/tokens", json={"name": "long", "scopes": ["read"], "days": 1}, timeout=30).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    answers = {kind: opened(world, requests.Session(), path, headers) for kind, path in LONG.items()}
    assert member.delete(f"{world.platform.gateway}/api/tokens/{made['id']}", timeout=30).status_code == 204
    all_end(answers)


def test_a_change_of_other_roles_ends_nothing(world, member):
    """Each change of roles makes it ask again; the answer is the same."""
    answers = {kind: opened(world, member, path) for kind, path in LONG.items()}
    other = binding("somebody@attacks.example", "view")
    for method in ("POST", "DELETE"):
        world.owner.ask("/kfam/v1/bindings", method, json=other)
    lines = answers["watch"].iter_lines()
    for number in range(3):
        name = f"seen-{number}"
        world.platform.kubectl("create", "configmap", name, "-n", TENANT)
        assert any(name.encode() in line for line in lines)
        world.platform.kubectl("delete", "configmap", name, "-n", TENANT)
    for answer in answers.values():
        assert not answer.raw.closed
        answer.close()
