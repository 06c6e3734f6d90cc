import Foundation
import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Scheduling")
struct SchedulingTests {
    private func node(_ name: String = "martlet", taints: [JSON] = [], labels: [String: String] = [:]) -> KubeObject {
        var node = KubeObject(apiVersion: "v1", kind: "Node", name: name, labels: labels)
        node.spec = ["taints": .array(taints)]
        node.status = [
            "allocatable": ["cpu": "2", "memory": "4Gi", "pods": "3"],
            "conditions": [["type": "Ready", "status": "True"]],
        ]
        return node
    }

    private func reasons(_ node: KubeObject, _ pod: KubeObject, podsOnNode: [KubeObject] = []) -> [String] {
        NodeFit.obstacle(NodeState(node, pods: podsOnNode), pod)?.reasons ?? []
    }

    @Test("requests must fit beside those of the Pods that are there")
    func resources() {
        let present = [makePod("a", requests: ["cpu": "1500m", "memory": "1Gi"])]
        #expect(reasons(node(), makePod("b", requests: ["cpu": "500m"]), podsOnNode: present).isEmpty)
        #expect(
            reasons(node(), makePod("b", requests: ["cpu": "501m"]), podsOnNode: present) == [
                "Insufficient cpu"
            ])
        #expect(
            reasons(node(), makePod("b", requests: ["nvidia.com/gpu": "1"])) == [
                "Insufficient nvidia.com/gpu"
            ])
        let three = (0..<3).map { makePod("p\($0)") }
        #expect(reasons(node(), makePod("b"), podsOnNode: three) == ["Too many pods"])
    }

    @Test("taints, selector and affinity keep Pods off")
    func constraints() {
        let tainted = node(taints: [["key": "gpu", "value": "yes", "effect": "NoSchedule"]])
        var pod = makePod("a")
        #expect(reasons(tainted, pod) == ["node(s) had untolerated taint(s)"])
        pod.spec["tolerations"] = [["key": "gpu", "operator": "Exists"]]
        #expect(reasons(tainted, pod).isEmpty)
        pod.spec["nodeSelector"] = ["disk": "ssd"]
        #expect(
            reasons(tainted, pod) == ["node(s) didn't match Pod's node affinity/selector"])
        #expect(reasons(node(labels: ["disk": "ssd"]), pod).isEmpty)
    }

    @Test("an init container counts where it needs more than all containers, sidecars stay")
    func initContainers() {
        var pod = makePod("a", requests: ["cpu": "1"])
        pod.spec["initContainers"] = [
            ["restartPolicy": "Always", "resources": ["requests": ["cpu": "200m"]]],
            ["resources": ["requests": ["cpu": "3"]]],
        ]
        #expect(pod.resourceRequests()["cpu"]?.text == "3200m")
        pod.spec["initContainers"] = [["restartPolicy": "Always", "resources": ["requests": ["cpu": "200m"]]]]
        #expect(pod.resourceRequests()["cpu"]?.text == "1200m")
    }

    @Test("the message counts the reasons")
    func message() {
        #expect(
            NodeFit.message([["Insufficient cpu"], ["Insufficient cpu", "Too many pods"]])
                == "0/2 nodes are available: 1 Too many pods, 2 Insufficient cpu.")
        #expect(NodeFit.message([]) == "no nodes available to schedule pods")
    }

    @Test("a DaemonSet wants one Pod on each node, and none where it must not")
    func daemons() {
        var set = KubeObject(apiVersion: "apps/v1", kind: "DaemonSet", name: "log", namespace: "team")
        set.metadata["uid"] = "set"
        set.spec = ["template": ["metadata": ["labels": ["app": "log"]], "spec": ["containers": []]]]
        let plan = DaemonSetPlan(set, hash: "h", now: .now)
        let nodes = [node("a"), node("b", taints: [["key": "x", "effect": "NoSchedule"]])]
        let steps = plan.steps(pods: [], nodes: nodes)
        #expect(steps.createOn.map(\.name) == ["a"])
        let pod = plan.pod(on: nodes[0])
        #expect(DaemonSetPlan.node(of: pod) == "a")
        #expect(NodeFit.matchesAffinity(nodes[0], pod))
        #expect(!NodeFit.matchesAffinity(node("c"), pod))
        let present = [makePod("l", labels: ["controller-revision-hash": "h"], node: "b")]
        let evicting = node("b", taints: [["key": "x", "effect": "NoExecute"]])
        #expect(plan.steps(pods: present, nodes: [evicting]).delete.map(\.name) == ["l"])
    }

    @Test("quota counts live Pods and their requests")
    func quota() {
        var quota = KubeObject(apiVersion: "v1", kind: "ResourceQuota", name: "q", namespace: "team")
        quota.spec = [:]
        let usage = QuotaUsage(
            pods: [
                makePod("a", requests: ["cpu": "500m", "memory": "1Gi"]),
                makePod("b", phase: "Succeeded", requests: ["cpu": "9"]),
            ],
            claims: [], services: [], count: { $0 == "configmaps" ? 4 : 0 })
        #expect(usage.used("pods", by: quota).text == "1")
        #expect(usage.used("requests.cpu", by: quota).text == "500m")
        #expect(usage.used("memory", by: quota).text == "1Gi")
        #expect(usage.used("configmaps", by: quota).text == "4")
        #expect(usage.used("count/configmaps", by: quota).text == "4")
        #expect(usage.used("limits.cpu", by: quota).text == "0")
        quota.spec["scopes"] = ["BestEffort"]
        #expect(usage.used("pods", by: quota).text == "0")
    }
}
