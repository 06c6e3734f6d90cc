import KubeClient
import KubeModel

/// The versions of a StatefulSet's or DaemonSet's template, kept as ControllerRevisions.
struct RevisionHistory: Sendable {
    /// Label of Pods (and of a DaemonSet's revisions) that says which revision they are of.
    static let hashKey = "controller-revision-hash"
    /// Label of a StatefulSet's revisions.
    static let revisionKey = "controller.kubernetes.io/hash"

    let context: ClusterContext
    let owner: KubeObject
    let ownerType: ResourceType
    /// All revisions, oldest first.
    let revisions: [KubeObject]

    init(context: ClusterContext, owner: KubeObject, ownerType: ResourceType) async throws {
        self.context = context
        self.owner = owner
        self.ownerType = ownerType
        let owned = try await Ownership(
            client: context.client, ownerType: ownerType, cache: context.caches.controllerRevisions
        ).claim(owner, selector: LabelSelector(owner.spec["selector"]))
        revisions = owned.sorted { Self.order($0) < Self.order($1) }
    }

    private static func order(_ revision: KubeObject) -> (Int64, String) { (number(revision), revision.name) }
    private static func number(_ revision: KubeObject) -> Int64 { revision["revision"]?.int ?? 0 }

    /// What a revision records: the template, as a patch that replaces it.
    static func data(_ owner: KubeObject) -> JSON {
        var template = owner.spec["template"] ?? [:]
        template["$patch"] = "replace"
        return ["spec": ["template": template]]
    }

    /// The template that a revision recorded.
    static func template(of revision: KubeObject) -> JSON {
        var template = revision["data"]?.value(at: "spec", "template") ?? [:]
        template["$patch"] = nil
        return template
    }

    /// The hash by which Kubernetes names a revision: FNV-1 of the data and of the count of collisions.
    static func hash(_ data: JSON, collisions: Int) -> String {
        let bytes = CanonicalJSON.bytes(data) + Array(String(collisions).utf8)
        return CanonicalJSON.safeName(CanonicalJSON.fnv1(bytes))
    }

    /// The revision of the present template: found, moved to the front after a rollback, or made. The count of
    /// collisions of names is one more than before for each name that something else has.
    func latest(collisions: Int) async throws -> (revision: KubeObject, collisions: Int) {
        let data = Self.data(owner)
        let next = (revisions.last.map(Self.number) ?? 0) + 1
        if let same = revisions.last(where: { $0["data"] == data }) {
            if same.name == revisions.last?.name { return (same, collisions) }
            let moved = try await context.patch(
                same, in: context.caches.controllerRevisions, ["revision": .int(next)])
            return (moved, collisions)
        }
        var collisions = collisions
        while true {
            let revision = make(data, hash: Self.hash(data, collisions: collisions), number: next)
            do {
                let made = try await context.client.create(.controllerRevisions, revision)
                context.caches.controllerRevisions.note(made)
                return (made, collisions)
            } catch let error as APIError where error.reason == .alreadyExists {
                guard
                    let other = try await context.client.find(
                        .controllerRevisions, revision.name, namespace: owner.namespace)
                else { throw error }
                if other["data"] == data, other.controller?.uid == owner.uid {
                    context.caches.controllerRevisions.note(other)
                    return (other, collisions)
                }
                collisions += 1
            }
        }
    }

    private func make(_ data: JSON, hash: String, number: Int64) -> KubeObject {
        var labels = owner.spec.value(at: "template", "metadata", "labels")?.stringMap ?? [:]
        labels[ownerType == .statefulSets ? Self.revisionKey : Self.hashKey] = hash
        var revision = KubeObject(
            apiVersion: "apps/v1", kind: "ControllerRevision", name: "\(owner.name)-\(hash)",
            namespace: owner.namespace, labels: labels, annotations: owner.annotations)
        revision.metadata["ownerReferences"] = [owner.controllerReference(ownerType)]
        revision["data"] = data
        revision["revision"] = .int(number)
        return revision
    }

    /// Removes the oldest revisions beyond `spec.revisionHistoryLimit` that nothing uses.
    func truncate(keeping used: Set<String>) async throws {
        let limit = owner.spec["revisionHistoryLimit"]?.int.map(Int.init) ?? 10
        let unused = revisions.filter { !used.contains($0.name) && !used.contains($0.labels[Self.hashKey] ?? "") }
        for revision in unused.prefix(max(0, unused.count - limit)) {
            try await context.delete(revision, in: context.caches.controllerRevisions)
        }
    }
}
