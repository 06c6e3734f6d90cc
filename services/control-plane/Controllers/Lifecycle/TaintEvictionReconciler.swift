import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Synchronization

/// Ends Pods on nodes with a taint `NoExecute` that they do not tolerate, or no longer.
final class TaintEvictionReconciler: Reconciler {
    private let context: ClusterContext
    private let events: EventLog
    /// When each Pod, by uid, was first seen to tolerate its node's taints only for a while.
    private let since = Mutex<[String: Date]>([:])

    init(context: ClusterContext) {
        self.context = context
        events = context.events("taint-eviction-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.nodes) { change in
            let isSame =
                change.old.map { taints(of: $0) == taints(of: change.object) } ?? taints(of: change.object).isEmpty
            guard !isSame, !change.isDeleted else { return [] }
            return caches.pods.all(indexedBy: PodIndex.node(change.object.name)).map { ObjectName($0).request }
        }
        feed.follow(caches.pods) { change in
            guard let name = change.object.spec["nodeName"]?.string,
                change.isDeleted || change.old?.spec != change.object.spec,
                let node = caches.nodes.get(name), !taints(of: node).isEmpty
            else { return [] }
            return [ObjectName(change.object).request]
        }
        return feed
    }

    static func taints(of node: KubeObject) -> [JSON] {
        (node.spec["taints"]?.array ?? []).filter { $0["effect"]?.string == "NoExecute" }
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let pod = context.caches.pods.get(request), pod.isActive,
            let node = pod.spec["nodeName"]?.string.flatMap({ context.caches.nodes.get($0) })
        else { return .settled }
        guard let seconds = Self.tolerance(of: pod, Self.taints(of: node)) else {
            if since.withLock({ $0.removeValue(forKey: pod.uid) }) != nil {
                events.normal(
                    "TaintManagerEviction", "Cancelling deletion of Pod \(pod.namespace ?? "")/\(pod.name)", about: pod)
            }
            return .settled
        }
        let now = context.now()
        let start = since.withLock { since in
            let start = since[pod.uid] ?? now
            since[pod.uid] = start
            return start
        }
        let rest = start.addingTimeInterval(seconds).timeIntervalSince(now)
        guard rest <= 0 else { return .checkAgain(after: .seconds(rest + 0.05)) }
        since.withLock { $0[pod.uid] = nil }
        try await evict(pod)
        return .settled
    }

    /// For how many seconds a Pod tolerates taints: nil for ever, 0 not at all.
    static func tolerance(of pod: KubeObject, _ taints: [JSON]) -> Double? {
        var shortest: Double?
        let tolerations = pod.spec["tolerations"]?.array ?? []
        for taint in taints {
            let matching = tolerations.filter { NodeFit.matches($0, taint) }
            guard !matching.isEmpty else { return 0 }
            for seconds in matching.compactMap({ $0["tolerationSeconds"]?.int }) {
                shortest = min(shortest ?? .infinity, Double(max(0, seconds)))
            }
        }
        return shortest
    }

    private func evict(_ pod: KubeObject) async throws {
        events.normal(
            "TaintManagerEviction", "Marking for deletion Pod \(pod.namespace ?? "")/\(pod.name)", about: pod)
        try await context.markDisrupted(
            pod, reason: "DeletionByTaintManager", message: "Taint manager: deleting due to NoExecute taint")
        try await context.delete(pod, in: context.caches.pods)
    }
}

extension ClusterContext {
    /// Says in a Pod's conditions why it is about to be ended, and with `phase` how it ended.
    func markDisrupted(_ pod: KubeObject, reason: String, message: String, phase: String? = nil) async throws {
        var status = pod.status
        status.setCondition("DisruptionTarget", true, reason: reason, message: message, at: timestamp)
        var changes: JSON = [:]
        if let condition = status.condition("DisruptionTarget") { changes["conditions"] = [condition] }
        changes["phase"] = phase.map(JSON.string)
        do {
            caches.pods.note(
                try await client.patch(
                    .pods, pod.name, namespace: pod.namespace,
                    .strategic(["metadata": ["uid": .string(pod.uid)], "status": changes]), subresource: "status"))
        } catch let error as APIError where error.reason == .notFound || error.reason == .conflict {
            return
        }
    }
}
