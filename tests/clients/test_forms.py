"""The forms in which answers come: tables and metadata of either version."""

import json

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
