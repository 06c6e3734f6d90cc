import ClusterRules
import ClusterStore
import KubeModel

/// Keeps namespaces within their quotas.
///
/// The usage is counted from the stored objects, and a lock of the namespace is held from the count until the new object
/// is stored, so that any number of clients together cannot get more than the quota.
struct ResourceQuotaStep: AdmissionStep {
    private static let quotas = "resourcequotas"
    let cluster: Cluster

    func locks(for request: AdmissionRequest) async throws -> [String] {
        if request.isFor("ResourceQuota") { return ["quota/\(request.namespace)"] }
        guard Self.isCounted(request), try await !cluster.list(Self.quotas, namespace: request.namespace).items.isEmpty
        else { return [] }
        return ["quota/\(request.namespace)"]
    }

    /// True for writes that may use up more than before.
    private static func isCounted(_ request: AdmissionRequest) -> Bool {
        guard request.kind.type.isNamespaced, request.kind.type.kind != "Event" else { return false }
        guard request.subresource.isEmpty else {
            return request.subresource == "resize" && request.kind.type.kind == "Pod" && !request.kind.isCustom
        }
        guard request.operation == .update else { return request.operation == .create }
        if request.isFor("Pod") {
            return QuotaScopes.isTerminating(request.object) != QuotaScopes.isTerminating(request.old ?? [:])
        }
        return request.isFor("Service") || request.isFor("PersistentVolumeClaim")
    }

    func validate(_ request: AdmissionRequest) async throws {
        guard Self.isCounted(request) else { return }
        let quotas = try await cluster.list(Self.quotas, namespace: request.namespace).items
        guard !quotas.isEmpty else { return }
        let after = QuotaUsage.of(request.object, kind: request.kind)
        let formerly = request.old.map { QuotaUsage.of($0, kind: request.kind) } ?? [:]
        var updates: [(stored: StoredObject, json: JSON)] = []
        for stored in quotas {
            var quota = try stored.json()
            guard QuotaScopes(quota: quota).cover(request.object, kind: request.kind) else { continue }
            // What did not count before the change counts as a whole now.
            let wasCovered = request.old.map { QuotaScopes(quota: quota).cover($0, kind: request.kind) } ?? false
            let before = wasCovered ? formerly : [:]
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
        guard request.creates("Pod"), request.object.value(at: "spec", "resources")?.present == nil else { return }
        let demanded = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"].filter {
            hard[$0] != nil
        }
        var missing: [String: Set<String>] = [:]
        let containers = ["containers", "initContainers"].flatMap { request.object.value(at: "spec", $0)?.array ?? [] }
        for container in containers {
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
        let scopes = QuotaScopes(quota: quota)
        var used = Dictionary(uniqueKeysWithValues: Set(names).map { ($0, Quantity.zero) })
        for kind in tracked(by: names) {
            for stored in try await cluster.list(kind.storageName, namespace: namespace).items {
                let object = try stored.json()
                guard scopes.cover(object, kind: kind) else { continue }
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
