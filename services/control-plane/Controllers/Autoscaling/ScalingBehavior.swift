import Foundation
import KubeModel

/// How far a recommendation may be followed at once: windows, policies, and the limits of the autoscaler.
struct ScalingBehavior: Sendable {
    /// Why the size is what it is; `isStabilized` when recent recommendations weighed more than the present one.
    struct Outcome: Sendable, Equatable {
        var replicas: Int
        var ableReason, ableMessage: String
        var isLimited: Bool
        var limitReason, limitMessage: String
    }

    /// `behavior.scaleUp` or `.scaleDown`.
    struct Rules: Sendable {
        let window: Double
        let select: String
        let policies: [(isPercent: Bool, value: Int, period: Double)]

        init(_ json: JSON?, window: Double) {
            self.window = json?["stabilizationWindowSeconds"]?.int.map(Double.init) ?? window
            select = json?["selectPolicy"]?.string ?? "Max"
            policies = (json?["policies"]?.array ?? []).map {
                ($0["type"]?.string == "Percent", $0.count("value"), Double($0.count("periodSeconds")))
            }
        }

        var longestPeriod: Double { policies.map(\.period).max() ?? 0 }
    }

    let minimum, maximum: Int
    /// Nil for an autoscaler without `spec.behavior`.
    let rules: (up: Rules, down: Rules)?

    init(_ autoscaler: KubeObject) {
        minimum = autoscaler.spec["minReplicas"]?.int.map(Int.init) ?? 1
        maximum = autoscaler.spec.count("maxReplicas")
        rules = autoscaler.spec["behavior"].map {
            (Rules($0["scaleUp"], window: 0), Rules($0["scaleDown"], window: ScalingHistory.downscaleWindow))
        }
    }

    /// Follows a recommendation as far as allowed, and remembers it.
    func follow(_ desired: Int, current: Int, _ history: inout ScalingHistory, at now: Date) -> Outcome {
        let (stable, reason, message) = stabilize(desired, current: current, history, at: now)
        let longest = max(rules?.up.window ?? 0, rules?.down.window ?? ScalingHistory.downscaleWindow)
        history.recommend(desired, at: now, window: longest)
        let (limited, limit) =
            rules.map { limitByRules(stable, current: current, $0, history, at: now) }
            ?? limitByDefault(stable, current: current)
        return Outcome(
            replicas: limited,
            ableReason: stable == desired ? "ReadyForNewScale" : reason,
            ableMessage: stable == desired ? "recommended size matches current size" : message,
            isLimited: limited != stable, limitReason: limit.reason, limitMessage: limit.message)
    }

    private func stabilize(
        _ desired: Int, current: Int, _ history: ScalingHistory, at now: Date
    ) -> (Int, String, String) {
        let down = (
            "ScaleDownStabilized",
            "recent recommendations were higher than current one, applying the highest recent recommendation"
        )
        guard let rules else {
            let highest = history.recommended(within: ScalingHistory.downscaleWindow, at: now).max() ?? desired
            return (max(desired, highest), down.0, down.1)
        }
        let lowest = min(desired, history.recommended(within: rules.up.window, at: now).min() ?? desired)
        let highest = max(desired, history.recommended(within: rules.down.window, at: now).max() ?? desired)
        let stable = min(max(current, lowest), max(highest, lowest))
        guard desired >= current else { return (stable, down.0, down.1) }
        return (
            stable, "ScaleUpStabilized",
            "recent recommendations were lower than current one, applying the lowest recent recommendation"
        )
    }

    private typealias Limit = (reason: String, message: String)
    private static let within: Limit = ("DesiredWithinRange", "the desired count is within the acceptable range")
    private static let tooFast: Limit = (
        "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"
    )
    private static let tooMany: Limit = (
        "TooManyReplicas", "the desired replica count is more than the maximum replica count"
    )
    private static let tooFew: Limit = (
        "TooFewReplicas", "the desired replica count is less than the minimum replica count"
    )

    /// At most twice the present size, or four.
    private func limitByDefault(_ desired: Int, current: Int) -> (Int, Limit) {
        let fastest = max(2 * current, 4)
        if desired < minimum { return (minimum, Self.tooFew) }
        if desired > min(maximum, fastest) {
            return maximum > fastest ? (fastest, Self.tooFast) : (maximum, Self.tooMany)
        }
        return (desired, Self.within)
    }

    private func limitByRules(
        _ desired: Int, current: Int, _ rules: (up: Rules, down: Rules), _ history: ScalingHistory, at now: Date
    ) -> (Int, Limit) {
        if desired > current {
            let fastest = max(current, upLimit(current, rules.up, history, at: now))
            if desired > min(maximum, fastest) {
                return maximum > fastest ? (fastest, Self.tooFast) : (maximum, Self.tooMany)
            }
        } else if desired < current {
            let lowest = min(current, downLimit(current, rules.down, history, at: now))
            if desired < max(minimum, lowest) {
                guard minimum < lowest else { return (minimum, Self.tooFew) }
                return (
                    lowest,
                    ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
                )
            }
        }
        return (desired, Self.within)
    }

    private func upLimit(_ current: Int, _ rules: Rules, _ history: ScalingHistory, at now: Date) -> Int {
        guard rules.select != "Disabled" else { return current }
        let limits = rules.policies.map { policy -> Int in
            let start = history.size(before: policy.period, current: current, at: now)
            guard policy.isPercent else { return start + policy.value }
            return Int((Double(start) * (1 + Double(policy.value) / 100)).rounded(.up))
        }
        return (rules.select == "Min" ? limits.min() : limits.max()) ?? Int(Int32.max)
    }

    private func downLimit(_ current: Int, _ rules: Rules, _ history: ScalingHistory, at now: Date) -> Int {
        guard rules.select != "Disabled" else { return current }
        let limits = rules.policies.map { policy -> Int in
            let start = history.size(before: policy.period, current: current, at: now)
            guard policy.isPercent else { return start - policy.value }
            return Int(Double(start) * (1 - Double(policy.value) / 100))
        }
        return (rules.select == "Min" ? limits.max() : limits.min()) ?? 0
    }
}
