"""kubectl's own validation: it reads our OpenAPI documents, in JSON and in the binary form."""

import json

import pytest


def notebook(ns, **spec):
    return {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "lab", "namespace": ns},
            "spec": {"template": {"spec": {"containers": [{"name": "lab", "image": "jupyter-minimal"}]}}, **spec}}


def claim(ns, **spec):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "home", "namespace": ns},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}}


def as_list(*items):
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def test_a_list_is_validated_and_applied(control_plane, ns):
    done = control_plane.apply(as_list(claim(ns), notebook(ns)), "--validate=strict")
    assert "persistentvolumeclaim/home created" in done.stdout and "notebook.kubeflow.org/lab created" in done.stdout
    done = control_plane.apply(as_list(claim(ns), notebook(ns)), "--validate=strict")
    assert done.stdout.count("unchanged") == 2 and done.stderr == ""


@pytest.mark.parametrize("items", [
    lambda ns: [claim(ns, storageClasName="standard")],
    lambda ns: [claim(ns), notebook(ns, templat={})],
], ids=["built-in", "custom"])
def test_a_misspelt_field_in_a_list_is_refused_before_anything_is_sent(control_plane, ns, items):
    done = control_plane.apply(as_list(*items(ns)), check=False)
    assert done.returncode != 0 and "unknown field" in done.stderr
    assert control_plane.get("pvc,notebooks", "-n", ns)["items"] == []


@pytest.mark.parametrize("item", [
    lambda ns: claim(ns, storageClasName="standard"), lambda ns: notebook(ns, templat={}),
], ids=["built-in", "custom"])
def test_a_misspelt_field_of_one_object_is_refused_by_the_server(control_plane, ns, item):
    done = control_plane.apply(item(ns), check=False)
    assert done.returncode != 0 and "strict decoding error: unknown field" in done.stderr
    done = control_plane.apply(item(ns), "--validate=warn")
    assert "created" in done.stdout and "unknown field" in done.stderr


def places_of_nullable(node, path=""):
    """Where schemas say `nullable`, a word that version 2 does not have; a property may have that name."""
    if isinstance(node, list):
        return [place for index, item in enumerate(node) for place in places_of_nullable(item, f"{path}/{index}")]
    if not isinstance(node, dict):
        return []
    is_names = path.rpartition("/")[2] == "properties"
    here = [path] if "nullable" in node and not is_names else []
    return here + [place for key, item in node.items() for place in places_of_nullable(item, f"{path}/{key}")]


def test_the_schemas_are_served_in_both_forms(control_plane):
    session, url = control_plane.session()
    binary = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    answer = session.get(f"{url}/openapi/v2", headers={"Accept": binary}, timeout=20)
    assert answer.status_code == 200 and "protobuf" in answer.headers["Content-Type"]
    assert b"org.kubeflow.v1.Notebook" in answer.content and answer.content[:5] == b"\x0a\x032.0"
    for accept in ("application/json", "*/*", f"{binary};q=0.1, application/json"):
        answer = session.get(f"{url}/openapi/v2", headers={"Accept": accept}, timeout=20)
        assert answer.status_code == 200
    document = session.get(f"{url}/openapi/v2", headers={"Accept": "application/json"}, timeout=20).json()
    assert not places_of_nullable(document["definitions"])
    assert session.get(f"{url}/openapi/v2", headers={"Accept": "text/html"}, timeout=20).status_code == 406


def test_explain_reads_the_schema_of_a_custom_kind(control_plane):
    assert "template" in control_plane.kubectl("explain", "notebooks.spec").stdout
    assert "imagePullPolicy" in control_plane.kubectl("explain", "pods.spec.containers").stdout
