import HTTPKit
import KubeModel
import Logging
import NIOHTTP1

/// Signing in and out, and who one is.
struct SessionRoutes: Sendable {
    private static let formLimit = 16 * 1024

    let core: GatewayCore

    func register(on router: inout Router) {
        router.add("GET", "/login") { request, _ in try await signIn(request) }
        router.add("POST", "/login") { request, _ in try await checkPassword(request) }
        SignOut(core: core).register(on: &router)
        router.add("GET", "/api/me") { request, _ in try await me(core.caller(of: request)) }
        router.add("GET", "/api/sessions") { request, _ in try await list(core.person(of: request)) }
        router.add("DELETE", "/api/sessions/{id}") { request, values in
            try await end(values["id"], core.person(of: request))
        }
    }

    // MARK: Signing in

    private func signIn(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.method == "GET" else { return HTTPResponse(status: 204) }  // a HEAD must not use the link up
        guard let token = request.query("token") else {
            let next = ReturnPath.checked(request.query("next"))
            return core.session(of: request) == nil ? core.signInPage(request, next: next, status: 200) : redirect(next)
        }
        guard let identity = try core.signIn.redeem(token) else {
            core.note(.link, "refused", request)
            // Whoever is signed in already and opens an old link again wants to get in, not a lesson.
            return core.session(of: request) == nil ? Pages.linkRefused : redirect("/")
        }
        core.note(.link, "accepted", request, user: identity.user)
        return try begin(identity, .link, request, next: "/")
    }

    private func checkPassword(_ request: HTTPRequest) async throws -> HTTPResponse {
        try core.requestGuard.checkOrigin(request)
        let form = try await Form(request, limit: Self.formLimit)
        let next = ReturnPath.checked(form["next"])
        let name = form["user"] ?? ""
        guard core.isOurs(form["form"], request) else {
            return core.signInPage(request, next: next, status: 403, user: name, problem: SignInPage.outOfDate)
        }
        let address = core.address(of: request)
        if let seconds = core.throttle.begin(user: name, address: address) {
            core.note(.password, "locked", request, user: name)
            var response = core.signInPage(
                request, next: next, status: 429, user: name, problem: SignInPage.locked(seconds: seconds))
            response.headers.add(name: "retry-after", value: String(seconds))
            return response
        }
        guard let identity = try await core.passwords.user(name, password: form["password"] ?? "") else {
            core.note(.password, "refused", request, user: name)
            return core.signInPage(request, next: next, status: 401, user: name, problem: SignInPage.refused)
        }
        core.throttle.succeeded(user: name, address: address)
        core.note(.password, "accepted", request, user: identity.user)
        return try begin(identity, .password, request, next: next)
    }

    private func begin(
        _ identity: UserIdentity, _ method: SignInMethod, _ request: HTTPRequest, next: String
    ) throws -> HTTPResponse {
        // Who was signed in before in this browser is not any more.
        if let old = core.session(of: request) { core.sessions.end(old.id) }
        let session = try core.sessions.begin(
            identity, method: method, address: core.address(of: request),
            agent: request.headers.first(name: "user-agent"))
        return core.welcome(session, request, next: next)
    }

    private func redirect(_ target: String) -> HTTPResponse { GatewayCore.redirect(target) }

    // MARK: Who one is, and where one is signed in

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

    private func list(_ caller: Caller) async throws -> HTTPResponse {
        let own = try core.sessions.all().filter { $0.identity.user == caller.identity.user }
        return .json([
            "sessions": .array(
                own.map { session in
                    var json: JSON = [
                        "id": .string(session.id), "method": .string(session.method.rawValue),
                        "created": .string(session.createdAt.text), "expires": .string(session.expiresAt.text),
                    ]
                    json["address"] = session.address.map(JSON.string)
                    json["agent"] = session.agent.map(JSON.string)
                    if case .session(let current) = caller.proof { json["current"] = .bool(current.id == session.id) }
                    return json
                })
        ])
    }

    private func end(_ id: String, _ caller: Caller) async throws -> HTTPResponse {
        guard let session = core.sessions.session(id), session.identity.user == caller.identity.user,
            core.sessions.end(id)
        else { throw APIError(.notFound, "you have no session \(id)") }
        core.logger.info("session ended", metadata: ["user": "\(caller.identity.user)", "session": "\(id.prefix(6))"])
        return HTTPResponse(status: 204)
    }
}

extension GatewayCore {
    /// Counts and logs an attempt to sign in.
    func note(_ method: SignInMethod, _ outcome: String, _ request: HTTPRequest, user: String? = nil) {
        metrics.count("gateway_sign_ins_total", ["method": method.rawValue, "outcome": outcome])
        var metadata: Logger.Metadata = [
            "method": "\(method.rawValue)", "outcome": "\(outcome)", "peer": "\(address(of: request) ?? "")",
            "id": "\(request.id)",
        ]
        if let user { metadata["user"] = "\(String(user.prefix(128)).filter { !$0.isNewline })" }
        logger.log(level: outcome == "accepted" ? .info : .notice, "sign-in", metadata: metadata)
    }

    /// Leads a browser that has just signed in on, with its cookies.
    func welcome(_ session: Session, _ request: HTTPRequest, next: String) -> HTTPResponse {
        var response = Self.redirect(next)
        let isSecure = isSecure(request)
        response.headers.add(name: "set-cookie", value: sessions.setCookie(session, isSecure: isSecure))
        response.headers.add(
            name: "set-cookie", value: sessions.setCSRFCookie(sessions.csrfToken(session), isSecure: isSecure))
        return response
    }

    static func redirect(_ target: String) -> HTTPResponse {
        HTTPResponse(
            status: 303, headers: ["location": target, "cache-control": "no-store", "referrer-policy": "no-referrer"])
    }
}
