import Foundation
import KubeModel

/// The arithmetic of a ReplicaSet.
enum ReplicaSetPlan {
    /// Which Pods to give up first: those that do least. Unassigned before assigned, pending before running, not ready
    /// before ready, cheap before dear, on crowded nodes first, younger first.
    static func victims(among pods: [KubeObject], count: Int, relatedOn: [String: Int] = [:]) -> [KubeObject] {
        guard count < pods.count else { return pods }
        func phaseRank(_ pod: KubeObject) -> Int { ["Pending": 0, "": 0, "Unknown": 1][pod.phase] ?? 2 }
        func cost(_ pod: KubeObject) -> Int {
            pod.annotations["controller.kubernetes.io/pod-deletion-cost"].flatMap { Int($0) } ?? 0
        }
        func restarts(_ pod: KubeObject) -> Int {
            (pod.status["containerStatuses"]?.array ?? []).map { $0.count("restartCount") }.max() ?? 0
        }
        func isBefore(_ left: KubeObject, _ right: KubeObject) -> Bool {
            let nodes = (left.spec["nodeName"]?.string, right.spec["nodeName"]?.string)
            if (nodes.0 == nil) != (nodes.1 == nil) { return nodes.0 == nil }
            if phaseRank(left) != phaseRank(right) { return phaseRank(left) < phaseRank(right) }
            if left.isReady != right.isReady { return !left.isReady }
            if cost(left) != cost(right) { return cost(left) < cost(right) }
            let crowds = (relatedOn[nodes.0 ?? ""] ?? 0, relatedOn[nodes.1 ?? ""] ?? 0)
            if crowds.0 != crowds.1 { return crowds.0 > crowds.1 }
            let since = (left.readySince, right.readySince)
            if let first = since.0, let second = since.1, first != second { return first > second }
            if restarts(left) != restarts(right) { return restarts(left) > restarts(right) }
            if left.creationTimestamp != right.creationTimestamp {
                return left.creationTimestamp > right.creationTimestamp
            }
            return left.name < right.name
        }
        return Array(pods.sorted(by: isBefore).prefix(count))
    }

    /// The status that follows from the Pods.
    static func status(of set: KubeObject, pods: [KubeObject], failure: String?, now: Date) -> JSON {
        var status = set.status
        let active = pods.filter(\.isActive)
        let labels = set.spec.value(at: "template", "metadata", "labels")?.stringMap ?? [:]
        let minReady = set.spec.count("minReadySeconds")
        status["replicas"] = .int(Int64(active.count))
        status.setCount(
            "fullyLabeledReplicas",
            active.count { pod in
                let own = pod.labels
                return labels.allSatisfy { own[$0.key] == $0.value }
            })
        status.setCount("readyReplicas", active.count(where: \.isReady))
        status.setCount("availableReplicas", active.count { $0.isAvailable(minReadySeconds: minReady, at: now) })
        status["observedGeneration"] = .int(set.generation)
        if let failure {
            let isCreate = active.count < (set.spec["replicas"]?.int.map(Int.init) ?? 1)
            let reason = isCreate ? "FailedCreate" : "FailedDelete"
            // Only the kind of failure counts: each attempt words it a little differently, and a status that changes
            // with every attempt would wake the next attempt at once.
            if status.condition("ReplicaFailure")?["reason"]?.string != reason {
                status.setCondition("ReplicaFailure", true, reason: reason, message: failure, at: Timestamp.text(now))
            }
        } else {
            status.removeCondition("ReplicaFailure")
        }
        return status
    }
}
