import Foundation
import KubeModel

/// The arithmetic of a ReplicaSet.
enum ReplicaSetPlan {
    /// What decides whether a Pod is given up before another one.
    private struct Rank {
        let isUnassigned: Bool
        let phase: Int
        let isReady: Bool
        let cost: Int
        let crowd: Int
        let readySince: Date?
        let restarts: Int
        let created: Date?
        let uid: String

        init(_ pod: KubeObject, readyOnNode: [String: Int]) {
            let node = pod.spec["nodeName"]?.string ?? ""
            isUnassigned = node.isEmpty
            phase = ["Pending": 0, "": 0, "Unknown": 1][pod.phase] ?? 2
            isReady = pod.isReady
            cost =
                pod.annotations["controller.kubernetes.io/pod-deletion-cost"].flatMap { Int32($0) }.map(Int.init) ?? 0
            crowd = readyOnNode[node] ?? 0
            readySince = isReady ? pod.readySince : nil
            restarts = (pod.status["containerStatuses"]?.array ?? []).map { $0.count("restartCount") }.max() ?? 0
            created = Timestamp.date(pod.creationTimestamp)
            uid = pod.uid
        }

        /// Unassigned before assigned, pending before running, not ready before ready, cheap before dear, on crowded
        /// nodes first, younger first: by orders of magnitude, so that Pods of about the same age go by chance.
        func isBefore(_ other: Rank, at now: Date) -> Bool {
            if isUnassigned != other.isUnassigned { return isUnassigned }
            if phase != other.phase { return phase < other.phase }
            if isReady != other.isReady { return !isReady }
            if cost != other.cost { return cost < other.cost }
            if crowd != other.crowd { return crowd > other.crowd }
            if isReady, readySince != other.readySince {
                let (mine, theirs) = (Self.age(readySince, now), Self.age(other.readySince, now))
                return mine == theirs ? uid < other.uid : mine < theirs
            }
            if restarts != other.restarts { return restarts > other.restarts }
            if created != other.created {
                let (mine, theirs) = (Self.age(created, now), Self.age(other.created, now))
                return mine == theirs ? uid < other.uid : mine < theirs
            }
            return uid < other.uid
        }

        /// The order of magnitude of an age, base 2; an unknown one is young.
        private static func age(_ since: Date?, _ now: Date) -> Int {
            guard let since else { return -1 }
            return Int(log2(max(1, now.timeIntervalSince(since))))
        }
    }

    /// Which Pods to give up first: those that do least.
    static func victims(
        among pods: [KubeObject], count: Int, readyOnNode: [String: Int] = [:], now: Date = Date()
    ) -> [KubeObject] {
        guard count < pods.count else { return pods }
        guard count > 0 else { return [] }
        let ranked = pods.map { (rank: Rank($0, readyOnNode: readyOnNode), pod: $0) }
        return ranked.sorted { $0.rank.isBefore($1.rank, at: now) }.prefix(count).map(\.pod)
    }

    /// The status that follows from the Pods.
    static func status(of set: KubeObject, pods: [KubeObject], failure: String?, now: Date) -> JSON {
        var status = set.status
        let active = pods.filter(\.isActive)
        let labels = LabelSelector(labels: set.spec.value(at: "template", "metadata", "labels")?.stringMap ?? [:])
        let minReady = set.spec.count("minReadySeconds")
        status["replicas"] = .int(Int64(active.count))
        status.setCount("fullyLabeledReplicas", active.count(where: labels.matches(object:)))
        status.setCount("readyReplicas", active.count(where: \.isReady))
        status.setCount("availableReplicas", active.count { $0.isAvailable(minReadySeconds: minReady, at: now) })
        status["terminatingReplicas"] = .int(Int64(pods.count { $0.isBeingDeleted && !$0.isFinished }))
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
