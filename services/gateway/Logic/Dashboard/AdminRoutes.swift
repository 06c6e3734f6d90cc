import ControllerKit
import HTTPKit
import KubeClient
import KubeModel
import Logging

/// `/api/admin`: what administrators see of everybody. Each route asks the API server whether the caller may see it, so
/// there is no other list of administrators than RBAC.
struct AdminRoutes: Sendable {
    static let podMetrics = ResourceType("metrics.k8s.io", "v1beta1", "pods", "PodMetrics")

    let core: GatewayCore

    func register(on router: inout Router) {
        router.add("GET", "/api/admin/profiles") { request, _ in
            .json(["profiles": .array(try await profiles(core.caller(of: request)))])
        }
        router.add("GET", "/api/admin/workspaces") { request, _ in
            .json(["workspaces": .array(try await workspaces(core.caller(of: request)))])
        }
        QuotaRoutes(core: core).register(on: &router)
        AuditRoutes(core: core).register(on: &router)
    }

    private func check(_ caller: Caller, lists types: [ResourceType]) async throws {
        for type in types {
            guard try await core.reviews.allows(caller.identity, to: "list", type) else {
                throw APIError(
                    .forbidden, "User '\(caller.identity.user)' may not see the \(type.plural) of everybody.")
            }
        }
    }

    /// All Profiles with owner, contributors, quota and use.
    private func profiles(_ caller: Caller) async throws -> [JSON] {
        try await check(caller, lists: [.profiles, .roleBindings])
        try await core.memberships.waitUntilSynced()
        try await core.workspaces.notebooks.waitUntilSynced()
        async let quotas = quotas(caller)
        async let usage = usage(caller)
        let (quotaOf, usageOf) = (try await quotas, await usage)
        let notebooks = Dictionary(grouping: core.workspaces.notebooks.all()) { $0.namespace ?? "" }
        return core.memberships.profiles.all().map { profile in
            let condition = profile.status["conditions"]?.array?.last
            let own = notebooks[profile.name] ?? []
            let running = own.filter { $0.annotations[JupyterRoutes.stopAnnotation] == nil }.count
            return [
                "name": .string(profile.name), "created": .string(profile.creationTimestamp),
                "owner": profile.spec["owner"] ?? [:],
                "state": profile.isBeingDeleted ? "Deleting" : condition?["type"] ?? "Pending",
                "message": condition?["message"] ?? "",
                "contributors": .array(TeamMember.all(in: profile.name, core.memberships).map(\.json)),
                "quota": Self.quota(of: profile, quotaOf[profile.name]),
                "usage": usageOf.map { $0[profile.name]?.json ?? Use().json } ?? .null,
                "notebooks": ["total": .int(Int64(own.count)), "running": .int(Int64(running))],
            ]
        }
    }

    /// The notebooks of everybody, with what their Pods use.
    private func workspaces(_ caller: Caller) async throws -> [JSON] {
        try await core.memberships.waitUntilSynced()
        async let metrics = podUse(caller)
        let notebooks = try await caller.client.list(.notebooks).items
        let use = await metrics
        return notebooks.map { notebook in
            let namespace = notebook.namespace ?? ""
            var row = NotebookRow.json(notebook, events: [])
            let owner = core.memberships.profiles.get(namespace, namespace: nil)?.spec["owner"]?["name"]
            row["owner"] = owner ?? .null
            row["usage"] = use?["\(namespace)/\(notebook.name)-0"]?.json ?? .null
            return row
        }
    }

    private func quotas(_ caller: Caller) async throws -> [String: KubeObject] {
        var found: [String: KubeObject] = [:]
        for quota in try await caller.client.list(.resourceQuotas).items
        where quota.name == "kf-resource-quota" {
            found[quota.namespace ?? ""] = quota
        }
        return found
    }

    /// Limits are the Profile's, which its quota follows a moment later; a quota that somebody made by hand has its own.
    private static func quota(of profile: KubeObject, _ quota: KubeObject?) -> JSON {
        let isOurs = quota?.metadata["ownerReferences"]?.array?.contains { $0["kind"]?.string == "Profile" } ?? true
        let hard =
            profile.spec["resourceQuotaSpec"]?["hard"]
            ?? (isOurs ? nil : quota?.status["hard"] ?? quota?.spec["hard"])
        return ["hard": hard ?? [:], "used": quota?.status["used"] ?? [:]]
    }

    /// CPU and memory in use.
    private struct Use: Sendable {
        var cpu = Quantity.zero
        var memory = Quantity.zero
        var json: JSON { ["cpu": cpu.json, "memory": memory.json] }

        mutating func add(_ other: Use) { (cpu, memory) = (cpu + other.cpu, memory + other.memory) }
    }

    /// By namespace; nil while nobody measures.
    private func usage(_ caller: Caller) async -> [String: Use]? {
        guard let pods = await podUse(caller) else { return nil }
        return pods.reduce(into: [:]) { sums, pod in
            sums[String(pod.key.prefix { $0 != "/" }), default: Use()].add(pod.value)
        }
    }

    /// By `namespace/pod`; nil while nobody measures.
    private func podUse(_ caller: Caller) async -> [String: Use]? {
        do {
            return try await caller.client.list(Self.podMetrics).items.reduce(into: [:]) { found, pod in
                var use = Use()
                for container in pod["containers"]?.array ?? [] {
                    use.cpu += Quantity(container["usage"]?["cpu"]) ?? .zero
                    use.memory += Quantity(container["usage"]?["memory"]) ?? .zero
                }
                found["\(pod.namespace ?? "")/\(pod.name)"] = use
            }
        } catch {
            core.logger.debug("no measurements", metadata: ["error": "\(error)"])
            return nil
        }
    }
}
