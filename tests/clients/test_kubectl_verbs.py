"""Every verb of kubectl that needs no node: the generators of `create` (which send the binary form) and those that change."""

import json
import stat
import subprocess

import pytest

GENERATORS = [
    ("configmap c --from-literal=a=b", "configmap/c"),
    ("secret generic s --from-literal=a=b", "secret/s"),
    ("secret docker-registry d --docker-server=x --docker-username=u --docker-password=p", "secret/d"),
    ("deployment web --image=nginx --replicas=2 --port=80", "deployment/web"),
    ("job j --image=busybox -- sleep 1", "job/j"),
    ("cronjob c --image=busybox --schedule=*/5\u00a0*\u00a0*\u00a0*\u00a0* -- date", "cronjob/c"),
    ("quota q --hard=pods=3,requests.cpu=4", "quota/q"),
    ("quota q --hard=pods=3 --scopes=BestEffort", "quota/q"),
    ("role r --verb=get,list --resource=pods,deployments.apps --resource-name=x", "role/r"),
    ("rolebinding b --role=r --user=u --group=g --serviceaccount=x:default", "rolebinding/b"),
    ("serviceaccount a", "serviceaccount/a"),
    ("service clusterip a --tcp=80:8080", "service/a"),
    ("service nodeport a --tcp=80", "service/a"),
    ("service loadbalancer a --tcp=80", "service/a"),
    ("service externalname a --external-name=example.com", "service/a"),
    ("ingress i --rule=h.example.com/p=sc:80 --rule=a.b/x*=sc:http,tls=t --class=nginx", "ingress/i"),
    ("poddisruptionbudget p --selector=app=web --min-available=1", "pdb/p"),
]


def words(text):
    return [word.replace("\u00a0", " ") for word in text.split(" ")]


@pytest.mark.parametrize("command, name", GENERATORS, ids=lambda value: value.split(" --")[0])
def test_generators(control_plane, ns, command, name):
    before = words(command)
    split = before.index("--") if "--" in before else len(before)
    asked = control_plane.kubectl(
        "create", *before[:split], "-n", ns, "--dry-run=client", "-o", "json", *before[split:])
    control_plane.kubectl("create", *before[:split], "-n", ns, *before[split:])
    made = control_plane.get(name, "-n", ns)
    assert_within(json.loads(asked.stdout).get("spec", {}), made.get("spec", {}))
    for part in ("data", "rules", "subjects", "roleRef"):
        assert made.get(part) == json.loads(asked.stdout).get(part)


def assert_within(part, whole, path="spec"):
    """Everything that was asked for is in what was made, which has defaults besides; empty values may be gone."""
    if isinstance(part, dict):
        for key, value in part.items():
            if value not in ({}, [], None, ""):
                assert key in whole, f"{path}.{key}"
                assert_within(value, whole[key], f"{path}.{key}")
    elif isinstance(part, list):
        assert len(part) == len(whole), path
        for index, pair in enumerate(zip(part, whole)):
            assert_within(*pair, f"{path}[{index}]")
    else:
        assert part == whole, path


def test_generators_outside_of_namespaces(control_plane):
    name = control_plane.fresh_name("g")
    for kind, arguments in [
        ("clusterrole", ["--verb=get", "--resource=nodes"]),
        ("clusterrole", ["--verb=get", "--non-resource-url=/metrics"]),
        ("clusterrole", ["--aggregation-rule=a=b"]),
        ("clusterrolebinding", ["--clusterrole=view", "--user=u"]),
        ("priorityclass", ["--value=10", "--description=d"]),
        ("namespace", []),
    ]:
        control_plane.kubectl("create", kind, name, *arguments)
        control_plane.kubectl("delete", kind, name, "--wait=false")


def test_tokens_tls_secrets_and_jobs_of_cron_jobs(control_plane, ns, tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x", "-keyout",
         str(tmp_path / "k"), "-out", str(tmp_path / "c")], check=True, capture_output=True)
    control_plane.kubectl("create", "secret", "tls", "t", "-n", ns, f"--cert={tmp_path / 'c'}", f"--key={tmp_path / 'k'}")
    token = control_plane.kubectl("create", "token", "default", "-n", ns, "--duration=1h", "--audience=a").stdout
    assert token.count(".") == 2
    control_plane.kubectl("create", "cronjob", "c", "-n", ns, "--image=busybox", "--schedule=0 0 * * *", "--", "date")
    control_plane.kubectl("create", "job", "now", "-n", ns, "--from=cronjob/c")
    assert control_plane.get("job", "now", "-n", ns)["metadata"]["ownerReferences"][0]["kind"] == "CronJob"


def test_run_and_expose(control_plane, ns):
    control_plane.kubectl(
        "run", "p", "-n", ns, "--image=nginx", "--port=80", "--env=A=b", "--labels=app=p", "--expose")
    assert control_plane.get("service", "p", "-n", ns)["spec"]["selector"] == {"app": "p"}
    done = control_plane.kubectl(
        "run", "q", "-n", ns, "--image=nginx", "--restart=Never", "--dry-run=server", "-o", "json",
        "--overrides", '{"spec":{"nodeSelector":{"a":"b"}}}')
    assert json.loads(done.stdout)["spec"]["nodeSelector"] == {"a": "b"}
    control_plane.kubectl("create", "deployment", "web", "-n", ns, "--image=nginx")
    control_plane.kubectl("expose", "deployment", "web", "-n", ns, "--port=80", "--target-port=8080")
    assert control_plane.get("service", "web", "-n", ns)["spec"]["ports"][0]["targetPort"] == 8080


def test_autoscale_is_one_object_in_both_versions(control_plane, ns):
    control_plane.kubectl("create", "deployment", "web", "-n", ns, "--image=nginx")
    control_plane.kubectl("autoscale", "deployment", "web", "-n", ns, "--min=1", "--max=3", "--cpu-percent=50")
    assert "/50%" in control_plane.kubectl("get", "hpa", "web", "-n", ns).stdout
    session, url = control_plane.session()
    paths = [f"{url}/apis/autoscaling/{version}/namespaces/{ns}/horizontalpodautoscalers/web" for version in ("v1", "v2")]
    old, new = (session.get(path, timeout=20).json() for path in paths)
    assert old["spec"]["targetCPUUtilizationPercentage"] == 50 and "metrics" not in old["spec"]
    assert new["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}
    assert old["metadata"]["uid"] == new["metadata"]["uid"]
    new["spec"]["metrics"].append({"type": "Resource", "resource": {
        "name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}})
    del new["metadata"]["resourceVersion"]
    assert session.put(paths[1], json=new, timeout=20).status_code == 200
    old = session.get(paths[0], timeout=20).json()
    old["spec"]["targetCPUUtilizationPercentage"] = 60
    del old["metadata"]["resourceVersion"]  # the autoscaler writes its status meanwhile
    assert session.put(paths[0], json=old, timeout=20).status_code == 200
    metrics = session.get(paths[1], timeout=20).json()["spec"]["metrics"]
    assert [metric["resource"]["name"] for metric in metrics] == ["cpu", "memory"]
    assert metrics[0]["resource"]["target"]["averageUtilization"] == 60


def test_set_scale_label_and_patch(control_plane, ns):
    control_plane.kubectl("create", "deployment", "web", "-n", ns, "--image=nginx")
    control_plane.kubectl("create", "configmap", "c", "-n", ns, "--from-literal=FROM=c")
    control_plane.kubectl("create", "serviceaccount", "sa", "-n", ns)
    control_plane.kubectl("create", "rolebinding", "b", "-n", ns, "--clusterrole=view", "--user=u")
    control_plane.kubectl("expose", "deployment", "web", "-n", ns, "--port=80")
    for command in [
        "set image deployment/web nginx=nginx:2", "set env deployment/web A=b", "set env deployment/web --from=configmap/c",
        "set resources deployment/web --limits=cpu=200m,memory=64Mi", "set serviceaccount deployment/web sa",
        "set selector service/web app=other", "set subject rolebinding b --user=other", "scale deployment web --replicas=3",
        "label deployment web x=y", "annotate deployment web x=y",
        "patch deployment web --subresource=scale --type=merge -p {\"spec\":{\"replicas\":2}}",
    ]:
        control_plane.kubectl(*command.split(), "-n", ns)
    made = control_plane.get("deployment", "web", "-n", ns)
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "nginx:2" and {"name": "A", "value": "b"} in container["env"]
    assert container["resources"]["limits"] == {"cpu": "200m", "memory": "64Mi"}
    assert made["spec"]["template"]["spec"]["serviceAccountName"] == "sa" and made["spec"]["replicas"] == 2
    assert control_plane.get("service", "web", "-n", ns)["spec"]["selector"] == {"app": "other"}
    assert len(control_plane.get("rolebinding", "b", "-n", ns)["subjects"]) == 2


def test_rollouts(control_plane, ns):
    control_plane.kubectl("create", "deployment", "web", "-n", ns, "--image=nginx:1")

    def revision(number):
        control_plane.kubectl(
            "wait", "deployment/web", "-n", ns, "--timeout=30s",
            "--for=jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}=" + str(number))

    def image():
        return control_plane.get("deployment", "web", "-n", ns)["spec"]["template"]["spec"]["containers"][0]["image"]

    revision(1)
    control_plane.kubectl("set", "image", "deployment/web", "nginx=nginx:2", "-n", ns)
    revision(2)
    history = control_plane.kubectl("rollout", "history", "deployment/web", "-n", ns).stdout
    assert "1 " in history and "2 " in history
    assert "nginx:1" in control_plane.kubectl("rollout", "history", "deployment/web", "-n", ns, "--revision=1").stdout
    control_plane.kubectl("rollout", "undo", "deployment/web", "-n", ns)
    assert image() == "nginx:1"
    revision(3)
    control_plane.kubectl("rollout", "undo", "deployment/web", "-n", ns, "--to-revision=2")
    assert image() == "nginx:2"
    for verb in ("restart", "pause", "resume"):
        control_plane.kubectl("rollout", verb, "deployment/web", "-n", ns)
    template = control_plane.get("deployment", "web", "-n", ns)["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]


def test_nodes_are_cordoned_tainted_and_drained(control_plane, ns):
    node = control_plane.fresh_name("node")
    control_plane.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    control_plane.kubectl("taint", "node", node, "a=b:NoSchedule")
    assert {"key": "a", "value": "b", "effect": "NoSchedule"} in control_plane.get("node", node)["spec"]["taints"]
    control_plane.kubectl("taint", "node", node, "a-")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": ns},
           "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": "c", "image": "nginx"}]}}
    control_plane.apply(pod)
    control_plane.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=30s")
    assert control_plane.get("node", node)["spec"]["unschedulable"] is True
    assert control_plane.kubectl("get", "pod", "p", "-n", ns, check=False).returncode != 0
    control_plane.kubectl("uncordon", node)
    assert "unschedulable" not in control_plane.get("node", node)["spec"]
    control_plane.kubectl("describe", "node", node)
    control_plane.kubectl("delete", "node", node)


def test_edit_diff_replace_and_apply(control_plane, ns, tmp_path):
    file = tmp_path / "c.json"
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": ns}, "data": {"a": "one"}}
    file.write_text(json.dumps(manifest))
    control_plane.kubectl("apply", "-f", str(file))
    assert control_plane.kubectl("diff", "-f", str(file), check=False).returncode == 0
    manifest["data"]["a"] = "two"
    file.write_text(json.dumps(manifest))
    done = control_plane.kubectl("diff", "-f", str(file), check=False)
    assert done.returncode == 1 and "-  a: one" in done.stdout and "+  a: two" in done.stdout
    # From client-side to server-side apply there is no conflict with oneself.
    control_plane.kubectl("apply", "--server-side", "-f", str(file))
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i s/two/three/ \"$1\"\n")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    control_plane.kubectl("edit", "configmap", "c", "-n", ns, environment={"KUBE_EDITOR": str(editor)})
    assert control_plane.get("configmap", "c", "-n", ns)["data"] == {"a": "three"}
    control_plane.kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", str(file))
    manifest["data"]["a"] = "four"
    done = control_plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(manifest), check=False)
    assert done.returncode != 0 and 'conflict with "other"' in done.stderr
    control_plane.kubectl("replace", "-f", str(file))
    control_plane.kubectl("replace", "--force", "-f", str(file))
    (tmp_path / "kustomization.yaml").write_text("resources: [c.json]\nnamePrefix: k-\n")
    control_plane.kubectl("apply", "-k", str(tmp_path))
    control_plane.kubectl("delete", "-k", str(tmp_path))
    control_plane.kubectl("delete", "configmap", "c", "-n", ns)


def test_looking_around(control_plane, ns):
    control_plane.kubectl("create", "deployment", "web", "-n", ns, "--image=nginx")
    for command in [
        "get all -o wide", "get deployment web -o yaml --show-managed-fields", "get deployment --sort-by=.metadata.name",
        "describe deployment web", "explain deployment.spec.strategy", "explain cronjobs --recursive",
        "explain hpa.spec --api-version=autoscaling/v2", "explain hpa.spec --api-version=autoscaling/v1",
        "auth can-i create pods", "auth can-i --list", "auth whoami", "api-resources", "api-versions", "cluster-info",
        "version", "get events", "events", "wait --for=create deployment/web",
    ]:
        control_plane.kubectl(*command.split(), "-n", ns)
    for kind in ["deployments", "replicasets", "services", "configmaps", "serviceaccounts", "namespaces"]:
        control_plane.kubectl("describe", kind, "-n", ns)


def test_deletion_by_cascade(control_plane, ns):
    for name, cascade in [("orphans", "orphan"), ("first", "foreground"), ("later", "background")]:
        control_plane.kubectl("create", "deployment", name, "-n", ns, "--image=nginx")
        control_plane.kubectl("wait", "--for=create", "replicaset", "-l", f"app={name}", "-n", ns, "--timeout=30s")
        control_plane.kubectl("delete", "deployment", name, "-n", ns, f"--cascade={cascade}", "--timeout=30s")
    control_plane.kubectl("wait", "--for=delete", "replicaset", "-l", "app in (first,later)", "-n", ns, "--timeout=30s")
    kept = control_plane.get("replicasets", "-n", ns)["items"]
    assert [item["metadata"]["labels"]["app"] for item in kept] == ["orphans"]
    assert not kept[0]["metadata"].get("ownerReferences")
