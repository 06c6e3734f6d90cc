"""What a cluster is given: the overlays render, and hold what each service needs."""

import subprocess

import pytest
import yaml

from support.platform import ROOT

SERVICES = {"gateway", "profile-controller", "notebook-controller"}


@pytest.mark.parametrize("overlay", ["single-user", "istio"])
def test_an_overlay_renders_all_services_with_their_accounts(overlay):
    done = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "deploy/overlays" / overlay)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    objects = [one for one in yaml.safe_load_all(done.stdout) if one]
    names = {kind: {one["metadata"]["name"] for one in objects if one["kind"] == kind} for kind in
             ("Deployment", "ServiceAccount", "CustomResourceDefinition")}
    assert SERVICES <= names["ServiceAccount"]
    assert {"notebooks.kubeflow.org", "profiles.kubeflow.org"} <= names["CustomResourceDefinition"]
    for one in objects:
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            assert pod["serviceAccountName"] in names["ServiceAccount"]
            for container in pod["containers"]:
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert len(names["Deployment"]) >= len(SERVICES)
