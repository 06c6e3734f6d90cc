/// All objects of the cluster in memory, by resource.
struct ObjectTables: Sendable {
    private(set) var tables: [String: Table] = [:]
    /// Beside the tables, so that whoever holds a copy of a table does not make the next change copy its index.
    private var indexes: [String: ObjectIndex] = [:]
    /// Size of the JSON text of all objects.
    private(set) var bytes = 0
    /// How many objects there are.
    private(set) var count = 0

    struct Table: Sendable {
        var objects = SortedObjects()
        /// The last change of any object in it.
        var lastRevision: UInt64 = 0
    }

    /// The object of a key.
    subscript(key: ObjectKey) -> StoredObject? { tables[key.resource]?.objects[key.path] }

    /// The paths of the objects of a resource that meet the term which leaves the fewest, when that is much less than
    /// all of them; nil when walking over all is as good.
    func paths(_ resource: String, meeting terms: [StoreTerm]) -> [String]? {
        guard let index = indexes[resource], let table = tables[resource] else { return terms.isEmpty ? nil : [] }
        let counted = terms.compactMap { term in index.count(term).map { (term: term, count: $0) } }
        guard let best = counted.min(by: { $0.count < $1.count }), best.count * 4 <= table.objects.count else {
            return nil
        }
        return index.paths(best.term)
    }

    /// Puts a new state in place, or takes a deleted object away. Returns what was there before.
    @discardableResult
    mutating func apply(_ kind: StoreEvent.Kind, _ object: StoredObject) -> StoredObject? {
        let previous = self[object.key]
        replace(previous, by: kind == .deleted ? nil : object, at: object.key, revision: object.revision)
        return previous
    }

    /// Takes a change back; `durable` is the last revision that stays.
    mutating func undo(_ object: StoredObject, previous: StoredObject?, durable: UInt64) {
        replace(self[object.key], by: previous, at: object.key, revision: durable)
    }

    private mutating func replace(
        _ old: StoredObject?, by new: StoredObject?, at key: ObjectKey, revision: UInt64
    ) {
        if let new {
            tables[key.resource, default: Table()].objects.set(new)
        } else if let old {
            tables[key.resource]?.objects.remove(old.path)
        }
        tables[key.resource]?.lastRevision = revision
        indexes[key.resource, default: ObjectIndex()].replace(old, by: new)
        bytes += (new?.bytes.count ?? 0) - (old?.bytes.count ?? 0)
        count += (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
    }
}
