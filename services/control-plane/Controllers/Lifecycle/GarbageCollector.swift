import ControllerKit
import KubeClient
import KubeModel

/// Deletes an object whose owners are all gone, and lets an owner go that waited for the last of its dependents.
///
/// The graph only says what to look at; whether an owner is gone is asked of the API itself.
struct GarbageCollector: Reconciler {
    let context: ClusterContext
    let feed: GraphFeed
    let discovery: Discovery
    let events: EventLog

    init(context: ClusterContext, feed: GraphFeed, discovery: Discovery) {
        (self.context, self.feed, self.discovery) = (context, feed, discovery)
        events = context.events("garbage-collector-controller")
    }

    private enum Standing { case solid, dangling, waiting }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let node = feed.graph.node(request.name) else { return .settled }
        if node.isBeingDeleted, !node.waitsForDependents { return .settled }
        guard let object = try await context.client.find(node.type, node.name, namespace: node.namespace),
            object.uid == node.uid
        else {
            feed.forget(node.uid)
            return .settled
        }
        let live = OwnerGraph.Node(object, type: node.type)
        if live.waitsForDependents { return try await finish(live, object) }
        if live.isBeingDeleted || live.owners.isEmpty { return .settled }

        var standings: [(OwnerReference, Standing)] = []
        for owner in live.owners {
            let standing = try await standing(of: owner, for: live)
            standings.append((owner, standing))
            warnOfNamespace(owner, object)
        }
        let gone = standings.filter { $0.1 != .solid }
        guard !gone.isEmpty else { return .settled }
        if gone.count < standings.count {
            try await drop(Set(gone.map(\.0.uid)), from: object, type: live.type)
        } else if standings.contains(where: { $0.1 == .waiting }) {
            let dependents = feed.graph.dependents(of: live.uid)
            // A circle of objects that wait for each other would never end.
            if dependents.contains(where: \.waitsForDependents) { try await unblock(object, type: live.type) }
            try await delete(object, type: live.type, propagation: dependents.isEmpty ? policy(object) : "Foreground")
        } else {
            try await delete(object, type: live.type, propagation: policy(object))
        }
        return .settled
    }

    /// What the finalizers of an object say about its own dependents.
    private func policy(_ object: KubeObject) -> String {
        if object.finalizers.contains("orphan") { return "Orphan" }
        return object.finalizers.contains("foregroundDeletion") ? "Foreground" : "Background"
    }

    /// An owner must lie in the namespace of what it owns, or in none.
    private func warnOfNamespace(_ owner: OwnerReference, _ object: KubeObject) {
        guard let known = feed.graph.node(owner.uid), let place = known.namespace, place != object.namespace else {
            return
        }
        let namespace = object.namespace ?? ""
        let identity =
            "[\(owner.apiVersion)/\(owner.kind), namespace: \(namespace), name: \(owner.name), uid: \(owner.uid)]"
        events.warning(
            "OwnerRefInvalidNamespace", "ownerRef \(identity) does not exist in namespace \"\(namespace)\"",
            about: object)
    }

    private func standing(of owner: OwnerReference, for node: OwnerGraph.Node) async throws -> Standing {
        if let known = feed.graph.node(owner.uid), !known.isBeingDeleted,
            known.isDescribed(by: owner, of: node)
        {
            return .solid
        }
        guard let type = try await discovery.type(apiVersion: owner.apiVersion, kind: owner.kind) else {
            throw APIError(.notFound, "the owner \(owner.kind) \(owner.name) is of a type that is not served")
        }
        // An owner in a namespace cannot own an object of the cluster: nothing can be concluded.
        if type.isNamespaced, node.namespace == nil { return .solid }
        guard
            let live = try await context.client.find(
                type, owner.name, namespace: type.isNamespaced ? node.namespace : nil), live.uid == owner.uid
        else { return .dangling }
        return OwnerGraph.Node(live, type: type).waitsForDependents ? .waiting : .solid
    }

    /// A foreground deletion: over when nothing that blocks it is left.
    private func finish(_ node: OwnerGraph.Node, _ object: KubeObject) async throws -> ReconcileOutcome {
        let blocking = feed.graph.dependents(of: node.uid).filter { dependent in
            dependent.owners.contains { $0.uid == node.uid && $0.blocksOwnerDeletion }
        }
        if blocking.isEmpty {
            try await removeFinalizer("foregroundDeletion", from: object, type: node.type)
        } else {
            for dependent in blocking where !dependent.isBeingDeleted {
                feed.deletions.add(ReconcileRequest(name: dependent.uid))
            }
        }
        return .settled
    }

    private func delete(_ object: KubeObject, type: ResourceType, propagation: String) async throws {
        do {
            try await context.client.delete(
                type, object.name, namespace: object.namespace, propagation: propagation, uid: object.uid)
        } catch let error as APIError where error.reason == .notFound {
            feed.forget(object.uid)
        }
    }

    private func drop(_ owners: Set<String>, from object: KubeObject, type: ResourceType) async throws {
        let rest = (object.metadata["ownerReferences"]?.array ?? []).filter {
            !owners.contains($0["uid"]?.string ?? "")
        }
        try await setOwners(rest, of: object, type: type)
    }

    private func unblock(_ object: KubeObject, type: ResourceType) async throws {
        let references = (object.metadata["ownerReferences"]?.array ?? []).map { reference in
            var reference = reference
            if reference["blockOwnerDeletion"]?.bool == true { reference["blockOwnerDeletion"] = false }
            return reference
        }
        try await setOwners(references, of: object, type: type)
    }

    private func setOwners(_ references: [JSON], of object: KubeObject, type: ResourceType) async throws {
        try await patch(object, type, ["ownerReferences": references.isEmpty ? .null : .array(references)])
    }

    func removeFinalizer(_ name: String, from object: KubeObject, type: ResourceType) async throws {
        let rest = object.finalizers.filter { $0 != name }
        guard rest.count < object.finalizers.count else { return }
        try await patch(object, type, ["finalizers": rest.isEmpty ? .null : .array(rest.map(JSON.string))])
    }

    /// Changes metadata of exactly the state that was looked at; a newer one is looked at again.
    private func patch(_ object: KubeObject, _ type: ResourceType, _ metadata: JSON) async throws {
        var metadata = metadata
        metadata["uid"] = .string(object.uid)
        metadata["resourceVersion"] = .string(object.resourceVersion)
        do {
            _ = try await context.client.patch(
                type, object.name, namespace: object.namespace, .merge(["metadata": metadata]))
        } catch let error as APIError where error.reason == .notFound {
            feed.forget(object.uid)
        }
    }

    /// Lets go of everything that an object owns, then of the object: deletion with `propagationPolicy: Orphan`.
    struct Orphaning: Reconciler {
        let collector: GarbageCollector

        func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
            let feed = collector.feed
            guard let node = feed.graph.node(request.name) else { return .settled }
            for dependent in feed.graph.dependents(of: node.uid) {
                guard
                    let object = try await collector.context.client.find(
                        dependent.type, dependent.name, namespace: dependent.namespace), object.uid == dependent.uid
                else { continue }
                guard object.ownerReferences.contains(where: { $0.uid == node.uid }) else { continue }
                try await collector.drop([node.uid], from: object, type: dependent.type)
            }
            guard let owner = try await collector.context.client.find(node.type, node.name, namespace: node.namespace),
                owner.uid == node.uid
            else { return .settled }
            try await collector.removeFinalizer("orphan", from: owner, type: node.type)
            return .settled
        }
    }
}
