import ClusterStore
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
            let phase = object.value(at: "status", "phase")?.string
            guard phase != "Succeeded", phase != "Failed" else { return usage }
            usage["pods"] = Quantity(1)
            add(podResources(object, "requests"), prefix: "requests.", bare: true, to: &usage)
            add(podResources(object, "limits"), prefix: "limits.", bare: false, to: &usage)
        case "PersistentVolumeClaim":
            usage["persistentvolumeclaims"] = Quantity(1)
            let storage = Quantity(object.value(at: "spec", "resources", "requests", "storage")) ?? .zero
            usage["requests.storage"] = storage
            if let name = object.value(at: "spec", "storageClassName")?.string, !name.isEmpty {
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

    private static func add(
        _ amounts: [String: Quantity], prefix: String, bare: Bool, to usage: inout [String: Quantity]
    ) {
        for (resource, amount) in amounts {
            usage[prefix + resource] = amount
            if bare, ["cpu", "memory", "ephemeral-storage"].contains(resource) { usage[resource] = amount }
        }
    }

    /// Containers together, or the largest init container where that is more.
    private static func podResources(_ pod: JSON, _ field: String) -> [String: Quantity] {
        var sums: [String: Quantity] = [:]
        for container in pod.value(at: "spec", "containers")?.array ?? [] {
            for (resource, amount) in container.value(at: "resources", field)?.object ?? [:] {
                sums[resource, default: .zero] += Quantity(amount) ?? .zero
            }
        }
        for container in pod.value(at: "spec", "initContainers")?.array ?? [] {
            for (resource, amount) in container.value(at: "resources", field)?.object ?? [:] {
                guard let amount = Quantity(amount), sums[resource, default: .zero] < amount else { continue }
                sums[resource] = amount
            }
        }
        return sums
    }

    /// True when a quota looks at an object at all.
    static func quota(_ quota: JSON, covers object: JSON, kind: ServedKind) -> Bool {
        let scopes = quota.value(at: "spec", "scopes")?.array?.compactMap(\.string) ?? []
        let expressions = quota.value(at: "spec", "scopeSelector", "matchExpressions")?.array ?? []
        guard !scopes.isEmpty || !expressions.isEmpty else { return true }
        guard kind.type.kind == "Pod", !kind.isCustom else { return false }
        func holds(_ scope: String) -> Bool {
            switch scope {
            case "Terminating": object.value(at: "spec", "activeDeadlineSeconds") != nil
            case "NotTerminating": object.value(at: "spec", "activeDeadlineSeconds") == nil
            case "BestEffort": object.value(at: "status", "qosClass")?.string == "BestEffort"
            case "NotBestEffort": object.value(at: "status", "qosClass")?.string != "BestEffort"
            default: true
            }
        }
        return scopes.allSatisfy(holds)
            && expressions.allSatisfy { expression in
                guard expression["scopeName"]?.string == "PriorityClass" else {
                    return holds(expression["scopeName"]?.string ?? "")
                }
                let name = object.value(at: "spec", "priorityClassName")?.string ?? ""
                let isListed = expression["values"]?.array?.contains(.string(name)) ?? false
                return switch expression["operator"]?.string {
                case "In": isListed
                case "NotIn": !isListed
                case "Exists": !name.isEmpty
                default: name.isEmpty
                }
            }
    }
}

/// Keeps namespaces within their quotas.
///
/// The usage is counted from the stored objects, and a lock of the namespace is held from the count until the new object
/// is stored, so that any number of clients together cannot get more than the quota.
struct ResourceQuotaStep: AdmissionStep {
    private static let quotas = "resourcequotas"
    let cluster: Cluster

    func locks(for request: AdmissionRequest) async throws -> [String] {
        guard request.subresource.isEmpty, request.kind.type.isNamespaced, request.kind.type.kind != "Event" else {
            return []
        }
        if request.isFor("ResourceQuota") { return ["quota/\(request.namespace)"] }
        let isCounted =
            request.operation == .create || request.isFor("Service") || request.isFor("PersistentVolumeClaim")
        guard isCounted, try await !cluster.list(Self.quotas, namespace: request.namespace).items.isEmpty else {
            return []
        }
        return ["quota/\(request.namespace)"]
    }

    func validate(_ request: AdmissionRequest) async throws {
        guard request.subresource.isEmpty, request.kind.type.isNamespaced, request.kind.type.kind != "Event",
            request.operation == .create || request.isFor("Service") || request.isFor("PersistentVolumeClaim")
        else { return }
        let quotas = try await cluster.list(Self.quotas, namespace: request.namespace).items
        guard !quotas.isEmpty else { return }
        let after = QuotaUsage.of(request.object, kind: request.kind)
        let before = request.old.map { QuotaUsage.of($0, kind: request.kind) } ?? [:]
        var updates: [(stored: StoredObject, json: JSON)] = []
        for stored in quotas {
            var quota = try stored.json()
            guard QuotaUsage.quota(quota, covers: request.object, kind: request.kind) else { continue }
            let hard = quota.value(at: "spec", "hard")?.object ?? [:]
            try requireStated(request, hard: hard, usage: after, quota: stored.key.name)
            let relevant = hard.keys.filter { after[$0] != nil || before[$0] != nil }
            guard !relevant.isEmpty else { continue }
            let used = try await usage(quota, namespace: request.namespace)
            var exceeded: [String] = []
            for name in relevant {
                guard let limit = Quantity(hard[name]) else { continue }
                let delta = (after[name] ?? .zero) - (before[name] ?? .zero)
                let present = used[name] ?? .zero
                if Quantity.zero < delta, limit < present + delta { exceeded.append(name) }
            }
            guard exceeded.isEmpty else {
                throw refusal(request, quota: stored.key.name, exceeded.sorted(), after, before, used, hard)
            }
            var total = used
            for name in relevant {
                total[name] = (used[name] ?? .zero) + (after[name] ?? .zero) - (before[name] ?? .zero)
            }
            Self.setStatus(&quota, hard: hard, used: total)
            updates.append((stored, quota))
        }
        guard !request.isDryRun else { return }
        for (stored, quota) in updates {
            _ = try await cluster.put(stored.key, quota, expecting: .revision(stored.revision))
        }
    }

    /// A quota on CPU or memory demands that every container says how much it takes.
    private func requireStated(
        _ request: AdmissionRequest, hard: JSONObject, usage: [String: Quantity], quota: String
    ) throws {
        guard request.creates("Pod") else { return }
        let demanded = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"].filter {
            hard[$0] != nil
        }
        var missing: [String: Set<String>] = [:]
        for container in request.object.value(at: "spec", "containers")?.array ?? [] {
            for name in demanded {
                let isLimit = name.hasPrefix("limits.")
                let resource = name.split(separator: ".").last.map(String.init) ?? name
                if container.value(at: "resources", isLimit ? "limits" : "requests", resource) == nil {
                    missing[name, default: []].insert(container["name"]?.string ?? "")
                }
            }
        }
        guard !missing.isEmpty else { return }
        let text = missing.keys.sorted().map { "\($0) for: \((missing[$0] ?? []).sorted().joined(separator: ","))" }
        throw request.kind.forbidden(
            request.name, "failed quota: \(quota): must specify \(text.joined(separator: "; "))")
    }

    private func refusal(
        _ request: AdmissionRequest, quota: String, _ names: [String], _ after: [String: Quantity],
        _ before: [String: Quantity], _ used: [String: Quantity], _ hard: JSONObject
    ) -> APIError {
        func list(_ amount: (String) -> Quantity) -> String {
            names.map { "\($0)=\(amount($0).text)" }.joined(separator: ",")
        }
        return request.kind.forbidden(
            request.name,
            "exceeded quota: \(quota), requested: \(list { (after[$0] ?? .zero) - (before[$0] ?? .zero) }), "
                + "used: \(list { used[$0] ?? .zero }), limited: \(list { Quantity(hard[$0]) ?? .zero })")
    }

    /// Counts what the objects of a namespace use of a quota.
    private func usage(_ quota: JSON, namespace: String) async throws -> [String: Quantity] {
        let names = quota.value(at: "spec", "hard")?.object?.keys ?? []
        var used = Dictionary(uniqueKeysWithValues: Set(names).map { ($0, Quantity.zero) })
        for kind in tracked(by: names) {
            for stored in try await cluster.list(kind.storageName, namespace: namespace).items {
                let object = try stored.json()
                guard QuotaUsage.quota(quota, covers: object, kind: kind) else { continue }
                for (name, amount) in QuotaUsage.of(object, kind: kind) where used[name] != nil {
                    used[name, default: .zero] += amount
                }
            }
        }
        return used
    }

    private func tracked(by names: [String]) -> [ServedKind] {
        var kinds: [String: ServedKind] = [:]
        func add(_ group: String, _ plural: String) {
            if let kind = cluster.registry.find(group: group, plural: plural) { kinds[kind.storageName] = kind }
        }
        for name in names {
            if name.hasPrefix("count/") {
                let parts = name.dropFirst("count/".count).split(separator: ".", maxSplits: 1)
                add(parts.count > 1 ? String(parts[1]) : "", parts.first.map(String.init) ?? "")
            } else if name.hasSuffix("requests.storage") || name.hasSuffix("persistentvolumeclaims") {
                add("", "persistentvolumeclaims")
            } else if name.hasPrefix("services") {
                add("", "services")
            } else if ["configmaps", "secrets", "replicationcontrollers", "resourcequotas"].contains(name) {
                add("", name)
            } else {
                add("", "pods")
            }
        }
        return Array(kinds.values)
    }

    private static func setStatus(_ quota: inout JSON, hard: JSONObject, used: [String: Quantity]) {
        var shown = JSONObject()
        for name in hard.keys.sorted() { shown[name] = (used[name] ?? .zero).json }
        quota["status"] = ["hard": .object(hard), "used": .object(shown)]
    }
}
