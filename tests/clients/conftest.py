"""A control plane for tests that need no node, and namespaces in it."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from control_plane import ROOT, ControlPlane  # noqa: E402


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory):
    """One control plane for all tests that do not stop or break it, with the Notebook kind."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane") / "data") as running:
        running.kubectl("apply", "-f", str(ROOT / "deploy/crds/notebooks.yaml"))
        running.kubectl("wait", "--for=condition=Established", "crd/notebooks.kubeflow.org", "--timeout=20s")
        yield running


@pytest.fixture
def ns(control_plane):
    """A fresh namespace of the control plane, with its default account; removed after the test."""
    name = control_plane.fresh_name("c")
    control_plane.kubectl("create", "namespace", name)
    control_plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=20s")
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
