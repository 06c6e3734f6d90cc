import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Deployment rollout")
struct DeploymentPlanTests {
    typealias Member = DeploymentPlan.Member

    private func deployment(_ replicas: Int, _ surge: JSON, _ unavailable: JSON) -> KubeObject {
        var deployment = KubeObject(apiVersion: "apps/v1", kind: "Deployment", name: "web", namespace: "team")
        deployment.spec = [
            "replicas": .int(Int64(replicas)),
            "strategy": [
                "type": "RollingUpdate", "rollingUpdate": ["maxSurge": surge, "maxUnavailable": unavailable],
            ],
        ]
        return deployment
    }

    @Test(
        "percentages: surge is rounded up, unavailable down, and not both are 0",
        arguments: [
            (replicas: 10, surge: "25%", unavailable: "25%", expected: (3, 2)), (4, "25%", "25%", (1, 1)),
            (1, "25%", "25%", (1, 0)), (1, "0%", "0%", (0, 1)), (0, "25%", "25%", (0, 0)),
        ] as [(replicas: Int, surge: String, unavailable: String, expected: (Int, Int))])
    func fences(replicas: Int, surge: String, unavailable: String, expected: (Int, Int)) {
        let plan = DeploymentPlan(deployment(replicas, .string(surge), .string(unavailable)))
        #expect(plan.maxSurge == expected.0)
        #expect(plan.maxUnavailable == expected.1)
    }

    @Test("the new ReplicaSet grows into the room that surge leaves")
    func growth() {
        let plan = DeploymentPlan(replicas: 10, maxSurge: 3, maxUnavailable: 2)
        #expect(plan.newReplicas(current: 0, total: 10) == 3)
        #expect(plan.newReplicas(current: 3, total: 13) == 3)
        #expect(plan.newReplicas(current: 8, total: 9) == 10)
        #expect(plan.newReplicas(current: 12, total: 12) == 10)
    }

    @Test("old ReplicaSets shrink only as far as enough Pods stay available")
    func shrinking() {
        let plan = DeploymentPlan(replicas: 10, maxSurge: 3, maxUnavailable: 2)
        let old = [Member(name: "old", replicas: 10, available: 10)]
        #expect(plan.oldReplicas(old, new: Member(name: "new", replicas: 3)) == ["old": 8])
        let less = [Member(name: "old", replicas: 8, available: 8)]
        #expect(plan.oldReplicas(less, new: Member(name: "new", replicas: 5, available: 0)).isEmpty)
        #expect(plan.oldReplicas(less, new: Member(name: "new", replicas: 5, available: 5)) == ["old": 3])
    }

    @Test("Pods that are not available go first")
    func unhealthyFirst() {
        let plan = DeploymentPlan(replicas: 4, maxSurge: 1, maxUnavailable: 0)
        let old = [Member(name: "broken", replicas: 2, available: 0), Member(name: "good", replicas: 4, available: 4)]
        #expect(plan.oldReplicas(old, new: Member(name: "new", replicas: 1))["broken"] == 0)
        #expect(plan.oldReplicas(old, new: Member(name: "new", replicas: 1))["good"] == nil)
    }

    @Test("a rollout driven to its end never has too many or too few Pods", arguments: [1, 2, 3, 7, 10, 23])
    func converges(replicas: Int) {
        let plan = DeploymentPlan(deployment(replicas, "25%", "25%"))
        var old = Member(name: "old", replicas: replicas, available: replicas)
        var new = Member(name: "new", replicas: 0)
        var steps = 0
        while (old.replicas > 0 || new.available < replicas) && steps < 200 {
            steps += 1
            let target = plan.newReplicas(current: new.replicas, total: old.replicas + new.replicas)
            if target != new.replicas {
                new.replicas = target
            } else if let next = plan.oldReplicas([old], new: new)["old"] {
                old.replicas = next
                old.available = min(old.available, next)
            } else if new.available < new.replicas {
                new.available += 1
            }
            #expect(old.replicas + new.replicas <= plan.maximum)
            #expect(old.available + new.available >= replicas - plan.maxUnavailable)
        }
        #expect(old.replicas == 0 && new.replicas == replicas)
    }

    @Test("scaling in the middle of a rollout gives every ReplicaSet its share")
    func proportional() {
        let plan = DeploymentPlan(replicas: 20, maxSurge: 0, maxUnavailable: 1)
        let members = [
            Member(name: "a", replicas: 5, maximum: 10, created: "1"),
            Member(name: "b", replicas: 5, maximum: 10, created: "2"),
        ]
        let up = plan.proportional(members)
        #expect(up == ["a": 10, "b": 10])
        let down = DeploymentPlan(replicas: 0, maxSurge: 2, maxUnavailable: 0).proportional(members)
        #expect(down == ["a": 0, "b": 0])
        let odd = DeploymentPlan(replicas: 13, maxSurge: 0, maxUnavailable: 1).proportional(members)
        #expect(odd.values.reduce(0, +) == 13)
    }

    @Test("of the history the oldest revisions go")
    func history() {
        #expect(DeploymentPlan.surplus([("c", 3), ("a", 1), ("b", 2)], limit: 1) == ["a", "b"])
        #expect(DeploymentPlan.surplus([("a", 1)], limit: 10).isEmpty)
    }

    @Test("the label of the hash does not make a template another one")
    func sameTemplate() {
        var owner = deployment(1, 1, 1)
        owner.spec["template"] = ["metadata": ["labels": ["app": "web"]], "spec": ["containers": []]]
        let rollout = Rollout(owner, [])
        let set = rollout.makeReplicaSet(hash: "abc", replicas: 1)
        #expect(set.labels["pod-template-hash"] == "abc")
        #expect(set.spec.value(at: "selector", "matchLabels", "pod-template-hash") == "abc")
        #expect(Rollout.isSameTemplate(set, owner))
        #expect(Rollout(owner, [set]).new?.name == "web-abc")
        owner.spec.set("db", at: "template", "metadata", "labels", "app")
        #expect(Rollout(owner, [set]).new == nil)
    }
}
