public import KubeModel

/// When a Pod may be given to a node.
public enum PodBindingRules {
    /// What is wrong with a `Binding`.
    public static func issues(in binding: JSON) -> [FieldIssue] {
        var issues: [FieldIssue] = []
        let kind = binding.value(at: "target", "kind")?.string ?? ""
        if !["", "Node"].contains(kind) {
            issues.append(
                FieldIssue(
                    field: "target.kind", reason: .notSupported, value: .string(kind),
                    detail: "supported values: \"Node\", \"<empty>\""))
        }
        if (binding.value(at: "target", "name")?.string ?? "").isEmpty {
            issues.append(FieldIssue(field: "target.name", reason: .required))
        }
        return issues
    }

    /// What about a Pod is in the way of a node, as the rest of a sentence; nil when nothing is.
    public static func conflict(of pod: JSON) -> String? {
        if pod.value(at: "metadata", "deletionTimestamp")?.string != nil {
            return "is being deleted, cannot be assigned to a host"
        }
        if let node = pod.value(at: "spec", "nodeName")?.string, !node.isEmpty {
            return "is already assigned to node \"\(node)\""
        }
        let isGated = !(pod.value(at: "spec", "schedulingGates")?.array ?? []).isEmpty
        return isGated ? "has non-empty .spec.schedulingGates" : nil
    }
}
