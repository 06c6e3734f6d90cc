import ControllerKit
import KubeClient
import KubeModel
import Synchronization

/// Namespace (empty for objects of the cluster) and name: where an object lies within its type.
struct ObjectName: Hashable, Sendable {
    let namespace: String
    let name: String

    init(_ namespace: String?, _ name: String) { (self.namespace, self.name) = (namespace ?? "", name) }
    init(_ object: KubeObject) { self.init(object.namespace, object.name) }

    var request: ReconcileRequest { ReconcileRequest(namespace: namespace.isEmpty ? nil : namespace, name: name) }
}

/// One object changed; `old` is what was known before.
struct ObjectChange: Sendable {
    let object: KubeObject
    let old: KubeObject?
    let isDeleted: Bool
}

/// The objects of one type as the controllers know them: those of the watch, and ahead of it what we wrote ourselves.
///
/// A controller that has just made a Pod must not make it again because the watch has not told of it yet. So every
/// answer to a write is kept here at once (`note`), and what the watch brings replaces it by resource version. Readers
/// never see less than what this process wrote.
final class ObjectCache: Sendable {
    let type: ResourceType
    private let watch: WatchCache
    private let keys: @Sendable (KubeObject) -> [String]
    private let state = Mutex(State())

    private struct State {
        var objects: [ObjectName: KubeObject] = [:]
        var index: [String: Set<ObjectName>] = [:]
        /// Written by us and not seen by the watch yet, with the time of the write.
        var ahead: [ObjectName: ContinuousClock.Instant] = [:]
        var seen: UInt64 = 0
        var subscribers: [@Sendable (ObjectChange) -> Void] = []
    }

    /// `index` gives the keys under which `all(indexedBy:)` finds an object.
    init(
        client: KubeClient, type: ResourceType, namespace: String? = nil, fieldSelector: String? = nil,
        index: @escaping @Sendable (KubeObject) -> [String] = { _ in [] }
    ) {
        self.type = type
        watch = WatchCache(client: client, type: type, namespace: namespace, fieldSelector: fieldSelector)
        keys = index
    }

    /// Calls `body` for every change from now on; `body` is synchronous and quick. Call before `run()`.
    func subscribe(_ body: @escaping @Sendable (ObjectChange) -> Void) {
        state.withLock { $0.subscribers.append(body) }
    }

    /// Follows the watch until cancelled. Called once.
    func run() async throws {
        watch.observe { self.receive($0) }
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await self.dropUnconfirmed() }
            try await self.watch.run()
            group.cancelAll()
        }
    }

    /// Returns when the first list is in.
    func waitUntilSynced() async throws { try await watch.waitUntilSynced() }

    func get(_ name: String, namespace: String? = nil) -> KubeObject? {
        state.withLock { $0.objects[ObjectName(namespace, name)] }
    }

    func get(_ request: ReconcileRequest) -> KubeObject? { get(request.name, namespace: request.namespace) }

    func all(namespace: String? = nil) -> [KubeObject] {
        state.withLock { state in
            guard let namespace else { return Array(state.objects.values) }
            return state.objects.values.filter { $0.namespace == namespace }
        }
    }

    /// The objects that carry an index key.
    func all(indexedBy key: String) -> [KubeObject] {
        state.withLock { state in (state.index[key] ?? []).compactMap { state.objects[$0] } }
    }

    /// Keeps the answer to a write of ours.
    func note(_ object: KubeObject) {
        state.withLock { state in
            guard object.revision > state.seen, store(object, in: &state) else { return }
            state.ahead[ObjectName(object)] = .now
        }
    }

    /// Keeps that we deleted an object for good.
    func noteDeleted(_ object: KubeObject) {
        state.withLock { state in
            guard state.objects[ObjectName(object)]?.uid == object.uid else { return }
            remove(ObjectName(object), in: &state)
        }
    }

    private func receive(_ change: CacheChange) {
        let object = change.object
        let name = ObjectName(object)
        let isDeleted = if case .deleted = change.type { true } else { false }
        let (old, subscribers) = state.withLock { state in
            let known = state.objects[name]
            state.seen = max(state.seen, object.revision)
            if isDeleted {
                if known?.uid == object.uid { remove(name, in: &state) }
            } else {
                _ = store(object, in: &state)
            }
            if let written = state.objects[name], written.revision <= state.seen { state.ahead[name] = nil }
            return (change.old ?? known, state.subscribers)
        }
        let told = ObjectChange(object: object, old: old, isDeleted: isDeleted)
        for subscriber in subscribers { subscriber(told) }
    }

    /// Forgets writes that the watch never confirmed: the object was gone again before a list after a lost watch.
    private func dropUnconfirmed() async {
        while (try? await Task.sleep(for: .seconds(30))) != nil {
            let dropped = state.withLock { state -> [KubeObject] in
                var dropped: [KubeObject] = []
                for (name, time) in state.ahead where ContinuousClock.now - time > .seconds(60) {
                    state.ahead[name] = nil
                    let namespace = name.namespace.isEmpty ? nil : name.namespace
                    if watch.get(name.name, namespace: namespace) == nil, let object = state.objects[name] {
                        remove(name, in: &state)
                        dropped.append(object)
                    }
                }
                return dropped
            }
            let subscribers = state.withLock(\.subscribers)
            for object in dropped {
                for subscriber in subscribers { subscriber(ObjectChange(object: object, old: object, isDeleted: true)) }
            }
        }
    }

    /// Stores unless something newer is there; says whether it did.
    private func store(_ object: KubeObject, in state: inout State) -> Bool {
        let name = ObjectName(object)
        if let known = state.objects[name] {
            guard known.revision < object.revision else { return false }
            unindex(known, name, in: &state)
        }
        state.objects[name] = object
        for key in keys(object) { state.index[key, default: []].insert(name) }
        return true
    }

    private func remove(_ name: ObjectName, in state: inout State) {
        guard let known = state.objects.removeValue(forKey: name) else { return }
        unindex(known, name, in: &state)
        state.ahead[name] = nil
    }

    private func unindex(_ object: KubeObject, _ name: ObjectName, in state: inout State) {
        for key in keys(object) {
            state.index[key]?.remove(name)
            if state.index[key]?.isEmpty == true { state.index[key] = nil }
        }
    }
}

extension KubeObject {
    /// `metadata.resourceVersion` as the number that it is in our store.
    var revision: UInt64 { UInt64(resourceVersion) ?? 0 }
}
