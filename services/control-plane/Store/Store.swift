public import KubeModel
import Synchronization

/// What the caller of a change expects to find.
public enum Expectation: Sendable {
    /// No object.
    case absent
    /// The object at this revision.
    case revision(UInt64)
    /// Anything.
    case any
}

/// All objects of a cluster: in memory for reading, in a log on the disk for keeping.
///
/// A change is answered once it is on the disk, and nothing that could still be lost is shown to anyone. Changes that
/// come at the same time are written together. Closed by ``close()``, or when it goes away.
public final class Store: Sendable {
    let engine: Engine

    private init(_ engine: Engine) { self.engine = engine }

    deinit { engine.stop() }

    /// Opens the store in a folder, which is made if need be, and recovers what is in it.
    public static func open(directory: String, options: Options = .init()) throws(StoreError) -> Store {
        Store(try Engine(directory: directory, options: options))
    }

    /// The last durable revision. The first change of a new store gets 2.
    public var revision: UInt64 { engine.history.durable }

    /// How much is stored.
    public var statistics: StoreStatistics { engine.statistics }

    // MARK: Reading

    /// The object, or nil. Waits while the answer is not durable yet.
    public func get(_ key: ObjectKey) async throws -> StoredObject? {
        while true {
            let (object, needed, epoch) = engine.state.withLock { state in
                let object = state.tables[key]
                let needed = object?.revision ?? state.pendingRemovals[key] ?? 0
                return (object, needed > state.durable ? needed : nil, state.epoch)
            }
            guard let needed else { return object }
            if await engine.becomesDurable(needed, epoch: epoch) { return object }
        }
    }

    /// What memory holds for a key, at once; possibly not durable yet, and then perhaps never. For decisions that are
    /// made anew each time, such as authorization; not for answers.
    public func peek(_ key: ObjectKey) -> StoredObject? { engine.state.withLock { $0.tables[key] } }

    /// The objects of a resource, in all namespaces or one, by namespace and name; and the revision of the list, from
    /// which a watch goes on. With terms, at least the objects that meet all of them, found by an index if that helps.
    public func list(
        resource: String, namespace: String?, meeting terms: [StoreTerm] = []
    ) async throws -> (items: [StoredObject], revision: UInt64) {
        let view = await durableView(resource, terms)
        return (view.objects(in: namespace), view.revision)
    }

    /// The objects of a resource as they were at a revision, for the further pages of a list. With terms, at least the
    /// objects that met all of them.
    /// - Throws: ``StoreError/gone(oldest:)`` when the history does not reach back so far.
    public func list(
        resource: String, namespace: String?, meeting terms: [StoreTerm] = [], at revision: UInt64
    ) async throws -> [StoredObject] {
        let view = await durableView(resource, terms)
        guard revision < view.lastChange else { return view.objects(in: namespace) }
        let later = try engine.history.events(resource: resource, after: revision)
        // Taking back what happened since then also brings in the objects that an index no longer names.
        var objects = view.isAll ? view.table : SortedObjects(view.objects(in: namespace))
        for event in later.reversed() where event.revision <= view.lastChange {
            if let previous = event.previous { objects.set(previous) } else { objects.remove(event.object.path) }
        }
        return objects.list(namespace: namespace)
    }

    /// The objects of a resource once they are all durable.
    private func durableView(_ resource: String, _ terms: [StoreTerm]) async -> TableView {
        let terms = terms.filter { term in
            guard case .field(let path, _) = term else { return true }
            return engine.indexed[resource].contains { $0.text == path }
        }
        while true {
            var (view, epoch) = engine.state.withLock { state in
                (TableView(state, resource, terms), state.epoch)
            }
            guard await engine.becomesDurable(view.lastChange, epoch: epoch) else { continue }
            let durable = engine.state.withLock { $0.durable }
            view.revision = min(view.revision, durable)
            return view
        }
    }

    // MARK: Writing

    /// Creates or replaces an object; `metadata.resourceVersion` is set. Returns once it is durable.
    /// - Throws: ``StoreError/conflict(current:)`` when it finds something else than expected.
    @discardableResult
    public func put(_ key: ObjectKey, _ json: JSON, expecting: Expectation) async throws -> StoredObject {
        try await engine.submit(.put(key, ObjectDraft(json, indexing: engine.indexed[key.resource]), expecting))
    }

    /// Removes an object, and returns once that is durable. The last state it returns, with the revision of the removal,
    /// is what watches report: `finalState` if there is one, else what was stored.
    /// - Throws: ``StoreError/conflict(current:)`` when it finds something else than expected, nil if nothing.
    @discardableResult
    public func remove(
        _ key: ObjectKey, expecting: Expectation, finalState: JSON? = nil
    ) async throws -> StoredObject {
        let paths = engine.indexed[key.resource]
        return try await engine.submit(.remove(key, finalState.map { ObjectDraft($0, indexing: paths) }, expecting))
    }

    // MARK: Watching

    /// The durable changes of a resource after a revision. With a term, those of objects that meet it or met it before;
    /// a change of another object costs such a watcher nothing.
    /// - Throws: ``StoreError/gone(oldest:)`` when the history does not reach back so far.
    public func watch(
        resource: String, namespace: String?, meeting term: StoreTerm? = nil, from revision: UInt64
    ) throws(StoreError) -> StoreWatch {
        let topic = History.Topic(resource: resource, namespace: namespace, term: term?.topic)
        return try StoreWatch(engine.history, topic, from: revision)
    }

    /// The durable changes of all resources after a revision.
    /// - Throws: ``StoreError/gone(oldest:)`` when the history does not reach back so far.
    public func watchAll(from revision: UInt64) throws(StoreError) -> StoreWatch {
        try StoreWatch(engine.history, History.Topic(), from: revision)
    }

    // MARK: Keeping

    /// Writes a snapshot now. They are also taken by themselves, as the log grows.
    public func snapshot() async throws {
        if let error = await engine.takeSnapshot() { throw error }
    }

    /// Finishes the changes under way, ends watches, and lets another process open the folder.
    public func close() async { await engine.close() }
}

/// How much is stored.
public struct StoreStatistics: Sendable {
    /// Number of objects.
    public let objects: Int
    /// Size of their JSON text.
    public let objectBytes: Int
    /// Size of the log since the last snapshot.
    public let logBytes: Int
    /// How often changes were written; many share one write.
    public let commits: Int
    /// Why the last write failed, nil when it did not.
    public let failure: StoreError?
}
