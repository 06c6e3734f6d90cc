import CEL
import ClusterRules
import KubeModel

/// Finds out which policies are for a request, and with which parameters.
struct PolicyDispatch: Sendable {
    /// A policy that is for a request, by way of one binding and one parameter object.
    struct Call<Policy: CompiledPolicy>: Sendable {
        let policy: Policy
        let binding: PolicyBinding
        let param: PolicyParam
        /// The kind as which the policy sees the object.
        let kind: ServedKind
    }

    /// Why it is not known whether, or with what, a policy is to be asked.
    struct Failure: Sendable {
        let scope: PolicyScope
        let binding: String?
        let message: String
    }

    /// Resources whose writes no policy sees, lest a mistake in one could not be undone or nobody could log in.
    private static let exempt: Set<String> = [
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        "mutatingadmissionpolicies.admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
        "selfsubjectreviews.authentication.k8s.io", "tokenreviews.authentication.k8s.io",
        "localsubjectaccessreviews.authorization.k8s.io", "selfsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectrulesreviews.authorization.k8s.io", "subjectaccessreviews.authorization.k8s.io",
    ]

    let cluster: Cluster

    /// The policies that may be for a request; none for most.
    func hooks<Policy>(
        _ registry: PolicyRegistry<Policy>, for request: AdmissionRequest
    ) -> [PolicyHook<Policy>] {
        let hooks = registry.hooks(request.kind.type.plural, request.subresource)
        return hooks.isEmpty || Self.exempt.contains(request.kind.type.qualifiedPlural) ? [] : hooks
    }

    /// The policies that are for a request, in the order in which they are asked.
    func calls<Policy>(
        _ hooks: [PolicyHook<Policy>], for request: AdmissionRequest, _ failures: inout [Failure]
    ) async throws -> [Call<Policy>] {
        var calls: [Call<Policy>] = []
        for hook in hooks {
            let scope = hook.policy.scope
            let kind: ServedKind
            let paramKind: ServedKind?
            do {
                guard let found = try await scope.match.kind(for: request, cluster) else { continue }
                (kind, paramKind) = (found, try self.paramKind(of: scope))
            } catch let error as ResourceMatch.Failure {
                failures.append(
                    Failure(scope: scope, binding: nil, message: "failed to configure policy: \(error.message)"))
                continue
            }
            for binding in hook.bindings {
                do {
                    if let match = binding.match, try await match.kind(for: request, cluster) == nil { continue }
                    for param in try await params(binding, paramKind, request) {
                        calls.append(Call(policy: hook.policy, binding: binding, param: param, kind: kind))
                    }
                } catch let error as ResourceMatch.Failure {
                    let message = "failed to configure binding: \(error.message)"
                    failures.append(Failure(scope: scope, binding: binding.name, message: message))
                }
            }
        }
        return calls
    }

    private func paramKind(of scope: PolicyScope) throws(ResourceMatch.Failure) -> ServedKind? {
        guard let wanted = scope.paramKind else { return nil }
        guard let kind = cluster.registry.find(apiVersion: wanted.apiVersion, kind: wanted.kind) else {
            throw ResourceMatch.Failure(
                message: "failed to find resource referenced by paramKind: '\(wanted.text)'")
        }
        return kind
    }

    private func params(
        _ binding: PolicyBinding, _ kind: ServedKind?, _ request: AdmissionRequest
    ) async throws -> [PolicyParam] {
        guard let kind, let reference = binding.params else { return [.none] }
        return try await reference.objects(of: kind, for: request, cluster)
    }

    /// The namespace of an object as expressions see it; null outside of namespaces.
    ///
    /// - Throws: ``APIError`` `notFound` for a namespace that does not exist.
    func namespace(of request: AdmissionRequest) async throws -> Value {
        guard request.kind.type.isNamespaced else { return .null }
        guard let namespace = try await cluster.get("namespaces", "", request.namespace) else {
            throw APIError(
                .notFound, "namespaces \"\(request.namespace)\" not found", kind: "namespaces",
                name: request.namespace)
        }
        var metadata = JSONObject()
        for field in [
            "name", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
            "deletionGracePeriodSeconds", "labels", "annotations", "finalizers",
        ] {
            metadata[field] = namespace.value(at: "metadata", field)
        }
        return Value([
            "metadata": .object(metadata), "spec": namespace["spec"] ?? [:], "status": namespace["status"] ?? [:],
        ])
    }
}
