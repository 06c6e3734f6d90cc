import HTTPKit
import Identity
import KubeClient
import KubeModel
import Logging
import NIOHTTP1

/// The API of Kubeflow's Central Dashboard, each route acting as the signed-in user. Failures are `{"error": "..."}`.
struct DashboardRoutes: Sendable {
    typealias Action = @Sendable (Caller, RouteParameters) async throws -> JSON

    /// What is said to those who are not signed in, as scripts know it.
    static let noIdentity = "Unable to ascertain user identity from request, cannot access route."

    let core: GatewayCore
    /// Answers who contributes where; nil when this gateway knows no KFAM.
    let kfam: ServiceProxy?
    let configuration: DashboardConfiguration
    let parameters: DashboardParameters
    let platform: PlatformInfo

    init(core: GatewayCore, kfam: ServiceProxy?) {
        (self.core, self.kfam) = (core, kfam)
        configuration = DashboardConfiguration(client: core.client, namespace: core.configuration.namespace)
        parameters = DashboardParameters(client: core.client, namespace: core.configuration.namespace)
        platform = PlatformInfo(
            client: core.client, version: core.configuration.version,
            logoutURL: core.configuration.signIn.logoutURL ?? "/logout")
    }

    func register(on router: inout Router) {
        add(&router, "GET", "/api/dashboard-links") { _, _ in try await configuration.links() }
        add(&router, "GET", "/api/dashboard-settings") { _, _ in try await configuration.settings() }
        add(&router, "GET", "/api/namespaces") { caller, _ in try await namespaces(caller) }
        add(&router, "GET", "/api/activities/{ns}") { caller, values in try await activities(caller, values["ns"]) }
        add(&router, "GET", "/debug") { caller, _ in try await debug(caller) }
        router.add("*", "/api/{path*}") { _, _ in
            Self.failure(APIError(.notFound, "Could not find the route you're looking for"))
        }
        MetricsRoutes(dashboard: self).register(on: &router)
        WorkgroupRoutes(dashboard: self).register(on: &router)
    }

    /// Whether people may make a Profile of their own; KFAM decides by the same switch.
    func allowsRegistration() async throws -> Bool {
        try await parameters.isRegistrationOpen(standard: core.configuration.allowsRegistration)
    }

    /// Adds a route for signed-in callers, whose failures are told in the dashboard's way.
    func add(_ router: inout Router, _ method: String, _ pattern: String, _ action: @escaping Action) {
        router.add(method, pattern) { [core] request, values in
            do {
                return .json(try await action(try core.caller(of: request), values))
            } catch let error as APIError {
                guard error.code == 401 else { return Self.failure(error) }
                return Self.failure(APIError(.unauthorized, Self.noIdentity))
            }
        }
    }

    static func failure(_ error: APIError) -> HTTPResponse {
        var response = HTTPResponse.json(["error": .string(error.message)], status: error.code)
        if let seconds = error.retryAfterSeconds { response.headers.add(name: "retry-after", value: String(seconds)) }
        return response
    }

    /// All namespaces for those who may list them, otherwise those that the caller has a part in.
    private func namespaces(_ caller: Caller) async throws -> JSON {
        if try await core.reviews.allows(caller.identity, to: "list", .namespaces) {
            return .array(try await caller.client.list(.namespaces).items.map(\.json))
        }
        try await core.memberships.waitUntilSynced()
        let names = Set(core.memberships.namespaces(of: caller.identity).map(\.namespace))
        return .array(try await core.client.list(.namespaces).items.filter { names.contains($0.name) }.map(\.json))
    }

    private func activities(_ caller: Caller, _ namespace: String) async throws -> JSON {
        guard try await core.reviews.allows(caller.identity, to: "list", .events, namespace: namespace) else {
            throw APIError(
                .forbidden,
                "Access denied. You do not have permission to view activities for namespace '\(namespace)'.")
        }
        return .array(try await caller.client.list(.events, namespace: namespace).items.map(\.json))
    }

    private func debug(_ caller: Caller) async throws -> JSON {
        [
            "user": caller.dashboardUser, "profilesServiceUrl": .string(kfam.map { "http://\($0.address)/kfam" } ?? ""),
            "codeEnvironment": "production", "registrationFlowAllowed": .bool(try await allowsRegistration()),
            "headersForIdentity": [
                "USERID_HEADER": .string(core.configuration.signIn.userIDHeader),
                "USERID_PREFIX": .string(core.configuration.signIn.userIDPrefix),
            ],
        ]
    }
}

extension Caller {
    /// The part of the name before the `@`, which the dashboard calls the username.
    var username: String { String(identity.user.prefix { $0 != "@" }) }

    /// As the dashboard's server describes a user.
    var dashboardUser: JSON {
        let domain = identity.user.firstIndex(of: "@").map { String(identity.user[identity.user.index(after: $0)...]) }
        return [
            "email": .string(identity.user), "username": .string(username), "domain": .string(domain ?? ""),
            "hasAuth": true,
        ]
    }
}
