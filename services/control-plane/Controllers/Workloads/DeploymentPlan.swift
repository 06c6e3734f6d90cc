import Foundation
import KubeModel

/// The arithmetic of a Deployment: how many replicas each of its ReplicaSets is to have next.
struct DeploymentPlan: Sendable {
    /// One ReplicaSet, as far as the arithmetic needs it.
    struct Member: Sendable, Equatable {
        let name: String
        var replicas: Int
        var available = 0
        /// `deployment.kubernetes.io/max-replicas` when it was last scaled; 0 when unknown.
        var maximum = 0
        var created = ""
    }

    let replicas: Int
    let maxSurge: Int
    let maxUnavailable: Int
    let isRecreate: Bool

    init(replicas: Int, maxSurge: Int, maxUnavailable: Int, isRecreate: Bool = false) {
        (self.replicas, self.maxSurge, self.maxUnavailable) = (replicas, maxSurge, maxUnavailable)
        self.isRecreate = isRecreate
    }

    /// Reads `spec.replicas` and `spec.strategy`; percentages are of the replicas, surge rounded up, unavailable down,
    /// and never both 0.
    init(_ deployment: KubeObject) {
        replicas = deployment.spec["replicas"]?.int.map(Int.init) ?? 1
        isRecreate = deployment.spec.value(at: "strategy", "type")?.string == "Recreate"
        let rolling = deployment.spec.value(at: "strategy", "rollingUpdate")
        let surge = (rolling?["maxSurge"] ?? "25%").scaled(of: replicas, roundUp: true) ?? 0
        var unavailable = (rolling?["maxUnavailable"] ?? "25%").scaled(of: replicas, roundUp: false) ?? 0
        if surge == 0, unavailable == 0 { unavailable = 1 }
        maxSurge = isRecreate ? 0 : surge
        maxUnavailable = isRecreate ? 0 : min(unavailable, replicas)
    }

    /// The most Pods there may be at any time.
    var maximum: Int { replicas + maxSurge }

    /// Replicas of the new ReplicaSet in the next step of a rolling update.
    func newReplicas(current: Int, total: Int) -> Int {
        if isRecreate || current > replicas { return replicas }
        let room = maximum - total
        return room <= 0 ? current : current + min(room, replicas - current)
    }

    /// Replicas of the old ReplicaSets (oldest first) in the next step: Pods that are not available go first, then as
    /// many as may be missing.
    func oldReplicas(_ old: [Member], new: Member) -> [String: Int] {
        var targets: [String: Int] = [:]
        let total = old.reduce(new.replicas) { $0 + $1.replicas }
        let newUnavailable = new.replicas - new.available
        var budget = total - (replicas - maxUnavailable) - newUnavailable
        guard budget > 0 else { return targets }
        var left = old
        for index in left.indices where left[index].replicas > left[index].available {
            let unhealthy = min(budget, left[index].replicas - left[index].available)
            guard unhealthy > 0 else { break }
            left[index].replicas -= unhealthy
            budget -= unhealthy
            targets[left[index].name] = left[index].replicas
        }
        let available = left.reduce(new.available) { $0 + min($1.available, $1.replicas) }
        var spare = available - (replicas - maxUnavailable)
        for index in left.indices where spare > 0 && left[index].replicas > 0 {
            let step = min(spare, left[index].replicas)
            left[index].replicas -= step
            spare -= step
            targets[left[index].name] = left[index].replicas
        }
        return targets
    }

    /// When `spec.replicas` changed in the middle of a rollout: every ReplicaSet that has Pods gets its share.
    func proportional(_ members: [Member]) -> [String: Int] {
        let active = members.filter { $0.replicas > 0 }
        let total = active.reduce(0) { $0 + $1.replicas }
        let toAdd = (replicas > 0 ? maximum : 0) - total
        let ordered = active.sorted { left, right in
            if left.replicas != right.replicas { return left.replicas > right.replicas }
            return toAdd > 0 ? left.created > right.created : left.created < right.created
        }
        var targets: [String: Int] = [:]
        var added = 0
        for member in ordered {
            var share = 0
            if toAdd != 0 {
                let base = member.maximum > 0 ? member.maximum : replicas
                let exact = Double(member.replicas * maximum) / Double(max(base, 1))
                share =
                    (replicas == 0 ? -member.replicas : Int(exact.rounded())) - (replicas == 0 ? 0 : member.replicas)
                let rest = toAdd - added
                share = toAdd > 0 ? min(max(share, 0), rest) : max(min(share, 0), rest)
            }
            targets[member.name] = member.replicas + share
            added += share
        }
        if let first = ordered.first, added != toAdd {
            targets[first.name] = max(0, (targets[first.name] ?? 0) + toAdd - added)
        }
        return targets
    }

    /// Revisions that may go: without Pods, beyond the limit, oldest first.
    static func surplus(_ old: [(name: String, revision: Int)], limit: Int) -> [String] {
        old.sorted { $0.revision < $1.revision }.prefix(max(0, old.count - limit)).map(\.name)
    }
}
