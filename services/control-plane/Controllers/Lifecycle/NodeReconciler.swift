import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Synchronization

/// Watches over the nodes: one whose lease is no longer renewed is marked as unknown, and kept free of new Pods until it
/// is back. Pods are not evicted: with one node there is nowhere to go, and its agent takes them up again.
final class NodeReconciler: Reconciler {
    private let context: ClusterContext
    private let events: EventLog
    /// The renewal last seen of each node, and when we saw it. Our own clock counts: one that jumps, or a machine that
    /// slept, must not make a node look dead.
    private let renewals = Mutex<[String: (renewTime: String, seen: ContinuousClock.Instant)]>([:])

    init(context: ClusterContext) {
        self.context = context
        events = context.events("node-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.nodes) { change in
            let isSame = change.old.map {
                $0.status["conditions"] == change.object.status["conditions"] && $0.spec == change.object.spec
            }
            return isSame == true && !change.isDeleted ? [] : [ReconcileRequest(name: change.object.name)]
        }
        feed.follow(caches.nodeLeases) { change in [ReconcileRequest(name: change.object.name)] }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let node = context.caches.nodes.get(request) else {
            renewals.withLock { $0[request.name] = nil }
            return .settled
        }
        let lease = context.caches.nodeLeases.get(node.name, namespace: "kube-node-lease")
        let heartbeat =
            lease?.spec["renewTime"]?.string
            ?? node.status.condition("Ready")?["lastHeartbeatTime"]?.string ?? ""
        let now = ContinuousClock.now
        let silent = renewals.withLock { renewals -> Duration in
            if let known = renewals[node.name], known.renewTime == heartbeat { return now - known.seen }
            renewals[node.name] = (heartbeat, now)
            return .zero
        }
        let grace = context.configuration.nodeGracePeriod
        let isLost = silent >= grace
        if isLost { try await markUnknown(node) }
        try await keepTaints(node, isLost: isLost)
        // A lease that comes back wakes us; silence has to be waited for.
        return isLost ? .settled : .checkAgain(after: grace - silent + .milliseconds(100))
    }

    private func markUnknown(_ node: KubeObject) async throws {
        guard node.status.condition("Ready")?["status"]?.string != "Unknown" else { return }
        var status = node.status
        for type in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"]
        where type == "Ready" || status.condition(type) != nil {
            status.setCondition(
                type, status: "Unknown", reason: "NodeStatusUnknown",
                message: "The node agent stopped reporting.", at: context.timestamp)
        }
        let conditions = (status["conditions"]?.array ?? []).filter { $0["status"]?.string == "Unknown" }
        context.caches.nodes.note(
            try await context.client.patch(
                .nodes, node.name, .strategic(["status": ["conditions": .array(conditions)]]), subresource: "status"))
        events.warning("NodeNotReady", "Node \(node.name) status is now: NodeNotReady", about: node)
        try await markPodsNotReady(on: node.name)
    }

    private func markPodsNotReady(on node: String) async throws {
        let pods = context.caches.pods.all(indexedBy: PodIndex.node(node)).filter(\.isReady)
        try await context.concurrently(pods) { [context] pod in
            var status = pod.status
            status.setCondition(
                "Ready", false, reason: "NodeNotReady", message: "The node agent stopped reporting.",
                at: context.timestamp)
            guard let condition = status.condition("Ready") else { return }
            do {
                context.caches.pods.note(
                    try await context.client.patch(
                        .pods, pod.name, namespace: pod.namespace,
                        .strategic(["metadata": ["uid": .string(pod.uid)], "status": ["conditions": [condition]]]),
                        subresource: "status"))
            } catch let error as APIError where error.reason == .notFound || error.reason == .conflict {
                return
            }
        }
    }

    /// `not-ready` while Ready is False, `unreachable` while it is unknown; taints of others stay.
    private func keepTaints(_ node: KubeObject, isLost: Bool) async throws {
        guard let current = context.caches.nodes.get(node.name) else { return }
        let ready = current.status.condition("Ready")?["status"]?.string
        let wanted: String? =
            isLost || ready == "Unknown"
            ? "node.kubernetes.io/unreachable" : ready == "False" ? "node.kubernetes.io/not-ready" : nil
        let own = ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"]
        let old = current.spec["taints"]?.array ?? []
        var taints = old.filter { taint in
            let key = taint["key"]?.string ?? ""
            return !own.contains(key) || key == wanted
        }
        if let wanted, !taints.contains(where: { $0["key"]?.string == wanted }) {
            taints.append(["key": .string(wanted), "effect": "NoSchedule", "timeAdded": .string(context.timestamp)])
        }
        guard taints != old else { return }
        try await context.patch(
            current, in: context.caches.nodes,
            [
                "metadata": ["resourceVersion": .string(current.resourceVersion)],
                "spec": ["taints": taints.isEmpty ? .null : .array(taints)],
            ])
    }
}
