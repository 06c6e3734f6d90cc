import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Logging

/// What every controller works with.
struct ClusterContext: Sendable {
    let client: KubeClient
    let caches: ClusterCaches
    let configuration: ClusterControllers.Configuration
    let logger: Logger
    let eventQueue = EventLog.Queue()
    var now: @Sendable () -> Date = { Date() }

    /// Events in the name of a controller.
    func events(_ component: String) -> EventLog { EventLog(component: component, queue: eventQueue) }

    /// The present, as objects carry it.
    var timestamp: String { Timestamp.text(now()) }
}

/// Where the requests of one controller come from: changes in caches, mapped to the objects that are concerned.
struct RequestFeed: Sendable {
    let requests: AsyncStream<ReconcileRequest>
    private let continuation: AsyncStream<ReconcileRequest>.Continuation

    init() { (requests, continuation) = AsyncStream.makeStream() }

    func add(_ request: ReconcileRequest) { continuation.yield(request) }

    /// Requests the objects that `map` names whenever something in `cache` changes.
    func follow(_ cache: ObjectCache, _ map: @escaping @Sendable (ObjectChange) -> [ReconcileRequest]) {
        cache.subscribe { change in for request in map(change) { continuation.yield(request) } }
    }

    /// Requests each object of `cache` that changes.
    func follow(_ cache: ObjectCache) { follow(cache) { [ObjectName($0.object).request] } }

    /// Requests the owner of each object of `cache` that changes, before and after; without an owner those of `sets`
    /// whose selector takes it.
    func followOwned(_ cache: ObjectCache, ownedBy sets: ObjectCache) {
        follow(cache) { change in
            var requests: [ReconcileRequest] = []
            for owner in [change.object.controller, change.old?.controller].compactMap({ $0 })
            where owner.kind == sets.type.kind && owner.apiVersion.hasPrefix(sets.type.group) {
                let request = ReconcileRequest(namespace: change.object.namespace, name: owner.name)
                if requests.last != request { requests.append(request) }
            }
            if change.object.controller == nil, !change.isDeleted, change.object.metadata["labels"] != nil {
                for set in sets.all(namespace: change.object.namespace)
                where LabelSelector.ofWorkload(set).matches(object: change.object) {
                    requests.append(ObjectName(set).request)
                }
            }
            return requests
        }
    }
}
