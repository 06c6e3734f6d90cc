/// The roles of the parts of a cluster and of what everybody may do, as ``RoleText`` reads them.
enum SystemRoles {
    static let all: [(name: String, rules: [String])] = [
        ("cluster-admin", ["*; *; *", "paths; *; *"]),
        (
            "system:auth-delegator",
            [
                "authentication.k8s.io; tokenreviews; create",
                "authorization.k8s.io; subjectaccessreviews; create",
            ]
        ),
        (
            "system:basic-user",
            [
                "authorization.k8s.io; selfsubjectaccessreviews, selfsubjectrulesreviews; create",
                "authentication.k8s.io; selfsubjectreviews; create",
            ]
        ),
        (
            "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
            [
                "certificates.k8s.io; certificatesigningrequests/nodeclient; create"
            ]
        ),
        (
            "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            [
                "certificates.k8s.io; certificatesigningrequests/selfnodeclient; create"
            ]
        ),
        (
            "system:certificates.k8s.io:kube-apiserver-client-approver",
            [
                "certificates.k8s.io; signers; approve; kubernetes.io/kube-apiserver-client"
            ]
        ),
        (
            "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
            [
                "certificates.k8s.io; signers; approve; kubernetes.io/kube-apiserver-client-kubelet"
            ]
        ),
        (
            "system:certificates.k8s.io:kubelet-serving-approver",
            [
                "certificates.k8s.io; signers; approve; kubernetes.io/kubelet-serving"
            ]
        ),
        (
            "system:certificates.k8s.io:legacy-unknown-approver",
            [
                "certificates.k8s.io; signers; approve; kubernetes.io/legacy-unknown"
            ]
        ),
        (
            "system:discovery",
            [
                "paths; /api, /api/*, /apis, /apis/*, /healthz, /livez, /openapi, /openapi/*, /readyz, /version, "
                    + "/version/; get"
            ]
        ),
        (
            "system:heapster",
            [
                "core; events, namespaces, nodes, pods; read",
                "extensions; deployments; read",
            ]
        ),
        (
            "system:kube-aggregator",
            [
                "core; endpoints, services; read"
            ]
        ),
        (
            "system:kube-dns",
            [
                "core; endpoints, services; list watch"
            ]
        ),
        (
            "system:kubelet-api-admin",
            [
                "core; nodes; read",
                "core; nodes; proxy",
                "core; nodes/log, nodes/metrics, nodes/proxy, nodes/stats; *",
                "core; nodes/configz, nodes/healthz, nodes/pods; *",
            ]
        ),
        (
            "system:monitoring",
            [
                "paths; /flagz, /healthz, /healthz/*, /livez, /livez/*, /metrics, /metrics/slis, /readyz, "
                    + "/readyz/*, /statusz; get",
                "core; nodes/metrics; get",
            ]
        ),
        (
            "system:node-bootstrapper",
            [
                "certificates.k8s.io; certificatesigningrequests; create get list watch"
            ]
        ),
        (
            "system:node-problem-detector",
            [
                "core; nodes; get",
                "core; nodes/status; patch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "system:node-proxier",
            [
                "core; endpoints, services; list watch",
                "core; nodes; read",
                "core, events.k8s.io; events; create patch update",
                "networking.k8s.io; servicecidrs; list watch",
                "discovery.k8s.io; endpointslices; list watch",
            ]
        ),
        (
            "system:persistent-volume-provisioner",
            [
                "core; persistentvolumes; create delete get list watch",
                "core; persistentvolumeclaims; get list update watch",
                "storage.k8s.io; storageclasses; read",
                "core; events; watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "system:public-info-viewer",
            [
                "paths; /healthz, /livez, /readyz, /version, /version/; get"
            ]
        ),
        (
            "system:service-account-issuer-discovery",
            [
                "paths; /.well-known/openid-configuration, /.well-known/openid-configuration/, /openid/v1/jwks, "
                    + "/openid/v1/jwks/; get"
            ]
        ),
        (
            "system:volume-scheduler",
            [
                "core; persistentvolumes; get list patch update watch",
                "storage.k8s.io; storageclasses; read",
                "core; persistentvolumeclaims; get list patch update watch",
            ]
        ),
        (
            "system:kube-controller-manager",
            [
                "core, events.k8s.io; events; create patch update",
                "coordination.k8s.io; leases; create",
                "coordination.k8s.io; leases; get update; kube-controller-manager",
                "core; secrets, serviceaccounts; create",
                "core; secrets; delete",
                "core; configmaps, namespaces, secrets, serviceaccounts; get",
                "core; secrets, serviceaccounts; update",
                "authentication.k8s.io; tokenreviews; create",
                "authorization.k8s.io; subjectaccessreviews; create",
                "*; *; list watch",
                "core; serviceaccounts/token; create",
            ]
        ),
        (
            "system:kube-scheduler",
            [
                "core, events.k8s.io; events; create patch update",
                "coordination.k8s.io; leases; create",
                "coordination.k8s.io; leases; get list update watch; kube-scheduler",
                "coordination.k8s.io; leasecandidates; read write",
                "core; nodes; read",
                "core; pods; delete get list watch",
                "core; bindings, pods/binding; create",
                "core; pods/status; patch update",
                "core; replicationcontrollers, services; read",
                "apps, extensions; replicasets; read",
                "apps; statefulsets; read",
                "policy; poddisruptionbudgets; read",
                "core; persistentvolumeclaims, persistentvolumes; read",
                "authentication.k8s.io; tokenreviews; create",
                "authorization.k8s.io; subjectaccessreviews; create",
                "storage.k8s.io; csinodes; read",
                "storage.k8s.io; volumeattachments; read",
                "core; namespaces; read",
                "storage.k8s.io; csidrivers; read",
                "storage.k8s.io; csistoragecapacities; read",
                "resource.k8s.io; deviceclasses; read",
                "resource.k8s.io; resourceclaims; get list patch update watch",
                "resource.k8s.io; resourceclaims/status; get list patch update watch",
                "core; pods/finalizers; update",
                "resource.k8s.io; resourceslices; read",
                "resource.k8s.io; resourceclaims; create delete",
                "resource.k8s.io; resourceclaims/binding; patch update",
            ]
        ),
        (
            "system:node",
            [
                "authentication.k8s.io; tokenreviews; create",
                "authorization.k8s.io; localsubjectaccessreviews, subjectaccessreviews; create",
                "core; services; read",
                "core; nodes; create get list watch",
                "core; nodes/status; patch update",
                "core; nodes; patch update",
                "core, events.k8s.io; events; create patch update",
                "core; pods; read",
                "core; pods; create delete",
                "core; pods/status; patch update",
                "core; pods/eviction; create",
                "core; configmaps, secrets; read",
                "core; persistentvolumeclaims, persistentvolumes; get",
                "core; endpoints; get",
                "certificates.k8s.io; certificatesigningrequests; create get list watch",
                "coordination.k8s.io; leases; create delete get patch update",
                "storage.k8s.io; volumeattachments; get",
                "core; serviceaccounts/token; create",
                "core; persistentvolumeclaims/status; get patch update",
                "storage.k8s.io; csidrivers; read",
                "storage.k8s.io; csinodes; create delete get patch update",
                "node.k8s.io; runtimeclasses; read",
                "resource.k8s.io; resourceclaims; get",
                "resource.k8s.io; resourceslices; deletecollection",
                "core; serviceaccounts; get",
            ]
        ),
    ]
}
