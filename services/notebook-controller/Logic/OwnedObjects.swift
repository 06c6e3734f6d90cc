import ControllerKit
import KubeClient
import KubeModel

/// Makes the objects of one owner and keeps them as they are wanted; what is somebody else's is left alone.
struct OwnedObjects: Sendable {
    let client: KubeClient
    let owner: KubeObject

    /// Makes an object that was not seen, and changes one that was: by a merge patch, which by default makes its `spec` contain the
    /// wanted one.
    ///
    /// - Throws: ``OwnershipConflict`` for an object of that name that has another owner; ``APIError`` of the server.
    func keep(
        _ type: ResourceType, _ wanted: KubeObject, existing: KubeObject?,
        change: ((KubeObject) -> JSON?)? = nil
    ) async throws {
        guard let existing else {
            _ = try await client.create(type, wanted)
            return
        }
        try OwnershipConflict.check(existing, belongsTo: owner)
        let patch =
            change.map { $0(existing) } ?? MergeDifference.patch(in: existing.json, toContain: ["spec": wanted.spec])
        guard let patch else { return }
        _ = try await client.patch(type, wanted.name, namespace: wanted.namespace, .merge(patch))
    }

    /// The same for a route, which is not watched: its `spec` becomes the wanted one.
    func keepRoute(_ type: ResourceType, _ wanted: KubeObject) async throws {
        let existing = try await client.find(type, wanted.name, namespace: wanted.namespace)
        try await keep(type, wanted, existing: existing) { existing in
            MergeDifference.patch(from: existing.spec, to: wanted.spec).map { ["spec": $0] }
        }
    }

    /// Writes what is different in the status of the owner.
    func writeStatus(_ type: ResourceType, _ status: JSON) async throws {
        guard let patch = MergeDifference.patch(from: owner.status, to: status) else { return }
        do {
            _ = try await client.patch(
                type, owner.name, namespace: owner.namespace, .merge(["status": patch]), subresource: "status")
        } catch let error as APIError where error.code == 404 {
            // Deleted meanwhile.
        }
    }
}

/// An object of the wanted name that is not its would-be owner's: it is left alone.
struct OwnershipConflict: Error {
    let message: String
    /// True when it belonged to an earlier owner of that name and will be collected.
    let isPassing: Bool

    static func check(_ object: KubeObject, belongsTo owner: KubeObject) throws(OwnershipConflict) {
        let known = object.controller
        guard known?.uid != owner.uid else { return }
        throw OwnershipConflict(
            message: "\(object.kind) \(object.name) exists already and does not belong to this \(owner.kind)",
            isPassing: object.isBeingDeleted || (known?.kind == owner.kind && known?.name == owner.name))
    }
}
