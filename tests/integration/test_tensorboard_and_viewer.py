"""The real TensorBoard and the real viewer of a volume, made by kubectl, used through the gateway; and the platform killed under them."""

import pytest

from support import people
from support.event_files import scalars
from support.platform import Platform
from support.tenants import Person, binding, claim, profile, tensorboard
from support.waiting import eventually

TEAM = "boards"
OWNER, VIEWER, STRANGER = (f"{name}@boards.example" for name in ("owner", "viewer", "stranger"))
FILES, BOARD = f"/pvcviewers/{TEAM}/runs/", f"/tensorboard/{TEAM}/runs/"


class Boards:
    """A namespace with a claim, a viewer of it and a Tensorboard that shows a folder of it."""

    def __init__(self, platform):
        self.platform = platform
        for user in (OWNER, VIEWER, STRANGER):
            people.add(platform, user)
        platform.apply(profile(TEAM, OWNER))
        platform.wait("--for=condition=Successful", f"profile/{TEAM}")
        self.owner, self.viewer, self.stranger, self.nobody = (
            Person(platform, user) for user in (OWNER, VIEWER, STRANGER, None))
        self.owner.ask("/kfam/v1/bindings", "POST", json=binding(VIEWER, "view", TEAM))
        platform.apply(claim("runs", TEAM))
        platform.apply({"apiVersion": "kubeflow.org/v1alpha1", "kind": "PVCViewer", "metadata": {"name": "runs", "namespace": TEAM},
                        "spec": {"pvc": "runs", "rwoScheduling": True}})
        platform.wait("--for=jsonpath={.status.ready}=true", "pvcviewer/runs", "-n", TEAM, timeout=400)
        platform.wait_for_http(platform.gateway + FILES, self.owner.session)
        self.owner.ask(FILES + "mnist/", "MKCOL", 201)
        self.owner.ask(FILES + "mnist/events.out.tfevents.1700000000.lab", "PUT", 201, data=scalars("loss", [1.0, 0.5, 0.25]))
        platform.apply(tensorboard("runs", TEAM, "pvc://runs/mnist"))
        platform.wait("--for=condition=Available", "tensorboard/runs", "-n", TEAM, timeout=400)
        platform.wait_for_http(platform.gateway + BOARD, self.owner.session)

    def losses(self, person):
        """Values of `loss` as TensorBoard's page asks for them; none before its first look at the files."""
        answer = person.ask(BOARD + "data/plugin/scalars/scalars?run=.&tag=loss", status=None)
        return [value for _, _, value in answer.json()] if answer.status_code == 200 else []

    def pod(self, label):
        return self.platform.get("pods", "-n", TEAM, "-l", f"martlet.dev/workspace={label}")["items"]


@pytest.fixture(scope="module")
def boards(tmp_path_factory, shared_caches):
    with Platform(tmp_path_factory.mktemp("boards"), shared_caches) as running:
        yield Boards(running)


def test_a_tensorboard_shows_what_was_put_on_its_volume_by_the_viewer(boards):
    page = boards.owner.ask(BOARD, headers={"Accept": "text/html"}).text
    assert "TensorBoard" in page
    assert eventually(lambda: boards.losses(boards.owner), what="the scalars") == [1.0, 0.5, 0.25]
    # It gets the folder and not more, and cannot write there.
    pod = boards.pod("tensorboard")[0]
    script = "ls /tensorboard_logs; touch /tensorboard_logs/x 2>&1 || true; id -u; ls /var/run/secrets 2>&1 || true"
    said = boards.platform.kubectl("exec", "-n", TEAM, pod["metadata"]["name"], "--", "sh", "-c", script).stdout
    assert "events.out" in said and "Read-only" in said and "1000" in said and "serviceaccount" not in said


def test_a_viewer_shows_takes_and_removes_files_and_follows_no_link_out(boards):
    path = FILES + "notes.txt"
    boards.owner.ask(path, "PUT", 201, data=b"hello")
    assert boards.owner.ask(path).content == b"hello"
    listed = boards.owner.ask(FILES + "?ls").json()
    assert "notes.txt" in [one["href"] for one in listed["files"]] and "mnist/" in [one["href"] for one in listed["dirs"]]
    page = boards.owner.ask(FILES, headers={"Accept": "text/html", "User-Agent": "Mozilla/5.0"}).text
    assert f'href="{FILES}.cpr/' in page, "what its page needs is below its own path"
    pod = boards.pod("pvcviewer")[0]["metadata"]["name"]
    boards.platform.kubectl("exec", "-n", TEAM, pod, "--", "ln", "-sfn", "/etc", "/srv/out")
    for way in ("out/passwd", "out/", "out/?ls", "out/?tar"):
        answer = boards.owner.ask(FILES + way, status=None)
        assert answer.status_code in (401, 403) and "root:" not in answer.text, (way, answer.status_code)
    boards.owner.ask(path, "DELETE", 200)
    boards.owner.ask(path, status=404)
    own = boards.platform.kubectl("exec", "-n", TEAM, pod, "--", "ls", "-A", "/srv").stdout.split()
    assert set(own) == {"mnist", "out"}, "it keeps nothing of its own there"


def test_kubectl_tells_what_there_is(boards):
    def columns(kind):
        head, row = boards.platform.kubectl("get", kind, "runs", "-n", TEAM, "-o", "wide").stdout.splitlines()
        return head.split(), row.split()

    head, row = columns("tensorboard")
    assert head == ["NAME", "LOGS", "READY", "REASON", "AGE"] and row[:4] == ["runs", "pvc://runs/mnist", "1", "MinimumReplicasAvailable"]
    head, row = columns("pvcviewer")
    assert head == ["NAME", "CLAIM", "READY", "URL", "REASON", "AGE"] and row[:4] == ["runs", "runs", "true", FILES]
    assert "http-runs" in boards.platform.kubectl("get", "service", "runs", "-n", TEAM, "-o", "jsonpath={.spec.ports[0].name}").stdout


def test_who_may_not_is_told_so(boards):
    assert boards.losses(boards.viewer), "who may see a namespace sees its Tensorboards"
    boards.viewer.refused(FILES)
    for path in (BOARD, FILES):
        boards.stranger.refused(path)
        boards.nobody.refused(path, status=401)
        page = boards.nobody.ask(path, status=401, headers={"Accept": "text/html"}).text
        assert f'name="next" value="{path}"' in page, "after signing in it goes on"


def test_the_volumes_of_the_page_tell_of_the_viewer(boards):
    with boards.owner.session.get(f"{boards.platform.gateway}/api/stream?ns={TEAM}&topics=volumes", stream=True, timeout=30) as stream:
        line = next(line for line in stream.iter_lines() if line.startswith(b"data: ") and b"runs" in line)
    assert b'"viewer":{"name":"runs","ready":true}' in line.replace(b": ", b":").replace(b", ", b",")


def test_both_go_on_when_the_platform_is_killed(boards):
    before = {pod["metadata"]["uid"] for label in ("tensorboard", "pvcviewer") for pod in boards.pod(label)}
    assert len(before) == 2
    boards.platform.kill()
    boards.platform.start()
    for path in (BOARD, FILES):
        boards.platform.wait_for_http(boards.platform.gateway + path, boards.owner.session)
    assert eventually(lambda: boards.losses(boards.owner), what="the scalars") == [1.0, 0.5, 0.25]
    assert {pod["metadata"]["uid"] for label in ("tensorboard", "pvcviewer") for pod in boards.pod(label)} == before


def test_what_is_deleted_leaves_nothing(boards):
    boards.platform.kubectl("delete", "tensorboard/runs", "pvcviewer/runs", "-n", TEAM)
    for kind in ("deployment", "replicaset", "service", "pod"):
        eventually(lambda: not boards.platform.get(kind, "-n", TEAM)["items"], what=f"the end of every {kind}")
    for path in (BOARD, FILES):
        boards.owner.ask(path, status=404)
    # The claim is nobody's any more, and can go.
    boards.platform.kubectl("delete", "pvc/runs", "-n", TEAM, "--timeout=60s", timeout=80)
