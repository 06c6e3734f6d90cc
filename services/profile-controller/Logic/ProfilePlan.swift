import KubeModel

/// What belongs to one Profile, computed from nothing but the Profile and the settings.
struct ProfilePlan: Sendable {
    /// The name of the finalizer, as in Kubeflow.
    static let finalizer = "profile-finalizer"
    static let quotaName = "kf-resource-quota"
    static let policyName = "ns-owner-access-istio"
    static let adminBindingName = "namespaceAdmin"
    static let serviceAccountNames = ["default-editor", "default-viewer"]
    static let bindingNames = serviceAccountNames + [adminBindingName]

    private static let rbacGroup = "rbac.authorization.k8s.io"

    let name: String
    /// As a subject of a RoleBinding.
    let owner: JSON
    let ownerName: String
    let ownerKind: String
    let reference: OwnerReference
    /// Nil for none.
    let quotaSpec: JSON?

    /// - Throws: ``ProfileProblem`` when the Profile cannot be carried out as it is.
    init(_ profile: KubeObject) throws(ProfileProblem) {
        name = profile.name
        if let problem = NameRules.label(name).first {
            throw ProfileProblem("metadata.name cannot be the name of a namespace: \(problem)")
        }
        reference = OwnerReference(controlledBy: profile)
        let wanted = profile.spec["owner"] ?? [:]
        ownerName = wanted["name"]?.string ?? ""
        ownerKind = wanted["kind"]?.string ?? "User"
        guard !ownerName.isEmpty else { throw ProfileProblem("spec.owner.name must name the owner of the namespace") }
        guard !ownerName.contains("*") else {
            throw ProfileProblem("spec.owner.name must not contain \"*\", which would match other users")
        }
        // `system:anonymous` and `system:authenticated` are everybody. A Pod's account is somebody.
        guard !ownerName.hasPrefix("system:") || (ownerKind == "User" && ownerName.hasPrefix("system:serviceaccount:"))
        else { throw ProfileProblem("spec.owner.name must not be one of Kubernetes' own: \(ownerName)") }
        var subject: JSON = ["kind": .string(ownerKind), "name": .string(ownerName)]
        switch ownerKind {
        case "User", "Group": subject["apiGroup"] = .string(Self.rbacGroup)
        case "ServiceAccount":
            guard let namespace = wanted["namespace"]?.string, !namespace.isEmpty else {
                throw ProfileProblem("spec.owner.namespace must name the namespace of the ServiceAccount")
            }
            subject["namespace"] = .string(namespace)
        default: throw ProfileProblem("spec.owner.kind must be User, Group or ServiceAccount, not \"\(ownerKind)\"")
        }
        owner = subject
        let quota = profile.spec["resourceQuotaSpec"]
        quotaSpec = quota?["hard"]?.object?.isEmpty ?? true ? nil : quota
    }

    func namespace(labels: [String: String]) -> KubeObject {
        var object = KubeObject(
            apiVersion: "v1", kind: "Namespace", name: name, labels: self.labels(onto: [:], from: labels),
            annotations: ["owner": ownerName])
        object.metadata["ownerReferences"] = [reference.json]
        return object
    }

    /// The labels of an existing namespace with those of the settings: what is there is never overwritten, and an
    /// empty value takes the label away.
    func labels(onto existing: [String: String], from settings: [String: String]) -> [String: String] {
        var labels = existing
        for (key, value) in settings.merging(["istio-injection": "enabled"], uniquingKeysWith: { first, _ in first }) {
            if value.isEmpty {
                labels[key] = nil
            } else if labels[key] == nil {
                labels[key] = value
            }
        }
        return labels
    }

    /// True for labels of the settings that decide how Pods are guarded: a namespace that is adopted gets ours.
    static func isProtective(_ label: String, _ settings: [String: String]) -> Bool {
        if label == "istio-injection" { return true }
        guard settings[label]?.isEmpty == false else { return false }
        return label.hasPrefix("pod-security.kubernetes.io/") || label == "app.kubernetes.io/part-of"
    }

    func serviceAccount(_ name: String) -> KubeObject {
        owned(KubeObject(apiVersion: "v1", kind: "ServiceAccount", name: name, namespace: self.name))
    }

    func roleBindings() -> [KubeObject] {
        let accounts = zip(Self.serviceAccountNames, ["kubeflow-edit", "kubeflow-view"]).map { account, role in
            roleBinding(
                account, role: role,
                subject: ["kind": "ServiceAccount", "name": .string(account), "namespace": .string(name)])
        }
        let annotations = ["user": ownerName, "role": "admin"]
        return accounts + [
            roleBinding(Self.adminBindingName, role: "kubeflow-admin", subject: owner, annotations: annotations)
        ]
    }

    private func roleBinding(
        _ bindingName: String, role: String, subject: JSON, annotations: [String: String] = [:]
    ) -> KubeObject {
        var binding = KubeObject(
            apiVersion: "\(Self.rbacGroup)/v1", kind: "RoleBinding", name: bindingName, namespace: name,
            annotations: annotations)
        binding["roleRef"] = ["apiGroup": .string(Self.rbacGroup), "kind": "ClusterRole", "name": .string(role)]
        binding["subjects"] = [subject]
        return owned(binding)
    }

    func quota() -> KubeObject? {
        guard let quotaSpec else { return nil }
        var quota = KubeObject(apiVersion: "v1", kind: "ResourceQuota", name: Self.quotaName, namespace: name)
        quota.spec = quotaSpec
        return owned(quota)
    }

    /// Lets into the namespace's Pods: the owner through the gateways, the namespace itself, probes, and the notebook
    /// controller's look at kernels. A Group has no place in it, since the mesh knows users only.
    func authorizationPolicy(_ type: ResourceType, _ settings: ProfileControllerConfiguration) -> KubeObject {
        var policy = KubeObject(
            apiVersion: type.apiVersion, kind: type.kind, name: Self.policyName, namespace: name,
            annotations: ["user": ownerName, "role": "admin"])
        let gateways = settings.gatewayPrincipals + [settings.pipelinesPrincipal]
        var rules: [JSON] = []
        if ownerKind == "User" {
            rules.append([
                "from": [["source": ["principals": .array(gateways.map(JSON.string))]]],
                "when": [
                    [
                        "key": .string("request.headers[\(settings.userIDHeader)]"),
                        "values": [.string(settings.userIDPrefix + ownerName)],
                    ]
                ],
            ])
        }
        rules.append(["when": [["key": "source.namespace", "values": [.string(name)]]]])
        rules.append(["to": [["operation": ["paths": ["/healthz", "/metrics", "/wait-for-drain"]]]]])
        rules.append([
            "from": [["source": ["principals": [.string(settings.notebookControllerPrincipal)]]]],
            "to": [["operation": ["methods": ["GET"], "paths": ["*/api/kernels"]]]],
        ])
        policy.spec = ["action": "ALLOW", "rules": .array(rules)]
        return owned(policy)
    }

    private func owned(_ object: KubeObject) -> KubeObject {
        var object = object
        object.metadata["ownerReferences"] = [reference.json]
        return object
    }
}

/// Why a Profile cannot be carried out until somebody changes something; shown in its status.
struct ProfileProblem: Error, Equatable {
    let message: String

    init(_ message: String) { self.message = message }
}
