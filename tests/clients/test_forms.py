"""The forms in which answers come: packed, and as tables and metadata of either version."""

import gzip
import json
import secrets

import pytest

TYPES = "application/json;as={form};g=meta.k8s.io;v={version}"


@pytest.fixture(scope="module")
def admin(control_plane):
    return control_plane.session()


def read(admin, path, stream=False, **headers):
    session, url = admin
    reply = session.get(url + path, headers={"Accept-Encoding": "identity", **headers}, stream=stream, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply


def test_long_answers_are_packed(control_plane, admin, ns):
    for name in ("a", "b"):
        control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": ns},
                             "data": {"half": secrets.token_hex(35_000), "half2": "x" * 70_000}}, "--server-side")
    folder = f"/api/v1/namespaces/{ns}/configmaps"
    for path, accept in ((f"{folder}/a", "application/json"), (f"{folder}/a", "application/yaml"),
                         (folder, "application/json"), (folder, "application/vnd.kubernetes.protobuf"),
                         ("/openapi/v2", "application/json")):
        plain = read(admin, path, Accept=accept)
        packed = read(admin, path, stream=True, Accept=accept, **{"Accept-Encoding": "deflate, gzip"})
        assert "content-encoding" not in plain.headers
        assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert packed.headers["content-type"] == plain.headers["content-type"]
        body = packed.raw.read(decode_content=False)
        assert gzip.decompress(body) == plain.content and len(body) < 0.6 * len(plain.content)
    # Short ones are not, nor what the client does not take so, nor a watch, which has to come at once.
    for path, accept in ((f"{folder}?limit=0&labelSelector=no", "gzip"), (folder, "br, gzip;q=0"), (folder, "identity"),
                         (f"{folder}?watch=1&timeoutSeconds=1&resourceVersion=0", "gzip")):
        assert "content-encoding" not in read(admin, path, **{"Accept-Encoding": accept}).headers


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_tables_and_metadata_are_of_the_version_that_was_asked_for(admin, ns, version):
    name = f"meta.k8s.io/{version}"
    folder = f"/api/v1/namespaces/{ns}/configmaps"

    def shown(path, form):
        return read(admin, path, Accept=TYPES.format(form=form, version=version) + ",application/json").json()

    for path in (folder, f"{folder}/kube-root-ca.crt"):
        table = shown(path, "Table")
        assert (table["kind"], table["apiVersion"]) == ("Table", name)
        assert table["rows"][0]["object"]["apiVersion"] == name
    found = shown(folder, "PartialObjectMetadataList")
    assert (found["kind"], found["apiVersion"], found["items"][0]["apiVersion"]) == (
        "PartialObjectMetadataList", name, name)
    assert shown(f"{folder}/kube-root-ca.crt", "PartialObjectMetadata")["apiVersion"] == name
    watch = read(admin, f"{folder}?watch=1&timeoutSeconds=1&resourceVersion=0", Accept=TYPES.format(
        form="Table", version=version))
    first = json.loads(watch.text.splitlines()[0])
    assert (first["type"], first["object"]["apiVersion"]) == ("ADDED", name)
