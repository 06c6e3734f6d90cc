import KubeClient
import KubeModel

/// Where a claim that one machine at a time can mount is in use, so that another Pod that wants it runs there.
struct ClaimPlace: Sendable {
    let client: KubeClient

    /// The node of a running Pod that uses a claim, `besides` those with some labels; nil when no other Pod uses it, or when many
    /// machines can mount it.
    func node(of claim: String, in namespace: String, besides: [String: String]) async throws -> String? {
        guard let found = try await client.find(.persistentVolumeClaims, claim, namespace: namespace) else {
            return nil
        }
        let modes = (found.spec["accessModes"]?.array ?? []).compactMap(\.string)
        guard modes.contains(where: { $0 == "ReadWriteOnce" || $0 == "ReadWriteOncePod" }),
            !modes.contains("ReadWriteMany")
        else { return nil }
        let pods = try await client.list(.pods, namespace: namespace).items.filter { pod in
            guard pod.status["phase"]?.string == "Running", !pod.isBeingDeleted,
                !besides.allSatisfy({ pod.labels[$0.key] == $0.value })
            else { return false }
            return (pod.spec["volumes"]?.array ?? []).contains {
                $0["persistentVolumeClaim"]?["claimName"]?.string == claim
            }
        }
        return pods.sorted { $0.name < $1.name }.lazy.compactMap { $0.spec["nodeName"]?.string }.first { !$0.isEmpty }
    }

    /// The affinity that prefers a node.
    static func affinity(to node: String) -> JSON {
        [
            "nodeAffinity": [
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    [
                        "weight": 100,
                        "preference": [
                            "matchExpressions": [
                                ["key": "kubernetes.io/hostname", "operator": "In", "values": [.string(node)]]
                            ]
                        ],
                    ]
                ]
            ]
        ]
    }

    /// The node that such an affinity prefers.
    static func preferred(by podSpec: JSON?) -> String? {
        let term = podSpec?.value(at: "affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution")?[0]
        return term?["preference"]?["matchExpressions"]?[0]?["values"]?[0]?.string
    }
}
