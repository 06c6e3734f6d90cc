"""`martlet up`, `down`, `status` and what they say when something is wrong."""

import json
import os
import pathlib
import socket
import stat
import subprocess

import requests

from support.platform import MARTLET, ROOT
from support.waiting import eventually


def test_status_names_the_addresses_of_a_running_platform(platform):
    status = json.loads(platform.cli("status", "--output", "json", "--data-dir", str(platform.data)).stdout)
    assert status["state"] == "running"
    assert status["gateway"] == platform.gateway
    assert requests.get(platform.gateway + "/healthz", timeout=10).status_code == 200


def test_run_json_says_when_it_was_ready_and_kubeconfig_is_private(platform):
    assert platform.run["readySeconds"] > 0
    assert stat.S_IMODE(os.stat(platform.kubeconfig).st_mode) == 0o600


def test_keys_are_readable_by_the_owner_only(platform):
    for key in (platform.data / "pki").glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600, key


def test_a_second_platform_on_the_same_data_directory_is_refused(platform):
    done = subprocess.run(platform.command(), capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "another martlet" in done.stderr and str(platform.data) in done.stderr
    assert platform.session().get(f"{platform.gateway}/api/me", timeout=30).status_code == 200, "the first is disturbed"


def test_a_taken_port_is_named(own_platform):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            own_platform.command("--port", str(port)), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert str(port) in done.stderr and "--port" in done.stderr


def test_a_data_directory_of_a_newer_version_is_refused(own_platform):
    own_platform.data.mkdir(parents=True)
    (own_platform.data / "format.json").write_text('{"format": 99}')
    done = subprocess.run(own_platform.command(), capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "newer Martlet" in done.stderr
    (own_platform.data / "format.json").unlink()


def test_a_data_directory_that_cannot_be_made_is_named(own_platform, tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [str(MARTLET), "up", "--data-dir", str(tmp_path / "file" / "below")], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "cannot be made" in done.stderr and "--data-dir" in done.stderr


def test_missing_programs_are_named_with_what_to_install(own_platform, tmp_path):
    """With an empty PATH and no system folders there is no crun."""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /usr/bin/crun && exec "$@"', "sh", *own_platform.command()],
        capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "crun" in done.stderr and "apt-get install crun" in done.stderr


def test_an_access_log_that_cannot_be_written_is_named(own_platform, tmp_path):
    for path, said in ((tmp_path / "none" / "access.log", "there is no folder"), (tmp_path, "is a folder")):
        done = subprocess.run(own_platform.command("--access-log", str(path)), capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and said in done.stderr and "--access-log" in done.stderr, done.stderr


def test_down_stops_it_and_status_says_so(own_platform, tmp_path):
    """With what can be had besides: a log of requests, and a port for notebooks where browsers find no names below localhost."""
    logs = tmp_path / "requests"
    logs.mkdir()
    logs.chmod(0o1777)
    own_platform.start("--access-log", str(logs / "access.log"), "--workspace-host", "none")
    gateway, workspaces = own_platform.gateway, own_platform.run["workspaces"]
    assert workspaces.startswith("http://127.0.0.1:") and workspaces != gateway
    session = own_platform.session()
    answer = session.get(f"{gateway}/notebook/{own_platform.user_namespace}/none/", headers={"Sec-Fetch-Mode": "navigate", "Accept": "text/html"},
                         timeout=30, allow_redirects=False)
    assert answer.headers["location"] == f"{workspaces}/notebook/{own_platform.user_namespace}/none/"
    assert "No such notebook" in session.get(answer.headers["location"], headers={"Accept": "text/html"}, timeout=30).text
    assert session.get(f"{workspaces}/api/me", timeout=30).status_code == 404
    assert session.get(f"{gateway}/api/me?secret", headers={"X-Request-Id": "logged"}, timeout=30).status_code == 200

    def line():
        lines = (logs / "access.log").read_text().splitlines() if (logs / "access.log").exists() else []
        return next((json.loads(line) for line in lines if '"logged"' in line), None)

    logged = eventually(line, what="the line of a request")
    assert logged["path"] == "/api/me" and logged["status"] == 200 and logged["user"] == own_platform.run["user"]
    own_platform.cli("down", "--data-dir", str(own_platform.data))
    assert own_platform.process.wait(30) == 0
    status = own_platform.cli("status", "--output", "json", "--data-dir", str(own_platform.data), check=False)
    assert json.loads(status.stdout)["state"] == "stopped"
    assert status.returncode == 3


def test_reset_keeps_folders_that_are_not_its_own(own_platform, tmp_path):
    other = tmp_path / "precious"
    other.mkdir()
    (other / "file").write_text("x")
    done = own_platform.cli("reset", "--yes", "--data-dir", str(other), check=False)
    assert done.returncode != 0 and (other / "file").exists()


def test_every_command_has_help():
    for command in ("up", "down", "status", "doctor", "login", "kubeconfig", "logs", "backup", "restore", "reset", "version"):
        done = subprocess.run([str(MARTLET), command, "--help"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and "USAGE: martlet " + command in done.stdout


def test_doctor_prints_findings_as_data(platform):
    done = platform.cli("doctor", "--output", "json", "--data-dir", str(platform.data))
    subjects = {finding["subject"]: finding["level"] for finding in json.loads(done.stdout)}
    assert subjects["crun"] == "good" and subjects["uv"] == "good" and subjects["namespaces"] == "good"


def test_the_build_says_which_toolchain_is_missing(tmp_path):
    empty = tmp_path / "bin"
    empty.mkdir()
    for name in ("bash", "dirname", "sed", "head", "env"):
        os.symlink(f"/bin/{name}" if os.path.exists(f"/bin/{name}") else f"/usr/bin/{name}", empty / name)
    done = subprocess.run(
        ["/bin/bash", str(ROOT / "tools/deps")], capture_output=True, text=True, env={"PATH": str(empty)}, timeout=30)
    assert done.returncode != 0 and "Swift 6.3" in done.stderr and "swift.org" in done.stderr

    old = empty / "swift"
    old.write_text("#!/bin/bash\necho 'Swift version 5.9.2 (swift-5.9.2-RELEASE)'\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", str(ROOT / "tools/deps")], capture_output=True, text=True, env={"PATH": str(empty)}, timeout=30)
    assert done.returncode != 0 and "5.9 is too old" in done.stderr


def test_a_start_that_fails_half_way_ends_and_says_why(own_platform):
    done = subprocess.run(
        own_platform.command("--environments", "/nonexistent.yaml"), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "/nonexistent.yaml cannot be read" in done.stderr
