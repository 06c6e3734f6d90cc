import KubeModel

/// The roles that every cluster has.
enum DefaultRoles {
    private static let read = ["get", "list", "watch"]
    private static let write = ["create", "delete", "deletecollection", "patch", "update"]

    private static func rule(_ groups: [String], _ resources: [String], _ verbs: [String]) -> PolicyRule {
        var rule = PolicyRule(verbs: verbs)
        (rule.apiGroups, rule.resources) = (groups, resources)
        return rule
    }

    private static func paths(_ paths: [String], _ verbs: [String] = ["get"]) -> PolicyRule {
        var rule = PolicyRule(verbs: verbs)
        rule.nonResourceURLs = paths
        return rule
    }

    private static func role(
        _ name: String, _ rules: [PolicyRule], labels: [String: String] = [:], aggregates label: String? = nil
    ) -> JSON {
        let allLabels = ["kubernetes.io/bootstrapping": "rbac-defaults"].merging(labels) { $1 }
        var json: JSON = [
            "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": [
                "name": .string(name), "labels": JSON(allLabels),
                "annotations": ["rbac.authorization.kubernetes.io/autoupdate": "true"],
            ],
        ]
        if let label {
            json["aggregationRule"] = ["clusterRoleSelectors": [["matchLabels": [label: "true"]]]]
        }
        json["rules"] = .array(rules.map(\.json))
        return json
    }

    private static func binding(_ role: String, _ subjects: [(kind: String, name: String)]) -> JSON {
        [
            "kind": "ClusterRoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": [
                "name": .string(role), "labels": ["kubernetes.io/bootstrapping": "rbac-defaults"],
                "annotations": ["rbac.authorization.kubernetes.io/autoupdate": "true"],
            ],
            "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role)],
            "subjects": .array(
                subjects.map {
                    ["kind": .string($0.kind), "apiGroup": "rbac.authorization.k8s.io", "name": .string($0.name)]
                }),
        ]
    }

    private static let viewed: [PolicyRule] = [
        rule(
            [""],
            [
                "configmaps", "endpoints", "persistentvolumeclaims", "persistentvolumeclaims/status", "pods",
                "replicationcontrollers", "replicationcontrollers/scale", "serviceaccounts", "services",
                "services/status",
                "bindings", "events", "limitranges", "namespaces/status", "pods/log", "pods/status",
                "replicationcontrollers/status", "resourcequotas", "resourcequotas/status", "namespaces",
            ], read),
        rule(["discovery.k8s.io"], ["endpointslices"], read),
        rule(
            ["apps"],
            [
                "controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale",
                "deployments/status", "replicasets", "replicasets/scale", "replicasets/status", "statefulsets",
                "statefulsets/scale", "statefulsets/status",
            ], read),
        rule(["autoscaling"], ["horizontalpodautoscalers", "horizontalpodautoscalers/status"], read),
        rule(["batch"], ["cronjobs", "cronjobs/status", "jobs", "jobs/status"], read),
        rule(["policy"], ["poddisruptionbudgets", "poddisruptionbudgets/status"], read),
        rule(["networking.k8s.io"], ["ingresses", "ingresses/status", "networkpolicies"], read),
    ]

    private static let edited: [PolicyRule] = [
        rule([""], ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], read),
        rule([""], ["serviceaccounts"], ["impersonate"]),
        rule([""], ["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], write),
        rule([""], ["pods/eviction", "serviceaccounts/token"], ["create"]),
        rule(
            [""],
            [
                "configmaps", "events", "persistentvolumeclaims", "replicationcontrollers",
                "replicationcontrollers/scale",
                "secrets", "serviceaccounts", "services", "services/proxy",
            ], write),
        rule(
            ["apps"],
            [
                "daemonsets", "deployments", "deployments/rollback", "deployments/scale", "replicasets",
                "replicasets/scale",
                "statefulsets", "statefulsets/scale",
            ], write),
        rule(["autoscaling"], ["horizontalpodautoscalers"], write), rule(["batch"], ["cronjobs", "jobs"], write),
        rule(["policy"], ["poddisruptionbudgets"], write),
        rule(["networking.k8s.io"], ["ingresses", "networkpolicies"], write),
        rule(["coordination.k8s.io"], ["leases"], read + write),
    ]

    private static let administered: [PolicyRule] = [
        rule(["authorization.k8s.io"], ["localsubjectaccessreviews"], ["create"]),
        rule(["rbac.authorization.k8s.io"], ["rolebindings", "roles"], read + write),
    ]

    private static func aggregate(_ target: String) -> String { "rbac.authorization.k8s.io/aggregate-to-\(target)" }

    static let roles: [JSON] = [
        role("cluster-admin", [rule(["*"], ["*"], ["*"]), paths(["*"], ["*"])]),
        role("admin", [], aggregates: aggregate("admin")),
        role("edit", [], labels: [aggregate("admin"): "true"], aggregates: aggregate("edit")),
        role("view", [], labels: [aggregate("edit"): "true"], aggregates: aggregate("view")),
        role("system:aggregate-to-admin", administered, labels: [aggregate("admin"): "true"]),
        role("system:aggregate-to-edit", edited, labels: [aggregate("edit"): "true"]),
        role("system:aggregate-to-view", viewed, labels: [aggregate("view"): "true"]),
        role(
            "system:aggregated-metrics-reader", [rule(["metrics.k8s.io"], ["nodes", "pods"], read)],
            labels: [aggregate("admin"): "true", aggregate("edit"): "true", aggregate("view"): "true"]),
        role(
            "system:discovery",
            [
                paths([
                    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz",
                    "/version", "/version/",
                ])
            ]),
        role("system:public-info-viewer", [paths(["/healthz", "/livez", "/readyz", "/version", "/version/"])]),
        role(
            "system:basic-user",
            [
                rule(["authorization.k8s.io"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
                rule(["authentication.k8s.io"], ["selfsubjectreviews"], ["create"]),
            ]),
        role(
            "system:auth-delegator",
            [
                rule(["authentication.k8s.io"], ["tokenreviews"], ["create"]),
                rule(["authorization.k8s.io"], ["subjectaccessreviews"], ["create"]),
            ]),
        role(
            "system:service-account-issuer-discovery",
            [
                paths([
                    "/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks",
                    "/openid/v1/jwks/",
                ])
            ]),
        role(
            "system:node",
            [
                rule(["authentication.k8s.io"], ["tokenreviews"], ["create"]),
                rule(["authorization.k8s.io"], ["localsubjectaccessreviews", "subjectaccessreviews"], ["create"]),
                rule(
                    [""],
                    [
                        "services", "endpoints", "configmaps", "secrets", "persistentvolumes", "persistentvolumeclaims",
                        "namespaces", "serviceaccounts",
                    ], read),
                rule(["discovery.k8s.io"], ["endpointslices"], read),
                rule([""], ["nodes"], ["create", "get", "list", "watch", "patch", "update"]),
                rule([""], ["nodes/status"], ["patch", "update"]),
                rule([""], ["events"], ["get", "create", "patch", "update"]),
                rule([""], ["pods"], ["get", "list", "watch", "create", "delete"]),
                rule([""], ["pods/status"], ["patch", "update"]), rule([""], ["pods/eviction"], ["create"]),
                rule([""], ["serviceaccounts/token"], ["create"]),
                rule([""], ["persistentvolumeclaims/status"], ["get", "patch", "update"]),
                rule(["coordination.k8s.io"], ["leases"], ["create", "delete", "get", "patch", "update"]),
                rule(["storage.k8s.io"], ["storageclasses"], read),
                rule(["networking.k8s.io"], ["networkpolicies"], read),
            ]),
        role("system:kube-controller-manager", [rule(["*"], ["*"], ["*"])]),
        role(
            "system:kube-scheduler",
            [
                rule([""], ["pods", "nodes", "events"], read + write),
                rule([""], ["pods/binding", "pods/status"], ["create", "patch", "update"]),
            ]),
    ]

    static let bindings: [JSON] = [
        binding("cluster-admin", [("Group", "system:masters")]),
        binding("system:discovery", [("Group", "system:authenticated")]),
        binding("system:basic-user", [("Group", "system:authenticated")]),
        binding("system:public-info-viewer", [("Group", "system:authenticated"), ("Group", "system:unauthenticated")]),
        binding("system:service-account-issuer-discovery", [("Group", "system:serviceaccounts")]),
        binding("system:node", [("Group", "system:nodes")]),
        binding("system:kube-controller-manager", [("User", "system:kube-controller-manager")]),
        binding("system:kube-scheduler", [("User", "system:kube-scheduler")]),
    ]
}
