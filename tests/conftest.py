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


def pytest_addoption(parser):
    parser.addoption("--rootless", action="store_true", help="platforms are an ordinary user's, who is made for it")


def pytest_configure(config):
    """Uses the kubectl that tools/clients brought where the machine's own is missing or too old for these tests."""
    own = shutil.which("kubectl")
    found = re.search(r'GitVersion:"v1\.(\d+)|Client Version: v1\.(\d+)', subprocess.run(
        [own, "version", "--client"], capture_output=True, text=True).stdout) if own else None
    if not found or int(found.group(1) or found.group(2)) < 31:
        os.environ["PATH"] = f"{pathlib.Path(__file__).parents[1] / '.build' / 'clients'}{os.pathsep}{os.environ['PATH']}"
    config.addinivalue_line("markers", "root(why): shows what only root's platform does; not run with --rootless")
    if config.getoption("--rootless"):
        from support.rootless import Account

        Platform.account = Account()
        config.option.basetemp = config.option.basetemp or str(Platform.account.home / "tests")


def pytest_unconfigure(config):
    if config.getoption("--rootless"):
        Platform.account.remove()


def pytest_collection_modifyitems(config, items):
    if config.getoption("--rootless"):
        left_out = [item for item in items if item.get_closest_marker("root")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session", autouse=True)
def folders_of_all(request, tmp_path_factory):
    """Folders of tests, which the user of the platforms has to reach."""
    if request.config.getoption("--rootless"):
        make = tmp_path_factory.mktemp

        def mktemp(*arguments, **options):
            folder = make(*arguments, **options)
            folder.chmod(0o777)
            return folder

        tmp_path_factory.mktemp = mktemp
        tmp_path_factory.getbasetemp().chmod(0o777)




@pytest.fixture(scope="session")
def shared_caches(tmp_path_factory, folders_of_all):
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
def account():
    """An ordinary user of this machine."""
    from support.rootless import Account

    made = Account()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def users_platform(account, shared_caches):
    """A platform of that user's, not started."""
    from support.rootless import RootlessPlatform

    platform = RootlessPlatform(account)
    account.take(platform.data)
    # What another platform has built is as good here.
    account.give_environments(shared_caches / "environments", platform.data / "environments")
    yield platform
    platform.destroy()


@pytest.fixture(scope="module")
def rootless(users_platform):
    """The same; it runs when the tests of a file begin."""
    if not users_platform.process or users_platform.process.poll() is not None:
        users_platform.start()
        users_platform.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
    return users_platform


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
