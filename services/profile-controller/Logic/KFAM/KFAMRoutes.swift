import HTTPKit
import Identity
import KubeClient
import KubeModel
import Logging
import NIOCore
import NIOHTTP1

/// `/kfam`: profiles and contributors over HTTP, as Kubeflow's clients know it. Failures are told as plain text.
struct KFAMRoutes: Sendable {
    /// What gateways call this service in their tokens.
    static let audience = "profiles-kfam"
    private static let bodyLimit = 1 << 20

    let client: KubeClient
    let verifier: CallerVerifier
    let authority: KFAMAuthority
    let contributors: Contributors
    let registration: ProfileRegistration
    let metrics: Metrics
    let logger: Logger

    init(client: KubeClient, settings: ProfileControllerConfiguration, metrics: Metrics, logger: Logger) {
        self.client = client
        verifier = CallerVerifier(client: client, namespace: settings.namespace, audience: Self.audience)
        authority = KFAMAuthority(
            reviewer: AccessReviewer(client: client), clusterAdmins: Set(settings.clusterAdmins))
        contributors = Contributors(client: client, settings: settings)
        registration = ProfileRegistration(
            client: client, authority: authority,
            parameters: DashboardParameters(client: client, namespace: settings.namespace),
            isOpenByDefault: settings.isRegistrationOpen)
        self.metrics = metrics
        self.logger = logger
    }

    /// The handler for a server.
    func handler() -> @Sendable (HTTPRequest) async -> HTTPResponse {
        let routes = router
        return { request in
            if let elsewhere = Self.redirect(request) { return elsewhere }
            return await routes(request)
        }
    }

    /// All routes.
    var router: Router {
        var router = Router(logger: logger)
        OperationsRoutes(metrics: metrics).register(on: &router)
        router.add("GET", "/kfam/") { _, _ in .text("Hello World!") }
        add("POST", "/kfam/v1/profiles", "profile", "create", to: &router) { caller, request, _ in
            try await registration.create(try await json(request), for: caller)
            return Self.done
        }
        add("DELETE", "/kfam/v1/profiles/{profile}", "profile", "delete", refusal: 401, to: &router) {
            caller, _, values in
            try await deleteProfile(values["profile"], caller)
        }
        add("GET", "/kfam/v1/bindings", "binding", "list", to: &router) { caller, request, _ in
            try await list(request, caller)
        }
        add("POST", "/kfam/v1/bindings", "binding", "create", to: &router) { caller, request, _ in
            let binding = try ContributorBinding(wire: try await json(request))
            try await checkChange(binding, "create", caller)
            try await contributors.add(binding)
            return Self.done
        }
        add("DELETE", "/kfam/v1/bindings", "binding", "delete", to: &router) { caller, request, _ in
            let binding = try ContributorBinding(wire: try await json(request))
            try await checkChange(binding, "delete", caller)
            try await contributors.remove(binding)
            return Self.done
        }
        add("GET", "/kfam/v1/role/clusteradmin", "role", "get", to: &router) { caller, request, _ in
            try await clusterAdmin(request.query("user"), caller)
        }
        return router
    }

    // MARK: Actions

    private func deleteProfile(_ name: String, _ caller: CallerIdentity) async throws -> HTTPResponse {
        let profile = try await client.find(.profiles, name)
        // Those who may not delete it are told the same whether it exists or not.
        guard let profile else {
            guard try await authority.isClusterAdmin(caller) else { throw Self.denied(caller, name) }
            throw APIError(.notFound, "the Profile \(name) does not exist")
        }
        guard try await authority.mayDelete(caller, profile) else { throw Self.denied(caller, name) }
        try await client.delete(.profiles, name, uid: profile.uid)
        return Self.done
    }

    private func checkChange(_ binding: ContributorBinding, _ verb: String, _ caller: CallerIdentity) async throws {
        let name = binding.namespace
        guard let profile = try await client.find(.profiles, name), !profile.isBeingDeleted,
            try await authority.mayChange(
                caller, verb, binding.role, profile, try await contributors.all(in: name))
        else { throw Self.denied(caller, name) }
    }

    private func list(_ request: HTTPRequest, _ caller: CallerIdentity) async throws -> HTTPResponse {
        func value(_ name: String) -> String? { request.query(name).flatMap { $0.isEmpty ? nil : $0 } }
        var found: [ContributorBinding]
        if let namespace = value("namespace") {
            guard NameRules.label(namespace).isEmpty else {
                throw APIError(.badRequest, "\(namespace) is no name of a namespace", code: 403)
            }
            let profile = try await client.find(.profiles, namespace)
            found = []
            var sees = false
            if let profile {
                found = try await contributors.all(in: namespace)
                sees = try await authority.maySee(caller, profile, found)
            }
            if !sees {
                found = found.filter { $0.isFor(caller) }
                guard !found.isEmpty else { throw Self.denied(caller, namespace) }
            }
        } else {
            found = try await allVisible(to: caller)
        }
        let (user, role) = (value("user"), value("role"))
        let chosen = found.filter { binding in
            (user == nil || binding.name == user) && (role == nil || binding.role.rawValue == role)
        }
        return Self.json(chosen.isEmpty ? [:] : ["bindings": .array(chosen.map(\.json))])
    }

    /// The contributors of all Profiles, as far as the caller may see them: all of those that the caller owns or
    /// administers, otherwise the caller's own.
    private func allVisible(to caller: CallerIdentity) async throws -> [ContributorBinding] {
        let profiles = try await client.list(.profiles).items
        let names = Set(profiles.map(\.name))
        let all = try await contributors.all(in: nil).filter { names.contains($0.namespace) }
        if authority.clusterAdmins.contains(caller.user) { return all }
        if try await authority.reviewer.allows(caller, to: "list", .roleBindings) { return all }
        let administered = Set(profiles.filter { authority.owns(caller, $0) }.map(\.name))
            .union(all.filter { $0.role == .admin && $0.isFor(caller) }.map(\.namespace))
        return all.filter { administered.contains($0.namespace) || $0.isFor(caller) }
    }

    private func clusterAdmin(_ user: String?, _ caller: CallerIdentity) async throws -> HTTPResponse {
        let isAdmin = try await authority.isClusterAdmin(caller)
        guard let user, !user.isEmpty, user != caller.user else { return Self.json(.bool(isAdmin)) }
        guard isAdmin else { throw APIError(.forbidden, "only an administrator may ask about others") }
        // Of somebody else's groups nothing is known here.
        return Self.json(.bool(try await authority.isClusterAdmin(CallerIdentity(user: user))))
    }

    private static func denied(_ caller: CallerIdentity, _ namespace: String) -> APIError {
        APIError(.forbidden, "\(caller.user) is neither owner nor administrator of \(namespace)")
    }

    // MARK: Wire

    private typealias Action =
        @Sendable (CallerIdentity, HTTPRequest, RouteParameters) async throws -> HTTPResponse

    /// Adds a route for proven callers. Upstream's codes for failures: `refusal` for whatever the client can mend.
    private func add(
        _ method: String, _ pattern: String, _ kind: String, _ action: String, refusal: Int = 403,
        to router: inout Router, _ body: @escaping Action
    ) {
        router.add(method, pattern) { request, values in
            metrics.count("request_kf", ["component": "kfam", "kind": kind, "action": action, "path": pattern])
            var caller: CallerIdentity?
            do {
                let proven = try await verifier.caller(of: request)
                caller = proven
                return try await body(proven, request, values)
            } catch {
                let severity = (error as? APIError).map { $0.code < 500 ? "minor" : "major" } ?? "critical"
                metrics.count(
                    "request_kf_failure",
                    ["component": "kfam", "kind": kind, "action": action, "path": pattern, "severity": severity])
                return try failure(error, of: request, caller, refusal)
            }
        }
    }

    private func failure(
        _ error: any Error, of request: HTTPRequest, _ caller: CallerIdentity?, _ refusal: Int
    ) throws -> HTTPResponse {
        guard let error = error as? APIError, error.code < 500 else { throw error }
        logger.info(
            "refused",
            metadata: [
                "user": "\(caller?.user ?? "system:anonymous")", "method": "\(request.method)",
                "path": "\(request.path)", "reason": "\(error.message)", "id": "\(request.id)",
                "peer": "\(request.peer.address ?? "")",
            ])
        return .text(error.message, status: [401, 404, 413].contains(error.code) ? error.code : refusal)
    }

    private func json(_ request: HTTPRequest) async throws -> JSON {
        let body = try await request.body.collect(upTo: Self.bodyLimit)
        do {
            return try JSON(parsing: body.readableBytesView)
        } catch {
            throw APIError(.badRequest, "the body is not JSON: \(error)")
        }
    }

    private static let contentType = "application/json; charset=UTF-8"
    private static var done: HTTPResponse { HTTPResponse(status: 200, headers: ["content-type": contentType]) }

    private static func json(_ json: JSON) -> HTTPResponse { .bytes(json.bytes, type: contentType) }

    /// Addresses with and without a slash at their end are the same; a redirect keeps the method.
    private static func redirect(_ request: HTTPRequest) -> HTTPResponse? {
        let path = request.path
        var target: String
        if path == "/kfam" {
            target = "/kfam/"
        } else if path.hasPrefix("/kfam/v1/"), path.hasSuffix("/") {
            target = String(path.dropLast())
        } else {
            return nil
        }
        if !request.rawQuery.isEmpty { target += "?" + request.rawQuery }
        let isSafe = request.method == "GET" || request.method == "HEAD"
        return HTTPResponse(status: isSafe ? 301 : 308, headers: ["location": target])
    }
}
