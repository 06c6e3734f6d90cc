import ClusterRules
import KubeModel

/// `matchConstraints` of a policy or `matchResources` of a binding: which requests are meant.
struct ResourceMatch: Sendable {
    private struct Rule: Sendable {
        let rule: Webhook.Rule
        let names: Set<String>

        init(_ json: JSON) {
            rule = Webhook.Rule(json)
            names = Set(json["resourceNames"]?.array?.compactMap(\.string) ?? [])
        }

        func matches(_ kind: ServedKind, _ request: AdmissionRequest) -> Bool {
            rule.matches(kind, subresource: request.subresource, operation: request.operation)
                && (names.isEmpty || names.contains(request.givenName))
        }
    }

    /// Why it cannot be told whether a request is meant.
    struct Failure: Error { let message: String }

    private let rules: [Rule]
    private let excluded: [Rule]
    private let takesEquivalents: Bool
    private let namespaceSelector: LabelSelector
    private let objectSelector: LabelSelector

    /// Reads the matching part of a policy or binding.
    init(_ json: JSON) {
        rules = (json["resourceRules"]?.array ?? []).map(Rule.init)
        excluded = (json["excludeResourceRules"]?.array ?? []).map(Rule.init)
        takesEquivalents = json["matchPolicy"]?.string != "Exact"
        namespaceSelector = LabelSelector(object: json["namespaceSelector"] ?? [:])
        objectSelector = LabelSelector(object: json["objectSelector"] ?? [:])
    }

    /// True when requests for a resource or subresource may be meant, whatever their group, version and operation.
    func mayConcern(_ plural: String, _ subresource: String) -> Bool {
        rules.isEmpty || rules.contains { rule in rule.rule.mayConcern(plural, subresource) }
    }

    /// The kind as which a request is meant: its own, or another version of it. Nil when it is not meant.
    ///
    /// - Throws: ``Failure`` when that depends on a namespace that does not exist.
    func kind(for request: AdmissionRequest, _ cluster: Cluster) async throws -> ServedKind? {
        guard selectsObject(request), find(excluded, request, cluster) == nil else { return nil }
        guard let kind = rules.isEmpty ? request.kind : find(rules, request, cluster) else { return nil }
        return try await selectsNamespace(request, cluster) ? kind : nil
    }

    private func find(_ rules: [Rule], _ request: AdmissionRequest, _ cluster: Cluster) -> ServedKind? {
        guard !rules.isEmpty else { return nil }
        if rules.contains(where: { $0.matches(request.kind, request) }) { return request.kind }
        let (plural, subresource) = (request.kind.type.plural, request.subresource)
        guard takesEquivalents,
            rules.contains(where: { $0.rule.isFor(request.operation) && $0.rule.mayConcern(plural, subresource) })
        else { return nil }
        return cluster.registry.all.first { kind in
            kind !== request.kind && kind.storageName == request.kind.storageName
                && rules.contains { $0.matches(kind, request) }
        }
    }

    private func selectsObject(_ request: AdmissionRequest) -> Bool {
        guard !objectSelector.isEmpty else { return true }
        let object = request.operation == .delete ? nil : request.object
        return [object, request.old].contains { json in
            guard let metadata = json?["metadata"] else { return false }
            return objectSelector.matches(metadata["labels"]?.stringMap ?? [:])
        }
    }

    private func selectsNamespace(_ request: AdmissionRequest, _ cluster: Cluster) async throws -> Bool {
        guard !namespaceSelector.isEmpty else { return true }
        let name = request.admissionNamespace
        // Objects outside of namespaces are never left out by the labels of one.
        guard !name.isEmpty || request.kind.storageName == "namespaces" else { return true }
        let namespace: JSON
        if request.kind.storageName == "namespaces", request.subresource.isEmpty, request.operation != .delete {
            namespace = request.object
        } else if let stored = try await cluster.get("namespaces", "", name) {
            namespace = stored
        } else {
            throw Failure(message: "namespaces \"\(name)\" not found")
        }
        return namespaceSelector.matches(namespace.value(at: "metadata", "labels")?.stringMap ?? [:])
    }
}

extension Webhook.Rule {
    /// True when the operation is meant.
    func isFor(_ operation: AdmissionRequest.Operation) -> Bool {
        operations.contains("*") || operations.contains(operation.rawValue)
    }

    /// True when a resource of this name, or a subresource of it, may be meant, whatever its group and version.
    func mayConcern(_ plural: String, _ subresource: String) -> Bool {
        resources.contains { pattern in
            let parts = pattern.split(separator: "/", maxSplits: 1)
            guard let base = parts.first, base == "*" || base == plural else { return false }
            return parts.count == 2 ? parts[1] == "*" || parts[1] == subresource : subresource.isEmpty
        }
    }
}
