"""Which versions the API remembers: watches that resume, lists that go on, 410 for what is gone, slow readers."""

import base64
import json
import socket
import ssl
import urllib.parse

import pytest

from control_plane import ControlPlane


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory):
    """A control plane that remembers little, so that there is something to forget."""
    arguments = ["--no-controllers", "--history-changes", "200", "--history-bytes", str(4 << 20)]
    with ControlPlane(tmp_path_factory.mktemp("forgetful") / "data", *arguments) as running:
        yield running


@pytest.fixture
def api(forgetful):
    session, server = forgetful.session()
    name = forgetful.fresh_name("v")
    made = session.post(f"{server}/api/v1/namespaces", json={"metadata": {"name": name}})
    assert made.status_code == 201, made.text
    with session:
        yield session, f"{server}/api/v1/namespaces/{name}"


def config_map(name, value="", labels=None):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels or {}}, "data": {"value": value}}


def create(api, name, value="", labels=None):
    session, base = api
    answer = session.post(f"{base}/configmaps", json=config_map(name, value, labels))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["metadata"]["resourceVersion"])


def forget(api, count=220):
    """Makes so many changes that everything before them is forgotten."""
    session, base = api
    for number in range(count):
        answer = session.put(f"{base}/configmaps/filler", json=config_map("filler", str(number)))
        if answer.status_code == 404:
            create(api, "filler")


def read_watch(session, url, **parameters):
    with session.get(url, params={"watch": "1", "timeoutSeconds": "2", **parameters}, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.iter_lines()]


def test_a_watch_goes_on_from_every_kept_version(api):
    session, base = api
    versions = [create(api, f"w-{number}") for number in range(8)]
    for position, version in enumerate(versions):
        events = read_watch(session, f"{base}/configmaps", resourceVersion=str(version), timeoutSeconds="1")
        assert [int(e["object"]["metadata"]["resourceVersion"]) for e in events] == versions[position + 1:]
        if position == 2:
            break  # each takes a second


def test_a_forgotten_version_is_expired(api):
    session, base = api
    version = create(api, "first")
    forget(api)
    events = read_watch(session, f"{base}/configmaps", resourceVersion=str(version))
    assert [event["type"] for event in events] == ["ERROR"]
    assert (events[0]["object"]["code"], events[0]["object"]["reason"]) == (410, "Expired")
    exact = session.get(
        f"{base}/configmaps", params={"resourceVersion": str(version), "resourceVersionMatch": "Exact"})
    assert (exact.status_code, exact.json()["reason"]) == (410, "Expired")
    assert exact.json()["message"] == "The resourceVersion for the provided list is too old."
    assert session.get(f"{base}/configmaps", params={"resourceVersion": str(version)}).status_code == 200


def test_a_quiet_resource_keeps_its_version(api):
    session, base = api
    version = session.get(f"{base}/limitranges").json()["metadata"]["resourceVersion"]
    forget(api)
    assert read_watch(session, f"{base}/limitranges", resourceVersion=version, timeoutSeconds="1") == []


def test_a_list_goes_on_in_another_state_when_its_own_is_forgotten(api):
    session, base = api
    for number in range(6):
        create(api, f"p-{number}", labels={"page": "yes"})
    query = {"limit": "2", "labelSelector": "page=yes"}
    first = session.get(f"{base}/configmaps", params=query).json()
    token = first["metadata"]["continue"]
    session.delete(f"{base}/configmaps/p-4")
    still = session.get(f"{base}/configmaps", params={**query, "continue": token}).json()
    assert [item["metadata"]["name"] for item in still["items"]] == ["p-2", "p-3"]
    assert still["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    rest = session.get(f"{base}/configmaps", params={**query, "continue": still["metadata"]["continue"]}).json()
    assert [item["metadata"]["name"] for item in rest["items"]] == ["p-4", "p-5"], "the state in which it began"
    forget(api)
    create(api, "p-2a", labels={"page": "yes"})
    gone = session.get(f"{base}/configmaps", params={**query, "continue": token})
    status = gone.json()
    assert (gone.status_code, status["reason"]) == (410, "Expired")
    assert status["message"].startswith(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list")
    fresh = status["metadata"]["continue"]
    raw = json.loads(base64.urlsafe_b64decode(fresh + "=" * (-len(fresh) % 4)))
    assert (raw["v"], raw["rv"]) == ("meta.k8s.io/v1", -1)
    names, following = [], fresh
    while following:
        page = session.get(f"{base}/configmaps", params={**query, "continue": following})
        assert page.status_code == 200, page.text
        names += [item["metadata"]["name"] for item in page.json()["items"]]
        following = page.json()["metadata"].get("continue")
    assert names == ["p-2", "p-2a", "p-3", "p-5"]


@pytest.mark.parametrize("query", [
    {"resourceVersion": "x"}, {"continue": "nonsense"}, {"continue": "e30"},
    {"resourceVersion": "-1"}, {"resourceVersionMatch": "Sometimes", "resourceVersion": "1"}])
def test_nonsense_is_refused(api, query):
    session, base = api
    answer = session.get(f"{base}/configmaps", params=query)
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["kind"] == "Status"


@pytest.mark.parametrize("query, names", [
    ({"fieldSelector": "metadata.name=s-1"}, ["s-1"]),
    ({"labelSelector": "tier=web"}, ["s-0", "s-2", "s-4"]),
    ({"labelSelector": "tier in (web,db),!odd"}, ["s-0", "s-2", "s-4"]),
    ({"labelSelector": "odd"}, ["s-1", "s-3"]),
    ({"labelSelector": "tier=web", "fieldSelector": "metadata.name!=s-2"}, ["s-0", "s-4"]),
    ({"fieldSelector": "metadata.ownerReferences.uid=owner-1"}, ["s-1", "s-4"]),
    ({"labelSelector": "tier=none"}, [])])
def test_selectors_of_lists_and_watches_agree(api, query, names):
    session, base = api
    start = session.get(f"{base}/configmaps").json()["metadata"]["resourceVersion"]
    for number in range(5):
        body = config_map(f"s-{number}", labels={"tier": "db" if number % 2 else "web", **({"odd": ""} if number % 2 else {})})
        body["metadata"]["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": f"owner-{number % 3}"}]
        assert session.post(f"{base}/configmaps", json=body).status_code == 201
    listed = session.get(f"{base}/configmaps", params=query).json()["items"]
    assert [item["metadata"]["name"] for item in listed] == names
    events = read_watch(session, f"{base}/configmaps", resourceVersion=start, timeoutSeconds="1", **query)
    assert [(e["type"], e["object"]["metadata"]["name"]) for e in events] == [("ADDED", name) for name in names]


def test_an_object_that_stops_matching_is_deleted_for_its_watcher(api):
    session, base = api
    start = create(api, "m", labels={"a": "1"})
    patch = {"Content-Type": "application/merge-patch+json"}
    for labels in ({"a": "2"}, {"a": "1"}):
        session.patch(f"{base}/configmaps/m", data=json.dumps({"metadata": {"labels": labels}}), headers=patch)
    session.delete(f"{base}/configmaps/m")
    events = read_watch(session, f"{base}/configmaps", resourceVersion=str(start), labelSelector="a=1", timeoutSeconds="1")
    assert [event["type"] for event in events] == ["DELETED", "ADDED", "DELETED"]


def memory(plane):
    """Resident memory in MiB."""
    text = open(f"/proc/{plane.process.pid}/status").read()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def test_a_client_that_does_not_read_is_cut_off_and_holds_up_nobody(forgetful, api):
    session, base = api
    address = urllib.parse.urlsplit(base)
    context = ssl.create_default_context(cafile=str(forgetful.data / "admin.ca"))
    context.load_cert_chain(forgetful.data / "admin.crt", forgetful.data / "admin.key")
    create(api, "big")
    deaf = []
    for _ in range(20):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect((address.hostname, address.port))
        peer = context.wrap_socket(peer, server_hostname=address.hostname)
        peer.sendall((f"GET {address.path}/configmaps?watch=1 HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n").encode())
        assert peer.recv(12) == b"HTTP/1.1 200"
        deaf.append(peer)
    before = memory(forgetful)
    filler = "x" * 200_000
    for number in range(250):
        answer = session.put(f"{base}/configmaps/big", json=config_map("big", f"{number}{filler}"))
        assert answer.status_code == 200, answer.text
    # 250 changes of 200 KB for 20 watchers are a gigabyte; what is kept is the history and one batch for each.
    assert memory(forgetful) - before < 150
    for peer in deaf:  # cut off: the connection ends, after a last line or without one
        peer.settimeout(60)
        tail = b""
        try:
            while piece := peer.recv(1 << 20):
                tail = (tail + piece)[-2000:]
                if b"0\r\n\r\n" in tail[-10:]:
                    break
        except (ConnectionError, ssl.SSLError):
            pass
        assert b'"Expired"' in tail or b"0\r\n\r\n" not in tail
        peer.close()
    assert session.get(f"{base}/configmaps/big").json()["data"]["value"].startswith("249")
