import KubeModel

/// How evenly the Pods of a kind are to lie over zones, nodes or whatever a label of nodes tells apart.
struct TopologySpread: Sendable {
    /// One of `topologySpreadConstraints`.
    struct Constraint: Sendable {
        let key: String
        let maxSkew: Int
        let minDomains: Int
        let isRequired: Bool
        let selector: LabelSelector
        let honoursAffinity, honoursTaints: Bool

        init(_ json: JSON, _ pod: KubeObject) {
            key = json["topologyKey"]?.string ?? ""
            maxSkew = max(1, json.count("maxSkew"))
            minDomains = json["minDomains"]?.int.map(Int.init) ?? 1
            isRequired = json["whenUnsatisfiable"]?.string != "ScheduleAnyway"
            var selector = json["labelSelector"]
            for key in json["matchLabelKeys"]?.array?.compactMap(\.string) ?? [] {
                // The labels of the Pod itself join the selector.
                guard let value = pod.labels[key] else { continue }
                selector?.set(.string(value), at: "matchLabels", key)
            }
            self.selector = LabelSelector(selector)
            honoursAffinity = json["nodeAffinityPolicy"]?.string != "Ignore"
            honoursTaints = json["nodeTaintsPolicy"]?.string == "Honor"
        }

        /// Pods of the kind in each domain, over the nodes that the Pod could go to.
        func counts(_ pod: KubeObject, _ cluster: SchedulingState) -> [String: Int] {
            var counts: [String: Int] = [:]
            for state in cluster.nodes.values {
                guard let value = state.node.labels[key], isEligible(state.node, pod) else { continue }
                counts[value, default: 0] += state.pods.count {
                    $0.namespace == pod.namespace && !$0.isBeingDeleted && selector.matches(object: $0)
                }
            }
            return counts
        }

        private func isEligible(_ node: KubeObject, _ pod: KubeObject) -> Bool {
            if honoursAffinity, !NodeFit.matchesAffinity(node, pod) { return false }
            return !honoursTaints || NodeFit.toleratesAll(node, pod)
        }
    }

    let constraints: [Constraint]

    init(_ pod: KubeObject) {
        constraints = (pod.spec["topologySpreadConstraints"]?.array ?? []).map { Constraint($0, pod) }
    }

    func obstacle(_ state: NodeState, _ pod: KubeObject, _ cluster: SchedulingState) -> NodeFit.Obstacle? {
        let required = constraints.filter(\.isRequired)
        let labels = required.isEmpty ? [:] : state.node.labels
        for constraint in required {
            guard let value = labels[constraint.key] else {
                return NodeFit.Obstacle(
                    "node(s) didn't match pod topology spread constraints (missing required label)")
            }
            let counts = constraint.counts(pod, cluster)
            let least = counts.count < constraint.minDomains ? 0 : counts.values.min() ?? 0
            let own = constraint.selector.matches(object: pod) ? 1 : 0
            if (counts[value] ?? 0) + own - least > constraint.maxSkew {
                return NodeFit.Obstacle(
                    "node(s) didn't match pod topology spread constraints", isHelpedByPreemption: true)
            }
        }
        return nil
    }

    /// The fewer Pods of the kind are near, the better.
    func crowd(_ state: NodeState, _ pod: KubeObject, _ cluster: SchedulingState) -> Double {
        constraints.filter { !$0.isRequired }.reduce(0) { sum, constraint in
            guard let value = state.node.labels[constraint.key] else { return sum + 1000 }
            return sum + Double(constraint.counts(pod, cluster)[value] ?? 0) / Double(constraint.maxSkew)
        }
    }
}
