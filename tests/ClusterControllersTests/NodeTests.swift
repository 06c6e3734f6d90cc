import Foundation
import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Nodes and their taints")
struct NodeTests {
    private func node(_ conditions: [String: String], isCordoned: Bool = false) -> KubeObject {
        var node = KubeObject(apiVersion: "v1", kind: "Node", name: "n")
        if isCordoned { node.spec = ["unschedulable": true] }
        node.status = [
            "conditions": .array(conditions.map { ["type": .string($0.key), "status": .string($0.value)] })
        ]
        return node
    }

    private func taints(_ node: KubeObject, isLost: Bool = false, mayEvict: Bool = true) -> [String] {
        NodeReconciler.taints(of: node, isLost: isLost, mayEvict: mayEvict).map {
            "\($0.key.dropFirst("node.kubernetes.io/".count)):\($0.effect)"
        }
    }

    @Test("troubles become taints; Pods are only evicted where another node is well")
    func conditions() {
        #expect(taints(node(["Ready": "True"])).isEmpty)
        #expect(taints(node(["Ready": "False"])) == ["not-ready:NoSchedule", "not-ready:NoExecute"])
        #expect(taints(node(["Ready": "True"]), isLost: true, mayEvict: false) == ["unreachable:NoSchedule"])
        #expect(
            taints(node(["Ready": "True", "DiskPressure": "True"], isCordoned: true)) == [
                "disk-pressure:NoSchedule", "unschedulable:NoSchedule",
            ])
    }

    @Test("the shortest toleration counts; without one a Pod goes at once")
    func tolerance() {
        var pod = makePod("a")
        let taint: JSON = ["key": "node.kubernetes.io/unreachable", "effect": "NoExecute"]
        #expect(TaintEvictionReconciler.tolerance(of: pod, []) == nil)
        #expect(TaintEvictionReconciler.tolerance(of: pod, [taint]) == 0)
        pod.spec["tolerations"] = [["operator": "Exists"]]
        #expect(TaintEvictionReconciler.tolerance(of: pod, [taint]) == nil)
        pod.spec["tolerations"] = [
            ["operator": "Exists", "tolerationSeconds": 300],
            ["key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": 60],
        ]
        #expect(TaintEvictionReconciler.tolerance(of: pod, [taint]) == 60)
    }

    @Test("of many Events about one object only some are written")
    func events() {
        let limit = EventLimit()
        let start = ContinuousClock.now
        #expect((0..<100).count { _ in limit.allows("set", at: start) } == 25)
        #expect(limit.allows("other", at: start))
        #expect(!limit.allows("set", at: start + .seconds(200)))
        #expect(limit.allows("set", at: start + .seconds(500)))
    }

    @Test("a daemon's new Pod comes before the old one goes, where a surge is allowed")
    func surge() {
        var set = KubeObject(apiVersion: "apps/v1", kind: "DaemonSet", name: "d", namespace: "team")
        set.spec = [
            "template": ["spec": ["containers": []]],
            "updateStrategy": ["type": "RollingUpdate", "rollingUpdate": ["maxSurge": 1, "maxUnavailable": 0]],
        ]
        let nodes = ["a", "b"].map { KubeObject(apiVersion: "v1", kind: "Node", name: $0) }
        let plan = DaemonSetPlan(set, hash: "new", now: .now)
        func daemon(_ name: String, _ hash: String, _ node: String, isReady: Bool = true) -> KubeObject {
            makePod(name, labels: ["controller-revision-hash": hash], isReady: isReady, node: node)
        }
        let old = [daemon("a1", "old", "a"), daemon("b1", "old", "b")]
        let first = plan.steps(pods: old, nodes: nodes)
        #expect(first.createOn.map(\.name) == ["a"])
        #expect(first.delete.isEmpty)
        let waiting = plan.steps(pods: old + [daemon("a2", "new", "a", isReady: false)], nodes: nodes)
        #expect(waiting.createOn.isEmpty && waiting.delete.isEmpty)
        let next = plan.steps(pods: old + [daemon("a2", "new", "a")], nodes: nodes)
        #expect(next.delete.map(\.name) == ["a1"])
        #expect(next.createOn.map(\.name) == ["b"])
    }
}
