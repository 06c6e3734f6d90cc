import KubeModel

/// Whether a Pod may run on a node, and has room there.
enum NodeFit {
    /// Why not, in the words of scheduling messages.
    struct Obstacle: Sendable, Equatable {
        let reasons: [String]
        /// False when no Pod that went would help.
        let isHelpedByPreemption: Bool

        init(_ reasons: [String], isHelpedByPreemption: Bool) {
            (self.reasons, self.isHelpedByPreemption) = (reasons, isHelpedByPreemption)
        }
        init(_ reason: String, isHelpedByPreemption: Bool = false) {
            self.init([reason], isHelpedByPreemption: isHelpedByPreemption)
        }
    }

    /// What keeps a Pod off a node by itself, other Pods' wishes aside; nil when it fits.
    static func obstacle(_ state: NodeState, _ pod: KubeObject) -> Obstacle? {
        let node = state.node
        if node.spec["unschedulable"]?.bool == true, !tolerates(pod, unschedulable) {
            return Obstacle("node(s) were unschedulable")
        }
        if taint(of: node, notToleratedBy: pod) != nil || !isReady(node, for: pod) {
            return Obstacle("node(s) had untolerated taint(s)")
        }
        guard matchesAffinity(node, pod) else { return Obstacle("node(s) didn't match Pod's node affinity/selector") }
        if state.conflicts(HostPort.all(of: pod)) {
            return Obstacle("node(s) didn't have free ports for the requested pod ports", isHelpedByPreemption: true)
        }
        return lacking(state, pod)
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
    private static let notReady: JSON = ["key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"]

    /// A node that has not said that it is ready gets Pods as if it had the taint that it will have in a moment.
    private static func isReady(_ node: KubeObject, for pod: KubeObject) -> Bool {
        node.status.isTrue("Ready") || pod.controller?.kind == "DaemonSet" || tolerates(pod, notReady)
    }

    private static func lacking(_ state: NodeState, _ pod: KubeObject) -> Obstacle? {
        var reasons: [String] = []
        var isHelped = true
        if let most = state.allocatable["pods"], Quantity(whole: state.pods.count + 1) > most {
            reasons.append("Too many pods")
        }
        let order = ["cpu", "memory", "ephemeral-storage"]
        func rank(_ name: String) -> (Int, String) { (order.firstIndex(of: name) ?? order.count, name) }
        let wanted = pod.resourceRequests().filter { $0.value > .zero }.sorted { rank($0.key) < rank($1.key) }
        for (name, amount) in wanted {
            let total = state.allocatable[name] ?? .zero
            guard (state.used[name] ?? .zero) + amount > total else { continue }
            reasons.append("Insufficient \(name)")
            if amount > total { isHelped = false }
        }
        return reasons.isEmpty ? nil : Obstacle(reasons, isHelpedByPreemption: isHelped)
    }

    /// The first taint that keeps the Pod off.
    static func taint(of node: KubeObject, notToleratedBy pod: KubeObject) -> JSON? {
        (node.spec["taints"]?.array ?? []).first { taint in
            let effect = taint["effect"]?.string
            return (effect == "NoSchedule" || effect == "NoExecute") && !tolerates(pod, taint)
        }
    }

    static func tolerates(_ pod: KubeObject, _ taint: JSON) -> Bool {
        (pod.spec["tolerations"]?.array ?? []).contains { matches($0, taint) }
    }

    static func matches(_ toleration: JSON, _ taint: JSON) -> Bool {
        if let effect = toleration["effect"]?.string, !effect.isEmpty, effect != taint["effect"]?.string {
            return false
        }
        let key = toleration["key"]?.string ?? ""
        let comparison = toleration["operator"]?.string ?? "Equal"
        if key.isEmpty { return comparison == "Exists" }
        guard key == taint["key"]?.string else { return false }
        let (mine, theirs) = (toleration["value"]?.string ?? "", taint["value"]?.string ?? "")
        switch comparison {
        case "Exists": return true
        case "Lt", "Gt":
            guard let bound = Int64(mine), let value = Int64(theirs) else { return false }
            return comparison == "Lt" ? value < bound : value > bound
        default: return mine == theirs
        }
    }

    static func matchesAffinity(_ node: KubeObject, _ pod: KubeObject) -> Bool {
        let labels = node.labels
        for (key, value) in pod.spec["nodeSelector"]?.stringMap ?? [:] where labels[key] != value { return false }
        let required = pod.spec.value(at: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
        guard let terms = required?["nodeSelectorTerms"]?.array else { return true }
        return terms.contains { matchesTerm($0, node, labels) }
    }

    /// One term of a node selector; an empty one takes nothing.
    static func matchesTerm(_ term: JSON, _ node: KubeObject, _ labels: [String: String]) -> Bool {
        let expressions = LabelSelector.expressions(term["matchExpressions"])
        let fields = LabelSelector.expressions(term["matchFields"])
        guard !expressions.isEmpty || !fields.isEmpty else { return false }
        return expressions.allSatisfy { $0.matches(labels[$0.key]) }
            && fields.allSatisfy { $0.matches($0.key == "metadata.name" ? node.name : nil) }
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
