"""One platform with two tenants, for all attacks."""

import json

import pytest

from support.tenants import FOREIGN, TENANT, World, claim, echo, tensorboard, viewer


@pytest.fixture(scope="session")
def world(platform):
    world = World(platform)
    yield world
    platform.kubectl("delete", "profile", TENANT, FOREIGN, "--wait=false")
    platform.kubectl("delete", "clusterrolebinding", "administrator-admin-attacks-example")


@pytest.fixture(scope="session")
def notebooks(world):
    """A running notebook of each tenant, named `echo`: the gateway's path to the first."""
    for namespace in (TENANT, FOREIGN):
        world.platform.apply(echo("echo", namespace))
    for namespace in (TENANT, FOREIGN):
        world.platform.kubectl("wait", "--for=create", "pod/echo-0", "-n", namespace, "--timeout=120s")
        world.platform.wait("--for=condition=Ready", "pod/echo-0", "-n", namespace)
    path = f"/notebook/{TENANT}/echo/"
    world.platform.wait_for_http(world.platform.gateway + path, world.owner.session)
    world.platform.wait_for_http(f"{world.platform.gateway}/notebook/{FOREIGN}/echo/", world.stranger.session)
    return path


@pytest.fixture(scope="session")
def served(world):
    """Beside it a viewer `echo` that tries to have another path, and a Tensorboard `board` that is stopped: the paths to them."""
    stopped = tensorboard("board", TENANT, annotations={"kubeflow-resource-stopped": "yes"})
    shadowing = viewer("echo", TENANT, "echo", basePrefix="/kfam", rewrite="/seen")
    for item in (claim("echo", TENANT), stopped, shadowing):
        world.platform.apply(item)
    world.platform.wait("--for=jsonpath={.status.ready}=true", "pvcviewer/echo", "-n", TENANT)
    path = f"/pvcviewers/{TENANT}/echo/"
    world.platform.wait_for_http(world.platform.gateway + path, world.owner.session)
    return path, f"/tensorboard/{TENANT}/board/"


@pytest.fixture
def made(world):
    """Makes objects that go after the test."""
    objects = []

    def make(*items, check=True):
        for item in items:
            done = world.platform.kubectl(
                "apply", "-f", "-", input=json.dumps(item), check=check)
            objects.append(item)
        return done

    yield make
    for item in reversed(objects):
        meta = item["metadata"]
        place = ["-n", meta["namespace"]] if "namespace" in meta else []
        world.platform.kubectl("delete", item["kind"], meta["name"], *place, "--ignore-not-found", "--wait=false")
