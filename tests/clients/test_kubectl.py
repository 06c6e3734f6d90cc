"""The unmodified kubectl, doing what the README promises."""

import json

from support.platform import notebook


def test_a_notebook_from_yaml_to_deletion(platform):
    ns, name = platform.user_namespace, platform.fresh_name("lab")
    platform.kubectl("wait", "--for=create", "serviceaccount/default-editor", "-n", ns, "--timeout=30s")
    assert "created" in platform.apply(notebook(name, ns)).stdout
    assert "unchanged" in platform.apply(notebook(name, ns)).stdout
    platform.wait("--for=jsonpath={.status.readyReplicas}=1", f"notebook/{name}", "-n", ns, timeout=400)

    table = platform.kubectl("get", "notebooks,pods,pvc,events", "-A").stdout
    assert f"notebook.kubeflow.org/{name}" in table and f"pod/{name}-0" in table and f"{name}-workspace" in table

    described = platform.kubectl("describe", "notebook", name, "-n", ns).stdout
    assert "Reissued from" in described
    described = platform.kubectl("describe", "pod", f"{name}-0", "-n", ns).stdout
    assert "NB_PREFIX" in described and "Started" in described

    platform.wait_for_http(f"{platform.gateway}/notebook/{ns}/{name}/api/status", platform.session())
    logs = platform.kubectl("logs", f"{name}-0", "-n", ns).stdout
    assert "Jupyter Server" in logs and f"/notebook/{ns}/{name}" in logs
    assert len(platform.kubectl("logs", f"{name}-0", "-n", ns, "--tail=2").stdout.splitlines()) == 2

    platform.kubectl("annotate", "notebook", name, "-n", ns, "kubeflow-resource-stopped=now")
    platform.wait("--for=delete", f"pod/{name}-0", "-n", ns)
    platform.kubectl("annotate", "notebook", name, "-n", ns, "kubeflow-resource-stopped-")
    platform.kubectl("wait", "--for=create", f"pod/{name}-0", "-n", ns, "--timeout=60s")
    platform.wait("--for=condition=Ready", f"pod/{name}-0", "-n", ns)

    platform.kubectl("delete", "notebook", name, "-n", ns)
    platform.wait("--for=delete", f"pod/{name}-0", "-n", ns)
    assert platform.kubectl("get", "statefulset", name, "-n", ns, check=False).returncode != 0
    platform.kubectl("delete", "pvc", f"{name}-workspace", "-n", ns)


def test_old_and_new_versions_of_a_notebook_are_one_object(platform, namespace):
    manifest = notebook("v", namespace)["items"][1]
    manifest["apiVersion"] = "kubeflow.org/v1beta1"
    manifest["metadata"]["annotations"] = {"kubeflow-resource-stopped": "yes"}
    platform.apply(manifest)
    for version in ("v1", "v1beta1", "v1alpha1"):
        found = platform.get(f"notebooks.{version}.kubeflow.org", "v", "-n", namespace)
        assert found["apiVersion"] == f"kubeflow.org/{version}"


def test_a_notebook_without_containers_is_refused_with_the_field(platform, namespace):
    manifest = notebook("v", namespace)["items"][1]
    manifest["spec"]["template"]["spec"]["containers"] = []
    done = platform.kubectl("apply", "-f", "-", check=False, input=json.dumps(manifest))
    assert done.returncode != 0 and "spec.template.spec.containers" in done.stderr


def test_deployments_roll_out_scale_and_serve(platform, namespace):
    platform.apply({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                 "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{
                     "name": "web", "image": "python:3.11",
                     "command": ["python3", "-m", "http.server", "8000", "--directory", "/tmp"],
                     "ports": [{"containerPort": 8000}],
                     "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1}}]}}}})
    platform.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=120s")
    platform.kubectl("expose", "deployment", "web", "-n", namespace, "--port=80", "--target-port=8000")
    platform.kubectl("wait", "--for=jsonpath={.subsets[0].addresses}", "endpoints/web", "-n", namespace, "--timeout=60s")
    platform.apply({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "caller", "namespace": namespace},
        "spec": {"restartPolicy": "Never", "containers": [{
            "name": "caller", "image": "python:3.11", "command": ["python3", "-c"],
            "args": ["import urllib.request as u\n"
                     "for h in ('web', 'web.%s', 'web.%s.svc.cluster.local'): print(u.urlopen('http://' + h + '/', timeout=20).status)"
                     % (namespace, namespace)]}]}})
    platform.wait("--for=jsonpath={.status.phase}=Succeeded", "pod/caller", "-n", namespace)
    assert platform.kubectl("logs", "caller", "-n", namespace).stdout.split() == ["200", "200", "200"]
    platform.kubectl("scale", "deployment/web", "-n", namespace, "--replicas=1")
    platform.wait("--for=jsonpath={.status.replicas}=1", "deployment/web", "-n", namespace)


def test_pods_see_their_configuration(platform, namespace):
    platform.kubectl("create", "configmap", "settings", "-n", namespace, "--from-literal=colour=blue")
    platform.kubectl("create", "secret", "generic", "key", "-n", namespace, "--from-literal=word=hush")
    platform.apply({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader", "namespace": namespace, "labels": {"a": "b"}},
        "spec": {"restartPolicy": "Never",
                 "volumes": [{"name": "c", "configMap": {"name": "settings"}}, {"name": "s", "secret": {"secretName": "key"}},
                             {"name": "e", "emptyDir": {}}],
                 "containers": [{
                     "name": "main", "image": "busybox",
                     "command": ["sh", "-c", "cat /c/colour; echo; cat /s/word; echo; echo $NAME $(COLOUR) $COLOUR; "
                                             "test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo token; "
                                             "touch /e/x && echo writable; cat /etc/hostname; exit 3"],
                     "env": [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                             {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}],
                     "volumeMounts": [{"name": "c", "mountPath": "/c"}, {"name": "s", "mountPath": "/s"},
                                      {"name": "e", "mountPath": "/e"}]}]}})
    platform.wait("--for=jsonpath={.status.phase}=Failed", "pod/reader", "-n", namespace)
    words = platform.kubectl("logs", "reader", "-n", namespace).stdout.split()
    assert words == ["blue", "hush", "reader", "blue", "blue", "token", "writable", "reader"]
    state = platform.get("pod", "reader", "-n", namespace)["status"]["containerStatuses"][0]["state"]
    assert state["terminated"]["exitCode"] == 3 and state["terminated"]["reason"] == "Error"


def test_memory_limits_end_a_greedy_container(platform, namespace):
    platform.apply({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "greedy", "namespace": namespace},
        "spec": {"restartPolicy": "Never", "containers": [{
            "name": "main", "image": "python:3.11", "command": ["python3", "-c", "x = bytearray(300 << 20); print(len(x))"],
            "resources": {"limits": {"memory": "100Mi"}}}]}})
    platform.wait("--for=jsonpath={.status.phase}=Failed", "pod/greedy", "-n", namespace)
    terminated = platform.get("pod", "greedy", "-n", namespace)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert terminated["exitCode"] == 137 and terminated["reason"] == "OOMKilled"


def test_patches_of_every_kind(platform, namespace):
    platform.kubectl("create", "configmap", "c", "-n", namespace, "--from-literal=a=1")
    platform.kubectl("patch", "configmap", "c", "-n", namespace, "--type=merge", "-p", '{"data":{"b":"2"}}')
    platform.kubectl("patch", "configmap", "c", "-n", namespace, "--type=json", "-p",
                     '[{"op":"test","path":"/data/b","value":"2"},{"op":"add","path":"/data/c","value":"3"}]')
    platform.kubectl("patch", "configmap", "c", "-n", namespace, "-p", '{"data":{"a":null}}')
    assert platform.get("configmap", "c", "-n", namespace)["data"] == {"b": "2", "c": "3"}
    platform.kubectl("label", "configmap", "c", "-n", namespace, "tier=gold")
    assert len(platform.get("configmap", "-n", namespace, "-l", "tier in (gold,silver)")["items"]) == 1
    assert len(platform.get("configmap", "-n", namespace, "-l", "tier=silver")["items"]) == 0


def test_roles_decide_what_a_person_may_do(platform):
    me, ns = platform.run["user"], platform.user_namespace
    platform.kubectl("wait", "--for=create", "rolebinding/namespaceAdmin", "-n", ns, "--timeout=30s")
    assert platform.kubectl("auth", "can-i", "create", "notebooks.kubeflow.org", "-n", ns, "--as", me).stdout.strip() == "yes"
    refused = platform.kubectl("get", "secrets", "-n", "kube-system", "--as", me, check=False)
    assert refused.returncode != 0 and f'User "{me}" cannot list resource "secrets"' in refused.stderr


def test_a_service_account_token_is_an_identity(platform, namespace):
    token = platform.kubectl("create", "token", "default", "-n", namespace).stdout.strip()
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    answer = json.loads(platform.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(review)).stdout)
    assert answer["status"]["authenticated"] is True
    assert answer["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:default"


def test_a_deleted_namespace_takes_its_content_along(platform):
    name = platform.fresh_name("gone")
    platform.kubectl("create", "namespace", name)
    platform.kubectl("create", "configmap", "c", "-n", name)
    platform.kubectl("delete", "namespace", name, "--timeout=60s")
    assert platform.kubectl("get", "namespace", name, check=False).returncode != 0
    assert "NotFound" in platform.kubectl("get", "configmap", "c", "-n", name, check=False).stderr
