import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Removes Pods that nobody else will: of a node that is gone, going without ever having had a node, and the oldest of
/// very many that have ended.
struct PodGarbageReconciler: Reconciler {
    /// The one thing it looks at is all Pods.
    static let everything = ReconcileRequest(name: "pods")

    let context: ClusterContext

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.nodes) { $0.isDeleted ? [everything] : [] }
        feed.follow(caches.pods) { change in
            guard !change.isDeleted else { return [] }
            let isStuck = change.object.isBeingDeleted && change.object.spec["nodeName"] == nil
            let hasEnded = change.object.isFinished && change.old?.isFinished != true
            return isStuck || hasEnded ? [everything] : []
        }
        feed.add(everything)
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        let pods = caches.pods.all()
        var doomed = pods.filter { $0.isBeingDeleted && ($0.spec["nodeName"]?.string ?? "").isEmpty }
        let suspects = pods.filter { pod in
            guard let node = pod.spec["nodeName"]?.string, !node.isEmpty else { return false }
            return caches.nodes.get(node) == nil
        }
        for name in Set(suspects.compactMap { $0.spec["nodeName"]?.string }) {
            // A node that only re-registers is back within moments.
            guard try await context.client.find(.nodes, name) == nil else { continue }
            let orphans = suspects.filter { $0.spec["nodeName"]?.string == name && isOrphan($0) }
            for pod in orphans where !pod.isFinished {
                try await context.markDisrupted(
                    pod, reason: "DeletionByPodGC", message: "PodGC: node no longer exists", phase: "Failed")
            }
            doomed += orphans
        }
        let ended = pods.filter { $0.isFinished && !$0.isBeingDeleted }
        let surplus = ended.count - context.configuration.finishedPodsKept
        if surplus > 0 { doomed += ended.sorted { $0.creationTimestamp < $1.creationTimestamp }.prefix(surplus) }
        try await context.concurrently(doomed) { pod in
            try await context.delete(pod, in: caches.pods, gracePeriodSeconds: 0)
        }
        return suspects.isEmpty ? .settled : .checkAgain(after: .seconds(20))
    }

    /// On a node that does not exist for long enough to be sure: the Pod itself is older than that.
    private func isOrphan(_ pod: KubeObject) -> Bool {
        guard let created = Timestamp.date(pod.creationTimestamp) else { return true }
        return context.now().timeIntervalSince(created) > 40
    }
}
