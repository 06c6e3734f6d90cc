import Identity
import KubeModel

/// Somebody's role in a namespace, as KFAM's clients and RoleBindings say it.
struct ContributorBinding: Sendable, Equatable {
    enum Role: String, Sendable, CaseIterable {
        case admin, edit, view

        /// The ClusterRole that gives it.
        var clusterRole: String { "kubeflow-\(rawValue)" }

        init?(clusterRole: String) {
            guard let role = Self.allCases.first(where: { $0.clusterRole == clusterRole }) else { return nil }
            self = role
        }
    }

    /// `User` or `Group`; `ServiceAccount` for owners only.
    let kind: String
    let name: String
    let namespace: String
    let role: Role

    init(kind: String, name: String, namespace: String, role: Role) {
        (self.kind, self.name, self.namespace, self.role) = (kind, name, namespace, role)
    }

    /// Reads what a client sends.
    ///
    /// - Throws: ``APIError`` with what is wrong; names that the mesh would read as patterns are refused.
    init(wire json: JSON) throws {
        guard let user = json["user"], let name = user["name"]?.string, !name.isEmpty else {
            throw APIError(.badRequest, "user.name must name a user or group")
        }
        let kind = user["kind"]?.string ?? ""
        guard ["", "User", "Group"].contains(kind) else {
            throw APIError(.badRequest, "user.kind must be User or Group, not \"\(kind)\"")
        }
        try Self.check(name: name, kind: kind)
        guard let namespace = json["referredNamespace"]?.string, NameRules.label(namespace).isEmpty else {
            throw APIError(.badRequest, "referredNamespace must name a namespace")
        }
        let reference = json["RoleRef"] ?? json["roleRef"]
        guard ["", "ClusterRole"].contains(reference?["kind"]?.string ?? "") else {
            throw APIError(.badRequest, "RoleRef.kind must be ClusterRole")
        }
        guard let role = reference?["name"]?.string.flatMap({ Role(rawValue: $0) }) else {
            throw APIError(.badRequest, "RoleRef.name must be admin, edit or view")
        }
        self.init(kind: kind.isEmpty ? "User" : kind, name: name, namespace: namespace, role: role)
    }

    /// Refuses names that are patterns to the mesh, that cannot be seen, or that mean everybody.
    static func check(name: String, kind: String) throws {
        guard !name.contains("*") else {
            throw APIError(.badRequest, "a name must not contain \"*\", which would match others too")
        }
        guard name.utf8.count <= 253, !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }),
            name.first?.isWhitespace == false, name.last?.isWhitespace == false
        else {
            throw APIError(
                .badRequest, "a name has at most 253 bytes, no control characters, and no spaces at its ends")
        }
        // Nobody can sign in as one of these; in a list they would pass for somebody who can.
        guard name.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw APIError(.badRequest, "a name is of ASCII characters: others look like them and are not")
        }
        // `system:anonymous` is whoever comes without a proof.
        guard !name.lowercased().hasPrefix("system:") else {
            throw APIError(.badRequest, "the name \(name) is Kubernetes' own and cannot contribute")
        }
    }

    /// Reads a RoleBinding; nil unless it is a contributor's: one subject that its annotations name, and one of the
    /// three roles. Others, which anybody with the right to bind may make, are not shown and break nothing.
    init?(_ binding: KubeObject) {
        guard let user = binding.annotations["user"], binding.annotations["role"] != nil,
            let subjects = binding["subjects"]?.array, subjects.count == 1, let kind = subjects[0]["kind"]?.string,
            subjects[0]["name"]?.string == user, let namespace = binding.namespace,
            binding["roleRef"]?["kind"]?.string == "ClusterRole",
            let role = binding["roleRef"]?["name"]?.string.flatMap(Role.init(clusterRole:))
        else { return nil }
        self.init(kind: kind, name: user, namespace: namespace, role: role)
    }

    /// As KFAM sends it.
    var json: JSON {
        [
            "user": ["kind": .string(kind), "name": .string(name)], "referredNamespace": .string(namespace),
            "RoleRef": ["apiGroup": "", "kind": "ClusterRole", "name": .string(role.rawValue)],
        ]
    }

    func isFor(_ caller: CallerIdentity) -> Bool { caller.isNamed(byKind: kind, name: name, namespace: namespace) }

    /// The name of its RoleBinding, as Kubeflow forms it; several users may lead to the same.
    var objectName: String {
        var plain = ""
        for character in name.lowercased().unicodeScalars.prefix(180) {
            switch character {
            case "a"..."z", "0"..."9": plain.unicodeScalars.append(character)
            default: if plain.last != "-" { plain.append("-") }
            }
        }
        return "\(kind.lowercased())-\(plain)-clusterrole-\(role.rawValue)"
    }

    /// Another name for when somebody else's binding has the first.
    var distinctObjectName: String {
        objectName + "-"
            + Secrets.digest("\(kind)/\(name)".utf8).prefix(5).map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
    }

    func roleBinding(named name: String) -> KubeObject {
        var binding = KubeObject(
            apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", name: name, namespace: namespace,
            annotations: ["user": self.name, "role": role.rawValue])
        binding["roleRef"] = [
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role.clusterRole),
        ]
        binding["subjects"] = [
            ["kind": .string(kind), "apiGroup": "rbac.authorization.k8s.io", "name": .string(self.name)]
        ]
        return binding
    }

    /// What lets the contributor through the mesh; nil for a group, which the mesh does not know.
    func authorizationPolicy(
        _ type: ResourceType, named name: String, owner: KubeObject, _ settings: ProfileControllerConfiguration
    ) -> KubeObject? {
        guard kind == "User" else { return nil }
        var policy = KubeObject(
            apiVersion: type.apiVersion, kind: type.kind, name: name, namespace: namespace,
            annotations: ["user": self.name, "role": role.rawValue])
        policy.metadata["ownerReferences"] = [OwnerReference(controlledBy: owner).json]
        let principals = settings.gatewayPrincipals + [settings.pipelinesPrincipal]
        policy.spec = [
            "action": "ALLOW",
            "rules": [
                [
                    "from": [["source": ["principals": .array(principals.map(JSON.string))]]],
                    "when": [
                        [
                            "key": .string("request.headers[\(settings.userIDHeader)]"),
                            "values": [.string(settings.userIDPrefix + self.name)],
                        ]
                    ],
                ]
            ],
        ]
        return policy
    }
}
