import HTTPKit
import KubeModel
import Logging
import NIOHTTP1

/// Signing in and out, and who one is.
struct SessionRoutes: Sendable {
    let core: GatewayCore

    func register(on router: inout Router) {
        router.add("GET", "/login") { request, _ in try await signIn(request) }
        router.add("POST", "/logout") { request, _ in try await signOut(request) }
        router.add("GET", "/api/me") { request, _ in try await me(core.caller(of: request)) }
    }

    private func signIn(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.method == "GET" else { return HTTPResponse(status: 204) }  // a HEAD must not use the link up
        guard let token = request.query("token") else {
            return core.session(of: request) == nil ? Pages.signIn : redirectHome()
        }
        guard let identity = try core.signIn.redeem(token) else {
            core.metrics.count("gateway_sign_ins_total", ["outcome": "refused"])
            core.logger.notice("sign-in refused", metadata: ["peer": "\(request.peer.address ?? "")"])
            // Whoever is signed in already and opens an old link again wants to get in, not a lesson.
            return core.session(of: request) == nil ? Pages.linkRefused : redirectHome()
        }
        core.metrics.count("gateway_sign_ins_total", ["outcome": "accepted"])
        core.logger.info("signed in", metadata: ["user": "\(identity.user)", "peer": "\(request.peer.address ?? "")"])
        let cookie = core.sessions.issue(identity)
        var response = redirectHome()
        response.headers.add(name: "set-cookie", value: core.sessions.setCookie(cookie, isSecure: request.peer.isTLS))
        if let session = core.sessions.verify(cookie) {
            response.headers.add(
                name: "set-cookie", value: core.sessions.setCSRFCookie(session, isSecure: request.peer.isTLS))
        }
        return response
    }

    private func redirectHome() -> HTTPResponse {
        HTTPResponse(
            status: 303, headers: ["location": "/", "cache-control": "no-store", "referrer-policy": "no-referrer"])
    }

    private func signOut(_ request: HTTPRequest) async throws -> HTTPResponse {
        try core.requestGuard.checkOrigin(request)
        var response = HTTPResponse(status: 204, headers: ["cache-control": "no-store"])
        if let session = core.session(of: request) {
            try core.requestGuard.checkCSRF(request, session: session, sessions: core.sessions)
            try core.sessions.revoke(session)
        }
        for name in [Sessions.cookieName, Sessions.csrfCookieName] {
            response.headers.add(name: "set-cookie", value: Sessions.clearCookie(name))
        }
        return response
    }

    private func me(_ caller: Caller) async throws -> HTTPResponse {
        try await core.memberships.waitUntilSynced()
        let isAdmin = try await core.reviews.allows(caller.identity, to: "*", .everything)
        let namespaces = core.memberships.namespaces(of: caller.identity)
        return .json([
            "user": .string(caller.identity.user), "groups": .array(caller.identity.groups.map(JSON.string)),
            "namespaces": .array(
                namespaces.map { ["namespace": .string($0.namespace), "role": .string($0.role.rawValue)] }),
            "version": .string(core.configuration.version), "isAdmin": .bool(isAdmin),
        ])
    }
}
