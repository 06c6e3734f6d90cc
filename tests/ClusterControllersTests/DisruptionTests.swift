import Foundation
import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Disruption budgets")
struct DisruptionTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func plan(_ spec: JSON, _ pods: [KubeObject], status: JSON = [:]) -> DisruptionPlan {
        var budget = KubeObject(apiVersion: "policy/v1", kind: "PodDisruptionBudget", name: "b", namespace: "team")
        budget.spec = spec
        budget.status = status
        return DisruptionPlan(budget: budget, pods: pods, now: now)
    }

    @Test(
        "what must be there",
        arguments: [
            (["minAvailable": 2], 3, 2), (["minAvailable": "50%"], 5, 3), (["maxUnavailable": 1], 5, 4),
            (["maxUnavailable": "30%"], 5, 3), (["maxUnavailable": 9], 5, 0),
        ] as [(JSON, Int, Int)])
    func goals(spec: JSON, expected: Int, healthy: Int) {
        let pods = [makePod("a"), makePod("b"), makePod("c")]
        #expect(plan(spec, pods).goal(scale: 5) == .init(expected: expected, healthy: healthy))
    }

    @Test("Pods that go, are not ready, or were evicted a moment ago do not count")
    func counting() {
        let pods = [
            makePod("a"), makePod("b", isReady: false), makePod("c", isBeingDeleted: true), makePod("d"), makePod("e"),
        ]
        let recent = Timestamp.text(now.addingTimeInterval(-100))
        let old = Timestamp.text(now.addingTimeInterval(-130))
        let plan = plan(
            ["minAvailable": 1], pods,
            status: ["disruptedPods": ["d": .string(recent), "e": .string(old), "gone": .string(recent)]])
        let (disrupted, overdue, wait) = plan.disrupted()
        #expect(disrupted.keys == ["d"])
        #expect(overdue.map(\.name) == ["e"])
        #expect(wait == 20)
        let status = plan.status(plan.goal(scale: 0), disrupted: disrupted)
        #expect(status["currentHealthy"] == 2)
        #expect(status["disruptionsAllowed"] == 1)
        #expect(status.condition("DisruptionAllowed")?["reason"] == "SufficientPods")
    }

    @Test("nothing may be disrupted while the goal is unknown")
    func failure() {
        let status = plan(["maxUnavailable": 1], [], status: ["disruptionsAllowed": 3]).failed("no scale")
        #expect(status["disruptionsAllowed"] == 0)
        #expect(status["expectedPods"] == 0)
        #expect(status.condition("DisruptionAllowed")?["message"] == "no scale")
    }
}
