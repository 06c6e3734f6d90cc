"""Getting out of a Pod, into others' Pods, or at what Pods are given."""

import json

import pytest

from support import audit
from support.pods import claim, pod, run, wait_event
from support.tenants import CONTRIBUTOR, FOREIGN, TENANT

PODS = f"/api/v1/namespaces/{TENANT}/pods"
SECRET = "hush-hush-value"


def changed(name, container=None, **spec):
    """A Pod that does nothing yet, with something added."""
    return pod(name, TENANT, "true", container={"image": "busybox", **(container or {})}, **spec)


HOSTILE = {
    "privileged": changed("a", {"securityContext": {"privileged": True}}), "host PIDs": changed("a", hostPID=True),
    "host network": changed("a", hostNetwork=True), "host IPC": changed("a", hostIPC=True),
    "host path": changed("a", volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
    "capability": changed("a", {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
    "host port": changed("a", {"ports": [{"containerPort": 80, "hostPort": 80}]}),
    "seccomp": changed("a", {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
    "apparmor": changed("a", {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
    "sysctl": changed("a", securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
    "init container": changed("a", initContainers=[{"name": "i", "image": "busybox", "securityContext": {"privileged": True}}]),
}


@pytest.mark.parametrize("manifest", HOSTILE.values(), ids=HOSTILE)
def test_a17_pods_that_reach_the_machine_are_not_made(world, manifest):
    for person in (world.owner, world.contributor):
        answer = person.refused_by_api(PODS, "POST", json=manifest)
        assert "violates PodSecurity" in answer.json()["message"]
        line = audit.api(world.platform, id=answer.headers["audit-id"])
        assert "violates" in json.dumps(line["notes"]) or "enforce-policy" in json.dumps(line["notes"])


def test_a17_workloads_cannot_either(world, made):
    template = {"metadata": {"labels": {"app": "w"}}, "spec": {**HOSTILE["privileged"]["spec"], "restartPolicy": "Always"}}
    made({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "escape", "namespace": TENANT},
          "spec": {"selector": {"matchLabels": {"app": "w"}}, "template": template}})
    world.platform.wait("--for=condition=ReplicaFailure", "deployment/escape", "-n", TENANT)
    made({"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "escape", "namespace": TENANT},
          "spec": {"template": {"spec": {**HOSTILE["host path"]["spec"], "restartPolicy": "Always"}}}})
    assert "violates PodSecurity" in wait_event(world.platform, "escape", TENANT, "FailedCreate", "StatefulSet")
    line = audit.api(world.platform, resource="pods", verb="create", namespace=TENANT, code=403, user="system:kube-controller-manager")
    assert line["decision"] == "forbid"
    assert not world.platform.get("pods", "-n", TENANT, "-l", "app=w")["items"]
    assert not world.platform.get("pods", "-n", TENANT, "-l", "notebook-name=escape")["items"]


@pytest.mark.parametrize("source", [
    {"hostPath": {"path": "/"}}, {"nfs": {"server": "x", "path": "/"}}, {"secret": {"secretName": "hidden"}},
    {"persistentVolumeClaim": {"claimName": "../x"}}, {"persistentVolumeClaim": {"claimName": "x"}, "hostPath": {"path": "/"}},
    {"csi": {"driver": "x"}}, {"projected": {"sources": []}}, "hostPath"])
def test_a17_the_form_takes_volumes_of_the_namespace_only(world, source):
    form = {"name": "formed", "image": "jupyter-minimal", "cpu": "0.1", "memory": "0.1Gi",
            "datavols": [{"mount": "/data", "existingSource": source}]}
    world.contributor.refused(f"/jupyter/api/namespaces/{TENANT}/notebooks", "POST", 400, json=form)
    assert world.platform.kubectl("get", "notebook", "formed", "-n", TENANT, check=False).returncode != 0


# -- PodDefaults ----------------------------------------------------------------------------------------------------


def pod_default(name, selector=None, namespace=TENANT, **spec):
    return {"apiVersion": "kubeflow.org/v1alpha1", "kind": "PodDefault", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": selector or {"matchLabels": {"take": name}}, "desc": name, **spec}}


@pytest.fixture(scope="module")
def webhook(world):
    world.platform.wait("--for=create", "mutatingwebhookconfiguration/martlet-poddefaults", timeout=60)


def dry(world, namespace=TENANT, check=True, annotations=None, **labels):
    """A Pod as it would be stored."""
    manifest = pod(world.platform.fresh_name("dry"), namespace, "true")
    manifest["metadata"].update(labels=labels, annotations=annotations or {})
    done = world.platform.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(manifest), check=check)
    return json.loads(done.stdout) if check else done


@pytest.mark.parametrize("spec", [
    {"sidecars": [{"name": "s", "image": "busybox", "securityContext": {"privileged": True}}]},
    {"initContainers": [{"name": "i", "image": "busybox", "securityContext": {"privileged": True}}]},
    {"volumes": [{"name": "host", "hostPath": {"path": "/"}}], "volumeMounts": [{"name": "host", "mountPath": "/host"}]}],
    ids=["sidecar", "init container", "host path"])
def test_a19_poddefaults_give_no_power_that_a_pod_could_not_have(world, webhook, made, spec):
    default = pod_default("hijack", **spec)
    world.contributor.ask(f"/api/k8s/apis/kubeflow.org/v1alpha1/namespaces/{TENANT}/poddefaults", "POST", 201, json=default)
    made(default)
    refused = dry(world, check=False, take="hijack")
    assert refused.returncode != 0 and "violates PodSecurity" in refused.stderr


def test_a19_a_poddefault_for_all_stops_nobody_else_and_tells_its_name(world, webhook, made):
    everything = {"matchExpressions": [{"key": "never", "operator": "DoesNotExist"}]}
    made(pod_default("first", everything, env=[{"name": "LD_PRELOAD", "value": "/evil.so"}]),
         pod_default("second", everything, env=[{"name": "LD_PRELOAD", "value": "/other.so"}]))
    refused = dry(world, check=False)
    assert refused.returncode != 0 and "first,second" in refused.stderr and "LD_PRELOAD" in refused.stderr
    assert "env" not in dry(world, annotations={"poddefault.admission.kubeflow.org/exclude": "true"})["spec"]["containers"][0]
    for namespace in (FOREIGN, "kube-system", "default"):
        assert "env" not in dry(world, namespace)["spec"]["containers"][0], "other namespaces are not reached"


def test_a19_poddefaults_are_made_by_those_who_may_only(world):
    for person in (world.viewer, world.stranger):
        person.refused_by_api(f"/apis/kubeflow.org/v1alpha1/namespaces/{TENANT}/poddefaults", "POST", json=pod_default("theirs"))
    for namespace in ("kube-system", "kubeflow", "default", FOREIGN):
        world.owner.refused_by_api(f"/apis/kubeflow.org/v1alpha1/namespaces/{namespace}/poddefaults", "POST",
                                   json=pod_default("theirs", namespace=namespace))
    # They cannot be changed by contributors once they are there: no switch behind the owner's back.
    world.contributor.refused_by_api(f"/apis/kubeflow.org/v1alpha1/namespaces/{TENANT}/poddefaults/theirs", "PATCH", json={"spec": {}},
                                     headers={"Content-Type": "application/merge-patch+json"})


def test_a19_accounts_and_secrets_of_other_namespaces_are_out_of_reach(world, webhook, made):
    made({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "foreign-word", "namespace": FOREIGN}, "stringData": {"word": SECRET}})
    made(pod_default("reach", serviceAccountName=f"{FOREIGN}/default-editor"))
    assert dry(world, check=False, take="reach").returncode != 0
    for changed_spec in ({"serviceAccountName": "system:serviceaccount:foreign:default-editor"}, {"serviceAccountName": "../foreign/default"}):
        done = world.contributor.ask(f"/api/k8s{PODS}", "POST", None, json=changed("theirs", **changed_spec))
        assert done.status_code in (403, 422)
    # A Secret is found in the Pod's own namespace, whatever its name says.
    for name in (f"{FOREIGN}/foreign-word", f"../{FOREIGN}/foreign-word"):
        done = world.contributor.ask(f"/api/k8s{PODS}", "POST", None, json=changed(
            "theirs", {"envFrom": [{"secretRef": {"name": name}}]}))
        assert done.status_code == 422, done.text


# -- inside ---------------------------------------------------------------------------------------------------------


def test_a32_links_in_a_volume_lead_nowhere_outside(world, made):
    """One Pod prepares a volume; the next, and whoever mounts a part of it, sees its own files only."""
    made(claim("tricky", TENANT))
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "tricky"}}]
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    first = pod("tricks", TENANT, "cd /v; ln -s / root; ln -s /etc etc; ln -s ../../../../../etc up; ln -s /proc/1/root proc; mkdir real; ln -s real near; echo made",
                container=mount, volumes=volumes)
    made(first)
    assert run(world.platform, first) == "made\n"
    outside = str(world.platform.data)
    look = pod("looks", TENANT, f"""
for way in root etc up proc; do
  ls /v/$way{outside} 2>/dev/null && echo "reached $way"
  cat /v/$way/shadow 2>/dev/null && echo "read $way"
done
ls {outside} 2>/dev/null && echo reached
echo looked""", container=mount, volumes=volumes)
    made(look)
    assert run(world.platform, look) == "looked\n"
    for way in ("root", "etc", "up", "proc"):
        part = pod(f"part-{way}", TENANT, "ls /v; echo in", container={"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": way}]}, volumes=volumes)
        made(part)
    for way in ("root", "etc", "up", "proc"):
        path = "{.status.containerStatuses[0].state.waiting.reason}"
        world.platform.wait(f"--for=jsonpath={path}=CreateContainerConfigError", f"pod/part-{way}", "-n", TENANT)


def test_a_pods_account_may_what_its_role_says_and_no_more(world):
    def may(*words):
        return world.platform.kubectl("auth", "can-i", *words, f"--as=system:serviceaccount:{TENANT}:default-editor",
                                      check=False).stdout.strip()

    for words, wanted in ((("list", "pods"), "yes"), (("list", "secrets"), "yes"), (("create", "rolebindings"), "no"),
                          (("create", "serviceaccounts", "--subresource=token"), "no"), (("impersonate", "serviceaccounts"), "no"),
                          (("update", "resourcequotas"), "no"), (("create", "pods", "--subresource=eviction"), "no")):
        assert may(*words, "-n", TENANT) == wanted, words
    for words in (("create", "namespaces"), ("list", "profiles.kubeflow.org"), ("impersonate", "users"), ("get", "nodes"), ("list", "nodes")):
        assert may(*words) == "no", words
    for namespace in (FOREIGN, "kube-system", "kubeflow"):
        assert may("list", "pods", "-n", namespace) == "no"


def test_a_token_of_a_pod_ends_with_its_pod(world, made):
    manifest = pod("bound", TENANT, "exec sleep 3600", terminationGracePeriodSeconds=0)
    made(manifest)
    world.platform.wait("--for=condition=Ready", "pod/bound", "-n", TENANT)
    token = world.platform.kubectl("exec", "bound", "-n", TENANT, "--", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token").stdout.strip()
    world.ask_kfam("/v1/bindings", token=token)
    world.platform.kubectl("delete", "pod", "bound", "-n", TENANT, "--timeout=60s")
    world.ask_kfam("/v1/bindings", status=401, token=token)


# -- what is told ---------------------------------------------------------------------------------------------------


def test_no_log_holds_a_secret(world, made):
    """Values of Secrets, passwords, tokens, cookies: in no log, however the request failed."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "logged", "namespace": TENANT}, "stringData": {"word": SECRET}}
    made(secret)
    place = f"/api/k8s/api/v1/namespaces/{TENANT}/secrets"
    world.contributor.ask(place + "/logged")
    world.contributor.ask(place, "POST", 409, json=secret)
    world.contributor.ask(place, "POST", 422, json={**secret, "metadata": {"name": "NOT VALID"}})
    world.contributor.ask(place, "POST", None, data="{" + SECRET, headers={"Content-Type": "application/json"})
    world.viewer.refused(place + f"?fieldSelector=metadata.name={SECRET}")
    world.viewer.refused(place, "POST", json=secret)
    session, token = (world.contributor.session.cookies[name] for name in ("martlet_session", "XSRF-TOKEN"))
    account = world.token()
    world.nobody.refused("/api/me", status=401, headers={"Authorization": f"Bearer {account}"[:-3]})
    last = audit.request_id()
    world.nobody.ask("/api/me", status=401, headers={"X-Request-Id": last})
    audit.gateway(world.platform, id=last)
    texts = {file: file.read_text(errors="replace") for file in (
        world.platform.data / "audit.log", world.platform.data / "gateway" / "audit.log", world.platform.data / "logs" / "martlet.log")}
    for file, text in texts.items():
        assert text and file.stat().st_mode & 0o077 == 0, file
        for value in (SECRET, "aHVzaC1odXNoLXZhbHVl", session.rpartition(".")[2], token, account.rpartition(".")[2][:-3],
                      "correct horse battery", "correct%20horse"):
            assert value not in text, (file, value[:20])


def test_failures_tell_nothing_of_the_inside(world):
    for path, options in (("/api/k8s/api/v1/namespaces/x/pods", {}), (f"/api/logs/{TENANT}/nothing/x", {}), ("/api/nowhere", {}),
                          ("/kfam/nowhere", {}), (f"/jupyter/api/namespaces/{TENANT}/notebooks/nothing", {}), ("/jupyter/api/nowhere", {}),
                          ("/api/metrics/x", {}), ("/api/stream?ns=" + FOREIGN, {}), ("/api/admin/audit?from=x", {})):
        for person in (world.contributor, world.nobody):
            answer = person.ask(path, status=None, **options)
            assert answer.status_code >= 400
            for inside in (str(world.platform.data), "/work", ".swift", "Fatal", "stack", "NIOCore", "0x", "errno", "127.0.0.1:"):
                assert inside not in answer.text, (path, answer.text)
            assert not {"server", "x-powered-by"} & {name.lower() for name in answer.headers}
    world.nobody.refused("/debug", status=401)
    answer = world.nobody.ask("/metrics", status=200)
    assert not any(name in answer.text for name in (CONTRIBUTOR, TENANT, FOREIGN)), "measured by kind, not by name"
