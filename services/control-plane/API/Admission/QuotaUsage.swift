import ClusterRules
import Foundation
import KubeModel

/// What one object uses up of a quota.
enum QuotaUsage {
    /// Usage of an object, by the names that quotas know.
    static func of(_ object: JSON, kind: ServedKind) -> [String: Quantity] {
        let type = kind.type
        let counted = type.group.isEmpty ? "count/\(type.plural)" : "count/\(type.plural).\(type.group)"
        var usage: [String: Quantity] = [counted: Quantity(1)]
        guard !kind.isCustom else { return usage }
        switch type.kind {
        case "Pod":
            guard !isOver(object) else { return usage }
            usage["pods"] = Quantity(1)
            for (name, amount) in PodQuality.total(of: object["spec"] ?? [:], "requests") {
                usage["requests.\(name)"] = amount
                if basic.contains(name) || name.hasPrefix("hugepages-") { usage[name] = amount }
            }
            for (name, amount) in PodQuality.total(of: object["spec"] ?? [:], "limits") where basic.contains(name) {
                usage["limits.\(name)"] = amount
            }
        case "PersistentVolumeClaim":
            usage["persistentvolumeclaims"] = Quantity(1)
            let storage = storage(object)
            usage["requests.storage"] = storage
            let old = object.value(at: "metadata", "annotations", "volume.beta.kubernetes.io/storage-class")
            if let name = (old ?? object.value(at: "spec", "storageClassName"))?.string, !name.isEmpty {
                usage["\(name).storageclass.storage.k8s.io/persistentvolumeclaims"] = Quantity(1)
                usage["\(name).storageclass.storage.k8s.io/requests.storage"] = storage
            }
        case "Service":
            usage["services"] = Quantity(1)
            let type = object.value(at: "spec", "type")?.string
            let ports = Int64(object.value(at: "spec", "ports")?.array?.count ?? 0)
            if type == "LoadBalancer" { usage["services.loadbalancers"] = Quantity(1) }
            if type == "NodePort" || type == "LoadBalancer" { usage["services.nodeports"] = Quantity(ports) }
        case "ConfigMap", "Secret", "ReplicationController", "ResourceQuota": usage[type.plural] = Quantity(1)
        default: break
        }
        return usage
    }

    private static let basic: Set<String> = ["cpu", "memory", "ephemeral-storage"]

    /// True for Pods that use nothing any more: they are done, or should have been gone by now.
    private static func isOver(_ pod: JSON) -> Bool {
        let phase = pod.value(at: "status", "phase")?.string
        if phase == "Succeeded" || phase == "Failed" { return true }
        guard let text = pod.value(at: "metadata", "deletionTimestamp")?.string, let end = Timestamp(text),
            let grace = pod.value(at: "metadata", "deletionGracePeriodSeconds")?.int
        else { return false }
        return end.date.addingTimeInterval(Double(grace)) < Date()
    }

    private static func storage(_ claim: JSON) -> Quantity {
        let wanted = Quantity(claim.value(at: "spec", "resources", "requests", "storage")) ?? .zero
        let allocated = Quantity(claim.value(at: "status", "allocatedResources", "storage")) ?? .zero
        let amount = max(wanted, allocated)
        // Claims are counted in whole bytes.
        let whole = Quantity(amount.value, format: amount.format)
        return whole == amount ? amount : whole
    }
}
