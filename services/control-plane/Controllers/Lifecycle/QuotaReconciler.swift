import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Counts what a namespace uses of each ResourceQuota.
struct QuotaReconciler: Reconciler {
    let context: ClusterContext
    let graph: OwnerGraph

    static func feed(_ caches: ClusterCaches, _ graph: GraphFeed) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.resourceQuotas)
        graph.observe { node, _ in
            guard let namespace = node.namespace, node.type != .resourceQuotas else { return }
            for quota in caches.resourceQuotas.all(namespace: namespace) { feed.add(ObjectName(quota).request) }
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let quota = context.caches.resourceQuotas.get(request), !quota.isBeingDeleted else { return .settled }
        let namespace = quota.namespace ?? ""
        let usage = QuotaUsage(
            pods: context.caches.pods.all(indexedBy: PodIndex.namespace(namespace)),
            claims: context.caches.persistentVolumeClaims.all(namespace: namespace),
            services: context.caches.services.all(namespace: namespace),
            count: { graph.count($0, namespace: namespace) })
        let hard = quota.spec["hard"]?.object ?? [:]
        var used = JSONObject()
        for key in hard.keys { used[key] = .string(usage.used(key, by: quota).text) }
        var status = quota.status
        status["hard"] = .object(hard)
        status["used"] = .object(used)
        try await context.writeStatus(status, of: quota, in: context.caches.resourceQuotas)
        return .settled
    }
}

/// The amounts that a quota may limit.
struct QuotaUsage: Sendable {
    let pods: [KubeObject]
    let claims: [KubeObject]
    let services: [KubeObject]
    /// How many objects of a type there are, by its qualified plural.
    let count: @Sendable (String) -> Int

    /// What is used of one key of `spec.hard`.
    func used(_ key: String, by quota: KubeObject) -> Quantity {
        if key.hasPrefix("count/") {
            let type = String(key.dropFirst("count/".count))
            return Quantity(whole: type == "pods" ? scoped(quota, live: false).count : count(type))
        }
        if let slash = key.range(of: ".storageclass.storage.k8s.io/") {
            let ofClass = scopedClaims(quota).filter {
                $0.spec["storageClassName"]?.string == String(key[..<slash.lowerBound])
            }
            return storage(key[slash.upperBound...], ofClass)
        }
        switch key {
        case "pods": return Quantity(whole: scoped(quota, live: true).count)
        case "services": return Quantity(whole: services.count)
        case "services.nodeports":
            return Quantity(
                whole: services.filter { ["NodePort", "LoadBalancer"].contains($0.spec["type"]?.string ?? "") }
                    .reduce(0) { $0 + ($1.spec["ports"]?.array?.count ?? 0) })
        case "services.loadbalancers":
            return Quantity(whole: services.count { $0.spec["type"]?.string == "LoadBalancer" })
        case "persistentvolumeclaims", "requests.storage": return storage(Substring(key), scopedClaims(quota))
        case "configmaps", "secrets", "replicationcontrollers", "resourcequotas": return Quantity(whole: count(key))
        default: return resources(key, scoped(quota, live: true))
        }
    }

    private func storage(_ key: Substring, _ claims: [KubeObject]) -> Quantity {
        guard key == "requests.storage" else { return Quantity(whole: claims.count) }
        return claims.reduce(.zero) { $0 + ($1.spec.value(at: "resources", "requests", "storage")?.quantity ?? .zero) }
    }

    /// `cpu` is `requests.cpu`; others name the part themselves.
    private func resources(_ key: String, _ pods: [KubeObject]) -> Quantity {
        let part = key.hasPrefix("limits.") ? "limits" : "requests"
        let name = key.hasPrefix(part + ".") ? String(key.dropFirst(part.count + 1)) : key
        return pods.reduce(.zero) { $0 + ($1.resourceRequests(part)[name] ?? .zero) }
    }

    /// What a quota wants of the objects that it counts.
    private func requirements(_ quota: KubeObject) -> [LabelSelector.Expression] {
        let scopes = (quota.spec["scopes"]?.array ?? []).compactMap(\.string).map {
            LabelSelector.Expression(key: $0, operator: "Exists", values: [])
        }
        let selector = (quota.spec.value(at: "scopeSelector", "matchExpressions")?.array ?? []).map {
            LabelSelector.Expression(
                key: $0["scopeName"]?.string ?? "", operator: $0["operator"]?.string ?? "Exists",
                values: $0["values"]?.array?.compactMap(\.string) ?? [])
        }
        return scopes + selector
    }

    /// The Pods that count: those that have not ended, within the quota's scopes.
    private func scoped(_ quota: KubeObject, live: Bool) -> [KubeObject] {
        let requirements = requirements(quota)
        return pods.filter { pod in
            (!live || !pod.isFinished) && requirements.allSatisfy { Self.matches($0, pod) }
        }
    }

    /// The claims that count: all, or those whose classes of attributes are within the scopes.
    private func scopedClaims(_ quota: KubeObject) -> [KubeObject] {
        let requirements = requirements(quota)
        guard !requirements.isEmpty else { return claims }
        return claims.filter { claim in
            let names = [
                claim.spec["volumeAttributesClassName"], claim.status["currentVolumeAttributesClassName"],
                claim.status.value(at: "modifyVolumeStatus", "targetVolumeAttributesClassName"),
            ].compactMap { $0?.string }.filter { !$0.isEmpty }
            return requirements.allSatisfy { scope in
                guard scope.key == "VolumeAttributesClass" else { return false }
                return names.isEmpty ? scope.matches(nil) : names.contains { scope.matches($0) }
            }
        }
    }

    private static func matches(_ scope: LabelSelector.Expression, _ pod: KubeObject) -> Bool {
        let isTerminating = (pod.spec["activeDeadlineSeconds"]?.int ?? -1) >= 0
        switch scope.key {
        case "Terminating": return isTerminating
        case "NotTerminating": return !isTerminating
        case "BestEffort": return isBestEffort(pod)
        case "NotBestEffort": return !isBestEffort(pod)
        case "PriorityClass":
            let name = pod.spec["priorityClassName"]?.string
            return scope.matches(name?.isEmpty == true ? nil : name)
        case "CrossNamespacePodAffinity": return looksElsewhere(pod)
        default: return false
        }
    }

    /// True for Pods that want to be near, or far from, Pods of other namespaces.
    private static func looksElsewhere(_ pod: KubeObject) -> Bool {
        ["podAffinity", "podAntiAffinity"].contains { field in
            let affinity = pod.spec.value(at: "affinity", field)
            let hard = affinity?["requiredDuringSchedulingIgnoredDuringExecution"]?.array ?? []
            let soft = (affinity?["preferredDuringSchedulingIgnoredDuringExecution"]?.array ?? [])
                .compactMap { $0["podAffinityTerm"] }
            return (hard + soft).contains { term in
                !(term["namespaces"]?.array ?? []).isEmpty || term["namespaceSelector"]?.isNull == false
            }
        }
    }

    private static func isBestEffort(_ pod: KubeObject) -> Bool {
        let containers = (pod.spec["containers"]?.array ?? []) + (pod.spec["initContainers"]?.array ?? [])
        return containers.allSatisfy { container in
            ["requests", "limits"].allSatisfy { part in
                let amounts = KubeObject.amounts(container.value(at: "resources", part))
                return (amounts["cpu"] ?? .zero) == .zero && (amounts["memory"] ?? .zero) == .zero
            }
        }
    }
}
