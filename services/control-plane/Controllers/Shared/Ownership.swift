import KubeClient
import KubeModel

/// Which objects a controller has: those that it owns and its selector takes. Orphans that match are adopted, owned
/// ones that no longer match are let go.
struct Ownership: Sendable {
    let client: KubeClient
    let ownerType: ResourceType
    let cache: ObjectCache

    /// The objects of `owner`.
    ///
    /// `accepts` says what else must hold, such as a fitting name; `finalizer` is given to adopted objects.
    func claim(
        _ owner: KubeObject, selector: LabelSelector, accepts: (KubeObject) -> Bool = { _ in true },
        adding finalizer: String? = nil
    ) async throws -> [KubeObject] {
        var claimed: [KubeObject] = []
        for object in cache.all(indexedBy: OwnerIndex.owner(owner.uid)) {
            if selector.matches(object: object) && accepts(object) {
                claimed.append(object)
            } else if !object.isBeingDeleted && !owner.isBeingDeleted {
                try await release(object, from: owner)
            }
        }
        guard !owner.isBeingDeleted else { return claimed }
        let orphans = cache.all(indexedBy: OwnerIndex.orphans(owner.namespace ?? "")).filter {
            !$0.isBeingDeleted && !$0.isFinished && selector.matches(object: $0) && accepts($0)
        }
        guard !orphans.isEmpty, try await isStillThere(owner) else { return claimed }
        for orphan in orphans {
            if let adopted = try await adopt(orphan, by: owner, adding: finalizer) { claimed.append(adopted) }
        }
        return claimed
    }

    /// The cache may be late: an owner that is gone or going must not adopt.
    private func isStillThere(_ owner: KubeObject) async throws -> Bool {
        let live = try await client.find(ownerType, owner.name, namespace: owner.namespace)
        return live?.uid == owner.uid && live?.isBeingDeleted == false
    }

    private func adopt(
        _ object: KubeObject, by owner: KubeObject, adding finalizer: String?
    ) async throws -> KubeObject? {
        let references = (object.metadata["ownerReferences"]?.array ?? []) + [owner.controllerReference(ownerType)]
        var finalizers: JSON?
        if let finalizer, !object.finalizers.contains(finalizer) {
            finalizers = .array((object.finalizers + [finalizer]).map(JSON.string))
        }
        return try await write(references, finalizers, to: object)
    }

    private func release(_ object: KubeObject, from owner: KubeObject) async throws {
        let references = (object.metadata["ownerReferences"]?.array ?? []).filter { $0["uid"]?.string != owner.uid }
        _ = try await write(references, nil, to: object)
    }

    /// uid and resourceVersion make sure that it is the object, in the state, that we looked at.
    private func write(_ references: [JSON], _ finalizers: JSON?, to object: KubeObject) async throws -> KubeObject? {
        var metadata: JSON = [
            "uid": .string(object.uid), "resourceVersion": .string(object.resourceVersion),
            "ownerReferences": references.isEmpty ? .null : .array(references),
        ]
        metadata["finalizers"] = finalizers
        let patch: JSON = ["metadata": metadata]
        do {
            let written = try await client.patch(
                cache.type, object.name, namespace: object.namespace, .merge(patch))
            cache.note(written)
            return written
        } catch let error as APIError where error.reason == .notFound {
            return nil
        }
    }
}
