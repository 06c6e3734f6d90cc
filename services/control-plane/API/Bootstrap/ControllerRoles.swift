/// The roles of the controllers of kube-controller-manager, each of which acts as a ServiceAccount of its own name.
///
/// They are there so that the real controllers can work on this API (`--use-service-account-credentials`).
enum ControllerRoles {
    /// Names without `system:controller:`, and rules as ``RoleText`` reads them.
    static let all: [(name: String, rules: [String])] = early + late

    private static let early: [(name: String, rules: [String])] = [
        (
            "attachdetach-controller",
            [
                "core; persistentvolumeclaims, persistentvolumes; list watch",
                "core; nodes; read",
                "core; nodes/status; patch update",
                "core; pods; list watch",
                "core, events.k8s.io; events; create patch update",
                "storage.k8s.io; volumeattachments; create delete get list watch",
                "storage.k8s.io; csidrivers; read",
                "storage.k8s.io; csinodes; read",
            ]
        ),
        (
            "certificate-controller",
            [
                "certificates.k8s.io; certificatesigningrequests; delete get list watch",
                "certificates.k8s.io; certificatesigningrequests/approval, certificatesigningrequests/status; update",
                "certificates.k8s.io; signers; approve; kubernetes.io/kube-apiserver-client-kubelet",
                "certificates.k8s.io; signers; sign; kubernetes.io/kube-apiserver-client, "
                    + "kubernetes.io/kube-apiserver-client-kubelet, kubernetes.io/kubelet-serving, "
                    + "kubernetes.io/legacy-unknown",
                "authorization.k8s.io; subjectaccessreviews; create",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "clusterrole-aggregation-controller",
            [
                "rbac.authorization.k8s.io; clusterroles; escalate get list patch update watch"
            ]
        ),
        (
            "cronjob-controller",
            [
                "batch; cronjobs; get list update watch",
                "batch; jobs; create delete get list patch update watch",
                "batch; cronjobs/status; update",
                "batch; cronjobs/finalizers; update",
                "core; pods; delete list watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "daemon-set-controller",
            [
                "apps, extensions; daemonsets; read",
                "apps, extensions; daemonsets/status; update",
                "apps, extensions; daemonsets/finalizers; update",
                "core; nodes; list watch",
                "core; pods; create delete list patch watch",
                "core; pods/binding; create",
                "apps; controllerrevisions; create delete get list patch update watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "deployment-controller",
            [
                "apps, extensions; deployments; get list update watch",
                "apps, extensions; deployments/status; update",
                "apps, extensions; deployments/finalizers; update",
                "apps, extensions; replicasets; create delete get list patch update watch",
                "core; pods; get list update watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "device-taint-eviction-controller",
            [
                "core; pods; delete get list watch",
                "core; pods/status; patch update",
                "resource.k8s.io; resourceclaims; read",
                "resource.k8s.io; resourceslices; read",
                "resource.k8s.io; deviceclasses; read",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "disruption-controller",
            [
                "apps, extensions; deployments; read",
                "apps, extensions; replicasets; read",
                "core; replicationcontrollers; read",
                "policy; poddisruptionbudgets; read",
                "apps; statefulsets; read",
                "policy; poddisruptionbudgets/status; update",
                "core; pods/status; patch update",
                "*; */scale; get",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "endpoint-controller",
            [
                "core; pods, services; read",
                "core; endpoints; create delete get list update watch",
                "core; endpoints/restricted; create",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "endpointslice-controller",
            [
                "core; nodes, pods, services; read",
                "core; services/finalizers; update",
                "discovery.k8s.io; endpointslices; create delete get list update watch",
                "discovery.k8s.io; endpointslices/restricted; create",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "endpointslicemirroring-controller",
            [
                "core; endpoints, services; read",
                "core; services/finalizers; update",
                "core; endpoints/finalizers; update",
                "discovery.k8s.io; endpointslices; create delete get list update watch",
                "discovery.k8s.io; endpointslices/restricted; create",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "ephemeral-volume-controller",
            [
                "core; pods; read",
                "core; pods/finalizers; update",
                "core; persistentvolumeclaims; create get list watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "expand-controller",
            [
                "core; persistentvolumes; get list patch update watch",
                "core; persistentvolumeclaims/status; patch update",
                "core; persistentvolumeclaims; read",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "generic-garbage-collector",
            [
                "*; *; delete get list patch update watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "horizontal-pod-autoscaler",
            [
                "autoscaling; horizontalpodautoscalers; read",
                "autoscaling; horizontalpodautoscalers/status; update",
                "*; */scale; get update",
                "core; pods; list watch",
                "metrics.k8s.io; pods; list watch",
                "custom.metrics.k8s.io; *; read",
                "external.metrics.k8s.io; *; read",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "job-controller",
            [
                "batch; jobs; get list patch update watch",
                "batch; jobs/status; update",
                "batch; jobs/finalizers; update",
                "core; pods; create delete list patch watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
    ]
}
