import KubeModel

/// Pods as tests need them.
func makePod(
    _ name: String, labels: [String: String] = [:], phase: String = "Running", isReady: Bool = true,
    isBeingDeleted: Bool = false, address: String? = nil, node: String? = "martlet", requests: [String: String] = [:]
) -> KubeObject {
    var pod = KubeObject(apiVersion: "v1", kind: "Pod", name: name, namespace: "team", labels: labels)
    pod.metadata["uid"] = .string("uid-\(name)")
    pod.metadata["creationTimestamp"] = "2026-01-01T00:00:00Z"
    if isBeingDeleted { pod.metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
    pod.spec = ["containers": [["name": "main", "resources": ["requests": JSON(requests)]]]]
    pod.spec["nodeName"] = node.map(JSON.string)
    pod.status = [
        "phase": .string(phase),
        "conditions": [
            [
                "type": "Ready", "status": isReady ? "True" : "False", "lastTransitionTime": "2026-01-01T00:00:00Z",
            ]
        ],
    ]
    pod.status["podIP"] = address.map(JSON.string)
    return pod
}
