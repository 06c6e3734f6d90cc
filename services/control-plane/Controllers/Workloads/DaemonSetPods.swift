import KubeModel

extension DaemonSetPlan {
    private static let affinity = ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]

    /// The Pod for a node: bound for it by affinity. Whether the node is one that the set wants was asked before.
    func pod(on node: KubeObject) -> KubeObject {
        var pod = template(for: node)
        let field: JSON = ["key": "metadata.name", "operator": "In", "values": [.string(node.name)]]
        pod.spec.set(["nodeSelectorTerms": [["matchFields": [field]]]], at: Self.affinity[...])
        return pod
    }

    /// The Pod without its binding, there through the troubles of its node.
    func template(for node: KubeObject) -> KubeObject {
        var pod = set.pod(fromTemplate: set.spec["template"] ?? [:], type: .daemonSets)
        pod.metadata["generateName"] = .string(ReplicaSetReconciler.podNamePrefix(set.name))
        if let generation = set.annotations["deprecated.daemonset.template.generation"] {
            pod.metadata.set(.string(generation), at: "labels", "pod-template-generation")
        }
        pod.metadata.set(.string(hash), at: "labels", RevisionHistory.hashKey)
        var tolerations = pod.spec["tolerations"]?.array ?? []
        for (key, effect) in [
            ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
            ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule"),
        ] {
            tolerations.append(Self.toleration(key, effect))
        }
        if pod.spec["hostNetwork"]?.bool == true {
            tolerations.append(Self.toleration("network-unavailable", "NoSchedule"))
        }
        pod.spec["tolerations"] = .array(tolerations)
        return pod
    }

    private static func toleration(_ key: String, _ effect: String) -> JSON {
        ["key": .string("node.kubernetes.io/\(key)"), "operator": "Exists", "effect": .string(effect)]
    }
}
