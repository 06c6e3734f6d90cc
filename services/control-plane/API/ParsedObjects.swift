import ClusterStore
import KubeModel
import Synchronization

/// The trees of small objects that nearly every write asks about, so that they are read once and not once a write.
///
/// A tree belongs to one version of an object and is only given out for that one, so it is never out of date.
final class ParsedObjects: Sendable {
    private struct Entry {
        let object: StoredObject
        let tree: JSON
    }

    /// Beyond so many all are forgotten and read anew.
    private static let limit = 512
    private let entries = Mutex<[ObjectKey: Entry]>([:])

    /// True for resources whose trees are worth keeping.
    static func covers(_ resource: String) -> Bool { resource == "namespaces" || resource == "serviceaccounts" }

    /// The tree of an object.
    func tree(of object: StoredObject) throws -> JSON {
        if let known = entries.withLock({ $0[object.key] }), known.object === object { return known.tree }
        let tree = try object.json()
        entries.withLock { entries in
            if entries.count >= Self.limit { entries.removeAll() }
            entries[object.key] = Entry(object: object, tree: tree)
        }
        return tree
    }

    /// Forgets an object that is gone.
    func forget(_ key: ObjectKey) {
        if Self.covers(key.resource) { entries.withLock { $0[key] = nil } }
    }
}
