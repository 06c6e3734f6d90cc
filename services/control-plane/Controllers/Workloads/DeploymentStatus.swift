import Foundation
import KubeModel

/// The status of a Deployment, from its ReplicaSets.
struct DeploymentStatus: Sendable {
    let deployment: KubeObject
    let new: KubeObject?
    let all: [KubeObject]
    let plan: DeploymentPlan
    let now: Date

    private func sum(_ key: String) -> Int { all.reduce(0) { $0 + $1.status.count(key) } }

    /// True when everything runs in the new version and nothing else does.
    func isComplete(_ status: JSON) -> Bool {
        status.count("updatedReplicas") == plan.replicas && status.count("replicas") == plan.replicas
            && status.count("availableReplicas") == plan.replicas
            && status.count("observedGeneration") >= Int(deployment.generation)
    }

    /// Counts and the condition `Available`; `Progressing` only while a rollout is `watched`.
    func make(watchesProgress: Bool) -> JSON {
        let old = deployment.status
        var status = old
        status["observedGeneration"] = .int(deployment.generation)
        status.setCount("replicas", sum("replicas"))
        status.setCount("updatedReplicas", new?.status.count("replicas") ?? 0)
        status.setCount("readyReplicas", sum("readyReplicas"))
        let available = sum("availableReplicas")
        status.setCount("availableReplicas", available)
        let wanted = all.reduce(0) { $0 + ($1.spec["replicas"]?.int.map(Int.init) ?? 1) }
        status.setCount("unavailableReplicas", max(0, wanted - available))
        let time = Timestamp.text(now)
        if available >= plan.replicas - plan.maxUnavailable {
            status.setCondition(
                "Available", true, reason: "MinimumReplicasAvailable",
                message: "Deployment has minimum availability.", at: time, updateTime: true)
        } else {
            status.setCondition(
                "Available", false, reason: "MinimumReplicasUnavailable",
                message: "Deployment does not have minimum availability.", at: time, updateTime: true)
        }
        if let failure = all.lazy.compactMap({ $0.status.condition("ReplicaFailure") }).first {
            status.setCondition(
                "ReplicaFailure", true, reason: failure["reason"]?.string ?? "",
                message: failure["message"]?.string ?? "",
                at: time, updateTime: true)
        } else {
            status.removeCondition("ReplicaFailure")
        }
        if watchesProgress { judgeProgress(&status, old: old, time: time) }
        return status
    }

    /// Seconds in which a rollout must get on, nil for no limit.
    var deadlineSeconds: Int? {
        guard let seconds = deployment.spec["progressDeadlineSeconds"]?.int, seconds < Int64(Int32.max) else {
            return nil
        }
        return Int(seconds)
    }

    private func judgeProgress(_ status: inout JSON, old: JSON, time: String) {
        guard deadlineSeconds != nil else { return status.removeCondition("Progressing") }
        let current = old.condition("Progressing")
        let name = new.map { "ReplicaSet \"\($0.name)\"" } ?? "Deployment \"\(deployment.name)\""
        if isComplete(status) {
            status.setCondition(
                "Progressing", true, reason: "NewReplicaSetAvailable", message: "\(name) has successfully progressed.",
                at: time, updateTime: true)
        } else if gotOn(status, old) {
            touch(&status, reason: "ReplicaSetUpdated", message: "\(name) is progressing.", time: time)
        } else if hasTimedOut(current, old: old) {
            status.setCondition(
                "Progressing", false, reason: "ProgressDeadlineExceeded", message: "\(name) has timed out progressing.",
                at: time, updateTime: true)
        } else if current == nil {
            touch(&status, reason: "ReplicaSetUpdated", message: "\(name) is progressing.", time: time)
        }
    }

    /// Progress restarts the clock even where nothing else about the condition changes.
    private func touch(_ status: inout JSON, reason: String, message: String, time: String) {
        status.setCondition("Progressing", true, reason: reason, message: message, at: time, updateTime: true)
        guard var conditions = status["conditions"]?.array,
            let index = conditions.firstIndex(where: { $0["type"]?.string == "Progressing" })
        else { return }
        conditions[index]["lastUpdateTime"] = .string(time)
        status["conditions"] = .array(conditions)
    }

    private func gotOn(_ status: JSON, _ old: JSON) -> Bool {
        func oldOnes(_ status: JSON) -> Int { status.count("replicas") - status.count("updatedReplicas") }
        return status.count("updatedReplicas") > old.count("updatedReplicas") || oldOnes(status) < oldOnes(old)
            || status.count("readyReplicas") > old.count("readyReplicas")
            || status.count("availableReplicas") > old.count("availableReplicas")
            || status.count("observedGeneration") > old.count("observedGeneration")
    }

    private func hasTimedOut(_ condition: JSON?, old: JSON) -> Bool {
        guard let condition, let deadlineSeconds, condition["reason"]?.string != "NewReplicaSetAvailable" else {
            return false
        }
        if condition["reason"]?.string == "ProgressDeadlineExceeded" { return true }
        guard let since = Timestamp.date(condition["lastUpdateTime"]?.string) else { return false }
        return since.addingTimeInterval(Double(deadlineSeconds)) < now
    }

    /// When to look whether the deadline has passed; nil when the rollout is over or has no deadline.
    func timeToDeadline(_ status: JSON) -> Duration? {
        guard let deadlineSeconds, !isComplete(status), let condition = status.condition("Progressing"),
            condition["status"]?.string == "True", let since = Timestamp.date(condition["lastUpdateTime"]?.string)
        else { return nil }
        return .seconds(max(1, since.addingTimeInterval(Double(deadlineSeconds) + 1).timeIntervalSince(now)))
    }
}
