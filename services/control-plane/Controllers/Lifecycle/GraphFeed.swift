import ControllerKit
import KubeClient
import KubeModel
import Logging
import Synchronization

/// Keeps the owner graph current: from the caches that exist anyway, and by watches of its own on every other type
/// that can be deleted, custom ones included.
final class GraphFeed: Sendable {
    let graph = OwnerGraph()
    let deletions = RequestFeed()
    let orphans = RequestFeed()
    private let client: KubeClient
    private let discovery: Discovery
    private let logger: Logger
    private let shared: [ResourceType: ObjectCache]
    private let monitored = Mutex<Set<ResourceType>>([])
    private let observers = Mutex<[@Sendable (OwnerGraph.Node, _ isGone: Bool) -> Void]>([])
    private let types: AsyncStream<Wake>
    private let typesChanged: AsyncStream<Wake>.Continuation

    /// Why the types are looked through.
    private enum Wake: Sendable { case change, recheck }

    init(context: ClusterContext, discovery: Discovery) {
        client = context.client.reading(.metadata)
        logger = context.logger
        self.discovery = discovery
        shared = Dictionary(uniqueKeysWithValues: context.caches.complete.map { ($0.type, $0) })
        (types, typesChanged) = AsyncStream.makeStream()
        for cache in context.caches.complete {
            cache.subscribe { [weak self] in self?.take($0.object, type: cache.type, isGone: $0.isDeleted) }
        }
        context.caches.customResourceDefinitions.subscribe { [typesChanged] _ in
            discovery.invalidate()
            typesChanged.yield(.change)
        }
    }

    /// Calls `body` for every object that came, changed or went, of any type. Call before `run()`.
    func observe(_ body: @escaping @Sendable (OwnerGraph.Node, _ isGone: Bool) -> Void) {
        observers.withLock { $0.append(body) }
    }

    /// Watches the types there are, and those that come, until cancelled.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            typesChanged.yield(.change)
            for await wake in types {
                var isComplete = wake == .recheck
                do {
                    for resource in try await discovery.resources() where isToBeMonitored(resource) {
                        group.addTask { await self.monitor(resource.type) }
                    }
                } catch {
                    logger.warning("types could not be discovered", metadata: ["error": "\(error)"])
                    isComplete = false
                }
                // A definition that has just come is served a moment later.
                guard !isComplete else { continue }
                group.addTask {
                    guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
                    self.discovery.invalidate()
                    self.typesChanged.yield(.recheck)
                }
            }
            group.cancelAll()
        }
    }

    /// Events own nothing and nobody owns them; there are many.
    private func isToBeMonitored(_ resource: Discovery.Resource) -> Bool {
        guard resource.verbs.contains("watch"), resource.type.plural != "events", shared[resource.type] == nil else {
            return false
        }
        return monitored.withLock { $0.insert(resource.type).inserted }
    }

    /// Lists and watches one type until it is no longer served.
    private func monitor(_ type: ResourceType) async {
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                var revision = try await list(type)
                backoff.reset()
                while !Task.isCancelled { revision = try await watch(type, from: revision) }
            } catch let error as APIError where error.code == 404 || error.code == 405 {
                break
            } catch is CancellationError {
                return
            } catch {
                guard (try? await Task.sleep(for: backoff.next())) != nil else { return }
            }
        }
        guard !Task.isCancelled else { return }
        for uid in graph.uids(of: type) { forget(uid) }
        monitored.withLock { _ = $0.remove(type) }
    }

    /// Takes what there is, forgets what is gone, and returns the revision of the list.
    private func list(_ type: ResourceType) async throws -> String {
        var present: Set<String> = []
        let revision = try await client.forEachPage(type) { objects in
            for object in objects {
                present.insert(object.uid)
                take(object, type: type, isGone: false)
            }
        }
        for uid in graph.uids(of: type) where !present.contains(uid) { forget(uid) }
        return revision
    }

    /// One watch to its end; returns the revision to go on from.
    private func watch(_ type: ResourceType, from start: String) async throws -> String {
        var revision = start
        let began = ContinuousClock.now
        var lastRest = began
        for try await event in try await client.watch(type, from: start) {
            switch event {
            case .added(let object), .modified(let object):
                take(object, type: type, isGone: false)
                revision = object.resourceVersion
            case .deleted(let object):
                take(object, type: type, isGone: true)
                revision = object.resourceVersion
            case .bookmark(let version):
                revision = version
            }
            // Nothing here is urgent: in a flood of changes it is cheaper to look at many at once.
            guard ContinuousClock.now - lastRest > .milliseconds(5) else { continue }
            try await Task.sleep(for: .milliseconds(20))
            lastRest = .now
        }
        // A server that ends every watch at once must not be asked without pause.
        if ContinuousClock.now - began < .seconds(1) { try await Task.sleep(for: .milliseconds(500)) }
        return revision
    }

    private func take(_ object: KubeObject, type: ResourceType, isGone: Bool) {
        let node = OwnerGraph.Node(object, type: type)
        request(isGone ? graph.remove(node.uid) : graph.update(node))
        for observer in observers.withLock({ $0 }) { observer(node, isGone) }
    }

    /// The object does not exist, whatever the watch says.
    func forget(_ uid: String) {
        let node = graph.node(uid)
        request(graph.remove(uid))
        guard let node else { return }
        for observer in observers.withLock({ $0 }) { observer(node, true) }
    }

    func request(_ work: OwnerGraph.Work) {
        for uid in work.delete { deletions.add(ReconcileRequest(name: uid)) }
        for uid in work.orphan { orphans.add(ReconcileRequest(name: uid)) }
    }
}
