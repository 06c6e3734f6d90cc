import Foundation
import KubeModel

/// The next step of a StatefulSet, from the set and its Pods.
struct StatefulSetPlan: Sendable {
    /// Something to do now.
    enum Step: Sendable, Equatable {
        /// Make the Pod with this ordinal from the current or from the update revision.
        case create(ordinal: Int, isUpdated: Bool)
        /// Delete the Pod with this name; for `scaleDown` its ordinal is no longer wanted.
        case delete(name: String, scaleDown: Bool)
    }

    let name: String
    let start: Int
    let replicas: Int
    let isParallel: Bool
    let isOnDelete: Bool
    let partition: Int
    /// How many Pods a rolling update may have missing; nil for one after the other from the highest ordinal down.
    let maxUnavailable: Int?
    let minReadySeconds: Int
    let currentRevision: String
    let updateRevision: String
    let now: Date

    init(_ set: KubeObject, currentRevision: String, updateRevision: String, now: Date) {
        name = set.name
        start = set.spec["ordinals"]?.count("start") ?? 0
        replicas = set.spec["replicas"]?.int.map(Int.init) ?? 1
        isParallel = set.spec["podManagementPolicy"]?.string == "Parallel"
        isOnDelete = set.spec.value(at: "updateStrategy", "type")?.string == "OnDelete"
        let rolling = set.spec.value(at: "updateStrategy", "rollingUpdate")
        partition = rolling?.count("partition") ?? 0
        let replicas = replicas
        maxUnavailable = rolling?["maxUnavailable"].map { max(1, $0.scaled(of: replicas, roundUp: false) ?? 1) }
        minReadySeconds = set.spec.count("minReadySeconds")
        (self.currentRevision, self.updateRevision) = (currentRevision, updateRevision)
        self.now = now
    }

    /// The ordinals that a set is to have.
    static func ordinals(of set: KubeObject) -> Range<Int> {
        let start = set.spec["ordinals"]?.count("start") ?? 0
        return start..<(start + (set.spec["replicas"]?.int.map(Int.init) ?? 1))
    }

    /// The ordinal of a Pod of the set: `web-3` is 3 of `web`; nil for a name that is none of ours.
    static func ordinal(of pod: String, in set: String) -> Int? {
        guard pod.hasPrefix(set + "-") else { return nil }
        let digits = pod.dropFirst(set.count + 1)
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), digits == "0" || digits.first != "0" else { return nil }
        return Int(digits)
    }

    /// What to do now. Ordered sets take one step at a time and wait for each Pod to be ready (or gone).
    func steps(_ pods: [KubeObject]) -> [Step] {
        var byOrdinal: [Int: KubeObject] = [:]
        for pod in pods { if let ordinal = Self.ordinal(of: pod.name, in: name) { byOrdinal[ordinal] = pod } }
        let wanted = start..<(start + replicas)
        var steps: [Step] = []
        for ordinal in wanted {
            guard let pod = byOrdinal[ordinal] else {
                steps.append(.create(ordinal: ordinal, isUpdated: isOnDelete || ordinal >= start + partition))
                if isParallel { continue }
                return steps
            }
            if pod.isFinished, !pod.isBeingDeleted {
                steps.append(.delete(name: pod.name, scaleDown: false))
                if isParallel { continue }
                return steps
            }
            if !isParallel, isUnavailable(pod) {
                // One that cannot run in its old version would hold up for ever the update that mends it.
                if isStuck(pod, ordinal) { steps.append(.delete(name: pod.name, scaleDown: false)) }
                return steps
            }
        }
        let condemned = byOrdinal.filter { !wanted.contains($0.key) }.sorted { $0.key > $1.key }
        let firstUnhealthy = firstUnhealthy(byOrdinal, wanted)
        for (_, pod) in condemned {
            if pod.isBeingDeleted {
                if isParallel { continue }
                return steps
            }
            if !isParallel, !isAvailable(pod), pod.name != firstUnhealthy { return steps }
            steps.append(.delete(name: pod.name, scaleDown: true))
            if !isParallel { return steps }
        }
        return steps + updates(byOrdinal, wanted)
    }

    /// The lowest of the wanted Pods that is not well, or else of those that go.
    private func firstUnhealthy(_ pods: [Int: KubeObject], _ wanted: Range<Int>) -> String? {
        let sorted = pods.sorted { $0.key < $1.key }
        let unhealthy = sorted.filter { isUnavailable($0.value) }
        return (unhealthy.first { wanted.contains($0.key) } ?? unhealthy.first)?.value.name
    }

    private func isAvailable(_ pod: KubeObject) -> Bool {
        pod.isRunningAndReady && pod.isAvailable(minReadySeconds: minReadySeconds, at: now)
    }

    private func isUnavailable(_ pod: KubeObject?) -> Bool { pod.map { $0.isBeingDeleted || !isAvailable($0) } ?? true }

    /// It is to be updated, and its containers fail.
    private func isStuck(_ pod: KubeObject, _ ordinal: Int) -> Bool {
        guard !isOnDelete, !pod.isBeingDeleted, ordinal >= start + partition, !pod.isReady,
            Self.revision(pod) != updateRevision
        else { return false }
        let statuses =
            (pod.status["initContainerStatuses"]?.array ?? []) + (pod.status["containerStatuses"]?.array ?? [])
        let harmless = ["ContainerCreating", "PodInitializing"]
        return statuses.contains { status in
            if let reason = status.value(at: "state", "waiting", "reason")?.string { return !harmless.contains(reason) }
            return (status.value(at: "state", "terminated", "exitCode")?.int ?? 0) != 0
        }
    }

    /// A rolling update: from the highest ordinal down to the partition.
    private func updates(_ pods: [Int: KubeObject], _ wanted: Range<Int>) -> [Step] {
        guard !isOnDelete else { return [] }
        let updated = wanted.reversed().filter { $0 >= start + partition }
        func isOutdated(_ pod: KubeObject) -> Bool { Self.revision(pod) != updateRevision && !pod.isBeingDeleted }
        guard let maxUnavailable else {
            for ordinal in updated {
                if let pod = pods[ordinal], isOutdated(pod) { return [.delete(name: pod.name, scaleDown: false)] }
                if isUnavailable(pods[ordinal]) { return [] }
            }
            return []
        }
        var steps: [Step] = []
        var room = maxUnavailable - wanted.count { isUnavailable(pods[$0]) }
        for ordinal in updated {
            guard let pod = pods[ordinal], isOutdated(pod) else { continue }
            let costsNothing = isStuck(pod, ordinal)
            guard costsNothing || room > 0 else { continue }
            steps.append(.delete(name: pod.name, scaleDown: false))
            if !costsNothing { room -= 1 }
        }
        return steps
    }

    static func revision(_ pod: KubeObject) -> String { pod.labels[RevisionHistory.hashKey] ?? "" }

    /// The status that follows from the Pods.
    func status(_ old: JSON, pods: [KubeObject], generation: Int64, collisions: Int) -> JSON {
        var status = old
        let settled = pods.filter { !$0.isBeingDeleted }
        let ready = pods.count(where: \.isRunningAndReady)
        var current = settled.count { Self.revision($0) == currentRevision }
        let updated = settled.count { Self.revision($0) == updateRevision }
        let isRolledOut = !isOnDelete && updated == replicas && ready == replicas && pods.count == replicas
        if isRolledOut { current = updated }
        status["observedGeneration"] = .int(generation)
        status["replicas"] = .int(Int64(pods.count))
        status.setCount("readyReplicas", ready)
        status["availableReplicas"] = .int(Int64(pods.count(where: isAvailable)))
        status.setCount("currentReplicas", current)
        status.setCount("updatedReplicas", updated)
        status["currentRevision"] = .string(isRolledOut ? updateRevision : currentRevision)
        status["updateRevision"] = .string(updateRevision)
        status["collisionCount"] = .int(Int64(collisions))
        return status
    }
}
