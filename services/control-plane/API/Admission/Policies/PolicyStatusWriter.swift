import CEL
import ClusterRules
import ClusterStore
import KubeClient
import KubeModel

/// Tells in the status of ValidatingAdmissionPolicies what the type check of their expressions found.
struct PolicyStatusWriter: Sendable {
    /// The name under which the status is written.
    private static let manager = "validatingadmissionpolicy-status"

    let server: APIServer

    /// Checks all policies that changed since they were checked.
    func settle() async throws {
        let cluster = server.cluster
        for stored in try await cluster.list(cluster.validatingPolicies.policyResource, namespace: nil).items {
            let policy = try stored.json()
            let generation = policy.value(at: "metadata", "generation")?.int ?? 0
            guard generation > policy.value(at: "status", "observedGeneration")?.int ?? 0,
                policy.value(at: "metadata", "deletionTimestamp")?.string == nil
            else { continue }
            do {
                try await write(warnings(of: policy), generation, stored.key.name)
            } catch let error as APIError where error.reason == .notFound || error.reason == .conflict {
                continue  // It is gone, or there will be news of it.
            }
        }
    }

    private func warnings(of policy: JSON) -> [JSON] {
        let check = PolicyTypeCheck(of: policy)
        let registry = server.cluster.registry
        let served = registry.all.sorted {
            ($0.type.group, $0.type.version, $0.type.plural) < ($1.type.group, $1.type.version, $1.type.plural)
        }
        // Many rules may name the same kinds.
        var known: [ObjectIdentifier: PolicyTypeCheck.Kind?] = [:]
        func checked(_ kind: ServedKind) -> PolicyTypeCheck.Kind? {
            if let known = known[ObjectIdentifier(kind)] { return known }
            let checked = shape(of: kind, named: kind.type.kind).map { PolicyTypeCheck.Kind(kind.type, $0) }
            known[ObjectIdentifier(kind)] = .some(checked)
            return checked
        }
        let found = check.rules.map { rule -> [PolicyTypeCheck.Kind] in
            guard let rule else { return [] }
            return Array(
                served.lazy.filter { rule.contains($0.type) }.compactMap(checked).prefix(PolicyTypeCheck.mostKinds))
        }
        let params = ParamKind(policy.value(at: "spec", "paramKind")).flatMap { wanted in
            registry.find(apiVersion: wanted.apiVersion, kind: wanted.kind)
                .flatMap { shape(of: $0, named: "params.\($0.type.kind)") }
        }
        return check.warnings(PolicyTypeCheck.chosen(found), params: params)
    }

    private func shape(of kind: ServedKind, named name: String) -> JSONShape? {
        guard let custom = kind.custom else { return TypeShapes.builtin(kind.type, named: name) }
        return custom.schema.flatMap { TypeShapes.custom($0, named: name) }
    }

    private func write(_ warnings: [JSON], _ generation: Int64, _ name: String) async throws {
        let type = ResourceType(
            BuiltinKinds.admissionGroup, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy",
            isNamespaced: false)
        let user = UserInfo(name: "system:kube-controller-manager", groups: ["system:masters", "system:authenticated"])
        let client = KubeClient(transport: InProcessTransport(server: server, user: user, agent: Self.manager))
        let found: JSON = warnings.isEmpty ? [:] : ["expressionWarnings": .array(warnings)]
        let status: JSON = ["observedGeneration": .int(generation), "typeChecking": found]
        let configuration: JSON = [
            "apiVersion": .string(type.apiVersion), "kind": .string(type.kind), "metadata": ["name": .string(name)],
            "status": status,
        ]
        _ = try await client.patch(
            type, name, .apply(configuration, manager: Self.manager, force: true), subresource: "status")
    }
}
