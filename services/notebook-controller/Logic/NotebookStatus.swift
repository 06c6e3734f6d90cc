import KubeModel

/// What a Notebook shows of its StatefulSet and its Pod.
enum NotebookStatus {
    private static let conditionFields = [
        "type", "status", "lastProbeTime", "lastTransitionTime", "reason", "message",
    ]

    /// The whole status; nil Pod and nil StatefulSet mean that they do not exist (yet).
    static func of(_ name: String, pod: KubeObject?, statefulSet: KubeObject?) -> JSON {
        let conditions = (pod?.status["conditions"]?.array ?? []).map { condition in
            var copy = JSONObject()
            for field in conditionFields {
                if let value = condition[field], !value.isNull { copy[field] = value }
            }
            return JSON.object(copy)
        }
        let containers = pod?.status["containerStatuses"]?.array ?? []
        let state = containers.first { $0["name"]?.string == name }?["state"]
        return [
            "conditions": .array(conditions),
            "readyReplicas": .int(statefulSet?.status["readyReplicas"]?.int ?? 0),
            "containerState": state ?? [:],
        ]
    }
}
