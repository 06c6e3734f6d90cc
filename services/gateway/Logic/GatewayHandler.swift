import ControllerKit
import HTTPKit
import KubeModel
import NIOHTTP1

/// Decides which part of the gateway answers a request.
struct GatewayHandler: Sendable {
    let core: GatewayCore
    let proxy: WorkspaceProxy
    let kfam: ServiceProxy?
    let site: StaticSite?
    let router: Router
    /// The way to workspaces with hosts of their own; nil where they have none.
    let door: WorkspaceDoor?
    /// The same for a port of their own.
    let portDoor: WorkspacePortDoor?

    init(core: GatewayCore, proxy: WorkspaceProxy, kfam: ServiceProxy?, site: StaticSite?, router: Router) {
        (self.core, self.proxy, self.kfam, self.site, self.router) = (core, proxy, kfam, site, router)
        door = WorkspaceDoor(core: core)
        portDoor = WorkspacePortDoor(core: core)
    }

    func answer(_ original: HTTPRequest) async -> HTTPResponse {
        var request = original
        request.headers = core.proxies.strip(original.headers, from: original.peer)
        if let portDoor, GatewayCore.isAtWorkspacePort(request) {
            return await noted(request, part: "workspace") { try await portDoor.answer(request, by: opened) }
        }
        if let door, let label = core.workspaceLabel(of: request) {
            return await noted(request, part: "workspace") { try await door.answer(request, at: label, by: opened) }
        }
        let path = request.path
        switch path {
        case "/healthz": return .text("ok")
        case "/readyz":
            return core.caches.allSatisfy(\.hasSynced) ? .text("ok") : .text("starting", status: 503)
        case "/metrics" where core.isLocal(request.peer):
            return .bytes(Array(core.metrics.text.utf8), type: "text/plain; version=0.0.4; charset=utf-8")
        default: break
        }
        let part = Self.part(of: path)
        return await noted(request, part: part) {
            try core.requestGuard.checkHost(request)
            switch part {
            case _ where Workspace.Kind(rawValue: part) != nil: return try await workspace(request)
            case "kfam":
                guard let kfam else { throw APIError(.notFound, "this gateway knows no KFAM") }
                return hardened(try await kfam.answer(request))
            case "api": return hardened(await router(request))
            // Links of framed applications lead there; the page asks, and signs out by a POST.
            case "session" where path == "/logout" && request.method == "GET": return try await page(request)
            case "session" where path == WorkspaceDoor.handOver:
                if let door, portDoor == nil || door.appliesTo(request) { return try await door.handOver(request) }
                guard let portDoor else {
                    throw APIError(.notFound, "workspaces have neither hosts nor a port of their own here")
                }
                return try await portDoor.handOver(request)
            case "session": return await router(request)
            default: return try await page(request)
            }
        }
    }

    /// A workspace below the platform's own path: of programs, and of browsers where it has neither a host nor a port of its own.
    private func workspace(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard core.hasWorkspacesElsewhere(request) else { return try await opened(request) }
        if let door, door.appliesTo(request) {
            if let elsewhere = try door.lead(request) { return elsewhere }
        } else if let elsewhere = try portDoor?.lead(request) {
            return elsewhere
        }
        var response = try await opened(request)
        response.headers.replaceOrAdd(name: "content-security-policy", value: WorkspaceDoor.harmless)
        response.headers.replaceOrAdd(name: "x-content-type-options", value: "nosniff")
        return response
    }

    /// What a workspace answers; a long answer ends when its visitor may not be there any more.
    private func opened(_ request: HTTPRequest) async throws -> HTTPResponse {
        let response = try await proxy.answer(request)
        return Workspace(path: request.path).map { core.held(response, from: $0, to: request) } ?? response
    }

    /// Answers, counts the answer, and writes it down where it is a refusal.
    private func noted(
        _ request: HTTPRequest, part: String, _ answer: () async throws -> HTTPResponse
    ) async -> HTTPResponse {
        let response: HTTPResponse
        do {
            response = try await answer()
        } catch {
            response = hardened(router.response(for: error, of: request))
        }
        core.metrics.count("gateway_requests_total", ["part": part, "status": "\(response.status / 100)xx"])
        if RefusalLog.covers(response.status) {
            // Whom a proof that does not hold names is not known; it is not looked at, and counted, a second time.
            let isUnproven = response.status == 401 && request.headers.contains(name: "authorization")
            let user = isUnproven ? nil : (try? await core.proof(of: request))?.identity
            core.refusals.record(request, user: user, address: core.address(of: request), response: response)
        }
        return response
    }

    /// What is answered here and not by the router.
    static let routes: [(method: String, pattern: String)] =
        [
            (method: "GET", pattern: "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
            ("*", "/kfam/{path*}"), ("GET", "/{page*}"), ("GET", WorkspaceDoor.handOver),
            // At the host of a workspace, which has nothing else.
            ("GET", "//{workspace}" + WorkspaceDoor.begin), ("GET", "//{workspace}" + WorkspaceDoor.enter),
            ("*", "//{workspace}/{path*}"),
            // At the port of workspaces.
            ("GET", "//{port}" + WorkspaceDoor.enter), ("*", "//{port}/{path*}"),
        ]
        + Workspace.Kind.allCases.flatMap { kind in
            ["", "//{workspace}", "//{port}"].map {
                (method: "*", pattern: "\($0)/\(kind.rawValue)/{namespace}/{name}/{path*}")
            }
        }

    private static func part(of path: String) -> String {
        if let kind = Workspace.Kind.of(path) { return kind.rawValue }
        if path.hasPrefix("/api/") || path.hasPrefix("/jupyter/api/") || path == "/debug" { return "api" }
        if path == "/kfam" || path.hasPrefix("/kfam/") { return "kfam" }
        if path == "/login" || path.hasPrefix("/login/") || path == "/logout" { return "session" }
        return "page"
    }

    /// Answers of the API are data: nothing in them may run as a page, and nothing keeps them.
    private func hardened(_ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.headers.replaceOrAdd(name: "cache-control", value: "no-store")
        response.headers.replaceOrAdd(name: "x-content-type-options", value: "nosniff")
        response.headers.replaceOrAdd(
            name: "content-security-policy", value: "default-src 'none'; frame-ancestors 'none'; sandbox")
        return response
    }

    private func page(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.method == "GET" || request.method == "HEAD" else {
            throw APIError(.methodNotAllowed, "\(request.method) is not possible here")
        }
        guard let site, var response = site.answer(request) else {
            return Pages.page(
                status: 404, title: "There is nothing here", lines: ["The page \(request.path) does not exist."],
                link: ("To the dashboard", "/"))
        }
        guard response.headers.first(name: "content-type")?.hasPrefix("text/html") ?? false else { return response }
        guard let proof = try await core.proof(of: request) else { return core.signInPage(request) }
        guard let token = core.csrfToken(proof, request, forPage: true) else { return response }
        let isSecure = core.isSecure(request)
        var isRenewed = false
        if case .session(let session) = proof, core.sessions.isDueForRenewal(session) {
            let renewed = try core.sessions.renew(session)
            response.headers.add(name: "set-cookie", value: core.sessions.setCookie(renewed, isSecure: isSecure))
            isRenewed = true
        } else if case .session(let session) = proof, isSecure,
            request.cookies(Sessions.cookieName(isSecure: true)).isEmpty
        {
            response.headers.add(name: "set-cookie", value: core.sessions.setCookie(session, isSecure: true))
        }
        if isRenewed || request.cookie(Sessions.csrfCookieName) != token {
            response.headers.add(name: "set-cookie", value: core.sessions.setCSRFCookie(token, isSecure: isSecure))
        }
        return response
    }
}

extension GatewayCore {
    /// True for a client on this machine.
    func isLocal(_ peer: Peer) -> Bool {
        guard let address = peer.address else { return true }
        return (address == "::1" || address.hasPrefix("127.")) && !proxies.trusts(peer)
    }
}
