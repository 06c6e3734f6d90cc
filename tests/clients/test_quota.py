"""Quotas under many clients at once: never passed, and never a piece that nobody can get."""

import concurrent.futures
import json
import threading

import pytest
from control_plane import ControlPlane

CLIENTS = 16
PODS = 40
CPU = 75  # thousandths that each Pod asks for


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    with ControlPlane(tmp_path_factory.mktemp("quota") / "data") as running:
        # Every call writes the files of the certificate anew, so all are made before any is used.
        running.sessions = [running.session() for _ in range(CLIENTS + 1)]
        yield running


def pod(name):
    resources = {"requests": {"cpu": f"{CPU}m"}}
    container = {"name": "c", "image": "busybox:1", "resources": resources}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"schedulerName": "none", "containers": [container]}}


def quota(plane, namespace, hard):
    plane.kubectl("create", "namespace", namespace)
    plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", namespace, "--timeout=20s")
    plane.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": namespace},
                 "spec": {"hard": hard}})


def together(plane, work):
    """Runs `work(session, url, number)` for every client, all of them starting at the same moment."""
    gate = threading.Barrier(CLIENTS)

    def client(number):
        gate.wait()
        return work(*plane.sessions[number], number)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(client, range(CLIENTS)))


def names(plane, path):
    session, url = plane.sessions[-1]
    return {item["metadata"]["name"] for item in session.get(url + path, timeout=30).json()["items"]}


def test_sixteen_clients_get_the_whole_quota_and_no_more(plane):
    # The sum of the processor is reached a little before the number of Pods, so that both are at stake.
    quota(plane, "full", {"pods": str(PODS + 5), "requests.cpu": f"{PODS * CPU + CPU - 1}m"})
    path = "/api/v1/namespaces/full/pods"

    def work(session, url, number):
        return [session.post(url + path, json=pod(f"p-{number}-{i}"), timeout=30).status_code for i in range(6)]

    codes = sum(together(plane, work), [])
    assert codes.count(201) == PODS and codes.count(403) == CLIENTS * 6 - PODS
    assert len(names(plane, path)) == PODS
    used = plane.get("resourcequota", "q", "-n", "full")["status"]["used"]
    assert used == {"pods": str(PODS), "requests.cpu": f"{PODS * CPU // 1000}"}


def test_what_is_given_back_can_be_had_again_while_others_take(plane):
    quota(plane, "churn", {"pods": str(PODS), "count/configmaps": "12"})
    path = "/api/v1/namespaces/churn/pods"
    most = []
    done = threading.Event()
    session, url = plane.sessions[-1]

    def watcher():
        while not done.is_set():
            most.append(len(session.get(url + path, timeout=30).json()["items"]))

    def work(session, url, number):
        made = []
        for turn in range(12):
            name = f"p-{number}-{turn}"
            answer = session.post(url + path, json=pod(name), timeout=30)
            assert answer.status_code in (201, 403), answer.text
            if answer.status_code == 201:
                made.append(name)
            if made and (turn % 2 or answer.status_code == 403):
                gone = session.delete(f"{url}{path}/{made.pop()}", json={"gracePeriodSeconds": 0}, timeout=30)
                assert gone.status_code == 200, gone.text
        return made

    thread = threading.Thread(target=watcher)
    thread.start()
    try:
        kept = set(sum(together(plane, work), []))
    finally:
        done.set()
        thread.join()
    assert max(most) <= PODS
    assert names(plane, path) == kept
    # The rest of the quota is still there, to the last piece, at once.
    codes = [session.post(url + path, json=pod(f"rest-{i}"), timeout=30).status_code for i in range(PODS)]
    assert codes == [201] * (PODS - len(kept)) + [403] * len(kept)


def test_requests_that_fail_or_only_try_take_nothing(plane):
    quota(plane, "tries", {"configmaps": "5", "services": "3"})  # one of the maps holds the cluster's certificate
    plane.kubectl("wait", "--for=create", "configmap/kube-root-ca.crt", "-n", "tries", "--timeout=20s")
    maps, services = "/api/v1/namespaces/tries/configmaps", "/api/v1/namespaces/tries/services"

    def work(session, url, number):
        codes = []
        for turn in range(4):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m-{turn % 4}"}}
            session.post(url + maps + "?dryRun=All", json={**body, "metadata": {"name": f"d-{number}"}}, timeout=30)
            session.post(url + maps, json={**body, "metadata": {"name": "Not_A_Name"}}, timeout=30)
            # Four names for sixteen clients: most come too late, and their attempts must cost nothing.
            codes.append(session.post(url + maps, json=body, timeout=30).status_code)
            service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s-{number}-{turn}"},
                       "spec": {"ports": [{"port": 80}], "clusterIP": "1.2.3.4"}}
            session.post(url + services, json=service, timeout=30)
        return codes

    codes = sum(together(plane, work), [])
    assert codes.count(201) == 4 and set(codes) <= {201, 403, 409}
    assert names(plane, maps) == {"kube-root-ca.crt", "m-0", "m-1", "m-2", "m-3"}
    session, url = plane.sessions[-1]
    good = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}
    made = [session.post(url + services, json={**good, "metadata": {"name": f"g-{i}"}}, timeout=30) for i in range(4)]
    assert [answer.status_code for answer in made] == [201, 201, 201, 403]
    refusal = json.loads(made[3].text)
    assert refusal["message"] == ('services "g-3" is forbidden: exceeded quota: q, requested: services=1, '
                                  'used: services=3, limited: services=3')
