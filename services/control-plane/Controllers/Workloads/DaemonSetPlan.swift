import Foundation
import KubeModel

/// Which Pods a DaemonSet lacks and which it has too many.
struct DaemonSetPlan: Sendable {
    let set: KubeObject
    let hash: String
    let now: Date
    let isOnDelete: Bool
    let minReadySeconds: Int

    init(_ set: KubeObject, hash: String, now: Date) {
        (self.set, self.hash, self.now) = (set, hash, now)
        isOnDelete = set.spec.value(at: "updateStrategy", "type")?.string == "OnDelete"
        minReadySeconds = set.spec.count("minReadySeconds")
    }

    /// The node that a Pod is on, or is bound for.
    static func node(of pod: KubeObject) -> String? {
        if let name = pod.spec["nodeName"]?.string, !name.isEmpty { return name }
        let terms = pod.spec.value(
            at: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
        for field in terms?.array?.flatMap({ $0["matchFields"]?.array ?? [] }) ?? []
        where field["key"]?.string == "metadata.name" {
            return field["values"]?.array?.first?.string
        }
        return nil
    }

    private func isWanted(on node: KubeObject) -> Bool { NodeFit.permits(node, pod(on: node)) }

    func steps(pods: [KubeObject], nodes: [KubeObject]) -> (createOn: [KubeObject], delete: [KubeObject]) {
        var byNode: [String: [KubeObject]] = [:]
        for pod in pods { byNode[Self.node(of: pod) ?? "", default: []].append(pod) }
        var create: [KubeObject] = []
        var delete: [KubeObject] = []
        var unavailable = 0
        var outdated: [KubeObject] = []
        let wanted = nodes.filter(isWanted)
        for node in wanted {
            let here = byNode.removeValue(forKey: node.name) ?? []
            delete += here.filter { $0.isFinished && !$0.isBeingDeleted }
            let alive = here.filter { !$0.isFinished }
            let kept = alive.filter { !$0.isBeingDeleted }.sorted { $0.creationTimestamp < $1.creationTimestamp }
            delete += kept.dropFirst()
            if alive.isEmpty && !here.contains(where: { $0.isFinished && !$0.isBeingDeleted }) { create.append(node) }
            let isWell = kept.first?.isAvailable(minReadySeconds: minReadySeconds, at: now) ?? false
            if !isWell { unavailable += 1 }
            if let pod = kept.first, StatefulSetPlan.revision(pod) != hash {
                // What does not run well is replaced at once.
                if isWell { outdated.append(pod) } else if !isOnDelete { delete.append(pod) }
            }
        }
        let staying = Swift.Set(nodes.filter { NodeFit.permitsStaying($0, pod(on: $0)) }.map(\.name))
        for (name, pods) in byNode {
            delete += pods.filter { !$0.isBeingDeleted && (!staying.contains(name) || $0.isFinished) }
        }
        if !isOnDelete {
            let limit =
                set.spec.value(at: "updateStrategy", "rollingUpdate", "maxUnavailable")?
                .scaled(of: wanted.count, roundUp: true) ?? 1
            delete += outdated.prefix(max(0, max(1, limit) - unavailable))
        }
        return (create, delete)
    }

    /// The Pod for a node: bound for it by affinity, and there through the node's troubles.
    func pod(on node: KubeObject) -> KubeObject {
        var pod = set.pod(fromTemplate: set.spec["template"] ?? [:], type: .daemonSets)
        pod.metadata["generateName"] = .string(ReplicaSetReconciler.podNamePrefix(set.name))
        pod.metadata.set(.string(hash), at: "labels", RevisionHistory.hashKey)
        let path = ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]
        let field: JSON = ["key": "metadata.name", "operator": "In", "values": [.string(node.name)]]
        let terms = pod.spec.value(at: path + ["nodeSelectorTerms"])?.array ?? [[:]]
        pod.spec.set(
            .object([
                "nodeSelectorTerms": .array(
                    terms.map { term in
                        var term = term
                        term["matchFields"] = [field]
                        return term
                    })
            ]), at: path[...])
        var tolerations = pod.spec["tolerations"]?.array ?? []
        for (key, effect) in [
            ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
            ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule"),
        ] {
            tolerations.append([
                "key": .string("node.kubernetes.io/\(key)"), "operator": "Exists", "effect": .string(effect),
            ])
        }
        if pod.spec["hostNetwork"]?.bool == true {
            tolerations.append([
                "key": "node.kubernetes.io/network-unavailable", "operator": "Exists", "effect": "NoSchedule",
            ])
        }
        pod.spec["tolerations"] = .array(tolerations)
        return pod
    }

    func status(pods: [KubeObject], nodes: [KubeObject]) -> JSON {
        var status = set.status
        let wanted = Swift.Set(nodes.filter(isWanted).map(\.name))
        let alive = pods.filter(\.isActive)
        let placed = alive.filter { wanted.contains(Self.node(of: $0) ?? "") }
        let available = placed.count { $0.isAvailable(minReadySeconds: minReadySeconds, at: now) }
        status["observedGeneration"] = .int(set.generation)
        status["desiredNumberScheduled"] = .int(Int64(wanted.count))
        status["currentNumberScheduled"] = .int(Int64(placed.count))
        status["numberMisscheduled"] = .int(Int64(alive.count - placed.count))
        status["numberReady"] = .int(Int64(placed.count(where: \.isReady)))
        status.setCount("updatedNumberScheduled", placed.count { StatefulSetPlan.revision($0) == hash })
        status.setCount("numberAvailable", available)
        status.setCount("numberUnavailable", wanted.count - available)
        return status
    }
}
