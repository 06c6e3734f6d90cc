import KubeModel

/// Whether a Pod may run on a node, and has room there.
enum NodeFit {
    /// Why not, in the words of scheduling messages; empty when it fits.
    static func obstacles(_ node: KubeObject, _ pod: KubeObject, podsOnNode: [KubeObject]) -> [String] {
        if node.spec["unschedulable"]?.bool == true, !tolerates(pod, unschedulable) {
            return ["node(s) were unschedulable"]
        }
        if let taint = taint(of: node, notToleratedBy: pod) {
            let value = taint["value"]?.string ?? ""
            return ["node(s) had untolerated taint {\(taint["key"]?.string ?? ""): \(value)}"]
        }
        guard matchesAffinity(node, pod) else { return ["node(s) didn't match Pod's node affinity/selector"] }
        let ports = hostPorts(pod)
        if !ports.isEmpty, podsOnNode.contains(where: { !ports.isDisjoint(with: hostPorts($0)) }) {
            return ["node(s) didn't have free ports for the requested pod ports"]
        }
        return lacking(node, pod, podsOnNode: podsOnNode)
    }

    /// No taint keeps the Pod off: what a DaemonSet asks of a node.
    static func toleratesAll(_ node: KubeObject, _ pod: KubeObject) -> Bool {
        if node.spec["unschedulable"]?.bool == true, !tolerates(pod, unschedulable) { return false }
        return taint(of: node, notToleratedBy: pod) == nil
    }

    /// A Pod that is there already may stay: only taints that evict, and where it must run, count.
    static func permitsStaying(_ node: KubeObject, _ pod: KubeObject) -> Bool {
        matchesAffinity(node, pod)
            && (node.spec["taints"]?.array ?? []).allSatisfy {
                $0["effect"]?.string != "NoExecute" || tolerates(pod, $0)
            }
    }

    private static let unschedulable: JSON = ["key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"]

    private static func lacking(_ node: KubeObject, _ pod: KubeObject, podsOnNode: [KubeObject]) -> [String] {
        let allocatable = KubeObject.amounts(node.status["allocatable"])
        var obstacles: [String] = []
        if let most = allocatable["pods"], Quantity(whole: podsOnNode.count + 1) > most {
            obstacles.append("Too many pods")
        }
        let wanted = pod.resourceRequests().filter { $0.value > .zero }
        guard !wanted.isEmpty else { return obstacles }
        let used = podsOnNode.reduce(into: ResourceAmounts()) { $0 = $0 + $1.resourceRequests() }
        for (name, amount) in wanted.sorted(by: { $0.key < $1.key }) {
            if (used[name] ?? .zero) + amount > allocatable[name] ?? .zero { obstacles.append("Insufficient \(name)") }
        }
        return obstacles
    }

    /// The first taint that keeps the Pod off.
    private static func taint(of node: KubeObject, notToleratedBy pod: KubeObject) -> JSON? {
        (node.spec["taints"]?.array ?? []).first { taint in
            let effect = taint["effect"]?.string
            return (effect == "NoSchedule" || effect == "NoExecute") && !tolerates(pod, taint)
        }
    }

    static func tolerates(_ pod: KubeObject, _ taint: JSON) -> Bool {
        (pod.spec["tolerations"]?.array ?? []).contains { toleration in
            if let effect = toleration["effect"]?.string, !effect.isEmpty, effect != taint["effect"]?.string {
                return false
            }
            let key = toleration["key"]?.string ?? ""
            let isExists = toleration["operator"]?.string == "Exists"
            if key.isEmpty { return isExists }
            guard key == taint["key"]?.string else { return false }
            return isExists || (toleration["value"]?.string ?? "") == (taint["value"]?.string ?? "")
        }
    }

    static func matchesAffinity(_ node: KubeObject, _ pod: KubeObject) -> Bool {
        let labels = node.labels
        for (key, value) in pod.spec["nodeSelector"]?.stringMap ?? [:] where labels[key] != value { return false }
        let required = pod.spec.value(at: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
        guard let terms = required?["nodeSelectorTerms"]?.array else { return true }
        return terms.contains { term in
            let expressions = LabelSelector.expressions(term["matchExpressions"])
            let fields = LabelSelector.expressions(term["matchFields"])
            guard !expressions.isEmpty || !fields.isEmpty else { return false }
            return expressions.allSatisfy { $0.matches(labels[$0.key]) }
                && fields.allSatisfy { $0.matches($0.key == "metadata.name" ? node.name : nil) }
        }
    }

    private static func hostPorts(_ pod: KubeObject) -> Set<String> {
        var ports: Set<String> = []
        for container in pod.spec["containers"]?.array ?? [] {
            for port in container["ports"]?.array ?? [] {
                guard let number = port["hostPort"]?.int, number > 0 else { continue }
                ports.insert("\(port["protocol"]?.string ?? "TCP")/\(number)")
            }
        }
        return ports
    }

    /// How much of the node would be in use, 0...1: the emptiest node is taken.
    static func load(_ node: KubeObject, podsOnNode: [KubeObject]) -> Double {
        let allocatable = KubeObject.amounts(node.status["allocatable"])
        let used = podsOnNode.reduce(into: ResourceAmounts()) { $0 = $0 + $1.resourceRequests() }
        let shares = ["cpu", "memory"].map { name -> Double in
            guard let total = allocatable[name], total > .zero else { return 1 }
            return Double((used[name] ?? .zero).nanos) / Double(total.nanos)
        }
        return shares.reduce(0, +) / Double(shares.count)
    }

    /// `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.`
    static func message(_ obstacles: [[String]]) -> String {
        guard !obstacles.isEmpty else { return "no nodes available to schedule pods" }
        var counts: [String: Int] = [:]
        for obstacle in obstacles.joined() { counts[obstacle, default: 0] += 1 }
        let parts = counts.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
        return "0/\(obstacles.count) nodes are available: \(parts)."
    }
}
