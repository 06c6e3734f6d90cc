"""The disk fails: nothing is acknowledged that is not durable, and the server says so and comes back."""

import os
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

from control_plane import BINARY, ControlPlane


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The disk that fails, compiled with the compiler that came with Swift."""
    swift = shutil.which("swift") or "/usr/bin/swift"
    compiler = shutil.which("clang") or str(pathlib.Path(os.path.realpath(swift)).parent / "clang")
    output = tmp_path_factory.mktemp("faults") / "disk_faults.so"
    source = pathlib.Path(__file__).with_name("disk_faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(output), str(source), "-ldl"], check=True)
    return output


class FaultyPlane(ControlPlane):
    """A control plane whose store lies on a disk that fails when it is told to."""

    def __init__(self, data, library):
        super().__init__(data, "--no-controllers")
        self.faults = self.data.parent / "faults"
        self.faults.mkdir()
        self.environment = {"LD_PRELOAD": str(library), "DISK_FAULTS": str(self.faults),
                            "DISK_FAULTS_BELOW": str(self.data / "store")}

    def order(self, *faults):
        for file in self.faults.iterdir():
            file.unlink()
        for fault in faults:
            (self.faults / fault).touch()


@pytest.fixture
def plane(tmp_path, library):
    with FaultyPlane(tmp_path / "data", library) as running:
        yield running
        running.order()
        running.process.kill()


def config_map(name, value=""):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}}


def maps(server):
    return f"{server}/api/v1/namespaces/default/configmaps"


def until(question):
    """Asks until the answer is yes; how long that takes is not the point."""
    deadline = time.monotonic() + 60
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nothing_is_acknowledged_or_shown_before_it_is_on_the_disk(plane):
    session, server = plane.session()
    other, _ = plane.session()
    assert session.post(maps(server), json=config_map("before")).status_code == 201
    watched = []

    def watch():
        with plane.session()[0].get(maps(server), params={"watch": "1", "timeoutSeconds": "60"}, stream=True) as answer:
            for line in answer.iter_lines():
                watched.append(line)
                if b'"held"' in line:
                    return

    watcher = threading.Thread(target=watch)
    watcher.start()
    until(lambda: any(b'"before"' in line for line in watched))
    plane.order("hold-sync")
    answers = []
    writer = threading.Thread(target=lambda: answers.append(session.post(maps(server), json=config_map("held"))))
    writer.start()
    # The write has reached the log, and waits there for its sync.
    log = sorted((plane.data / "store").glob("log-*"))[-1]
    until(lambda: b'"held"' in log.read_bytes())
    for _ in range(50):  # many other things happen meanwhile
        assert other.get(f"{maps(server)}/before").status_code == 200
    assert not answers and not any(b'"held"' in line for line in watched)
    plane.order()
    writer.join(60)
    watcher.join(60)
    assert answers[0].status_code == 201 and any(b'"held"' in line for line in watched)


@pytest.mark.parametrize("fault", ["fail-sync", "fail-all"])
def test_a_disk_that_fails_is_told_and_comes_back(plane, fault):
    session, server = plane.session()
    kept = {}
    for number in range(5):
        answer = session.post(maps(server), json=config_map(f"kept-{number}", str(number)))
        assert answer.status_code == 201
        kept[f"kept-{number}"] = answer.json()
    version = int(answer.json()["metadata"]["resourceVersion"])
    plane.order(fault)
    for number in range(5):
        refused = session.post(maps(server), json=config_map(f"lost-{number}"))
        assert refused.status_code == 500 and refused.json()["reason"] == "InternalError", refused.text
        changed = session.put(f"{maps(server)}/kept-1", json=config_map("kept-1", "lost"))
        assert changed.status_code == 500
        assert session.delete(f"{maps(server)}/kept-2").status_code == 500
    ready = session.get(f"{server}/readyz")
    assert ready.status_code == 500 and "[-]store failed: the disk fails" in ready.text
    assert session.get(f"{server}/livez").status_code == 200
    for name, body in kept.items():  # reading goes on, and shows what is durable
        assert session.get(f"{maps(server)}/{name}").json() == body
    assert len(session.get(maps(server)).json()["items"]) == 5
    assert "nothing can be stored" in plane.log.read_text()
    plane.order()
    until(lambda: session.get(f"{server}/readyz").status_code == 200)
    again = session.post(maps(server), json=config_map("again"))
    assert again.status_code == 201 and int(again.json()["metadata"]["resourceVersion"]) > version
    assert "storing works again" in plane.log.read_text()
    plane.process.kill()
    plane.process.wait(30)
    plane.start()
    session, server = plane.session()
    found = {item["metadata"]["name"]: item for item in session.get(maps(server)).json()["items"]}
    assert set(found) == {*kept, "again"}
    for name, body in kept.items():
        assert found[name]["data"] == body["data"]
        assert found[name]["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]


def segments(plane):
    return sorted((plane.data / "store").glob("log-*"))


def frames(content):
    """Where the groups of a segment begin, by its documented format."""
    offset, places = 48, []
    while content[offset:offset + 4] == b"MFRG":
        places.append(offset)
        offset += 48 + int.from_bytes(content[offset + 4:offset + 8], "little") + 1
    return places + [offset]


def start_fails(plane):
    done = subprocess.run([str(BINARY), "--data-dir", str(plane.data), "--port", "0"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    return done.stderr


def test_a_flipped_bit_is_refused_with_its_place_and_a_repair_keeps_all_before(tmp_path):
    with ControlPlane(tmp_path / "data", "--no-controllers") as plane:
        session, server = plane.session()
        versions = {}
        with session:
            for number in range(60):
                answer = session.post(maps(server), json=config_map(f"n-{number:02}", "x" * 500))
                versions[f"n-{number:02}"] = int(answer.json()["metadata"]["resourceVersion"])
    log = segments(plane)[0]
    whole = log.read_bytes()
    places = frames(whole)
    frame = len(places) - 30  # each of the last sixty holds one of the maps
    position = places[frame] + 100
    log.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1:])
    complaint = start_fails(plane)
    assert str(log) in complaint and f"byte {places[frame]}" in complaint and "doctor --repair" in complaint
    assert start_fails(plane) == complaint, "nothing was changed by trying"
    martlet = BINARY.with_name("martlet")
    plain = subprocess.run([str(martlet), "doctor", "--data-dir", str(plane.data)], capture_output=True, text=True, timeout=60)
    assert plain.returncode == 1 and f"byte {places[frame]}" in plain.stdout and "doctor --repair" in plain.stdout
    done = subprocess.run(
        [str(martlet), "doctor", "--repair", "--data-dir", str(plane.data)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and str(log) in done.stdout and f"byte {places[frame]}" in done.stdout
    last = int.from_bytes(whole[places[frame - 1] + 24:places[frame - 1] + 32], "little")
    with plane:
        session, server = plane.session()
        with session:
            found = {item["metadata"]["name"]: item for item in session.get(maps(server)).json()["items"]}
            fresh = session.post(maps(server), json=config_map("fresh"))
        assert set(found) == {name for name, version in versions.items() if version <= last}
        assert len(found) > 10
        assert int(fresh.json()["metadata"]["resourceVersion"]) > max(versions.values()), "no version is used twice"


def test_a_log_cut_anywhere_in_its_last_group_starts(tmp_path):
    with ControlPlane(tmp_path / "data", "--no-controllers") as plane:
        session, server = plane.session()
        with session:
            for number in range(30):
                assert session.post(maps(server), json=config_map(f"n-{number:02}", "x" * 900)).status_code == 201
    log = segments(plane)[0]
    whole = log.read_bytes()
    places = frames(whole)
    names = [f"n-{number:02}" for number in range(30)]
    for cut in (places[-2] + 1, places[-2] + 700, places[-1] - 1, places[-4] + 47):
        shutil.rmtree(plane.data / "store")
        (plane.data / "store").mkdir()
        log.write_bytes(whole[:cut])
        complete = sum(1 for place in places[1:] if place <= cut)
        with plane:
            session, server = plane.session()
            with session:
                found = [item["metadata"]["name"] for item in session.get(maps(server)).json()["items"]]
        assert found == names[:len(names) - (len(places) - 1 - complete)]
