import KubeModel

/// All nodes with what runs on them, as one run of the scheduler sees and changes them.
struct SchedulingState: Sendable {
    private(set) var nodes: [String: NodeState]
    let namespaceLabels: [String: [String: String]]
    /// Pods that keep others away, with the labels of their nodes.
    private(set) var avoiding: [(uid: String, terms: [PodAffinity.Term], nodeLabels: [String: String])] = []

    init(nodes: [KubeObject], pods: [(pod: KubeObject, node: String)], namespaceLabels: [String: [String: String]]) {
        self.nodes = Dictionary(nodes.map { ($0.name, NodeState($0)) }, uniquingKeysWith: { first, _ in first })
        self.namespaceLabels = namespaceLabels
        for (pod, node) in pods { add(pod, to: node) }
    }

    /// The names of the nodes, in order.
    var names: [String] { nodes.keys.sorted() }

    mutating func add(_ pod: KubeObject, to name: String) {
        guard nodes[name] != nil else { return }
        nodes[name]?.add(pod)
        guard pod.spec.value(at: "affinity", "podAntiAffinity") != nil else { return }
        let terms = PodAffinity(pod).avoided
        if !terms.isEmpty { avoiding.append((pod.uid, terms, nodes[name]?.node.labels ?? [:])) }
    }

    mutating func remove(_ uid: String, from name: String) {
        nodes[name]?.remove(uid)
        avoiding.removeAll { $0.uid == uid }
    }

    /// Whether a Pod within the reach of a label of nodes fulfils a condition.
    func contains(_ key: String, _ value: String, where body: (KubeObject) -> Bool) -> Bool {
        nodes.values.contains { $0.node.labels[key] == value && $0.pods.contains(where: body) }
    }

    func containsAnywhere(_ body: (KubeObject) -> Bool) -> Bool {
        nodes.values.contains { $0.pods.contains(where: body) }
    }

    func count(_ key: String, _ value: String, where body: (KubeObject) -> Bool) -> Int {
        nodes.values.reduce(0) { $1.node.labels[key] == value ? $0 + $1.pods.count(where: body) : $0 }
    }

    /// Why a Pod may not go to a node; nil when it may. `extra` says what else there is to ask, such as its volumes.
    func obstacle(
        _ pod: KubeObject, on name: String, affinity: PodAffinity, spread: TopologySpread,
        extra: (NodeState) -> NodeFit.Obstacle? = { _ in nil }
    ) -> NodeFit.Obstacle? {
        guard let state = nodes[name] else { return NodeFit.Obstacle("node(s) didn't match the requested node name") }
        return NodeFit.obstacle(state, pod) ?? extra(state) ?? spread.obstacle(state, pod, self)
            ?? (affinity.isEmpty && avoiding.isEmpty ? nil : affinity.obstacle(state, pod, self))
    }
}
