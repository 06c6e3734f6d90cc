import Foundation
import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Autoscaling")
struct AutoscalingTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func pod(_ name: String, phase: String = "Running", isReady: Bool = true) -> KubeObject {
        var pod = makePod(name, phase: phase, isReady: isReady, requests: ["cpu": "100m", "memory": "100Mi"])
        pod.status["startTime"] = "2026-01-01T00:00:00Z"
        return pod
    }

    private func metrics(_ values: [String: Int64]) -> [String: PodMetric] {
        values.mapValues { PodMetric(value: $0, time: now, windowSeconds: 30) }
    }

    private func propose(
        _ values: [String: Int64], _ pods: [KubeObject], target: ReplicaCalculator.Target = .utilization(50)
    ) throws(APIError) -> ReplicaCalculator.Proposal {
        let calculator = ReplicaCalculator(resource: "cpu", container: nil, tolerance: .init(), now: now)
        return try calculator.propose(target, pods: pods, metrics: metrics(values), current: pods.count)
    }

    @Test("the usage of all Pods together decides")
    func ratio() throws {
        let pods = [pod("a"), pod("b")]
        #expect(try propose(["a": 100, "b": 100], pods).replicas == 4)
        #expect(try propose(["a": 100, "b": 100], pods).utilization == 100)
        #expect(try propose(["a": 10, "b": 10], pods).replicas == 1)
        #expect(try propose(["a": 53, "b": 53], pods).replicas == 2)  // within the tolerance
        #expect(try propose(["a": 90, "b": 30], pods, target: .average(30)).replicas == 4)
        #expect(try propose(["a": 90, "b": 30], pods, target: .average(30)).average == 60)
    }

    @Test("Pods of which nothing is known speak against the change")
    func missing() throws {
        let three = [pod("a"), pod("b"), pod("c")]
        #expect(try propose(["a": 10, "b": 10], three).replicas == 3)
        #expect(try propose(["a": 100, "b": 100], three).replicas == 4)
        #expect(try propose(["a": 100, "b": 100], [pod("a"), pod("b"), pod("c", phase: "Pending")]).replicas == 4)
        #expect(throws: APIError.self) { try propose([:], [pod("a")]) }
        #expect(throws: APIError.self) { try propose(["a": 1], []) }
        #expect(throws: APIError.self) { try propose(["a": 1], [makePod("a")]) }  // requests nothing
    }

    private func autoscaler(_ behavior: JSON?, minimum: Int64 = 1, maximum: Int64 = 20) -> ScalingBehavior {
        var object = KubeObject(apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "h")
        object.spec = ["minReplicas": .int(minimum), "maxReplicas": .int(maximum)]
        object.spec["behavior"] = behavior
        return ScalingBehavior(object)
    }

    @Test("without a behaviour: at most doubled, within the limits, and down only after five minutes")
    func byDefault() {
        var history = ScalingHistory()
        let plain = autoscaler(nil)
        #expect(plain.follow(30, current: 5, &history, at: now).replicas == 10)
        #expect(plain.follow(30, current: 15, &history, at: now).limitReason == "TooManyReplicas")
        let down = plain.follow(1, current: 10, &history, at: now.addingTimeInterval(200))
        #expect(down.ableReason == "ScaleDownStabilized")
        #expect(down.replicas == 20)
        var later = ScalingHistory()
        later.begin(8, at: now)
        #expect(plain.follow(2, current: 8, &later, at: now.addingTimeInterval(299)).replicas == 8)
        let settled = plain.follow(2, current: 8, &later, at: now.addingTimeInterval(601))
        #expect(settled.replicas == 2)
        #expect(settled.ableReason == "ReadyForNewScale")
    }

    @Test("policies limit how much may change in a period")
    func policies() {
        let behavior: JSON = [
            "scaleUp": ["policies": [["type": "Pods", "value": 2, "periodSeconds": 60]], "selectPolicy": "Max"],
            "scaleDown": [
                "stabilizationWindowSeconds": 0,
                "policies": [
                    ["type": "Percent", "value": 50, "periodSeconds": 60],
                    ["type": "Pods", "value": 1, "periodSeconds": 60],
                ], "selectPolicy": "Min",
            ],
        ]
        let rules = autoscaler(behavior)
        var history = ScalingHistory()
        #expect(rules.follow(9, current: 4, &history, at: now).replicas == 6)
        history.scaled(from: 4, to: 6, at: now, periods: (60, 60))
        let again = rules.follow(9, current: 6, &history, at: now.addingTimeInterval(10))
        #expect(again.replicas == 6)
        #expect(again.limitReason == "ScaleUpLimit")
        #expect(rules.follow(9, current: 6, &history, at: now.addingTimeInterval(61)).replicas == 8)
        let down = rules.follow(1, current: 6, &history, at: now.addingTimeInterval(500))
        #expect(down.replicas == 5)
        #expect(down.limitReason == "ScaleDownLimit")
        let never = autoscaler(["scaleUp": ["selectPolicy": "Disabled"]])
        #expect(never.follow(9, current: 3, &history, at: now.addingTimeInterval(900)).replicas == 3)
    }

    @Test("usage is summed over containers, or taken of one")
    func reading() {
        let items: [JSON] = [
            [
                "metadata": ["name": "a"], "timestamp": "2026-01-01T00:00:00Z", "window": "1m30.5s",
                "containers": [
                    ["name": "x", "usage": ["cpu": "1500u"]], ["name": "y", "usage": ["cpu": "20m"]],
                ],
            ],
            ["metadata": ["name": "b"], "containers": [["name": "x", "usage": [:]]]],
        ]
        let all = PodMetrics.read(items, resource: "cpu", container: nil)
        #expect(all["a"]?.value == 22)
        #expect(all["a"]?.windowSeconds == 90.5)
        #expect(all["b"] == nil)
        #expect(PodMetrics.read(items, resource: "cpu", container: "y")["a"]?.value == 20)
    }
}
