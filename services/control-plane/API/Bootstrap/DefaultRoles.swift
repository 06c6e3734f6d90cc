import KubeModel

/// The roles and bindings that every cluster has.
enum DefaultRoles {
    private static func metadata(
        _ name: String, namespace: String? = nil, labels: [String: String] = [:]
    ) -> JSON {
        var json: JSON = [
            "name": .string(name),
            "labels": JSON(["kubernetes.io/bootstrapping": "rbac-defaults"].merging(labels) { $1 }),
            "annotations": ["rbac.authorization.kubernetes.io/autoupdate": "true"],
        ]
        json["namespace"] = namespace.map(JSON.string)
        return json
    }

    private static func role(
        _ name: String, _ rules: [String], namespace: String? = nil, labels: [String: String] = [:],
        aggregates label: String? = nil
    ) -> JSON {
        var json: JSON = [
            "kind": namespace == nil ? "ClusterRole" : "Role", "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": metadata(name, namespace: namespace, labels: labels),
        ]
        if let label {
            json["aggregationRule"] = ["clusterRoleSelectors": [["matchLabels": [label: "true"]]]]
        }
        json["rules"] = .array(RoleText.rules(rules).map(\.json))
        return json
    }

    /// Somebody that a role is bound to.
    private enum Subject {
        case user(String)
        case group(String)
        /// A ServiceAccount of kube-system.
        case account(String)

        var json: JSON {
            switch self {
            case .user(let name): ["kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": .string(name)]
            case .group(let name): ["kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": .string(name)]
            case .account(let name): ["kind": "ServiceAccount", "name": .string(name), "namespace": "kube-system"]
            }
        }
    }

    /// Binds a role; one of a namespace when that is given.
    private static func binding(
        _ role: String, _ subjects: [Subject], name: String? = nil, namespace: String? = nil
    ) -> JSON {
        [
            "kind": namespace == nil ? "ClusterRoleBinding" : "RoleBinding",
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": metadata(name ?? role, namespace: namespace),
            "roleRef": [
                "apiGroup": "rbac.authorization.k8s.io", "kind": namespace == nil ? "ClusterRole" : "Role",
                "name": .string(role),
            ],
            "subjects": .array(subjects.map(\.json)),
        ]
    }

    private static func aggregate(_ target: String) -> String { "rbac.authorization.k8s.io/aggregate-to-\(target)" }

    /// What the node agent of this platform does beyond what a kubelet does.
    private static let agent = [
        "core; configmaps, endpoints, namespaces, persistentvolumeclaims, persistentvolumes, serviceaccounts; read",
        "discovery.k8s.io; endpointslices; read", "networking.k8s.io; networkpolicies; read",
        "storage.k8s.io; storageclasses; read", "core; events; get",
    ]

    static let roles: [JSON] =
        [
            role("admin", [], aggregates: aggregate("admin")),
            role("edit", [], labels: [aggregate("admin"): "true"], aggregates: aggregate("edit")),
            role("view", [], labels: [aggregate("edit"): "true"], aggregates: aggregate("view")),
            role(
                "system:aggregated-metrics-reader", ["metrics.k8s.io; nodes, pods; read"],
                labels: [aggregate("admin"): "true", aggregate("edit"): "true", aggregate("view"): "true"]),
        ]
        + UserRoles.all.map { name, rules in
            role(name, rules, labels: ["rbac.authorization.k8s.io/\(name.dropFirst("system:".count))": "true"])
        }
        + SystemRoles.all.map { name, rules in role(name, name == "system:node" ? rules + agent : rules) }
        + ControllerRoles.all.map { name, rules in role("system:controller:\(name)", rules) }
        + namespacedRoles

    private static let namespacedRoles: [JSON] = [
        role(
            "system:controller:bootstrap-signer",
            [
                "core; configmaps; read", "core; configmaps; update; cluster-info",
                "core, events.k8s.io; events; create patch update",
            ], namespace: "kube-public"),
        role(
            "extension-apiserver-authentication-reader",
            ["core; configmaps; read; extension-apiserver-authentication"], namespace: "kube-system"),
        role("system::leader-locking-kube-controller-manager", leading, namespace: "kube-system"),
        role("system::leader-locking-kube-scheduler", leading, namespace: "kube-system"),
        role("system:controller:bootstrap-signer", ["core; secrets; read"], namespace: "kube-system"),
        role("system:controller:cloud-provider", ["core; configmaps; create get list watch"], namespace: "kube-system"),
        role(
            "system:controller:token-cleaner",
            ["core; secrets; delete get list watch", "core, events.k8s.io; events; create patch update"],
            namespace: "kube-system"),
    ]

    private static let leading = [
        "coordination.k8s.io; leases; create get list update watch",
        "coordination.k8s.io; leasecandidates; create get list update watch",
    ]

    static let bindings: [JSON] =
        [
            binding("cluster-admin", [.group("system:masters")]),
            binding("system:discovery", [.group("system:authenticated")]),
            binding("system:basic-user", [.group("system:authenticated")]),
            binding(
                "system:public-info-viewer", [.group("system:authenticated"), .group("system:unauthenticated")]),
            binding("system:service-account-issuer-discovery", [.group("system:serviceaccounts")]),
            binding("system:monitoring", [.group("system:monitoring")]),
            binding("system:node", [.group("system:nodes")]),
            binding("system:node-proxier", [.user("system:kube-proxy")]),
            binding("system:kube-controller-manager", [.user("system:kube-controller-manager")]),
            binding("system:kube-scheduler", [.user("system:kube-scheduler")]),
            binding("system:volume-scheduler", [.user("system:kube-scheduler")]),
            binding("system:kube-dns", [.account("kube-dns")]),
        ]
        + ControllerRoles.all.map { name, _ in binding("system:controller:\(name)", [.account(name)]) }
        + namespacedBindings

    private static let namespacedBindings: [JSON] = [
        binding("system:controller:bootstrap-signer", [.account("bootstrap-signer")], namespace: "kube-public"),
        binding("system:controller:bootstrap-signer", [.account("bootstrap-signer")], namespace: "kube-system"),
        binding("system:controller:cloud-provider", [.account("cloud-provider")], namespace: "kube-system"),
        binding("system:controller:token-cleaner", [.account("token-cleaner")], namespace: "kube-system"),
        binding(
            "extension-apiserver-authentication-reader",
            [.user("system:kube-controller-manager"), .user("system:kube-scheduler")],
            name: "system::extension-apiserver-authentication-reader", namespace: "kube-system"),
        binding(
            "system::leader-locking-kube-controller-manager",
            [
                .user("system:kube-controller-manager"), .account("kube-controller-manager"),
                .account("leader-election-controller"),
            ], namespace: "kube-system"),
        binding(
            "system::leader-locking-kube-scheduler", [.user("system:kube-scheduler"), .account("kube-scheduler")],
            namespace: "kube-system"),
    ]
}
