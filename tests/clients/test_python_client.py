"""The Python client `kubernetes`, unmodified: typed and dynamic, watches, leader election, patches, pages."""

import threading

import kubernetes
import pytest
from control_plane import ControlPlane
from kubernetes import client, dynamic, watch
from kubernetes.client import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock


@pytest.fixture
def api(control_plane):
    with kubernetes.config.new_client_from_config(control_plane.kubeconfig) as made:
        yield made


def settings(name, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"by": "python"}), data=data)


def deployment(replicas=0):
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name="web"),
        spec=client.V1DeploymentSpec(
            replicas=replicas, selector=client.V1LabelSelector(match_labels={"app": "web"}),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels={"app": "web"}),
                spec=client.V1PodSpec(containers=[client.V1Container(
                    name="main", image="i", ports=[client.V1ContainerPort(container_port=80)],
                    resources=client.V1ResourceRequirements(requests={"cpu": "500m"}),
                    readiness_probe=client.V1Probe(http_get=client.V1HTTPGetAction(port="web", path="/")))]))))


def test_typed_objects(api, ns):
    apps = client.AppsV1Api(api)
    made = apps.create_namespaced_deployment(ns, deployment())
    assert made.spec.strategy.rolling_update.max_surge == "25%" and made.metadata.creation_timestamp.tzinfo
    assert made.spec.template.spec.containers[0].ports[0].protocol == "TCP"
    with pytest.raises(ApiException) as refused:
        apps.create_namespaced_deployment(ns, deployment())
    assert refused.value.status == 409 and "already exists" in refused.value.body
    made.spec.paused = True
    made.metadata.resource_version = None
    assert apps.replace_namespaced_deployment("web", ns, made).spec.paused
    scaled = apps.patch_namespaced_deployment_scale("web", ns, {"spec": {"replicas": 3}})
    assert scaled.spec.replicas == 3
    apps.patch_namespaced_deployment("web", ns, [{"op": "replace", "path": "/spec/replicas", "value": 1}])
    assert apps.read_namespaced_deployment("web", ns).spec.replicas == 1
    assert apps.read_namespaced_deployment_status("web", ns).metadata.name == "web"
    apps.delete_namespaced_deployment("web", ns, propagation_policy="Background")
    with pytest.raises(ApiException) as missing:
        apps.read_namespaced_deployment("web", ns)
    assert missing.value.status == 404


@pytest.mark.parametrize("read", [
    lambda api, ns: client.CoreV1Api(api).list_node(),
    lambda api, ns: client.CoreV1Api(api).list_namespaced_service_account(ns),
    lambda api, ns: client.RbacAuthorizationV1Api(api).list_cluster_role(),
    lambda api, ns: client.ApiextensionsV1Api(api).list_custom_resource_definition(),
    lambda api, ns: client.DiscoveryV1Api(api).list_namespaced_endpoint_slice(ns),
    lambda api, ns: client.StorageV1Api(api).list_storage_class(),
    lambda api, ns: client.ResourceV1Api(api).list_namespaced_resource_claim(ns),
    lambda api, ns: client.BatchV1Api(api).list_namespaced_cron_job(ns),
    lambda api, ns: client.VersionApi(api).get_code(),
    lambda api, ns: client.ApisApi(api).get_api_versions(),
    lambda api, ns: client.AuthorizationV1Api(api).create_self_subject_access_review(
        client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(verb="get", resource="pods", namespace=ns)))),
    lambda api, ns: client.CoreV1Api(api).create_namespaced_service_account_token("default", ns, client.
        AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[]))),
])
def test_answers_have_all_that_their_types_require(api, ns, read):
    assert read(api, ns).to_dict()


def test_the_dynamic_client_finds_kinds_and_applies(api, ns):
    found = dynamic.DynamicClient(api)
    notebooks = found.resources.get(api_version="kubeflow.org/v1", kind="Notebook")
    body = {"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "lab", "namespace": ns},
            "spec": {"template": {"spec": {"containers": [{"name": "lab", "image": "i"}]}}}}
    made = notebooks.server_side_apply(body=body, namespace=ns, field_manager="python")
    assert made.metadata.managedFields[0].operation == "Apply"
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "j"
    notebooks.patch(body={"metadata": {"labels": {"a": "b"}}}, name="lab", namespace=ns,
                    content_type="application/merge-patch+json")
    with pytest.raises(dynamic.exceptions.ConflictError):
        notebooks.server_side_apply(body=body, namespace=ns, field_manager="other")
    forced = notebooks.server_side_apply(body=body, namespace=ns, field_manager="other", force_conflicts=True)
    assert forced.spec.template.spec.containers[0].image == "j" and forced.metadata.labels.a == "b"
    assert [item.metadata.name for item in notebooks.get(namespace=ns).items] == ["lab"]
    events = list(notebooks.watch(namespace=ns, timeout=1))
    assert [(event["type"], event["object"].metadata.name) for event in events] == [("ADDED", "lab")]
    notebooks.delete(name="lab", namespace=ns)


def test_server_side_apply_of_typed_objects(api, ns):
    core = client.CoreV1Api(api)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}}
    apply = {"field_manager": "python", "_content_type": "application/apply-patch+yaml"}
    core.patch_namespaced_config_map("a", ns, body, **apply)
    body["data"] = {"other": "2"}
    assert core.patch_namespaced_config_map("a", ns, body, **apply).data == {"other": "2"}


def test_lists_come_in_pages(api, ns):
    core = client.CoreV1Api(api)
    for number in range(7):
        core.create_namespaced_config_map(ns, settings(f"page-{number}"))
    names, more, left = [], None, []
    while more != "":
        page = core.list_namespaced_config_map(ns, label_selector="by=python", limit=3, _continue=more)
        names += [item.metadata.name for item in page.items]
        more = page.metadata._continue or ""
        left.append(page.metadata.remaining_item_count)
    assert names == [f"page-{number}" for number in range(7)] and len(left) == 3
    with pytest.raises(ApiException) as refused:
        core.list_namespaced_config_map(ns, limit=3, _continue="nonsense")
    assert refused.value.status == 400


def test_a_watch_goes_on_after_a_restart_and_says_when_it_cannot(tmp_path):
    with ControlPlane(tmp_path / "data", "--no-controllers", "--history-changes", "40") as running:
        port = running.session()[1].rsplit(":", 1)[1]
        with kubernetes.config.new_client_from_config(running.kubeconfig) as api:
            core = client.CoreV1Api(api)
            version = core.list_namespaced_config_map("default").metadata.resource_version
            stream = watch.Watch()
            events = stream.stream(core.list_namespaced_config_map, "default", resource_version=version,
                                   label_selector="by=python", timeout_seconds=100)
            core.create_namespaced_config_map("default", settings("before"))
            assert next(events)["object"].metadata.name == "before"
            running.stop()
            running.start("--port", port)
            core.create_namespaced_config_map("default", settings("after"))
            # The client asks again by itself, from where it was, or gives up with the connection, as its version has it.
            try:
                event = next(events)
            except Exception:
                event = next(watch.Watch().stream(
                    core.list_namespaced_config_map, "default", resource_version=stream.resource_version,
                    label_selector="by=python", timeout_seconds=100))
            assert event["object"].metadata.name == "after"
            # Only the last forty changes are kept: nobody knows the first ones any more.
            for number in range(120):
                core.patch_namespaced_config_map("after", "default", {"data": {"number": str(number)}})
            with pytest.raises(ApiException) as expired:
                list(watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version="1",
                                          timeout_seconds=5))
            assert expired.value.status == 410


def test_leaders_are_elected(control_plane, api, ns):
    kubernetes.config.load_kube_config(control_plane.kubeconfig)
    for name in ("a", "b"):
        lock = ConfigMapLock("leader", ns, name)
        config = electionconfig.Config(
            lock, lease_duration=3, renew_deadline=2, retry_period=1.1, onstarted_leading=lambda: None,
            onstopped_leading=lambda: None)
        candidate = leaderelection.LeaderElection(config)
        runner = threading.Thread(target=candidate.acquire, daemon=True)
        runner.start()
        runner.join(60)
        assert not runner.is_alive()
        found, record = lock.get("leader", ns)
        assert found and record.holder_identity == name
