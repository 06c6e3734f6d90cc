import KubeModel
import Testing

@testable import ClusterControllers

@Suite("Choosing a node")
struct SchedulerTests {
    private func node(_ name: String, zone: String = "", cpu: String = "4", taints: [JSON] = []) -> KubeObject {
        var node = KubeObject(
            apiVersion: "v1", kind: "Node", name: name, labels: ["zone": zone, "kubernetes.io/hostname": name])
        if !taints.isEmpty { node.spec = ["taints": .array(taints)] }
        node.status = [
            "allocatable": ["cpu": .string(cpu), "memory": "8Gi", "pods": "20"],
            "conditions": [["type": "Ready", "status": "True"]],
        ]
        return node
    }

    private func pod(
        _ name: String, app: String = "web", cpu: String = "1", priority: Int64 = 0,
        _ change: (inout KubeObject) -> Void = { _ in }
    ) -> KubeObject {
        var pod = makePod(name, labels: ["app": app], node: nil, requests: ["cpu": cpu])
        pod.spec["priority"] = .int(priority)
        change(&pod)
        return pod
    }

    private func state(_ nodes: [KubeObject], _ pods: [(KubeObject, String)] = []) -> SchedulingState {
        SchedulingState(
            nodes: nodes, pods: pods.map { ($0.0, $0.1) }, namespaceLabels: ["team": ["kind": "work"], "other": [:]])
    }

    private func find(_ pod: KubeObject, _ state: SchedulingState, volumes: [[JSON]] = []) -> String? {
        if case .node(let name) = NodeSearch(pod, volumes: volumes).find(in: state) { name } else { nil }
    }

    private func reasons(_ pod: KubeObject, _ state: SchedulingState) -> [String] {
        guard case .obstacles(let obstacles) = NodeSearch(pod, volumes: []).find(in: state) else { return [] }
        return obstacles.sorted { $0.key < $1.key }.flatMap { $0.value.reasons }
    }

    private func term(_ key: String, app: String = "web") -> JSON {
        ["topologyKey": .string(key), "labelSelector": ["matchLabels": ["app": .string(app)]]]
    }

    @Test("the emptiest node is taken, wishes of the Pod first")
    func scores() {
        let nodes = [node("a"), node("b"), node("c", taints: [["key": "x", "effect": "PreferNoSchedule"]])]
        #expect(find(pod("p"), state(nodes, [(pod("q"), "a")])) == "b")
        let picky = pod("p") {
            $0.spec.set(
                [
                    [
                        "weight": 50,
                        "preference": ["matchFields": [["key": "metadata.name", "operator": "In", "values": ["a"]]]],
                    ]
                ],
                at: "affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution")
        }
        #expect(find(picky, state(nodes, [(pod("q"), "a")])) == "a")
    }

    @Test("Pods that must be together are, the first of them anywhere")
    func affinity() {
        let wanting = pod("p") {
            $0.spec.set([term("zone")], at: "affinity", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
        }
        let nodes = [node("a", zone: "one"), node("b", zone: "two"), node("c", zone: "two")]
        #expect(find(wanting, state(nodes)) != nil)
        #expect(find(wanting, state(nodes, [(pod("q", cpu: "4"), "b")])) == "c")
        var stranger = wanting
        stranger.metadata["labels"] = ["app": "other"]
        #expect(Set(reasons(stranger, state(nodes))) == ["node(s) didn't match pod affinity rules"])
    }

    @Test("Pods that must be apart are, whichever of them says so")
    func antiAffinity() {
        let shy = pod("p") {
            $0.spec.set(
                [term("kubernetes.io/hostname")], at: "affinity", "podAntiAffinity",
                "requiredDuringSchedulingIgnoredDuringExecution")
        }
        let nodes = [node("a"), node("b")]
        #expect(find(shy, state(nodes, [(pod("q"), "a")])) == "b")
        #expect(
            reasons(shy, state([node("a")], [(pod("q"), "a")])) == ["node(s) didn't match pod anti-affinity rules"])
        #expect(
            reasons(pod("q"), state([node("a")], [(shy, "a")])) == [
                "node(s) didn't satisfy existing pods anti-affinity rules"
            ])
    }

    @Test("constraints spread Pods over zones")
    func spread() {
        let even = pod("p") {
            $0.spec["topologySpreadConstraints"] = [
                [
                    "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": ["matchLabels": ["app": "web"]],
                ]
            ]
        }
        let nodes = [node("a", zone: "one"), node("b", zone: "two", cpu: "1")]
        #expect(find(even, state(nodes, [(pod("q"), "a")])) == "b")
        let full = state(nodes, [(pod("q"), "a"), (pod("r", app: "x"), "b")])
        #expect(
            reasons(even, full) == ["node(s) didn't match pod topology spread constraints", "Insufficient cpu"])
    }

    @Test("ports of the node and reach of volumes count")
    func portsAndVolumes() {
        func serving(_ name: String, _ address: String?) -> KubeObject {
            pod(name) {
                var port: JSON = ["containerPort": 80, "hostPort": 8080]
                port["hostIP"] = address.map(JSON.string)
                $0.spec["containers"] = [["name": "m", "ports": [port]]]
            }
        }
        let taken = state([node("a")], [(serving("q", "127.0.0.1"), "a")])
        #expect(find(serving("p", "10.0.0.1"), taken) == "a")
        for address in [nil, "", "0.0.0.0", "::", "127.0.0.1"] {
            #expect(
                reasons(serving("p", address), taken) == ["node(s) didn't have free ports for the requested pod ports"])
        }
        let full = state([node("a")], [(serving("q", "::"), "a")])
        #expect(reasons(serving("p", "10.0.0.1"), full).count == 1)
        let terms: [[JSON]] = [[["matchExpressions": [["key": "zone", "operator": "In", "values": ["two"]]]]]]
        let nodes = [node("a", zone: "one"), node("b", zone: "two")]
        #expect(find(pod("p"), state(nodes), volumes: terms) == "b")
    }

    private func preempt(
        _ pod: KubeObject, _ state: SchedulingState, budgets: [Preemption.Budget] = []
    ) -> (choice: Preemption.Choice?, message: String) {
        let search = NodeSearch(pod, volumes: [])
        guard case .obstacles(let obstacles) = search.find(in: state) else { return (nil, "fits") }
        return Preemption(pod: pod, affinity: search.affinity, spread: search.spread, budgets: budgets)
            .choose(obstacles, state, extra: search.volumeObstacle)
    }

    @Test("less important Pods make room: as few as possible, where it hurts least")
    func preemption() {
        let nodes = [node("a", cpu: "2"), node("b", cpu: "2")]
        let full = state(
            nodes,
            [(pod("a1", priority: 5), "a"), (pod("a2", priority: 1), "a"), (pod("b1", cpu: "2", priority: 3), "b")])
        let choice = preempt(pod("p", priority: 10), full).choice
        #expect(choice?.node == "a")
        #expect(choice?.victims.map(\.name) == ["a2"])
        #expect(preempt(pod("p", cpu: "2", priority: 10), full).choice?.node == "b")
        #expect(preempt(pod("p", priority: 1), full).choice == nil)
        #expect(
            preempt(pod("p", priority: 1), full).message
                == "0/2 nodes are available: 2 No preemption victims found for incoming pod.")
        let never = pod("p", priority: 10) { $0.spec["preemptionPolicy"] = "Never" }
        #expect(preempt(never, full).message == "not eligible due to preemptionPolicy=Never.")
        #expect(
            preempt(pod("p", cpu: "9", priority: 10), full).message
                == "0/2 nodes are available: 2 Preemption is not helpful for scheduling.")
    }

    @Test("a budget that is used up protects its Pods as long as others can go")
    func budgets() {
        let nodes = [node("a", cpu: "1"), node("b", cpu: "1")]
        let full = state(nodes, [(pod("kept", app: "db", priority: 1), "a"), (pod("gone", priority: 2), "b")])
        let budget: Preemption.Budget = (.init(["matchLabels": ["app": "db"]]), 0)
        #expect(preempt(pod("p", priority: 9), full, budgets: [budget]).choice?.node == "b")
        #expect(preempt(pod("p", priority: 9), full).choice?.node == "a")
    }

    @Test("the queue gives the most important first, and waits for what could help")
    func queue() {
        let queue = SchedulingQueue()
        let start = ContinuousClock.now
        for pod in [pod("low"), pod("high", priority: 7), pod("middle", priority: 3)] { queue.add(pod) }
        #expect(queue.take(2, at: start).map(\.name) == ["high", "middle"])
        queue.park("uid-high", .nodes, at: start)
        #expect(queue.take(9, at: start).map(\.name) == ["middle", "low"])
        queue.wake(.volumes, at: start)
        #expect(queue.take(9, at: start).count == 2)
        queue.wake(.nodes, at: start)
        #expect(queue.take(9, at: start).count == 2)
        #expect(queue.take(9, at: start + .seconds(1)).first?.name == "high")
        queue.park("uid-high", .nodes, at: start + .seconds(1))
        queue.wake(.nodes, at: start + .seconds(1))
        #expect(queue.take(9, at: start + .milliseconds(2900)).count == 2)
        #expect(queue.take(9, at: start + .seconds(3)).count == 3)
        queue.remove("uid-low")
        #expect(!queue.take(9, at: start + .seconds(3)).contains { $0.name == "low" })
    }

    @Test("groups are told by label or annotation")
    func groups() {
        #expect(PodGroup(of: pod("p")) == nil)
        let labelled = pod("p") { $0.metadata.set("g", at: "labels", "scheduling.x-k8s.io/pod-group") }
        #expect(PodGroup(of: labelled)?.type.apiVersion == "scheduling.x-k8s.io/v1alpha1")
        let volcano = pod("p") { $0.metadata.set("g", at: "annotations", "scheduling.k8s.io/group-name") }
        #expect(PodGroup(of: volcano)?.name == "g")
        #expect(PodGroup(of: volcano)?.isVolcano == true)
    }
}
