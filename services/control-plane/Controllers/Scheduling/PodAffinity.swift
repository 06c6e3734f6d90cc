import KubeModel

/// Which Pods a Pod wants, or does not want, near itself.
struct PodAffinity: Sendable {
    /// One term: Pods of some namespaces with some labels, within the reach of a label of nodes.
    struct Term: Sendable {
        let selector: LabelSelector
        let namespaces: Set<String>
        let namespaceSelector: LabelSelector?
        let topologyKey: String
        let weight: Int

        init(_ json: JSON, namespace: String, weight: Int = 1) {
            selector = LabelSelector(json["labelSelector"])
            namespaceSelector = json["namespaceSelector"].map { LabelSelector($0) }
            let named = json["namespaces"]?.array?.compactMap(\.string) ?? []
            namespaces = named.isEmpty && namespaceSelector == nil ? [namespace] : Set(named)
            topologyKey = json["topologyKey"]?.string ?? ""
            self.weight = weight
        }

        func matches(_ pod: KubeObject, _ cluster: SchedulingState) -> Bool {
            let namespace = pod.namespace ?? ""
            guard
                namespaces.contains(namespace)
                    || (namespaceSelector.map { $0.matches(cluster.namespaceLabels[namespace] ?? [:]) } ?? false)
            else { return false }
            return selector.matches(object: pod)
        }
    }

    let required, avoided, preferred, disliked: [Term]

    init(_ pod: KubeObject) {
        let namespace = pod.namespace ?? ""
        func terms(_ kind: String) -> [Term] {
            let path = ["affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution"]
            return (pod.spec.value(at: path)?.array ?? []).map { Term($0, namespace: namespace) }
        }
        func weighted(_ kind: String) -> [Term] {
            let path = ["affinity", kind, "preferredDuringSchedulingIgnoredDuringExecution"]
            return (pod.spec.value(at: path)?.array ?? []).map {
                Term($0["podAffinityTerm"] ?? [:], namespace: namespace, weight: $0.count("weight"))
            }
        }
        (required, avoided) = (terms("podAffinity"), terms("podAntiAffinity"))
        (preferred, disliked) = (weighted("podAffinity"), weighted("podAntiAffinity"))
    }

    var isEmpty: Bool { required.isEmpty && avoided.isEmpty && preferred.isEmpty && disliked.isEmpty }

    /// Why the Pod may not go to a node because of the Pods there and near it.
    func obstacle(_ state: NodeState, _ pod: KubeObject, _ cluster: SchedulingState) -> NodeFit.Obstacle? {
        let labels = state.node.labels
        if !required.isEmpty, !finds(labels, pod, cluster) {
            return NodeFit.Obstacle("node(s) didn't match pod affinity rules")
        }
        for term in avoided {
            guard let value = labels[term.topologyKey] else { continue }
            if cluster.contains(term.topologyKey, value, where: { term.matches($0, cluster) }) {
                return NodeFit.Obstacle("node(s) didn't match pod anti-affinity rules", isHelpedByPreemption: true)
            }
        }
        for other in cluster.avoiding {
            for term in other.terms where term.matches(pod, cluster) {
                guard let value = labels[term.topologyKey], other.nodeLabels[term.topologyKey] == value else {
                    continue
                }
                return NodeFit.Obstacle(
                    "node(s) didn't satisfy existing pods anti-affinity rules", isHelpedByPreemption: true)
            }
        }
        return nil
    }

    /// Each term finds a Pod; the first of a group that wants its own kind near it finds itself.
    private func finds(_ labels: [String: String], _ pod: KubeObject, _ cluster: SchedulingState) -> Bool {
        var isAll = true
        for term in required {
            guard let value = labels[term.topologyKey] else { return false }
            if !cluster.contains(term.topologyKey, value, where: { term.matches($0, cluster) }) { isAll = false }
        }
        if isAll { return true }
        return required.allSatisfy { term in
            term.matches(pod, cluster) && !cluster.containsAnywhere { term.matches($0, cluster) }
        }
    }

    /// How much better a node is for the preferences: the weights of what is near.
    func score(_ state: NodeState, _ cluster: SchedulingState) -> Double {
        let labels = state.node.labels
        func sum(_ terms: [Term]) -> Double {
            terms.reduce(0) { sum, term in
                guard let value = labels[term.topologyKey] else { return sum }
                return sum + Double(term.weight * cluster.count(term.topologyKey, value) { term.matches($0, cluster) })
            }
        }
        return sum(preferred) - sum(disliked)
    }
}
