"""Full disks, bad requests, vanished peers: a clear answer, and the platform goes on."""

import json
import socket
import ssl
import subprocess
import urllib.parse

import pytest
import requests

from support.platform import Platform


@pytest.fixture
def admin(platform):
    return platform.session()


def k8s(platform, session, method, path, **options):
    return session.request(method, f"{platform.gateway}/api/k8s{path}", timeout=30, **options)


def config_maps(platform):
    return f"/api/v1/namespaces/{platform.user_namespace}/configmaps"


def test_broken_json_is_refused_with_its_place(platform, admin):
    answer = k8s(platform, admin, "POST", config_maps(platform), data='{"a": [1,}',
                 headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["kind"] == "Status" and answer.json()["reason"] == "BadRequest"


def test_a_body_over_the_limit_is_413(platform, admin):
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"x": "y" * (4 << 20)}})
    answer = k8s(platform, admin, "POST", config_maps(platform), data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["reason"] == "RequestEntityTooLarge"


def test_a_wrong_content_type_is_415(platform, admin):
    answer = k8s(platform, admin, "POST", config_maps(platform), data="a,b", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 415
    assert answer.json()["reason"] == "UnsupportedMediaType"


def test_deep_nesting_is_refused_and_the_server_lives(platform, admin):
    answer = k8s(platform, admin, "POST", config_maps(platform), data="[" * 100_000,
                 headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert k8s(platform, admin, "GET", config_maps(platform)).status_code == 200


def test_an_anonymous_caller_learns_nothing(platform):
    answer = requests.get(f"{platform.kubernetes}/api/v1/namespaces", verify=False, timeout=10)
    assert answer.status_code in (401, 403)
    assert requests.get(f"{platform.gateway}/api/me", timeout=10).status_code == 401


def test_a_sign_in_token_works_once(platform):
    url = platform.fresh_sign_in_url()
    first = requests.get(url, timeout=10, allow_redirects=False)
    assert first.status_code == 303 and "HttpOnly" in first.headers["Set-Cookie"]
    again = requests.get(url, timeout=10, allow_redirects=False)
    assert again.status_code == 401 and "martlet login url" in again.text
    wrong = requests.get(f"{platform.gateway}/login?token=nonsense", timeout=10, allow_redirects=False)
    assert wrong.status_code == 401


def test_identity_headers_from_outside_are_worth_nothing(platform):
    answer = requests.get(f"{platform.gateway}/api/me", headers={"kubeflow-userid": "user@example.com"}, timeout=10)
    assert answer.status_code == 401


def test_a_change_without_the_csrf_header_is_refused(platform, admin):
    del admin.headers["X-XSRF-TOKEN"]
    answer = admin.delete(f"{platform.gateway}/jupyter/api/namespaces/{platform.user_namespace}/notebooks/none", timeout=10)
    assert answer.status_code == 403


def test_a_foreign_host_name_is_refused(platform):
    answer = requests.get(f"{platform.gateway}/", headers={"Host": "evil.example.com"}, timeout=10)
    assert answer.status_code in (400, 403, 421)


@pytest.mark.parametrize("name, words", [("Bad_Name", "ower-case"), ("x" * 60, "52"), ("", "name")])
def test_a_bad_notebook_name_is_named_at_its_field(platform, admin, name, words):
    form = {"name": name, "namespace": platform.user_namespace, "image": "ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy:latest",
            "customImageCheck": False, "serverType": "jupyter", "cpu": "0.5", "memory": "1.0Gi",
            "gpus": {"num": "none"}, "tolerationGroup": "none", "affinityConfig": "none", "configurations": [],
            "shm": False, "environment": {}, "datavols": []}
    answer = admin.post(f"{platform.gateway}/jupyter/api/namespaces/{platform.user_namespace}/notebooks", json=form, timeout=30)
    assert 400 <= answer.status_code < 500
    body = answer.json()
    assert body["success"] is False and words in json.dumps(body["fields"]["name"])


def test_an_image_that_nothing_matches_says_what_to_add(platform, namespace):
    platform.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "odd", "namespace": namespace},
                    "spec": {"containers": [{"name": "main", "image": "example.com/nobody/knows:1"}]}})
    platform.wait("--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff", "pod/odd", "-n", namespace)
    state = platform.get("pod", "odd", "-n", namespace)["status"]["containerStatuses"][0]["state"]["waiting"]
    assert "ErrImagePull" in state["message"] and "environments.yaml" in state["message"] and "example.com/nobody/knows:1" in state["message"]


def test_a_websocket_peer_that_vanishes_does_no_harm(platform, admin):
    port = urllib.parse.urlsplit(platform.gateway).port
    cookie = "; ".join(f"{c.name}={c.value}" for c in admin.cookies)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall((f"GET /notebook/{platform.user_namespace}/none/api/kernels HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                          f"Cookie: {cookie}\r\nOrigin: http://127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").encode())
    assert admin.get(f"{platform.gateway}/api/me", timeout=10).status_code == 200


def test_a_full_disk_is_answered_with_507_and_reads_go_on(tmp_path, shared_caches):
    """The data directory lies on a small file system, which is then filled."""
    data = tmp_path / "small"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(data)], check=True)
    try:
        with Platform(data, shared_caches) as platform:
            session = platform.session()
            kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}}
            assert k8s(platform, session, "POST", config_maps(platform), json=kept).status_code == 201
            with open(data / "filler", "wb") as filler:
                try:
                    while True:
                        filler.write(b"\0" * (64 << 10))
                        filler.flush()
                except OSError:
                    pass
            statuses = []
            for number in range(200):
                body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"more-{number}"},
                        "data": {"x": "y" * 500_000}}
                answer = k8s(platform, session, "POST", config_maps(platform), json=body)
                statuses.append(answer.status_code)
                if answer.status_code == 507:
                    break
            assert statuses[-1] == 507, statuses[-5:]
            assert "space" in answer.json()["message"]
            assert k8s(platform, session, "GET", config_maps(platform) + "/kept").json()["data"] == {"a": "b"}
            (data / "filler").unlink()
            again = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "again"}, "data": {"a": "b"}}
            assert k8s(platform, session, "POST", config_maps(platform), json=again).status_code == 201
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)
