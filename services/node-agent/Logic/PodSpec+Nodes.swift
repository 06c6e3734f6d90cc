import KubeModel

/// On which nodes a pod may run.
extension PodSpec {
    private var nodeTerms: [JSON]? {
        object.spec.value(
            at: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")?
            .array
    }

    /// True when the pod wants something of its node.
    var choosesNodes: Bool { !(object.spec["nodeSelector"]?.object ?? [:]).isEmpty || nodeTerms != nil }

    /// Whether a node has all labels of the `nodeSelector`, and is taken by one of the required terms; an empty term takes
    /// none.
    func mayRun(on node: KubeObject) -> Bool {
        for (key, value) in object.spec["nodeSelector"]?.object ?? [:] where node.labels[key] != value.string {
            return false
        }
        guard let terms = nodeTerms else { return true }
        return terms.contains { term in
            let labels = Self.requirements(term["matchExpressions"])
            let fields = Self.requirements(term["matchFields"])
            return !(labels.isEmpty && fields.isEmpty) && labels.allSatisfy { $0?.matches(node.labels) ?? false }
                && fields.allSatisfy { $0?.matches(["metadata.name": node.name]) ?? false }
        }
    }

    /// The parts of a selector; nil for one that nobody knows.
    private static func requirements(_ json: JSON?) -> [LabelSelector.Requirement?] {
        (json?.array ?? []).map { part in
            LabelSelector.Requirement.Operator(rawValue: part["operator"]?.string ?? "").map {
                LabelSelector.Requirement(
                    part["key"]?.string ?? "", $0, (part["values"]?.array ?? []).compactMap(\.string))
            }
        }
    }
}
