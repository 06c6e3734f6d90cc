import ClusterRules
import KubeModel

/// Which objects a quota looks at.
struct QuotaScopes {
    private let requirements: [JSON]

    init(quota: JSON) {
        let scopes = quota.value(at: "spec", "scopes")?.array ?? []
        requirements =
            scopes.map { ["scopeName": $0, "operator": "Exists"] }
            + (quota.value(at: "spec", "scopeSelector", "matchExpressions")?.array ?? [])
    }

    /// True when an object counts.
    func cover(_ object: JSON, kind: ServedKind) -> Bool {
        guard !requirements.isEmpty else { return true }
        guard !kind.isCustom else { return false }
        switch kind.type.kind {
        case "Pod": return requirements.allSatisfy { Self.holds($0, pod: object) }
        case "PersistentVolumeClaim": return requirements.allSatisfy { Self.holds($0, claim: object) }
        default: return false
        }
    }

    /// True for Pods that are to end after some time.
    static func isTerminating(_ pod: JSON) -> Bool {
        (pod.value(at: "spec", "activeDeadlineSeconds")?.int ?? -1) >= 0
    }

    private static func holds(_ requirement: JSON, pod: JSON) -> Bool {
        let spec = pod["spec"] ?? [:]
        switch requirement["scopeName"]?.string {
        case "Terminating": return isTerminating(pod)
        case "NotTerminating": return !isTerminating(pod)
        case "BestEffort": return PodQuality.name(of: spec) == "BestEffort"
        case "NotBestEffort": return PodQuality.name(of: spec) != "BestEffort"
        case "CrossNamespacePodAffinity": return looksElsewhere(spec)
        case "PriorityClass":
            return matches(requirement, [spec["priorityClassName"]?.string ?? ""].filter { !$0.isEmpty })
        default: return false
        }
    }

    /// Claims are told apart by their classes of attributes: the wanted one, the present one, and one in between.
    private static func holds(_ requirement: JSON, claim: JSON) -> Bool {
        guard requirement["scopeName"] == "VolumeAttributesClass" else { return false }
        let names = [
            claim.value(at: "spec", "volumeAttributesClassName"),
            claim.value(at: "status", "currentVolumeAttributesClassName"),
            claim.value(at: "status", "modifyVolumeStatus", "targetVolumeAttributesClassName"),
        ]
        return matches(requirement, names.compactMap { $0?.string }.filter { !$0.isEmpty })
    }

    private static func matches(_ requirement: JSON, _ names: [String]) -> Bool {
        let values = (requirement["values"]?.array ?? []).compactMap(\.string)
        return switch requirement["operator"]?.string {
        case "In": names.contains { values.contains($0) }
        case "NotIn": names.isEmpty || names.contains { !values.contains($0) }
        case "Exists": !names.isEmpty
        default: names.isEmpty
        }
    }

    /// True for Pods that want to be near, or far from, Pods of other namespaces.
    private static func looksElsewhere(_ spec: JSON) -> Bool {
        ["podAffinity", "podAntiAffinity"].contains { field in
            let affinity = spec.value(at: "affinity", field) ?? [:]
            let hard = affinity["requiredDuringSchedulingIgnoredDuringExecution"]?.array ?? []
            let soft = (affinity["preferredDuringSchedulingIgnoredDuringExecution"]?.array ?? [])
                .compactMap { $0["podAffinityTerm"] }
            return (hard + soft).contains { term in
                !(term["namespaces"]?.array ?? []).isEmpty || term["namespaceSelector"]?.present != nil
            }
        }
    }
}
