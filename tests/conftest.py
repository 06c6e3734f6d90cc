"""The platform that tests talk to: real processes on free ports, in temporary folders, ended by their tests."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support.platform import Platform  # noqa: E402


def pytest_configure(config):
    """Uses the kubectl that tools/clients brought where the machine's own is missing or too old for these tests."""
    own = shutil.which("kubectl")
    found = re.search(r'GitVersion:"v1\.(\d+)|Client Version: v1\.(\d+)', subprocess.run(
        [own, "version", "--client"], capture_output=True, text=True).stdout) if own else None
    if not found or int(found.group(1) or found.group(2)) < 31:
        os.environ["PATH"] = f"{pathlib.Path(__file__).parents[1] / '.build' / 'clients'}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def shared_caches(tmp_path_factory):
    """Environments and packages are built once a run; MARTLET_TEST_CACHE keeps them between runs."""
    kept = os.environ.get("MARTLET_TEST_CACHE")
    folder = pathlib.Path(kept) if kept else tmp_path_factory.mktemp("caches")
    return folder


@pytest.fixture(scope="session")
def platform(tmp_path_factory, shared_caches):
    """One running platform for all tests that do not stop or break it."""
    with Platform(tmp_path_factory.mktemp("martlet"), shared_caches) as running:
        yield running


@pytest.fixture
def own_platform(tmp_path, shared_caches):
    """A stopped platform of the test's own: it may start, kill and restart it."""
    owned = Platform(tmp_path / "data", shared_caches)
    yield owned
    owned.destroy()


@pytest.fixture(scope="session")
def provider(tmp_path_factory):
    """An OpenID Connect provider; a process can have one only."""
    from support.oidc_provider import Provider

    provider = Provider(tmp_path_factory.mktemp("provider"))
    yield provider
    provider.close()


@pytest.fixture(scope="session")
def oidc_flags(provider, tmp_path_factory):
    """How a gateway is told to use the provider."""
    from support.oidc_provider import CLIENT, SECRET

    secret = tmp_path_factory.mktemp("secret") / "client"
    secret.write_text(SECRET + "\n")
    return ["--oidc-issuer", provider.issuer, "--oidc-client-id", CLIENT, "--oidc-client-secret-file", secret,
            "--oidc-name", "Example & Co"]


@pytest.fixture
def namespace(platform, request):
    """A fresh namespace, removed after the test."""
    name = platform.fresh_name("t")
    platform.kubectl("create", "namespace", name)
    yield name
    platform.kubectl("delete", "namespace", name, "--wait=false")
