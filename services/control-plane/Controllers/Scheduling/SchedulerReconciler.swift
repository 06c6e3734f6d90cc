import ControllerKit
import Foundation
import KubeClient
import KubeModel
import Synchronization

/// Gives Pods without a node one that has room. One Pod at a time, so that no room is given twice.
final class SchedulerReconciler: Reconciler {
    static let name = "default-scheduler"

    private let context: ClusterContext
    private let events: EventLog
    /// Pods that were bound, by uid, until the cache shows it.
    private let assumed = Mutex<[String: (pod: KubeObject, node: String)]>([:])

    init(context: ClusterContext) {
        self.context = context
        events = context.events(Self.name)
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.pods) { change in
            if isWaiting(change.object), !change.isDeleted { return [ObjectName(change.object).request] }
            let freesRoom =
                change.object.spec["nodeName"] != nil
                && (change.isDeleted || (change.object.isFinished && change.old?.isFinished == false))
            return freesRoom ? waiting(caches) : []
        }
        feed.follow(caches.nodes) { change in
            if let old = change.old, old.spec == change.object.spec, old.labels == change.object.labels,
                old.status["allocatable"] == change.object.status["allocatable"],
                old.status.isTrue("Ready") == change.object.status.isTrue("Ready")
            {
                return []
            }
            return waiting(caches)
        }
        feed.follow(caches.persistentVolumeClaims) { change in
            let key = PodIndex.claim(change.object.namespace ?? "", change.object.name)
            return caches.pods.all(indexedBy: key).filter(isWaiting).map { ObjectName($0).request }
        }
        return feed
    }

    private static func isWaiting(_ pod: KubeObject) -> Bool {
        (pod.spec["nodeName"]?.string ?? "").isEmpty && pod.isActive
            && pod.spec["schedulerName"]?.string ?? name == name
    }

    private static func waiting(_ caches: ClusterCaches) -> [ReconcileRequest] {
        caches.pods.all().filter(isWaiting)
            .sorted {
                ($0.spec.count("priority"), $1.creationTimestamp) > ($1.spec.count("priority"), $0.creationTimestamp)
            }
            .map { ObjectName($0).request }
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let pod = context.caches.pods.get(request), Self.isWaiting(pod) else { return .settled }
        guard assumed.withLock({ $0[pod.uid] }) == nil else { return .settled }
        let gates = pod.spec["schedulingGates"]?.array ?? []
        guard gates.isEmpty else {
            try await markUnscheduled(pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
            return .settled
        }
        if let problem = volumeProblem(pod) {
            // Claims are bound within moments, which wakes us: only a wait that lasts is worth a warning.
            let age = Timestamp.date(pod.creationTimestamp).map { context.now().timeIntervalSince($0) } ?? .infinity
            return age < 3 ? .checkAgain(after: .seconds(3)) : try await refuse(pod, problem)
        }
        let nodes = context.caches.nodes.all().sorted { $0.name < $1.name }
        var obstacles: [[String]] = []
        var fitting: [(node: KubeObject, load: Double)] = []
        for node in nodes {
            let present = podsOn(node.name)
            let found =
                node.status.isTrue("Ready") || toleratesNotReady(pod)
                ? NodeFit.obstacles(node, pod, podsOnNode: present) : ["node(s) were not ready"]
            if found.isEmpty {
                fitting.append((node, NodeFit.load(node, podsOnNode: present)))
            } else {
                obstacles.append(found)
            }
        }
        guard let best = fitting.min(by: { $0.load < $1.load }) else {
            return try await refuse(pod, NodeFit.message(obstacles))
        }
        return try await bind(pod, to: best.node)
    }

    private func toleratesNotReady(_ pod: KubeObject) -> Bool {
        NodeFit.tolerates(pod, ["key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"])
            || pod.controller?.kind == "DaemonSet"
    }

    private func podsOn(_ node: String) -> [KubeObject] {
        let bound = context.caches.pods.all(indexedBy: PodIndex.node(node)).filter { !$0.isFinished }
        let uids = Set(bound.map(\.uid))
        return bound
            + assumed.withLock { assumed in
                for (uid, entry) in assumed {
                    let current = context.caches.pods.get(entry.pod.name, namespace: entry.pod.namespace)
                    if current?.uid != uid || current?.spec["nodeName"] != nil { assumed[uid] = nil }
                }
                return assumed.values.filter { $0.node == node && !uids.contains($0.pod.uid) }.map(\.pod)
            }
    }

    /// A claim that is missing, going or not bound keeps the Pod waiting.
    private func volumeProblem(_ pod: KubeObject) -> String? {
        for name in pod.claimNames {
            guard let claim = context.caches.persistentVolumeClaims.get(name, namespace: pod.namespace) else {
                return "persistentvolumeclaim \"\(name)\" not found"
            }
            if claim.isBeingDeleted { return "persistentvolumeclaim \"\(name)\" is being deleted" }
            if claim.phase != "Bound" { return "pod has unbound immediate PersistentVolumeClaims" }
        }
        return nil
    }

    private func bind(_ pod: KubeObject, to node: KubeObject) async throws -> ReconcileOutcome {
        let binding = KubeObject([
            "apiVersion": "v1", "kind": "Binding",
            "metadata": [
                "name": .string(pod.name), "namespace": .string(pod.namespace ?? ""), "uid": .string(pod.uid),
            ],
            "target": ["apiVersion": "v1", "kind": "Node", "name": .string(node.name)],
        ])
        assumed.withLock { $0[pod.uid] = (pod, node.name) }
        do {
            _ = try await context.client.json(
                JSONRequest.post(
                    "\(ResourceType.pods.path(namespace: pod.namespace))/\(pod.name)/binding", binding.json))
        } catch {
            assumed.withLock { $0[pod.uid] = nil }
            if error.reason == .notFound { return .settled }
            throw error
        }
        events.normal(
            "Scheduled", "Successfully assigned \(pod.namespace ?? "")/\(pod.name) to \(node.name)", about: pod)
        return .settled
    }

    private func refuse(_ pod: KubeObject, _ message: String) async throws -> ReconcileOutcome {
        let condition = pod.status.condition("PodScheduled")
        if condition?["message"]?.string != message {
            events.warning("FailedScheduling", message, about: pod)
        }
        try await markUnscheduled(pod, "Unschedulable", message)
        return .settled
    }

    private func markUnscheduled(_ pod: KubeObject, _ reason: String, _ message: String) async throws {
        var status = pod.status
        status.setCondition(
            "PodScheduled", false, reason: reason, message: message, at: context.timestamp)
        guard status != pod.status, let condition = status.condition("PodScheduled") else { return }
        do {
            // By merge key: the node agent's conditions stay.
            context.caches.pods.note(
                try await context.client.patch(
                    .pods, pod.name, namespace: pod.namespace,
                    .strategic(["metadata": ["uid": .string(pod.uid)], "status": ["conditions": [condition]]]),
                    subresource: "status"))
        } catch let error as APIError where error.reason == .notFound {
            return
        }
    }
}
