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

    /// Counts and the condition `Available`.
    func counts(_ old: JSON) -> JSON {
        var status = old
        status["observedGeneration"] = .int(deployment.generation)
        status.setCount("replicas", sum("replicas"))
        status.setCount("updatedReplicas", new?.status.count("replicas") ?? 0)
        status.setCount("readyReplicas", sum("readyReplicas"))
        let available = sum("availableReplicas")
        status.setCount("availableReplicas", available)
        let wanted = all.reduce(0) { $0 + ($1.spec["replicas"]?.int.map(Int.init) ?? 1) }
        status.setCount("unavailableReplicas", max(0, wanted - available))
        // Unknown as long as a ReplicaSet does not say.
        let isKnown = all.allSatisfy { $0.status["terminatingReplicas"] != nil }
        status["terminatingReplicas"] = isKnown ? .int(Int64(sum("terminatingReplicas"))) : nil
        if available >= plan.replicas - plan.maxUnavailable {
            status.setDeploymentCondition(
                "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", at: now)
        } else {
            status.setDeploymentCondition(
                "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.",
                at: now)
        }
        return status
    }

    /// What a rollout that is under way adds: whether it gets on, and why Pods cannot be made.
    func rollout(_ old: JSON) -> JSON {
        var status = counts(old)
        if deadlineSeconds == nil {
            status.removeCondition("Progressing")
        } else {
            judgeProgress(&status, old: old)
        }
        let failing = ([new].compactMap { $0 } + all).lazy.compactMap { $0.status.condition("ReplicaFailure") }.first
        if let failing {
            status.setDeploymentCondition(
                "ReplicaFailure", failing["status"]?.string ?? "True", failing["reason"]?.string ?? "",
                failing["message"]?.string ?? "", at: now)
        } else {
            status.removeCondition("ReplicaFailure")
        }
        return status
    }

    /// Seconds in which a rollout must get on, nil for no limit.
    var deadlineSeconds: Int? {
        guard let seconds = deployment.spec["progressDeadlineSeconds"]?.int, seconds < Int64(Int32.max) else {
            return nil
        }
        return Int(seconds)
    }

    private func judgeProgress(_ status: inout JSON, old: JSON) {
        let current = old.condition("Progressing")
        let wasComplete =
            status.count("replicas") == status.count("updatedReplicas")
            && current?["reason"]?.string == "NewReplicaSetAvailable"
        // A rollout that is over stays over: Pods that fail later are no rollout.
        guard !wasComplete else { return }
        let name = new.map { "ReplicaSet \"\($0.name)\"" } ?? "Deployment \"\(deployment.name)\""
        if isComplete(status) {
            status.setDeploymentCondition(
                "Progressing", "True", "NewReplicaSetAvailable", "\(name) has successfully progressed.", at: now)
        } else if gotOn(status, old) {
            // The clock starts again, even where the condition says the same.
            let transition = current?["status"]?.string == "True" ? current?["lastTransitionTime"] : nil
            status.removeCondition("Progressing")
            status.setDeploymentCondition(
                "Progressing", "True", "ReplicaSetUpdated", "\(name) is progressing.", at: now, since: transition)
        } else if hasTimedOut(current) {
            status.setDeploymentCondition(
                "Progressing", "False", "ProgressDeadlineExceeded", "\(name) has timed out progressing.", at: now)
        }
    }

    private func gotOn(_ status: JSON, _ old: JSON) -> Bool {
        func oldOnes(_ status: JSON) -> Int { status.count("replicas") - status.count("updatedReplicas") }
        return status.count("updatedReplicas") > old.count("updatedReplicas") || oldOnes(status) < oldOnes(old)
            || status.count("readyReplicas") > old.count("readyReplicas")
            || status.count("availableReplicas") > old.count("availableReplicas")
    }

    private func hasTimedOut(_ condition: JSON?) -> Bool {
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
            condition["status"]?.string == "True", condition["reason"]?.string != "NewReplicaSetAvailable",
            let since = Timestamp.date(condition["lastUpdateTime"]?.string)
        else { return nil }
        return .seconds(max(1, since.addingTimeInterval(Double(deadlineSeconds) + 1).timeIntervalSince(now)))
    }
}

extension JSON {
    /// Sets a condition of a Deployment: with a new status or reason it goes to the end of the list.
    mutating func setDeploymentCondition(
        _ type: String, _ status: String, _ reason: String, _ message: String, at now: Date, since: JSON? = nil
    ) {
        let old = condition(type)
        if old?["status"]?.string == status, old?["reason"]?.string == reason { return }
        let time = JSON.string(Timestamp.text(now))
        var transition = since ?? time
        if old?["status"]?.string == status, let before = old?["lastTransitionTime"] { transition = before }
        let rest = (self["conditions"]?.array ?? []).filter { $0["type"]?.string != type }
        self["conditions"] = .array(
            rest + [
                [
                    "type": .string(type), "status": .string(status), "lastUpdateTime": time,
                    "lastTransitionTime": transition, "reason": .string(reason), "message": .string(message),
                ]
            ])
    }
}
