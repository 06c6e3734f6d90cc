import KubeModel

/// How good the nodes that fit are for a Pod: each aspect counts from 0 to 100, times its weight.
struct NodeScores: Sendable {
    let pod: KubeObject
    let affinity: PodAffinity
    let spread: TopologySpread

    /// The best of the nodes; among equals the first by name.
    func best(of names: [String], _ cluster: SchedulingState) -> String? {
        let states = names.sorted().compactMap { cluster.nodes[$0] }
        guard states.count > 1 else { return states.first?.node.name }
        var totals = states.map { free($0) + balance($0) }
        func add(_ weight: Double, _ values: [Double], fewerIsBetter: Bool = false) {
            let scaled = Self.scaled(values, fewerIsBetter: fewerIsBetter)
            for index in totals.indices { totals[index] += weight * scaled[index] }
        }
        add(3, states.map(softTaints), fewerIsBetter: true)
        add(2, states.map(preference))
        if !spread.constraints.isEmpty {
            add(2, states.map { spread.crowd($0, pod, cluster) }, fewerIsBetter: true)
        }
        if !affinity.isEmpty { add(2, states.map { affinity.score($0, cluster) }) }
        let best = totals.indices.max { (totals[$0], $1) < (totals[$1], $0) }
        return best.map { states[$0].node.name }
    }

    /// Brought to 0...100 over the spread of the values.
    private static func scaled(_ values: [Double], fewerIsBetter: Bool) -> [Double] {
        guard let least = values.min(), let most = values.max(), most > least else { return values.map { _ in 0 } }
        return values.map { value in
            let share = (value - least) / (most - least) * 100
            return fewerIsBetter ? 100 - share : share
        }
    }

    /// What a Pod that requests nothing is taken to use: a tenth of a core and 200 MB.
    private static let guesses = [
        "cpu": Quantity(nanos: 100_000_000, format: .decimal), "memory": Quantity(whole: 200_000_000),
    ]

    private func shares(_ state: NodeState) -> [Double] {
        let requests = pod.resourceRequests()
        return Self.guesses.compactMap { name, guess in
            guard let total = state.allocatable[name], total > .zero else { return nil }
            let silent = state.pods.count { $0.resourceRequests()[name] == nil }
            let used = (state.used[name] ?? .zero).nanos + guess.nanos * Int128(silent)
            return min(1, Double(used + (requests[name] ?? guess).nanos) / Double(total.nanos))
        }
    }

    /// How much of the node stays free.
    private func free(_ state: NodeState) -> Double {
        let shares = shares(state)
        guard !shares.isEmpty else { return 0 }
        return shares.reduce(0) { $0 + (1 - $1) * 100 } / Double(shares.count)
    }

    /// How evenly processor and memory would be used.
    private func balance(_ state: NodeState) -> Double {
        let shares = shares(state)
        guard shares.count > 1 else { return 0 }
        return (1 - abs(shares[0] - shares[1]) / 2) * 100
    }

    private func softTaints(_ state: NodeState) -> Double {
        Double(
            (state.node.spec["taints"]?.array ?? []).count {
                $0["effect"]?.string == "PreferNoSchedule" && !NodeFit.tolerates(pod, $0)
            })
    }

    private func preference(_ state: NodeState) -> Double {
        let terms = pod.spec.value(at: "affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution")
        let labels = state.node.labels
        return (terms?.array ?? []).reduce(0) { sum, term in
            guard let preference = term["preference"], NodeFit.matchesTerm(preference, state.node, labels) else {
                return sum
            }
            return sum + Double(term.count("weight"))
        }
    }
}
