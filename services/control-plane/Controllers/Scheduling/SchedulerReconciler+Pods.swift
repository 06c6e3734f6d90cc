import Foundation
import KubeClient
import KubeModel

extension SchedulerReconciler {
    /// A claim that is missing, going, not bound or somebody else's alone keeps the Pod waiting.
    func volumeProblem(_ pod: KubeObject) -> String? {
        for name in pod.claimNames {
            guard let claim = context.caches.persistentVolumeClaims.get(name, namespace: pod.namespace) else {
                return "persistentvolumeclaim \"\(name)\" not found"
            }
            if claim.isBeingDeleted { return "persistentvolumeclaim \"\(name)\" is being deleted" }
            if claim.phase != "Bound" { return "pod has unbound immediate PersistentVolumeClaims" }
            guard claim.spec["accessModes"]?.array?.contains("ReadWriteOncePod") == true else { continue }
            let users = context.caches.pods.all(indexedBy: PodIndex.claim(pod.namespace ?? "", name))
            if users.contains(where: { $0.uid != pod.uid && !$0.isFinished && $0.spec["nodeName"] != nil }) {
                return
                    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
            }
        }
        return nil
    }

    /// Where the volumes of the Pod can be reached: the terms of each that says so.
    func volumeNodes(_ pod: KubeObject) -> [[JSON]] {
        pod.claimNames.compactMap { name in
            let claim = context.caches.persistentVolumeClaims.get(name, namespace: pod.namespace)
            return claim?.spec["volumeName"]?.string.flatMap { context.caches.persistentVolumes.get($0) }?
                .spec.value(at: "nodeAffinity", "required", "nodeSelectorTerms")?.array
        }
    }

    /// Pods for which room is being made: what is as important keeps it.
    func nominated(_ pod: KubeObject) -> [(pod: KubeObject, node: String)] {
        context.caches.pods.all(indexedBy: PodIndex.nominated).compactMap { other in
            guard other.uid != pod.uid, Self.isWaiting(other), other.priority >= pod.priority,
                let node = other.status["nominatedNodeName"]?.string, !node.isEmpty
            else { return nil }
            return (other, node)
        }
    }

    /// Its victims are still going.
    func isAwaitingRoom(_ pod: KubeObject) -> Bool {
        guard let node = pod.status["nominatedNodeName"]?.string, !node.isEmpty else { return false }
        return context.caches.pods.all(indexedBy: PodIndex.node(node)).contains {
            $0.isBeingDeleted && !$0.isFinished && $0.priority < pod.priority
        }
    }

    /// The budgets of Pods that could be victims, in all namespaces.
    func budgets(of pod: KubeObject) -> [Preemption.Budget] {
        context.caches.disruptionBudgets.all().map {
            (LabelSelector($0.spec["selector"], namespace: $0.namespace), $0.status.count("disruptionsAllowed"))
        }
    }

    /// Ends the victims; each is told why.
    func preempt(_ choice: Preemption.Choice, for pod: KubeObject, _ run: inout SchedulingRun) async throws {
        let scheduler = pod.spec["schedulerName"]?.string ?? Self.name
        for victim in choice.victims {
            var status = victim.status
            status.setCondition(
                "DisruptionTarget", true, reason: "PreemptionByScheduler",
                message: "\(scheduler): preempting to accommodate a higher priority pod", at: context.timestamp)
            if let condition = status.condition("DisruptionTarget") {
                try await patchStatus(of: victim, ["conditions": [condition]])
            }
            try await context.delete(victim, in: context.caches.pods)
            events.normal("Preempted", "Preempted by pod \(pod.uid) on node \(choice.node)", about: victim)
        }
    }

    func refuse(
        _ pod: KubeObject, _ message: String, _ hope: SchedulingHope, nominating node: String? = nil
    ) async throws {
        queue.park(pod.uid, hope)
        try await tell(pod, "Unschedulable", message, nominating: node)
    }

    /// There is a node for it, but the API did not take that.
    func tellRejected(_ pod: KubeObject, _ answer: APIError) async throws {
        try await tell(pod, "SchedulerError", "binding rejected: \(answer.message)")
    }

    /// Says why a Pod has no node: in its condition, and once in an Event.
    private func tell(
        _ pod: KubeObject, _ reason: String, _ message: String, nominating node: String? = nil
    ) async throws {
        let condition = pod.status.condition("PodScheduled")
        if condition?["message"]?.string != message { events.warning("FailedScheduling", message, about: pod) }
        try await markUnscheduled(pod, reason, message, nominating: node)
    }

    func markUnscheduled(
        _ pod: KubeObject, _ reason: String, _ message: String, nominating node: String? = nil
    ) async throws {
        var status = pod.status
        status.setCondition("PodScheduled", false, reason: reason, message: message, at: context.timestamp)
        var changes: JSON = [:]
        if status != pod.status, let condition = status.condition("PodScheduled") {
            changes["conditions"] = [condition]
        }
        if let node, pod.status["nominatedNodeName"]?.string != node { changes["nominatedNodeName"] = .string(node) }
        guard changes.object?.isEmpty == false else { return }
        try await patchStatus(of: pod, changes)
    }

    /// By merge key: the node agent's conditions stay.
    private func patchStatus(of pod: KubeObject, _ status: JSON) async throws {
        do {
            context.caches.pods.note(
                try await context.client.patch(
                    .pods, pod.name, namespace: pod.namespace,
                    .strategic(["metadata": ["uid": .string(pod.uid)], "status": status]), subresource: "status"))
        } catch let error as APIError where error.reason == .notFound {
            queue.remove(pod.uid)
        }
    }
}
