import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Synchronization

/// Watches over the nodes: one whose lease is no longer renewed is marked as unknown, and kept free of new Pods until it
/// is back. Its Pods are evicted where another node could take them.
final class NodeReconciler: Reconciler {
    private let context: ClusterContext
    private let events: EventLog
    /// The renewal last seen of each node, and when we saw it. Our own clock counts: one that jumps, or a machine that
    /// slept, must not make a node look dead.
    private let renewals = Mutex<[String: (renewTime: String, seen: ContinuousClock.Instant)]>([:])

    private let cordoned = Mutex<Set<String>>([])

    init(context: ClusterContext) {
        self.context = context
        events = context.events("node-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.nodes) { change in
            // Whether Pods may be evicted depends on all nodes.
            let wasReady = change.old?.status.isTrue("Ready") ?? false
            if change.isDeleted || wasReady != change.object.status.isTrue("Ready") {
                return caches.nodes.all().map { ReconcileRequest(name: $0.name) }
                    + [ReconcileRequest(name: change.object.name)]
            }
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
            cordoned.withLock { _ = $0.remove(request.name) }
            return .settled
        }
        let lease = context.caches.nodeLeases.get(node.name, namespace: "kube-node-lease")
        let heartbeat =
            lease?.spec["renewTime"]?.string
            ?? node.status.condition("Ready")?["lastHeartbeatTime"]?.string ?? ""
        let now = ContinuousClock.now
        if renewals.withLock({ $0[node.name] == nil }) {
            events.normal(
                "RegisteredNode", "Node \(node.name) event: Registered Node \(node.name) in Controller", about: node)
        }
        tellOfCordon(node)
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

    private func tellOfCordon(_ node: KubeObject) {
        let isCordoned = node.spec["unschedulable"]?.bool == true
        let isNews = cordoned.withLock { names in
            isCordoned ? names.insert(node.name).inserted : names.remove(node.name) != nil
        }
        guard isNews else { return }
        let reason = isCordoned ? "NodeNotSchedulable" : "NodeSchedulable"
        events.normal(reason, "Node \(node.name) status is now: \(reason)", about: node)
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
        events.normal("NodeNotReady", "Node \(node.name) status is now: NodeNotReady", about: node)
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

    /// Taints for the conditions of a node; those of others stay.
    private func keepTaints(_ node: KubeObject, isLost: Bool) async throws {
        guard let current = context.caches.nodes.get(node.name) else { return }
        // Where no node is well there is nowhere to go: Pods stay, and their agent takes them up again.
        let mayEvict = context.caches.nodes.all().contains { $0.name != node.name && $0.status.isTrue("Ready") }
        let wanted = Self.taints(of: current, isLost: isLost, mayEvict: mayEvict)
        let old = current.spec["taints"]?.array ?? []
        var taints = old.filter { taint in
            guard Self.ownKeys.contains(taint["key"]?.string ?? "") else { return true }
            return wanted.contains { $0.key == taint["key"]?.string && $0.effect == taint["effect"]?.string }
        }
        for (key, effect) in wanted
        where !taints.contains(where: { $0["key"]?.string == key && $0["effect"]?.string == effect }) {
            taints.append(["key": .string(key), "effect": .string(effect), "timeAdded": .string(context.timestamp)])
        }
        guard taints != old else { return }
        try await context.patch(
            current, in: context.caches.nodes,
            [
                "metadata": ["resourceVersion": .string(current.resourceVersion)],
                "spec": ["taints": taints.isEmpty ? .null : .array(taints)],
            ])
    }

    private static let pressures = [
        "MemoryPressure": "node.kubernetes.io/memory-pressure", "DiskPressure": "node.kubernetes.io/disk-pressure",
        "PIDPressure": "node.kubernetes.io/pid-pressure",
        "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
    ]
    private static let unreachable = "node.kubernetes.io/unreachable"
    private static let notReady = "node.kubernetes.io/not-ready"
    private static let unschedulable = "node.kubernetes.io/unschedulable"
    private static let ownKeys = Set(pressures.values).union([unreachable, notReady, unschedulable])

    /// `not-ready` while Ready is False, `unreachable` while it is unknown, and one for each pressure.
    static func taints(of node: KubeObject, isLost: Bool, mayEvict: Bool) -> [(key: String, effect: String)] {
        var taints: [(key: String, effect: String)] = []
        let ready = node.status.condition("Ready")?["status"]?.string
        let trouble = isLost || ready == "Unknown" ? unreachable : ready == "False" ? notReady : nil
        if let trouble {
            taints.append((trouble, "NoSchedule"))
            if mayEvict { taints.append((trouble, "NoExecute")) }
        }
        for (condition, key) in pressures.sorted(by: { $0.key < $1.key }) where node.status.isTrue(condition) {
            taints.append((key, "NoSchedule"))
        }
        if node.spec["unschedulable"]?.bool == true { taints.append((unschedulable, "NoSchedule")) }
        return taints
    }
}
