import Foundation
import KubeModel

/// Makes room for a Pod by ending less important ones.
struct Preemption: Sendable {
    /// The node to make room on, and who has to go.
    struct Choice: Sendable {
        let node: String
        let victims: [KubeObject]
        /// How many victims their budgets would rather keep.
        let violations: Int
    }

    let pod: KubeObject
    let affinity: PodAffinity
    let spread: TopologySpread
    let budgets: [Budget]

    /// Which Pods a PodDisruptionBudget takes, and how many of them may go.
    typealias Budget = (selector: LabelSelector, allowed: Int)

    /// Whether the Pod may preempt at all.
    var isAllowed: Bool { pod.spec["preemptionPolicy"]?.string != "Never" }

    /// The node where it hurts least; or, without one, what to say of each node.
    func choose(
        _ obstacles: [String: NodeFit.Obstacle], _ cluster: SchedulingState,
        extra: (NodeState) -> NodeFit.Obstacle?
    ) -> (choice: Choice?, message: String) {
        guard isAllowed else { return (nil, "not eligible due to preemptionPolicy=Never.") }
        var choices: [Choice] = []
        var reasons: [[String]] = []
        for (name, obstacle) in obstacles {
            guard obstacle.isHelpedByPreemption else {
                reasons.append(["Preemption is not helpful for scheduling"])
                continue
            }
            if let choice = victims(on: name, cluster, extra: extra) {
                choices.append(choice)
            } else {
                reasons.append(["No preemption victims found for incoming pod"])
            }
        }
        return (choices.min(by: isBetter), NodeFit.message(reasons))
    }

    /// Whoever is less important goes, then as many as possible may stay after all, the most important first.
    private func victims(
        on name: String, _ cluster: SchedulingState, extra: (NodeState) -> NodeFit.Obstacle?
    ) -> Choice? {
        guard let state = cluster.nodes[name] else { return nil }
        let lower = state.pods.filter { $0.priority < pod.priority }.sorted(by: isMoreImportant)
        guard !lower.isEmpty else { return nil }
        var trial = cluster
        for victim in lower { trial.remove(victim.uid, from: name) }
        func fits() -> Bool {
            trial.obstacle(pod, on: name, affinity: affinity, spread: spread, extra: extra) == nil
        }
        guard fits() else { return nil }
        let (protected, others) = sorted(lower)
        var victims: [KubeObject] = []
        var violations = 0
        for (candidates, isProtected) in [(protected, true), (others, false)] {
            for candidate in candidates {
                trial.add(candidate, to: name)
                if fits() { continue }
                trial.remove(candidate.uid, from: name)
                victims.append(candidate)
                if isProtected { violations += 1 }
            }
        }
        return victims.isEmpty ? nil : Choice(node: name, victims: victims, violations: violations)
    }

    /// Those whose budget is used up, and the others.
    private func sorted(_ pods: [KubeObject]) -> (protected: [KubeObject], others: [KubeObject]) {
        var left = budgets.map(\.allowed)
        var (protected, others): ([KubeObject], [KubeObject]) = ([], [])
        for pod in pods {
            var isProtected = false
            for (index, budget) in budgets.enumerated() where budget.selector.matches(object: pod) {
                left[index] -= 1
                if left[index] < 0 { isProtected = true }
            }
            if isProtected { protected.append(pod) } else { others.append(pod) }
        }
        return (protected, others)
    }

    private func isMoreImportant(_ left: KubeObject, _ right: KubeObject) -> Bool {
        if left.priority != right.priority { return left.priority > right.priority }
        return start(left) < start(right)
    }

    private func start(_ pod: KubeObject) -> String { pod.status["startTime"]?.string ?? pod.creationTimestamp }

    /// Fewer broken budgets, less important victims, fewer of them, and younger ones.
    private func isBetter(_ left: Choice, _ right: Choice) -> Bool {
        if left.violations != right.violations { return left.violations < right.violations }
        func highest(_ choice: Choice) -> Int { choice.victims.map(\.priority).max() ?? 0 }
        if highest(left) != highest(right) { return highest(left) < highest(right) }
        func sum(_ choice: Choice) -> Int { choice.victims.reduce(0) { $0 + $1.priority + Int(Int32.max) } }
        if sum(left) != sum(right) { return sum(left) < sum(right) }
        func earliest(_ choice: Choice) -> String {
            choice.victims.filter { $0.priority == highest(choice) }.map(start).min() ?? ""
        }
        if earliest(left) != earliest(right) { return earliest(left) > earliest(right) }
        return left.node < right.node
    }
}
