import KubeModel

/// Looks for the best node for a Pod.
struct NodeSearch: Sendable {
    let pod: KubeObject
    let affinity: PodAffinity
    let spread: TopologySpread
    /// Terms that nodes must match for the volumes of the Pod, one list for each volume.
    let volumes: [[JSON]]

    enum Result: Sendable {
        case node(String)
        /// What is in the way, by node.
        case obstacles([String: NodeFit.Obstacle])
    }

    init(_ pod: KubeObject, volumes: [[JSON]]) {
        self.pod = pod
        self.volumes = volumes
        affinity = PodAffinity(pod)
        spread = TopologySpread(pod)
    }

    func find(in state: SchedulingState) -> Result {
        var fitting: [String] = []
        var obstacles: [String: NodeFit.Obstacle] = [:]
        for name in state.nodes.keys {
            if let obstacle = state.obstacle(
                pod, on: name, affinity: affinity, spread: spread, extra: volumeObstacle)
            {
                obstacles[name] = obstacle
            } else {
                fitting.append(name)
            }
        }
        let scores = NodeScores(pod: pod, affinity: affinity, spread: spread)
        return scores.best(of: fitting, state).map { .node($0) } ?? .obstacles(obstacles)
    }

    func volumeObstacle(_ state: NodeState) -> NodeFit.Obstacle? {
        let labels = volumes.isEmpty ? [:] : state.node.labels
        for terms in volumes where !terms.contains(where: { NodeFit.matchesTerm($0, state.node, labels) }) {
            return NodeFit.Obstacle("node(s) didn't match PersistentVolume's node affinity")
        }
        return nil
    }
}
