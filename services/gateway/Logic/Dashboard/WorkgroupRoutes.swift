import ControllerKit
import HTTPKit
import KubeClient
import KubeModel

/// `/api/workgroup`: profiles and contributors, in the words of the dashboard. KFAM decides about changes.
struct WorkgroupRoutes: Sendable {
    let dashboard: DashboardRoutes
    private var core: GatewayCore { dashboard.core }

    init(dashboard: DashboardRoutes) { self.dashboard = dashboard }

    func register(on router: inout Router) {
        let root = "/api/workgroup"
        router.add("GET", root + "/exists") { request, _ in
            do {
                return .json(try await exists(try core.caller(of: request)))
            } catch let error as APIError where error.code == 401 {
                return .json([
                    "hasAuth": false, "user": "anonymous", "hasWorkgroup": false, "registrationFlowAllowed": false,
                ])
            }
        }
        dashboard.add(&router, "GET", root + "/env-info") { caller, _ in try await environment(caller) }
        dashboard.add(&router, "POST", root + "/create") { caller, _ in try await create(caller) }
        dashboard.add(&router, "DELETE", root + "/nuke-self") { caller, _ in try await deleteOwn(caller) }
        dashboard.add(&router, "GET", root + "/get-all-namespaces") { caller, _ in try await allNamespaces(caller) }
        dashboard.add(&router, "GET", root + "/get-contributors/{ns}") { caller, values in
            try await contributors(caller, values["ns"])
        }
        dashboard.add(&router, "POST", root + "/add-contributor/{ns}") { caller, values in
            try await change("POST", caller, values["ns"])
        }
        dashboard.add(&router, "DELETE", root + "/remove-contributor/{ns}") { caller, values in
            try await change("DELETE", caller, values["ns"])
        }
    }

    private func exists(_ caller: Caller) async throws -> JSON {
        try await core.memberships.waitUntilSynced()
        let owns = core.memberships.namespaces(of: caller.identity).contains { $0.role == .owner }
        return [
            "hasAuth": true, "user": .string(caller.username), "hasWorkgroup": .bool(owns),
            "registrationFlowAllowed": .bool(try await dashboard.allowsRegistration()),
        ]
    }

    private func environment(_ caller: Caller) async throws -> JSON {
        try await core.memberships.waitUntilSynced()
        let user = JSON.string(caller.identity.user)
        let namespaces = core.memberships.namespaces(of: caller.identity).map { one -> JSON in
            ["user": user, "namespace": .string(one.namespace), "role": .string(one.role.rawValue)]
        }
        return [
            "user": user, "platform": try await dashboard.platform.json(), "namespaces": .array(namespaces),
            "isClusterAdmin": .bool(try await core.reviews.allows(caller.identity, to: "*", .everything)),
        ]
    }

    private func create(_ caller: Caller) async throws -> JSON {
        let body = try await caller.json()
        let namespace = body["namespace"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? caller.username
        let owner = body["user"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? caller.identity.user
        _ = try await ask(
            "POST", "profiles", caller,
            [
                "metadata": ["name": .string(namespace)],
                "spec": ["owner": ["kind": "User", "name": .string(owner)]],
            ])
        // Whoever reads env-info next finds it there.
        await core.memberships.wait { [memberships = core.memberships] in memberships.hasProfile(namespace) }
        return ["message": .string("Created namespace \(namespace)")]
    }

    private func deleteOwn(_ caller: Caller) async throws -> JSON {
        let name = try Self.name(caller.username)
        let answer = try await ask("DELETE", "profiles/\(name)", caller)
        // Whoever reads env-info next does not find it there.
        await core.memberships.wait { [memberships = core.memberships] in !memberships.hasProfile(name) }
        return ["message": .string("Removed namespace/profile \(name)"), "serverBody": .string(answer)]
    }

    /// `[[namespace, owner, "contributor, contributor"], ...]` of all Profiles, for those who may see them.
    private func allNamespaces(_ caller: Caller) async throws -> JSON {
        for type in [ResourceType.profiles, .roleBindings] {
            guard try await core.reviews.allows(caller.identity, to: "list", type) else {
                throw APIError(.forbidden, "\(caller.identity.user) may not see the namespaces of others.")
            }
        }
        try await core.memberships.waitUntilSynced()
        return .array(
            core.memberships.profiles.all().map { profile in
                let names = TeamMember.all(in: profile.name, core.memberships).filter { $0.role == "edit" }
                    .map(\.name)
                return [
                    .string(profile.name), .string(profile.spec["owner"]?["name"]?.string ?? ""),
                    .string(names.joined(separator: ", ")),
                ]
            })
    }

    private func contributors(_ caller: Caller, _ namespace: String) async throws -> JSON {
        let text = try await ask("GET", "bindings?namespace=\(try Self.name(namespace))&role=edit", caller)
        let bindings = text.isEmpty ? [] : try JSON(parsing: text)["bindings"]?.array ?? []
        return .array(bindings.compactMap { $0["user"]?["name"] })
    }

    private func change(_ method: String, _ caller: Caller, _ namespace: String) async throws -> JSON {
        guard let contributor = try await caller.json()["contributor"]?.string, !contributor.isEmpty else {
            throw APIError(.badRequest, "Missing contributor field.")
        }
        guard Self.isAddress(contributor) else {
            throw APIError(.badRequest, "Contributor doesn't look like a valid email address")
        }
        _ = try await ask(
            method, "bindings", caller,
            [
                "user": ["kind": "User", "name": .string(contributor)], "referredNamespace": .string(namespace),
                "RoleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"],
            ])
        return try await contributors(caller, namespace)
    }

    /// The body of KFAM's answer.
    ///
    /// - Throws: ``APIError`` with KFAM's status and text.
    private func ask(_ method: String, _ path: String, _ caller: Caller, _ body: JSON? = nil) async throws -> String {
        guard let kfam = dashboard.kfam else {
            throw APIError(.serviceUnavailable, "This gateway knows no KFAM, which keeps the contributors.")
        }
        let (status, text) = try await kfam.ask(method, "/kfam/v1/" + path, caller, body)
        guard status < 400 else {
            let message = text.isEmpty ? "profiles-kfam answered \(status)" : text
            throw APIError(status == 403 ? .forbidden : .badRequest, message, code: status)
        }
        return text
    }

    private static func name(_ text: String) throws -> String {
        guard NameRules.label(text).isEmpty else {
            throw APIError(.badRequest, "'\(text.prefix(80))' is not the name of a namespace.")
        }
        return text
    }

    /// The form of an e-mail address as browsers check it (WHATWG HTML, "valid e-mail address"), without `*`, which the
    /// mesh would read as a pattern.
    static func isAddress(_ text: String) -> Bool {
        guard text.utf8.count <= 253, let at = text.utf8.firstIndex(of: UInt8(ascii: "@")) else { return false }
        let local = text.utf8[..<at]
        let domain = text.utf8[text.utf8.index(after: at)...]
        guard !local.isEmpty, !domain.isEmpty else { return false }
        let marks = Array(".!#$%&'+/=?^_`{|}~-".utf8)
        guard local.allSatisfy({ isAlphanumeric($0) || marks.contains($0) }) else { return false }
        return domain.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            let hyphen = UInt8(ascii: "-")
            return (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen
                && label.allSatisfy { isAlphanumeric($0) || $0 == hyphen }
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
