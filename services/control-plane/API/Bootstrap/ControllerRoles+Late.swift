extension ControllerRoles {
    static let late: [(name: String, rules: [String])] = [
        (
            "legacy-service-account-token-cleaner",
            [
                "core; configmaps; get; kube-apiserver-legacy-service-account-token-tracking",
                "core; secrets; delete patch",
            ]
        ),
        (
            "namespace-controller",
            [
                "core; namespaces; delete get list watch",
                "core; namespaces/finalize, namespaces/status; update",
                "*; *; delete deletecollection get list watch",
            ]
        ),
        (
            "node-controller",
            [
                "core; nodes; delete get list patch update watch",
                "core; nodes/status; patch update",
                "core; pods/status; patch update",
                "core; pods; delete get list watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "persistent-volume-binder",
            [
                "core; persistentvolumes; create delete get list update watch",
                "core; persistentvolumes/status; update",
                "core; persistentvolumeclaims; get list update watch",
                "core; persistentvolumeclaims/status; update",
                "core; pods; create delete get list watch",
                "storage.k8s.io; storageclasses; read",
                "core; nodes; list watch",
                "core, events.k8s.io; events; create patch update",
                "core; events; watch",
            ]
        ),
        (
            "pod-garbage-collector",
            [
                "core; pods; delete list watch",
                "core; nodes; read",
                "core; pods/status; patch",
            ]
        ),
        (
            "pv-protection-controller",
            [
                "core; persistentvolumes; get list update watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "pvc-protection-controller",
            [
                "core; persistentvolumeclaims; get list update watch",
                "core; persistentvolumeclaims/status; update",
                "core; pods; read",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "replicaset-controller",
            [
                "apps, extensions; replicasets; get list update watch",
                "apps, extensions; replicasets/status; update",
                "apps, extensions; replicasets/finalizers; update",
                "core; pods; create delete list patch watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "replication-controller",
            [
                "core; replicationcontrollers; get list update watch",
                "core; replicationcontrollers/status; update",
                "core; replicationcontrollers/finalizers; update",
                "core; pods; create delete list patch watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "resource-claim-controller",
            [
                "core; pods; read",
                "core; pods/finalizers; update",
                "resource.k8s.io; resourceclaims; create delete get list watch",
                "resource.k8s.io; resourceclaims, resourceclaims/status; patch update",
                "core; pods/status; patch update",
                "core, events.k8s.io; events; create patch update",
                "resource.k8s.io; resourceclaims/binding; patch update",
            ]
        ),
        (
            "resourcequota-controller",
            [
                "*; *; list watch",
                "core; resourcequotas/status; update",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "root-ca-cert-publisher",
            [
                "core; configmaps; create update",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "route-controller",
            [
                "core; nodes; list watch",
                "core; nodes/status; patch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "selinux-warning-controller",
            [
                "core, events.k8s.io; events; create patch update",
                "core; persistentvolumes; read",
                "core; persistentvolumeclaims; read",
                "core; pods; read",
                "storage.k8s.io; csidrivers; read",
            ]
        ),
        (
            "service-account-controller",
            [
                "core; serviceaccounts; create",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "service-ca-cert-publisher",
            [
                "core; configmaps; create update",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "service-cidrs-controller",
            [
                "networking.k8s.io; servicecidrs; get list patch update watch",
                "networking.k8s.io; servicecidrs/finalizers; patch update",
                "networking.k8s.io; servicecidrs/status; patch update",
                "networking.k8s.io; ipaddresses; read",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "service-controller",
            [
                "core; services; read",
                "core; services/status; patch update",
                "core; nodes; list watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "statefulset-controller",
            [
                "core; pods; list watch",
                "apps; statefulsets; read",
                "apps; statefulsets/status; update",
                "apps; statefulsets/finalizers; update",
                "core; pods; create delete get patch update",
                "apps; controllerrevisions; create delete get list patch update watch",
                "core; persistentvolumeclaims; create get list watch",
                "core; persistentvolumeclaims; delete update",
                "core; pods/finalizers; update",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "ttl-after-finished-controller",
            [
                "batch; jobs; delete get list watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "ttl-controller",
            [
                "core; nodes; list patch update watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "validatingadmissionpolicy-status-controller",
            [
                "admissionregistration.k8s.io; validatingadmissionpolicies; read",
                "admissionregistration.k8s.io; validatingadmissionpolicies/status; get patch update",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
        (
            "volumeattributesclass-protection-controller",
            [
                "core; persistentvolumeclaims; read",
                "core; persistentvolumes; read",
                "storage.k8s.io; volumeattributesclasses; get list update watch",
                "core, events.k8s.io; events; create patch update",
            ]
        ),
    ]
}
