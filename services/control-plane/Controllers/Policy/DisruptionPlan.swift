import Foundation
import KubeModel

/// How many of its Pods a PodDisruptionBudget may lose on purpose.
struct DisruptionPlan: Sendable {
    /// How long an eviction that was allowed may take until the Pod counts again.
    static let deletionTimeout = 120.0

    let budget: KubeObject
    let pods: [KubeObject]
    let now: Date

    /// How many Pods there should be, and how many of them must be healthy.
    struct Goal: Sendable, Equatable {
        let expected, healthy: Int
    }

    /// True when the goal depends on how many replicas the controllers of the Pods want.
    var needsScale: Bool {
        budget.spec["maxUnavailable"] != nil || budget.spec["minAvailable"]?.string != nil
    }

    /// `scale` is the sum of the wanted replicas, where it is needed.
    func goal(scale: Int) -> Goal {
        if let most = budget.spec["maxUnavailable"] {
            let missing = most.scaled(of: scale, roundUp: true) ?? 0
            return Goal(expected: scale, healthy: max(0, scale - missing))
        }
        let least = budget.spec["minAvailable"] ?? 0
        if let number = least.int { return Goal(expected: pods.count, healthy: Int(number)) }
        return Goal(expected: scale, healthy: least.scaled(of: scale, roundUp: true) ?? 0)
    }

    /// Evictions that are still under way, by name of the Pod; those that never happened, and how long the next lasts.
    func disrupted() -> (pods: JSONObject, overdue: [KubeObject], wait: Double?) {
        var kept = JSONObject()
        var overdue: [KubeObject] = []
        var wait: Double?
        let known = budget.status["disruptedPods"]?.object ?? [:]
        for pod in pods where !pod.isBeingDeleted {
            guard let time = known[pod.name], let date = Timestamp.date(time.string) else { continue }
            let rest = date.addingTimeInterval(Self.deletionTimeout).timeIntervalSince(now)
            guard rest > 0 else {
                overdue.append(pod)
                continue
            }
            kept[pod.name] = time
            wait = min(wait ?? rest, rest)
        }
        return (kept, overdue, wait)
    }

    func healthy(disrupted: JSONObject) -> Int {
        pods.count { !$0.isBeingDeleted && $0.isReady && disrupted[$0.name] == nil }
    }

    /// The status with its counts and the condition `DisruptionAllowed`.
    func status(_ goal: Goal, disrupted: JSONObject) -> JSON {
        let healthy = healthy(disrupted: disrupted)
        let allowed = goal.expected <= 0 ? 0 : max(0, healthy - goal.healthy)
        var status = budget.status
        status["currentHealthy"] = .int(Int64(healthy))
        status["desiredHealthy"] = .int(Int64(goal.healthy))
        status["expectedPods"] = .int(Int64(goal.expected))
        status["disruptionsAllowed"] = .int(Int64(allowed))
        status["disruptedPods"] = disrupted.isEmpty ? nil : .object(disrupted)
        status["observedGeneration"] = .int(budget.generation)
        setCondition(&status, allowed > 0, allowed > 0 ? "SufficientPods" : "InsufficientPods", "", budget.generation)
        return status
    }

    /// When the goal cannot be known, nothing may be disrupted.
    func failed(_ message: String) -> JSON {
        var status = budget.status
        for key in ["currentHealthy", "desiredHealthy", "expectedPods"] where status[key] == nil { status[key] = 0 }
        status["disruptionsAllowed"] = 0
        setCondition(&status, false, "SyncFailed", message, status["observedGeneration"]?.int)
        return status
    }

    private func setCondition(
        _ status: inout JSON, _ isTrue: Bool, _ reason: String, _ message: String, _ generation: Int64?
    ) {
        status.setCondition(
            "DisruptionAllowed", isTrue, reason: reason, message: message, at: Timestamp.text(now))
        guard var conditions = status["conditions"]?.array,
            let index = conditions.firstIndex(where: { $0["type"] == "DisruptionAllowed" })
        else { return }
        conditions[index]["observedGeneration"] = generation.map(JSON.int)
        status["conditions"] = .array(conditions)
    }
}
