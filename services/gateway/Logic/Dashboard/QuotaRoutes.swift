import ControllerKit
import HTTPKit
import KubeClient
import KubeModel

/// `PUT /api/admin/profiles/{name}/quota`: what a Profile's namespace may use, `{"hard": {"cpu": "4", "memory": "16Gi"}}`. The
/// whole of it: what is left out is not limited any more.
struct QuotaRoutes: Sendable {
    private static let resources: Set<String> = [
        "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage",
        "limits.cpu", "limits.memory", "limits.ephemeral-storage", "requests.storage",
    ]
    private static let counted: Set<String> = [
        "pods", "services", "services.loadbalancers", "services.nodeports", "persistentvolumeclaims", "configmaps",
        "secrets", "replicationcontrollers", "resourcequotas",
    ]

    let core: GatewayCore

    func register(on router: inout Router) {
        router.add("PUT", "/api/admin/profiles/{name}/quota") { request, values in
            do {
                return try await set(values["name"], core.caller(of: request))
            } catch let problems as FormProblems {
                return .json(["error": .string(problems.message), "fields": problems.json], status: problems.code)
            }
        }
    }

    private func set(_ name: String, _ caller: Caller) async throws -> HTTPResponse {
        guard try await core.reviews.allows(caller.identity, to: "patch", .profiles, name: name) else {
            throw APIError(.forbidden, "User '\(caller.identity.user)' may not change the quota of \(name).")
        }
        let hard = try Self.checked(try await caller.json()["hard"])
        guard let profile = try await caller.client.find(.profiles, name) else {
            throw APIError(.notFound, "There is no Profile \(name).")
        }
        let old = profile.spec["resourceQuotaSpec"]?["hard"]?.object ?? [:]
        var patch = JSONObject()
        for (resource, _) in old where hard[resource] == nil { patch[resource] = .null }
        for (resource, limit) in hard { patch[resource] = limit }
        let spec: JSON = hard.isEmpty ? .null : ["hard": .object(patch)]
        _ = try await caller.client.patch(.profiles, name, .merge(["spec": ["resourceQuotaSpec": spec]]))
        // Whoever reads the list next finds it there.
        await core.memberships.wait { [profiles = core.memberships.profiles] in
            profiles.get(name, namespace: nil)?.spec["resourceQuotaSpec"]?["hard"]?.object ?? [:] == hard
        }
        return .json(["hard": .object(hard)])
    }

    /// Limits by resource, as they are kept.
    ///
    /// - Throws: ``FormProblems`` by resource; ``APIError`` where there are none at all.
    static func checked(_ json: JSON?) throws -> JSONObject {
        guard let given = json?.object else { throw APIError(.badRequest, "hard says how much of each resource") }
        var problems = FormProblems()
        var hard = JSONObject()
        for (resource, value) in given {
            let isCount = counted.contains(resource) || resource.hasPrefix("count/")
            guard isCount || resources.contains(resource) || resource.contains("/"),
                NameRules.qualifiedName(resource).isEmpty
            else {
                problems.add(resource, "“\(resource.prefix(80))” is nothing that a quota limits.")
                continue
            }
            let text = value.string ?? value.int.map(String.init) ?? value.double.map { "\($0)" } ?? ""
            guard let amount = Quantity(text) else {
                problems.add(resource, "A number, such as 4 or 500m, with a unit for bytes, such as 8Gi.")
                continue
            }
            if amount < .zero {
                problems.add(resource, "Not less than zero.")
            } else if isCount, UInt32(text) == nil {
                problems.add(resource, "A whole number.")
            } else {
                hard[resource] = .string(text)
            }
        }
        guard problems.isEmpty else { throw problems }
        return hard
    }
}
