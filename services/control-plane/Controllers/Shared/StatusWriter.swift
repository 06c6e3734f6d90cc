import ControllerKit
import KubeClient
import KubeModel

extension ClusterContext {
    /// Writes what changed in the status of an object of `cache`; nothing when nothing did.
    func writeStatus(_ status: JSON, of object: KubeObject, in cache: ObjectCache) async throws {
        guard let patch = MergeDifference.patch(from: object.status, to: status) else { return }
        do {
            cache.note(
                try await client.patch(
                    cache.type, object.name, namespace: object.namespace,
                    .merge(["metadata": ["uid": .string(object.uid)], "status": patch]), subresource: "status"))
        } catch let error as APIError where error.reason == .notFound {
            // Deleted meanwhile: there is no status left to write.
        }
    }

    /// Changes an object of `cache` by a merge patch, provided that it is still the same one.
    @discardableResult
    func patch(_ object: KubeObject, in cache: ObjectCache, _ changes: JSON) async throws -> KubeObject {
        var changes = changes
        changes.set(.string(object.uid), at: "metadata", "uid")
        let written = try await client.patch(
            cache.type, object.name, namespace: object.namespace, .merge(changes))
        cache.note(written)
        return written
    }

    /// Deletes an object of `cache`, provided that it is still the same one; one that is gone is fine.
    func delete(
        _ object: KubeObject, in cache: ObjectCache, propagation: String? = nil, gracePeriodSeconds: Int? = nil
    ) async throws {
        do {
            let answer = try await client.delete(
                cache.type, object.name, namespace: object.namespace, propagation: propagation,
                gracePeriodSeconds: gracePeriodSeconds, uid: object.uid)
            // An object in deletion comes back with its deletionTimestamp; a Status means that it is gone.
            if answer.value(at: "metadata", "uid")?.string == object.uid {
                let left = KubeObject(answer)
                if left.isBeingDeleted, left.revision > object.revision {
                    cache.note(left)
                } else {
                    cache.noteDeleted(object)
                }
            } else {
                cache.noteDeleted(object)
            }
        } catch let error as APIError where error.reason == .notFound || error.reason == .conflict {
            // Gone, or another one by now: either way not ours to delete any more.
        }
    }

    /// Runs `body` for every element, several at a time, and throws the first failure after all have ended.
    func concurrently<Element: Sendable>(
        _ elements: [Element], limit: Int = 32, _ body: @escaping @Sendable (Element) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var rest = elements.makeIterator()
            for _ in 0..<limit {
                guard let element = rest.next() else { break }
                group.addTask { try await body(element) }
            }
            var failure: (any Error)?
            while let result = await group.nextResult() {
                if case .failure(let error) = result { failure = failure ?? error }
                guard failure == nil, let element = rest.next() else { continue }
                group.addTask { try await body(element) }
            }
            if let failure { throw failure }
        }
    }
}
