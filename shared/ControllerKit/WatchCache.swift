public import KubeClient
public import KubeModel
import Logging
public import ServiceLifecycle
import Synchronization

/// One difference that a ``WatchCache`` saw.
public struct CacheChange: Sendable {
    /// What happened.
    public enum Kind: Sendable, Equatable {
        /// The object was not there before.
        case added
        /// The object changed.
        case modified
        /// The object is gone.
        case deleted
    }

    /// What happened.
    public let type: Kind
    /// The object now; when deleted, its last known state.
    public let object: KubeObject
    /// The object before, nil when it is new.
    public let old: KubeObject?
}

/// The objects of one type, kept current: lists, then watches.
///
/// Survives lost connections (back-off, then on from where it was), `410 Gone` (lists again), and reports by
/// comparison what it missed meanwhile, deletions included. `metadata.managedFields` is dropped to save memory.
public final class WatchCache: Service, Sendable {
    private let client: KubeClient
    private let type: ResourceType
    private let namespace: String?
    private let labelSelector: String?
    private let fieldSelector: String?
    private let reduce: (@Sendable (inout KubeObject) -> Void)?
    private let logger = Logger(label: "watch-cache")
    private let contents = Mutex(CacheContents())
    private let observers = Mutex<[@Sendable (CacheChange) -> Void]>([])
    private let synced = Latch()

    /// A cache that is empty until it runs.
    ///
    /// - Parameters:
    ///   - client: what to ask.
    ///   - type: what to keep.
    ///   - namespace: where; nil for everywhere.
    ///   - labelSelector: which of them.
    ///   - fieldSelector: which of them.
    ///   - reduce: takes out of each object what nobody reads, to save memory.
    public init(
        client: KubeClient, type: ResourceType, namespace: String? = nil, labelSelector: String? = nil,
        fieldSelector: String? = nil, reduce: (@Sendable (inout KubeObject) -> Void)? = nil
    ) {
        self.client = client
        self.type = type
        self.namespace = namespace
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
        self.reduce = reduce
    }

    /// An object as last seen.
    public func get(_ name: String, namespace: String?) -> KubeObject? {
        contents.withLock { $0.objects[namespace ?? ""]?[name] }
    }

    /// All objects as last seen, sorted by namespace and name.
    public func all(namespace: String? = nil) -> [KubeObject] {
        let objects = contents.withLock { contents in
            if let namespace { return contents.objects[namespace].map { Array($0.values) } ?? [] }
            return contents.objects.values.flatMap(\.values)
        }
        return objects.sorted { ($0.namespace ?? "", $0.name) < ($1.namespace ?? "", $1.name) }
    }

    /// True once the first list has come.
    public var hasSynced: Bool { synced.isOpen }

    /// Waits for the first list.
    public func waitUntilSynced() async throws { try await synced.wait() }

    /// Every difference from now on; call it before ``run()`` to see all objects.
    public func changes() -> AsyncStream<CacheChange> {
        let (stream, continuation) = AsyncStream.makeStream(of: CacheChange.self)
        observe { continuation.yield($0) }
        return stream
    }

    /// Sends a request for every object that a difference concerns; call it before ``run()``.
    ///
    /// Several caches may share one stream: that is how a controller has several sources.
    public func forward(
        to requests: AsyncStream<ReconcileRequest>.Continuation,
        _ concerned: @escaping @Sendable (CacheChange) -> [ReconcileRequest]
    ) {
        observe { change in
            for request in concerned(change) { requests.yield(request) }
        }
    }

    /// Sends a request for the object itself.
    public func forward(to requests: AsyncStream<ReconcileRequest>.Continuation) {
        forward(to: requests) { [ReconcileRequest(namespace: $0.object.namespace, name: $0.object.name)] }
    }

    /// Calls a closure with every difference, in order; it must be quick.
    public func observe(_ observer: @escaping @Sendable (CacheChange) -> Void) {
        observers.withLock { $0.append(observer) }
    }

    /// Keeps the cache current until the task is cancelled, or graceful shutdown.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        var backoff = Backoff(limit: .seconds(10))
        var revision: String?
        while !Task.isCancelled {
            do {
                if revision == nil {
                    let list = try await client.list(
                        type, namespace: namespace, labelSelector: labelSelector, fieldSelector: fieldSelector)
                    publish(list.items.map(reduced)) { $0.replace(by: $1) }
                    synced.open()
                    revision = list.resourceVersion
                }
                let hadNews = try await watch(from: &revision)
                // A server that ends every watch at once must not be asked without pause.
                if hadNews { backoff.reset() } else { try await Task.sleep(for: backoff.next()) }
            } catch is CancellationError {
                return
            } catch {
                if Task.isCancelled { return }
                let wasTooOld = (error as? APIError).map { $0.code == 410 || $0.reason == .expired } ?? false
                // After any answer of the server that is an error, trust nothing and list again; a lost connection
                // goes on from the last revision.
                if error is APIError { revision = nil }
                let delay = backoff.next()
                if !wasTooOld {
                    logger.log(
                        level: backoff.failures > 2 ? .warning : .debug, "watch was interrupted",
                        metadata: ["resource": "\(type.qualifiedPlural)", "error": "\(error)"])
                } else if backoff.failures == 1 {
                    continue
                }
                guard (try? await Task.sleep(for: delay)) != nil else { return }
            }
        }
    }

    /// One watch, until the server ends it; true when it lasted a while or brought anything.
    private func watch(from revision: inout String?) async throws -> Bool {
        let start = ContinuousClock.now
        var hadNews = false
        let events = try await client.watch(
            type, namespace: namespace, from: revision ?? "", labelSelector: labelSelector,
            fieldSelector: fieldSelector, timeoutSeconds: Int.random(in: 1800...3600))
        for try await event in events {
            hadNews = true
            switch event {
            case .added(let object), .modified(let object):
                publish(reduced(object)) { $0.set($1) }
                revision = object.resourceVersion
            case .deleted(let object):
                publish(reduced(object)) { $0.remove($1) }
                revision = object.resourceVersion
            case .bookmark(let position):
                revision = position
            }
        }
        return hadNews || start.duration(to: .now) > .seconds(5)
    }

    private func reduced(_ object: KubeObject) -> KubeObject {
        var object = object
        if object.metadata["managedFields"] != nil { object.json.set(nil, at: "metadata", "managedFields") }
        reduce?(&object)
        return object
    }

    private func publish<News: Sendable>(
        _ news: News, _ change: @Sendable (inout CacheContents, News) -> [CacheChange]
    ) {
        let changes = contents.withLock { change(&$0, news) }
        guard !changes.isEmpty else { return }
        let observers = observers.withLock { $0 }
        for change in changes {
            for observer in observers { observer(change) }
        }
    }
}

/// The objects by namespace and name, and what changes when one comes or goes.
struct CacheContents {
    var objects: [String: [String: KubeObject]] = [:]

    mutating func set(_ object: KubeObject) -> [CacheChange] {
        let old = objects[object.namespace ?? "", default: [:]].updateValue(object, forKey: object.name)
        guard let old else { return [CacheChange(type: .added, object: object, old: nil)] }
        // The same state once more, after a list or a resumed watch.
        if !object.resourceVersion.isEmpty, old.resourceVersion == object.resourceVersion { return [] }
        return [CacheChange(type: .modified, object: object, old: old)]
    }

    mutating func remove(_ object: KubeObject) -> [CacheChange] {
        let namespace = object.namespace ?? ""
        guard let old = objects[namespace]?.removeValue(forKey: object.name) else { return [] }
        if objects[namespace]?.isEmpty == true { objects[namespace] = nil }
        return [CacheChange(type: .deleted, object: object, old: old)]
    }

    /// Takes a whole list: what is not in it was deleted while nobody watched.
    mutating func replace(by list: [KubeObject]) -> [CacheChange] {
        var missing = objects
        var changes: [CacheChange] = []
        for object in list {
            missing[object.namespace ?? ""]?[object.name] = nil
            changes += set(object)
        }
        for object in missing.values.flatMap(\.values) { changes += remove(object) }
        return changes
    }
}
