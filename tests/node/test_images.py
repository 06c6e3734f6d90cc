"""Real container images: from a registry, from archives; how they are used, kept and removed."""

import base64
import json
import subprocess
import threading

import pytest

from support import images
from support.images import Image, entry, folder, layer, link
from support.pods import events, pod, run, shifted, wait_event, wait_phase
from support.registry import Registry


@pytest.fixture(scope="module")
def registry():
    with Registry() as registry:
        yield registry


def plain(name, namespace, image, container=None, **spec):
    """A Pod that runs what its image says."""
    manifest = pod(name, namespace, "", image, container, **spec)
    if not (container or {}).get("command"):
        del manifest["spec"]["containers"][0]["command"]
    return manifest


def shell_pod(name, namespace, image, script, container=None, **spec):
    return plain(name, namespace, image, {"command": ["/bin/sh", "-c", script], **(container or {})}, **spec)


def status(platform, name, namespace):
    return platform.get("pod", name, "-n", namespace)["status"]["containerStatuses"][0]


def wait_reason(platform, name, namespace, reason):
    path = "{.status.containerStatuses[0].state.waiting.reason}"
    platform.wait(f"--for=jsonpath={path}={reason}", f"pod/{name}", "-n", namespace)
    return status(platform, name, namespace)["state"]["waiting"]["message"]


def test_a_pod_runs_what_its_image_says(platform, namespace, registry):
    image = Image(
        images.shell(), layer(folder("srv/app", uid=1500, gid=1600), entry("srv/app/word", b"from the image\n")),
        Entrypoint=["/bin/sh", "-c"], Cmd=['id -u; id -g; id -G; pwd; echo $WORD $HOME $HOSTNAME; cat word; exit 0'],
        Env=["WORD=hello", "PATH=/bin"], User="app", WorkingDir="/srv/app")
    reference = registry.push("team/app:1", image)
    assert run(platform, plain("says", namespace, reference)).split("\n") == [
        "1500", "1600", "1600 1700", "/srv/app", "hello /home/app says", "from the image", ""]
    told = status(platform, "says", namespace)
    assert told["imageID"] == f"{registry.name}/team/app@{image.digest}"
    assert told["image"] == reference
    messages = {event["reason"]: event["message"] for event in events(platform, "says", namespace)}
    assert messages["Pulling"] == f'Pulling image "{reference}"'
    size = image.size + len(image.config)
    assert messages["Pulled"].startswith(f'Successfully pulled image "{reference}" in ')
    assert messages["Pulled"].endswith(f" including waiting). Image size: {size} bytes.")
    # The second one asks nobody.
    registry.requests.clear()
    assert run(platform, shell_pod("again", namespace, reference, "echo $WORD $0", {"args": ["arg"]})) == "hello arg\n"
    assert registry.requests == []
    assert f'Container image "{reference}" already present on machine and can be accessed by the pod' in [
        event["message"] for event in events(platform, "again", namespace)]
    # The node tells what it has.
    assert wait_for_node(platform, reference)


def wait_failure(platform, name, namespace, words):
    """Waits for an Event about a failure that has the words; its message."""
    watch = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "get", "events", "-n", namespace, "--watch", "--field-selector",
         f"involvedObject.name={name},reason=Failed", "-o", "jsonpath={.message}{\"\\n\"}", "--request-timeout=60s"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        return next((line.strip() for line in watch.stdout if words in line), None) or pytest.fail(
            f"{name} did not fail for {words}: {[e['message'] for e in events(platform, name, namespace)]}")
    finally:
        watch.kill()
        watch.wait(10)
        watch.stdout.close()


def wait_for_node(platform, reference):
    watch = subprocess.Popen(
        ["kubectl", "--kubeconfig", platform.kubeconfig, "get", "node", "martlet", "--watch", "-o",
         "jsonpath={.status.images}{\"\\n\"}", "--request-timeout=60s"], stdout=subprocess.PIPE, text=True)
    try:
        return any(reference in line for line in watch.stdout)
    finally:
        watch.kill()
        watch.wait(10)
        watch.stdout.close()


def test_links_whiteouts_and_modes_of_layers(platform, namespace, registry):
    first = images.shell(
        folder("data"), entry("data/gone", b"x"), entry("data/kept", b"kept\n"), folder("old"), entry("old/a", b"a"),
        entry("old/b", b"b"), entry("data/one", b"one\n"), link("data/two", "data/one", hard=True), folder("real"),
        link("alias", "real"), entry("bin/setuid", b"#!/bin/sh\n", mode=0o4755), folder("shared", 0o1777))
    second = layer(
        entry("data/.wh.gone"), entry("old/.wh..wh..opq"), entry("old/c", b"c"), entry("alias/file", b"through a link\n"),
        entry("shared/x", b"x"), entry("data/marked", b"m", pax_headers={"SCHILY.xattr.user.word": "value"}),
        link("data/lower", "data/kept", hard=True), entry("owned", b"o", uid=1500, gid=1600, mode=0o640))
    reference = registry.push("team/layers:1", Image(first, second))
    script = """
ls /data; ls /old; cat /data/two /alias/file /data/lower; stat -c '%h' /data/one; stat -c '%a' /bin/setuid /shared
stat -c '%u %g %a' /owned; echo more >> /data/kept; cat /data/kept; rm /data/one; ls /data/one 2>/dev/null; echo end
"""
    assert run(platform, shell_pod("layers", namespace, reference, script)).split("\n") == [
        "kept", "lower", "marked", "one", "two", "c", "one", "through a link", "kept", "2", "4755", "1777", "1500 1600 640",
        "kept", "more", "end", ""]
    # What a container writes is its own.
    assert run(platform, shell_pod("second", namespace, reference, "cat /data/kept /data/one")) == "kept\none\n"


def test_programs_that_change_their_user_reach_only_users_of_the_pod(platform, namespace, registry):
    users = entry("etc/passwd", b"root::0:0:root:/:/bin/sh\napp::1500:1600::/:/bin/sh\n")
    become = entry("suid/busybox", images.SHELL.read_bytes(), mode=0o4755)
    image = Image(images.shell(users, folder("suid"), become), User="1500")
    reference = registry.push("team/setuid:1", image)
    script = f"""
id -u; /suid/busybox su root -c 'id -u' 2>/dev/null || echo refused; grep NoNewPrivs /proc/self/status | cut -f 2
{shifted(platform)} && echo shifted
"""
    free = shell_pod("free", namespace, reference, script)
    assert run(platform, free).split() == ["1500", "0", "0", "shifted"]
    fixed = shell_pod("fixed", namespace, reference, script, {"securityContext": {"allowPrivilegeEscalation": False}})
    assert run(platform, fixed).split() == ["1500", "refused", "1", "shifted"]


@pytest.mark.parametrize("docker", [True, False])
def test_the_right_image_of_an_index(platform, namespace, registry, docker):
    other = "arm64" if images.ARCHITECTURE == "amd64" else "amd64"
    mine, theirs = Image(images.shell(), docker=docker, Cmd=["/bin/echo", "mine"]), Image(layer(), architecture=other)
    reference, digest = registry.push_index(f"team/many-{docker}:1".lower(), **{images.ARCHITECTURE: mine, other: theirs})
    assert run(platform, plain("many", namespace, reference)) == "mine\n"
    assert status(platform, "many", namespace)["imageID"] == f"{reference[:-2]}@{digest}"
    assert run(platform, plain("by-digest", namespace, f"{reference[:-2]}@{mine.digest}")) == "mine\n"
    only = registry.push_index(f"team/none-{docker}:1".lower(), **{other: theirs})[0]
    platform.apply(plain("foreign", namespace, only))
    assert f"linux/{images.ARCHITECTURE} is wanted, there is linux/{other}" in wait_reason(
        platform, "foreign", namespace, "ImagePullBackOff")


def test_what_cannot_be_pulled_and_why(platform, namespace, registry):
    def refused(name, reference, words):
        platform.apply(plain(name, namespace, reference))
        return wait_failure(platform, name, namespace, words)

    assert refused("missing", f"{registry.name}/team/nothing:7", "manifest unknown").startswith(
        f'Failed to pull image "{registry.name}/team/nothing:7": reading manifest 7 in')
    message = wait_reason(platform, "missing", namespace, "ImagePullBackOff")
    assert message.startswith(f'Back-off pulling image "{registry.name}/team/nothing:7": ErrImagePull: reading manifest')
    assert "BackOff" in {event["reason"] for event in events(platform, "missing", namespace)}
    platform.apply(plain("wrong-name", namespace, "Upper/Case:1"))
    assert wait_reason(platform, "wrong-name", namespace, "InvalidImageName") == (
        'Failed to apply default image tag "Upper/Case:1": couldn\'t parse image name "Upper/Case:1": '
        "invalid reference format: repository name must be lowercase")
    platform.apply(plain("never", namespace, f"{registry.name}/team/never:1", {"imagePullPolicy": "Never"}))
    assert wait_reason(platform, "never", namespace, "ErrImageNeverPull") == (
        f'Container image "{registry.name}/team/never:1" is not present with pull policy of Never')
    strange = Image(layer(entry("x", b"x")), media_type="application/vnd.example.layer")
    refused("strange", registry.push("team/strange:1", strange), "layers of the media type")
    foreign = Image(layer(entry("x", b"x")), architecture="s390x")
    refused("foreign", registry.push("team/foreign:1", foreign),
            f"the image is for linux/s390x; this machine is linux/{images.ARCHITECTURE}")
    outside = Image(layer(entry("../../outside", b"x")))
    refused("outside", registry.push("team/outside:1", outside), "whose name leaves the image")
    refused("empty", registry.push("team/empty:1", Image(layer(folder("bin")))), "no command specified")
    # Nothing listens there.
    refused("away", "localhost:1/team/away:1", "connection refused")


def test_links_in_layers_do_not_lead_out(platform, namespace, registry, tmp_path):
    target = tmp_path / "outside"
    target.mkdir()
    image = Image(
        images.shell(link("up", "../../../../../../../../.."), link("absolute", str(target)), link("init", "/proc/1/root")),
        layer(entry("absolute/written", b"x"), entry("up/from-up", b"x"), entry("init/written", b"x")))
    reference = registry.push("team/links:1", image)
    lines = run(platform, shell_pod("links", namespace, reference, f"ls /from-up {target}/written"))
    assert f"{target}/written" in lines and "/from-up" in lines
    assert list(target.iterdir()) == []
    hard = Image(layer(link("stolen", "../../../../../../etc/shadow", hard=True)))
    platform.apply(plain("stolen", namespace, registry.push("team/stolen:1", hard)))
    wait_failure(platform, "stolen", namespace, "link that leaves the image")


@pytest.mark.parametrize("fault", ["other bytes", "cut short", "broken compression", "another digest inside"])
def test_damaged_layers_are_never_used(platform, namespace, registry, fault):
    image = Image(images.shell(), layer(entry("x", fault.encode() * 1000)), Cmd=["/bin/true"])
    if fault == "broken compression":
        blob = list(image.blobs[image.layers[1]])
        image = rebuilt(image, bytes(blob[:20] + [b ^ 0x55 for b in blob[20:]]))
    if fault == "another digest inside":
        config = json.loads(image.config)
        config["rootfs"]["diff_ids"][1] = images.digest(b"something else")
        image = rebuilt(image, None, json.dumps(config).encode())
    reference = registry.push(f"team/{fault.replace(' ', '-')}:1", image)

    def answer(handler, path):
        if not path.endswith(image.layers[1]) or fault not in ("other bytes", "cut short"):
            return False
        whole = image.blobs[image.layers[1]]
        if fault == "other bytes":
            handler.reply(200, b"y" * len(whole))
        else:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(whole)))
            handler.end_headers()
            handler.wfile.write(whole[:50])
            handler.close_connection = True
        return True

    registry.answer = answer
    try:
        platform.apply(plain("damaged", namespace, reference))
        words = {"other bytes": "Digest did not match", "cut short": "unexpected EOF",
                 "broken compression": "compression is broken", "another digest inside": "when unpacked; the image says"}
        wait_failure(platform, "damaged", namespace, words[fault])
    finally:
        registry.answer = lambda handler, path: False
    if fault in ("other bytes", "cut short"):
        wait_phase(platform, "damaged", namespace)  # after the back-off it is whole


def rebuilt(image, blob=None, config=None):
    """The same image with another second layer or configuration, correctly described."""
    manifest = json.loads(image.manifest)
    if blob is not None:
        manifest["layers"][1] = image.describe(blob, manifest["layers"][1]["mediaType"])
    if config is not None:
        image.config = config
        manifest["config"] = image.describe(config, manifest["config"]["mediaType"])
    image.manifest = json.dumps(manifest).encode()
    return image


def pull_secret(name, namespace, registry, user, password):
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    text = json.dumps({"auths": {f"http://{registry.name}/v2/": {"auth": auth}}})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
            "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": text}}


def test_pull_secrets(platform, namespace):
    with Registry(credentials=("anna", "pässword:1")) as registry:
        reference = registry.push("private/app:1", Image(images.shell(), Cmd=["/bin/echo", "private"]))
        platform.apply(plain("nobody", namespace, reference))
        wait_failure(platform, "nobody", namespace, "unauthorized")
        platform.apply(pull_secret("wrong", namespace, registry, "anna", "guess"))
        platform.apply(pull_secret("right", namespace, registry, "anna", "pässword:1"))
        platform.apply(plain("guessing", namespace, reference, imagePullSecrets=[{"name": "wrong"}]))
        wait_failure(platform, "guessing", namespace, "unauthorized")
        both = [{"name": "wrong"}, {"name": "right"}, {"name": "absent"}]
        assert run(platform, plain("knowing", namespace, reference, imagePullSecrets=both)) == "private\n"
        assert wait_event(platform, "knowing", namespace, "FailedToRetrieveImagePullSecret") == (
            "Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed.")
        # That it is there now gives nobody else a right to it.
        platform.apply(plain("sneaking", namespace, reference))
        wait_failure(platform, "sneaking", namespace, "unauthorized")
        platform.apply(plain("hiding", namespace, reference, {"imagePullPolicy": "Never"}))
        wait_reason(platform, "hiding", namespace, "ErrImageNeverPull")
        assert run(platform, plain("known", namespace, reference, imagePullSecrets=both[1:2])) == "private\n"


def test_always_asks_and_shared_layers_come_once(platform, namespace, registry):
    base = images.shell(entry("base", b"of this test alone"))
    old = Image(base, layer(entry("version", b"old\n")), Cmd=["/bin/cat", "/version"])
    reference = registry.push("team/moving:latest", old)
    assert run(platform, plain("old", namespace, reference)) == "old\n"
    new = Image(base, layer(entry("version", b"new\n")), Cmd=["/bin/cat", "/version"])
    registry.push("team/moving:latest", new)
    registry.requests.clear()
    assert run(platform, plain("stays", namespace, reference, {"imagePullPolicy": "IfNotPresent"})) == "old\n"
    assert registry.requests == []
    assert run(platform, plain("new", namespace, reference)) == "new\n"
    assert registry.asked_for(new.layers[1]) and not registry.asked_for(new.layers[0])


def test_one_pull_for_many_pods_with_progress(platform, namespace, registry):
    image = Image(images.shell(entry("big", bytes(range(256)) * 4000)), Cmd=["/bin/true"])
    reference = registry.push("team/slow:1", image)
    gate = threading.Event()

    def answer(handler, path):
        if not path.endswith(image.layers[0]):
            return False
        whole = image.blobs[image.layers[0]]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(whole)))
        handler.end_headers()
        handler.wfile.write(whole[:len(whole) // 2])
        handler.wfile.flush()
        gate.wait(60)
        handler.wfile.write(whole[len(whole) // 2:])
        return True

    registry.answer = answer
    registry.requests.clear()
    try:
        for index in range(4):
            platform.apply(plain(f"slow-{index}", namespace, reference))
        platform.wait("--for=jsonpath={.status.containerStatuses[0].state.waiting.message}", "pod/slow-0", "-n", namespace)
        assert f'Pulling image "{reference}" (' in status(platform, "slow-0", namespace)["state"]["waiting"]["message"]
        # Others do not wait for it.
        assert run(platform, pod("other", namespace, "echo runs")) == "runs\n"
    finally:
        gate.set()
        registry.answer = lambda handler, path: False
    for index in range(4):
        wait_phase(platform, f"slow-{index}", namespace)
    assert len(registry.asked_for(image.layers[0])) == 1


def test_the_signal_that_ends_a_container(platform, namespace, registry):
    image = Image(images.shell(), Cmd=["/bin/sh", "-c", "trap 'echo quit; exit 0' QUIT; echo up; while :; do sleep 1; done"],
                  StopSignal="SIGQUIT")
    platform.apply(plain("quits", namespace, registry.push("team/quits:1", image)))
    platform.wait("--for=condition=Ready", "pod/quits", "-n", namespace)
    follow = subprocess.Popen(["kubectl", "--kubeconfig", platform.kubeconfig, "logs", "-f", "quits", "-n", namespace],
                              stdout=subprocess.PIPE, text=True)
    assert follow.stdout.readline() == "up\n"
    platform.kubectl("delete", "pod", "quits", "-n", namespace)
    assert follow.communicate(timeout=60)[0] == "quit\n"


def test_users_of_images(platform, namespace, registry):
    by_name = registry.push("team/by-name:1", Image(images.shell(), User="app:extra", Cmd=["/bin/id", "-g"]))
    assert run(platform, plain("by-name", namespace, by_name)) == "1700\n"
    context = {"securityContext": {"runAsNonRoot": True}}
    platform.apply(plain("unsure", namespace, by_name, context))
    wait_failure(platform, "unsure", namespace, "image has non-numeric user (app:extra), cannot verify user is non-root")
    platform.apply(plain("root", namespace, registry.push("team/root:1", Image(images.shell())), context | {"command": ["id"]}))
    wait_failure(platform, "root", namespace, "image will run as root")
    nobody = registry.push("team/nobody:1", Image(images.shell(), User="ghost", Cmd=["/bin/id"]))
    platform.apply(plain("nobody", namespace, nobody))
    wait_failure(platform, "nobody", namespace, "unable to find user ghost")
    volumes = [{"name": "work", "emptyDir": {}}]
    other = {"securityContext": {"runAsUser": 4321}, "volumeMounts": [{"name": "work", "mountPath": "/new/place"}],
             "workingDir": "/made/here"}
    assert run(platform, shell_pod("other", namespace, by_name, "id -u; pwd; echo x > /new/place/x && echo wrote", other,
                                   volumes=volumes, securityContext={"fsGroup": 99})).split() == ["4321", "/made/here", "wrote"]
    above = {"workingDir": "/made/../../here"}
    platform.apply(plain("above", namespace, by_name, above))
    wait_failure(platform, "above", namespace, "the working directory /made/../../here must not contain ..")
    # No container has users with such numbers, so that the folder is its root's, or nobody's.
    strange = registry.push("team/strange:1", Image(images.shell(), layer(folder(".", uid=4_294_900_000, gid=4_294_900_000))))
    assert run(platform, shell_pod("strange", namespace, strange, "stat -c %u:%g /")) == (
        "65534:65534\n" if platform.account else "0:0\n")
    fixed = {"securityContext": {"readOnlyRootFilesystem": True}}
    assert run(platform, shell_pod("fixed", namespace, by_name, "touch /tmp/x 2>/dev/null || echo fixed", fixed)) == "fixed\n"


def test_attacks_from_an_image_are_refused(platform, namespace, registry):
    """Root of an image is nobody outside, sees no other files, and cannot write its image."""
    reference = registry.push("team/attack:1", Image(images.shell(entry("mine", b"image\n"))))
    script = f"""
ls {platform.data} /work /root/.ssh 2>/dev/null && echo saw the host
mount -t tmpfs none /mnt 2>/dev/null && echo mounted
mount -o remount,rw / 2>/dev/null && echo remounted
(echo 1 > /proc/sys/kernel/sysrq) 2>/dev/null && echo sysctl
id -u; echo changed > /mine; cat /mine
"""
    assert run(platform, shell_pod("attacker", namespace, reference, script)) == "0\nchanged\n"
    assert run(platform, shell_pod("victim", namespace, reference, "cat /mine")) == "image\n"


def test_images_from_files(platform, namespace, tmp_path):
    saved = Image(images.shell(), layer(entry("from", b"docker save\n")), docker=True, Cmd=["/bin/cat", "/from"])
    file = images.archive(saved.saved("team/saved:2", "example.com/other:3"), tmp_path / "saved.tar")
    cli = lambda *arguments, **options: platform.cli("images", *arguments, "--data-dir", str(platform.data), **options)
    assert cli("load", str(file)).stdout == "loaded docker.io/team/saved:2\nloaded example.com/other:3\n"
    assert run(platform, plain("saved", namespace, "team/saved:2", {"imagePullPolicy": "Never"})) == "docker save\n"
    assert status(platform, "saved", namespace)["imageID"] == images.digest(saved.config)
    laid = Image(images.shell(), Cmd=["/bin/echo", "layout"])
    directory = images.write(laid.layout("1"), tmp_path / "layout")
    assert cli("load", str(directory), "--name", "laid-out:1").stdout == "loaded docker.io/library/laid-out:1\n"
    assert run(platform, plain("laid", namespace, "laid-out:1")) == "layout\n"
    packed = images.archive(laid.layout("example.com/packed:5"), tmp_path / "packed.tar")
    assert cli("load", "-", input=None, stdin=open(packed)).stdout == "loaded example.com/packed:5\n"
    listed = json.loads(cli("list", "--output", "json").stdout)["images"]
    names = {name for image in listed for name in image["names"]}
    assert {"docker.io/team/saved:2", "example.com/other:3", "docker.io/library/laid-out:1", "example.com/packed:5"} <= names
    assert "docker.io/team/saved:2" in cli("list").stdout
    for content, complaint in ((b"no archive", "no tar archive"), (layer(entry("x", b"x")), "it holds no images")):
        broken = tmp_path / "broken.tar"
        broken.write_bytes(content)
        refused = cli("load", str(broken), check=False)
        assert refused.returncode != 0 and complaint in refused.stderr, refused.stderr
    # A container that runs keeps its image; one name goes alone.
    platform.apply(shell_pod("holder", namespace, "laid-out:1", "sleep 1000"))
    platform.wait("--for=condition=Ready", "pod/holder", "-n", namespace)
    identity = images.digest(laid.config)[7:19]
    used = cli("remove", identity, check=False)
    assert used.returncode != 0 and "is used by a container" in used.stderr
    cli("remove", "example.com/packed:5")
    cli("prune", "--all")
    left = {name for image in json.loads(cli("list", "--output", "json").stdout)["images"] for name in image["names"]}
    assert left == {"docker.io/library/laid-out:1"}
    platform.kubectl("delete", "pod", "holder", "-n", namespace, "--now")
    platform.wait("--for=delete", "pod/holder", "-n", namespace)
    cli("remove", "laid-out:1")
    assert cli("list").stdout == "there are no images\n"
    assert list((platform.data / "images" / "layers").iterdir()) == []
    unknown = cli("remove", "laid-out:1", check=False)
    assert unknown.returncode != 0 and 'there is no image "laid-out:1"' in unknown.stderr


def test_a_platform_that_starts_again_knows_its_images(own_platform, registry):
    reference = registry.push("team/stays:1", Image(images.shell(), Cmd=["/bin/sleep", "1000"]))
    with own_platform as platform:
        platform.apply(plain("stays", "default", reference))
        platform.wait("--for=condition=Ready", "pod/stays")
        platform.kill()
        registry.requests.clear()
        platform.start()
        platform.wait("--for=condition=Ready", "pod/stays")
        told = status(platform, "stays", "default")
        assert told["restartCount"] == 0 and told["image"] == reference
        used = platform.cli("images", "remove", reference, "--data-dir", str(platform.data), check=False)
        assert "is used by a container" in used.stderr
        assert run(platform, shell_pod("more", "default", reference, "echo more")) == "more\n"
        assert registry.requests == []


def test_a_registry_with_a_certificate_of_its_own(own_platform, tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", tmp_path / "key", "-out", tmp_path / "cert", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    with Registry(certificate=(tmp_path / "cert", tmp_path / "key")) as registry, own_platform as platform:
        reference = registry.push("team/tls:1", Image(images.shell(), Cmd=["/bin/echo", "encrypted"]))
        folder = platform.data / "images" / "certs.d" / registry.name
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_text(subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-keyout", "/dev/null", "-subj", "/CN=another"], check=True, capture_output=True, text=True).stdout)
        platform.apply(plain("untrusted", "default", reference))
        wait_failure(platform, "untrusted", "default", "certificate")
        (folder / "ca.crt").write_text((tmp_path / "cert").read_text())
        assert run(platform, plain("trusted", "default", reference)) == "encrypted\n"
        # Another name for the same registry, by the settings of the node.
        with Registry() as mirror:
            mirror.push("mirrored/app:1", Image(images.shell(), Cmd=["/bin/echo", "mirrored"]))
            (platform.data / "images" / "registries.conf").write_text(
                f'[[registry]]\nprefix = "registry.example.com"\nlocation = "{mirror.name}/mirrored"\ninsecure = true\n')
            assert run(platform, plain("mirrored", "default", "registry.example.com/app:1")) == "mirrored\n"
