/// The objects of one resource, ordered by path.
///
/// They lie in chunks of a few hundred, so that a change moves little, and a copy (a snapshot, a list) costs nothing
/// until the next change, which then copies one chunk.
struct SortedObjects: Sendable {
    private var chunks: [[StoredObject]] = []
    private(set) var count = 0

    static let chunkLimit = 256

    init() {}

    /// Of objects that are in order.
    init(_ objects: [StoredObject]) { for object in objects { append(object) } }

    /// The object at a path.
    subscript(path: String) -> StoredObject? {
        guard let chunk = chunkIndex(of: path) else { return nil }
        let position = Self.position(of: path, in: chunks[chunk])
        guard position < chunks[chunk].count, chunks[chunk][position].path == path else { return nil }
        return chunks[chunk][position]
    }

    /// Adds an object, or replaces the one at its path.
    mutating func set(_ object: StoredObject) {
        guard let chunk = chunkIndex(of: object.path) else { return append(object) }
        let position = Self.position(of: object.path, in: chunks[chunk])
        if chunks[chunk][position].path == object.path {
            chunks[chunk][position] = object
            return
        }
        chunks[chunk].insert(object, at: position)
        count += 1
        if chunks[chunk].count > Self.chunkLimit {
            let middle = chunks[chunk].count / 2
            let upper = Array(chunks[chunk][middle...])
            chunks[chunk].removeSubrange(middle...)
            chunks.insert(upper, at: chunk + 1)
        }
    }

    /// Removes the object at a path, if there is one.
    mutating func remove(_ path: String) {
        guard let chunk = chunkIndex(of: path) else { return }
        let position = Self.position(of: path, in: chunks[chunk])
        guard chunks[chunk][position].path == path else { return }
        chunks[chunk].remove(at: position)
        count -= 1
        if chunks[chunk].isEmpty { chunks.remove(at: chunk) }
    }

    /// All objects, or those of one namespace, in order.
    func list(namespace: String?) -> [StoredObject] {
        var found: [StoredObject] = []
        guard let namespace else {
            found.reserveCapacity(count)
            for chunk in chunks { found.append(contentsOf: chunk) }
            return found
        }
        // "0" follows "/" in ASCII: the end of everything below the namespace.
        let (start, end) = (namespace + "/", namespace + "0")
        guard let first = chunkIndex(of: start) else { return [] }
        var lower = Self.position(of: start, in: chunks[first])
        for chunk in chunks[first...] {
            let upper = Self.position(of: end, in: chunk)
            found.append(contentsOf: chunk[lower..<max(lower, upper)])
            if upper < chunk.count { break }
            lower = 0
        }
        return found
    }

    /// The objects at some paths, in order; of one namespace, or of all.
    func list(paths: [String], namespace: String?) -> [StoredObject] {
        let prefix = namespace.map { $0 + "/" }
        let wanted = prefix.map { prefix in paths.filter { $0.hasPrefix(prefix) } } ?? paths
        return wanted.sorted().compactMap { self[$0] }
    }

    /// The objects of a name, in every namespace or one. Skips from namespace to namespace.
    func list(name: String, namespace: String?) -> [StoredObject] {
        if let namespace { return [self[namespace.isEmpty ? name : "\(namespace)/\(name)"]].compactMap(\.self) }
        var found: [StoredObject] = []
        var next = chunks.first?.first
        while let object = next {
            let namespace = object.key.namespace
            guard !namespace.isEmpty else { return list(name: name, namespace: "") }
            if let match = self["\(namespace)/\(name)"] { found.append(match) }
            next = first(from: namespace + "0")
        }
        return found
    }

    /// The first object at or behind a path.
    private func first(from path: String) -> StoredObject? {
        guard let chunk = chunkIndex(of: path) else { return nil }
        return chunks[chunk][Self.position(of: path, in: chunks[chunk])]
    }

    /// Visits every object in order.
    func forEach<Failure: Error>(_ body: (StoredObject) throws(Failure) -> Void) throws(Failure) {
        for chunk in chunks { for object in chunk { try body(object) } }
    }

    /// Adds an object behind all others.
    private mutating func append(_ object: StoredObject) {
        count += 1
        if let last = chunks.indices.last, chunks[last].count < Self.chunkLimit {
            chunks[last].append(object)
        } else {
            chunks.append([object])
        }
    }

    /// The first chunk that ends at or behind a path.
    private func chunkIndex(of path: String) -> Int? {
        var (low, high) = (0, chunks.count)
        while low < high {
            let middle = (low + high) / 2
            let chunk = chunks[middle]
            if chunk[chunk.count - 1].path < path { low = middle + 1 } else { high = middle }
        }
        return low < chunks.count ? low : nil
    }

    /// How many objects of a chunk lie before a path.
    private static func position(of path: String, in chunk: [StoredObject]) -> Int {
        var (low, high) = (0, chunk.count)
        while low < high {
            let middle = (low + high) / 2
            if chunk[middle].path < path { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
