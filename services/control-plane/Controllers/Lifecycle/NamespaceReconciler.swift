import ControllerKit
import KubeClient
import KubeModel

/// Empties a namespace that is being deleted, Pods first, and then lets it go.
struct NamespaceReconciler: Reconciler {
    let context: ClusterContext
    let discovery: Discovery

    static func feed(_ caches: ClusterCaches, _ graph: GraphFeed) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.namespaces) { change in
            change.object.isBeingDeleted && !change.isDeleted ? [ObjectName(change.object).request] : []
        }
        graph.observe { [weak graph] node, isGone in
            guard isGone, let namespace = node.namespace,
                caches.namespaces.get(namespace)?.isBeingDeleted == true
            else { return }
            if node.type == .pods || graph?.graph.count(namespace: namespace) == 0 {
                feed.add(ReconcileRequest(name: namespace))
            }
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let namespace = try await context.client.find(.namespaces, request.name) else { return .settled }
        let finalizers = namespace.spec["finalizers"]?.array?.compactMap(\.string) ?? []
        guard namespace.isBeingDeleted, finalizers.contains("kubernetes") else { return .settled }

        var survey = NamespaceSurvey()
        do {
            let types = try await discovery.resources().filter(\.type.isNamespaced)
            let pods = types.filter { $0.type == .pods }
            try await empty(namespace.name, of: pods, into: &survey)
            // Pods go first, so that what they use outlives them.
            if survey.isEmpty {
                try await empty(namespace.name, of: types.filter { $0.type != .pods }, into: &survey)
            }
        } catch {
            survey.discoveryFailure = ReplicaSetReconciler.describe(error)
        }
        guard survey.isEmpty else {
            let status = survey.status(namespace.status, at: context.timestamp)
            try await context.writeStatus(status, of: namespace, in: context.caches.namespaces)
            // What frees itself wakes us by the owner graph; this is for types that are not watched.
            return .checkAgain(after: .seconds(survey.failures.isEmpty && survey.discoveryFailure == nil ? 3 : 1))
        }
        var final = namespace
        final.spec["finalizers"] = .array(finalizers.filter { $0 != "kubernetes" }.map(JSON.string))
        do {
            let answer = try await context.client.update(.namespaces, final, subresource: "finalize")
            guard answer.spec["finalizers"]?.array?.contains("kubernetes") != true else {
                throw APIError(.internalError, "the namespace \(request.name) could not be finalized")
            }
        } catch let error as APIError where error.reason == .notFound {
            return .settled
        }
        return .settled
    }

    private func empty(
        _ namespace: String, of resources: [Discovery.Resource], into survey: inout NamespaceSurvey
    ) async throws {
        for resource in resources {
            do {
                var left = try await context.client.list(resource.type, namespace: namespace).items
                guard !left.isEmpty else { continue }
                let going = left.filter { !$0.isBeingDeleted }
                try await context.concurrently(going, limit: 16) { object in
                    do {
                        try await context.client.delete(
                            resource.type, object.name, namespace: namespace, propagation: "Background",
                            uid: object.uid)
                    } catch let error as APIError where error.reason == .notFound || error.reason == .conflict {
                        // Gone, or replaced: the next list tells.
                    }
                }
                if !going.isEmpty { left = try await context.client.list(resource.type, namespace: namespace).items }
                survey.note(left, of: resource.type)
            } catch let error as APIError where error.code == 404 || error.code == 405 {
                continue  // a type that went meanwhile
            } catch let error as APIError {
                survey.failures.append("\(resource.type.qualifiedPlural): \(error.message)")
            }
        }
    }
}

/// What is still in a namespace that is being deleted.
struct NamespaceSurvey: Sendable {
    /// How many objects of which type.
    private(set) var remaining: [(type: String, count: Int)] = []
    /// How many objects wait for which finalizer.
    private(set) var finalizers: [String: Int] = [:]
    var failures: [String] = []
    var discoveryFailure: String?

    var isEmpty: Bool { remaining.isEmpty && failures.isEmpty && discoveryFailure == nil }

    mutating func note(_ objects: [KubeObject], of type: ResourceType) {
        guard !objects.isEmpty else { return }
        remaining.append(("\(type.plural).\(type.group)", objects.count))
        for finalizer in objects.flatMap(\.finalizers) { finalizers[finalizer, default: 0] += 1 }
    }

    /// The conditions that say what the deletion waits for.
    func status(_ old: JSON, at now: String) -> JSON {
        var status = old
        status.setCondition(
            "NamespaceDeletionDiscoveryFailure", discoveryFailure != nil,
            reason: discoveryFailure == nil ? "ResourcesDiscovered" : "DiscoveryFailed",
            message: discoveryFailure ?? "All resources successfully discovered", at: now)
        status.setCondition(
            "NamespaceDeletionGroupVersionParsingFailure", false, reason: "ParsedGroupVersions",
            message: "All legacy kube types successfully parsed", at: now)
        status.setCondition(
            "NamespaceDeletionContentFailure", !failures.isEmpty,
            reason: failures.isEmpty ? "ContentDeleted" : "ContentDeletionFailed",
            message: failures.isEmpty
                ? "All content successfully deleted, may be waiting on finalization"
                : "Failed to delete all resource types, \(failures.count) remaining: \(failures.joined(separator: ", "))",
            at: now)
        let content = remaining.sorted { $0.type < $1.type }.map { "\($0.type) has \($0.count) resource instances" }
            .joined(separator: ", ")
        status.setCondition(
            "NamespaceContentRemaining", !remaining.isEmpty,
            reason: remaining.isEmpty ? "ContentRemoved" : "SomeResourcesRemain",
            message: remaining.isEmpty
                ? "All content successfully removed" : "Some resources are remaining: \(content)", at: now)
        let waits = finalizers.sorted { $0.key < $1.key }.map { "\($0.key) in \($0.value) resource instances" }
        status.setCondition(
            "NamespaceFinalizersRemaining", !waits.isEmpty,
            reason: waits.isEmpty ? "ContentHasNoFinalizers" : "SomeFinalizersRemain",
            message: waits.isEmpty
                ? "All content-preserving finalizers finished"
                : "Some content in the namespace has finalizers remaining: \(waits.joined(separator: ", "))", at: now)
        return status
    }
}
