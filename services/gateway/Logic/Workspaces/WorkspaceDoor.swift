import HTTPKit
import Identity
import KubeModel
import NIOHTTP1

/// Leads browsers from the platform's paths of workspaces to the workspaces' own hosts, and lets them in there.
///
/// A browser that opens `/notebook/...` at the platform goes: to the workspace's host (``begin``), which gives it a word in a cookie;
/// to the platform (``handOver``), which knows the session and asks whether its user may; and back (``enter``) with a one-time code,
/// for which it gets the pass. The code is good for that host, that session and the browser with the word only, so neither a stolen
/// code nor one that somebody else was given opens anything.
struct WorkspaceDoor: Sendable {
    static let begin = "/_martlet/begin"
    static let enter = "/_martlet/enter"
    static let handOver = "/login/workspace"
    /// For what programs get below the platform's paths: should a browser ever take it for a page, nothing in it runs.
    static let harmless = "default-src 'none'; frame-ancestors 'none'; sandbox"

    let core: GatewayCore
    let hosts: WorkspaceHosts
    let codes: HandOverCodes

    init?(core: GatewayCore) {
        guard let hosts = core.requestGuard.workspaces else { return nil }
        (self.core, self.hosts) = (core, hosts)
        codes = HandOverCodes(stateDirectory: core.configuration.stateDirectory)
    }

    // MARK: At the platform

    /// Whether workspaces have hosts of their own for whoever sent a request to the platform.
    func appliesTo(_ request: HTTPRequest) -> Bool {
        hosts.serves(request)
    }

    /// Where a browser goes that opens a workspace by its path at the platform; nil for programs, which may use that path.
    ///
    /// - Throws: ``APIError`` for what else a browser does there: a page of the platform has no business in a workspace.
    func lead(_ request: HTTPRequest) throws -> HTTPResponse? {
        guard appliesTo(request), let workspace = Workspace(path: request.target), isFromBrowser(request) else {
            return nil
        }
        guard request.isReading, request.isNavigation else {
            throw APIError(.forbidden, "browsers open \(workspace.name) at a host of its own, in a tab of its own")
        }
        let via = core.configuration.signIn.externalURL == nil ? RequestGuard.withoutPort(host(of: request)) : ""
        return GatewayCore.redirect(
            origin(of: workspace, request)
                + "\(Self.begin)?via=\(PercentEncoding.encode(via))&next=\(PercentEncoding.encode(request.target))")
    }

    /// Gives a code to a browser that came from the host of a workspace.
    func handOver(_ request: HTTPRequest) async throws -> HTTPResponse {
        try request.checkNavigation()
        let (workspace, next) = try Workspace.place(request.query("next"))
        guard let state = request.query("state"), Base64URL.decode(state)?.count == 32, appliesTo(request) else {
            throw APIError(.badRequest, "the host of a workspace leads here, and says which")
        }
        guard let proof = try await core.proof(of: request) else { return core.signInPage(request, next: next) }
        guard try await core.allows(proof.identity, in: workspace) else { return WorkspacePages.notYours(workspace) }
        // Who comes by a proxy that tells who it is comes to the workspace by it, too.
        guard case .session(let session) = proof else {
            return GatewayCore.redirect(
                origin(of: workspace, request) + "\(Self.enter)?next=\(PercentEncoding.encode(next))")
        }
        let code = try codes.issue(
            HandOver(
                session: session.id, label: workspace.label, state: state,
                via: RequestGuard.withoutPort(host(of: request)), next: next))
        return GatewayCore.redirect(origin(of: workspace, request) + "\(Self.enter)?code=\(code)")
    }

    // MARK: At the host of a workspace

    /// Answers a request to the host of a workspace.
    ///
    /// - Throws: ``APIError`` for what has no business there.
    func answer(
        _ request: HTTPRequest, at label: String, by workspace: (HTTPRequest) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        switch request.path {
        case Self.begin: return try beginning(request, label)
        case Self.enter: return try await entering(request, label)
        default: break
        }
        guard Workspace(path: request.path)?.label == label else {
            // Links of our own pages lead to the platform.
            if request.isNavigation,
                request.path == "/" || ["/notebooks", "/volumes"].contains(where: request.path.hasPrefix)
            {
                return GatewayCore.redirect(platform(request, label) + ReturnPath.checked(request.target))
            }
            throw APIError(.notFound, "this host has one workspace, and nothing of the platform")
        }
        try core.requestGuard.checkOwnOrigin(request)
        guard try await core.visitor(of: request, scope: .notebooks) != nil else {
            guard request.isNavigation, request.isReading else {
                throw APIError(.unauthorized, "No user detected.")
            }
            return GatewayCore.redirect("\(Self.begin)?next=\(PercentEncoding.encode(request.target))")
        }
        return try await workspace(request)
    }

    private func beginning(_ request: HTTPRequest, _ label: String) throws -> HTTPResponse {
        try request.checkNavigation()
        let (workspace, next) = try Workspace.place(request.query("next"))
        guard workspace.label == label else { throw APIError(.badRequest, "\(next) is not at this host") }
        let isSecure = core.isSecure(request)
        let name = WorkspacePass.stateCookieName(isSecure: isSecure)
        // Several tabs may be on their way at once.
        let word =
            request.cookie(name).flatMap { Base64URL.decode($0)?.count == 18 ? $0 : nil }
            ?? Base64URL.encode(Secrets.random(18))
        var response = GatewayCore.redirect(
            platform(request, label, via: request.query("via"))
                + "\(Self.handOver)?next=\(PercentEncoding.encode(next))&state=\(Self.state(word))")
        response.headers.add(
            name: "set-cookie",
            value: "\(name)=\(word); Path=/; Max-Age=600; HttpOnly; SameSite=Lax" + (isSecure ? "; Secure" : ""))
        return response
    }

    private func entering(_ request: HTTPRequest, _ label: String) async throws -> HTTPResponse {
        try request.checkNavigation()
        guard request.method == "GET" else { return HTTPResponse(status: 204) }  // a HEAD must not use the code up
        guard let code = request.query("code") else {
            let (_, next) = try Workspace.place(request.query("next"))
            guard try await core.visitor(of: request, scope: .notebooks) != nil else {
                return WorkspacePages.wayRefused(platform: platform(request, label))
            }
            return GatewayCore.redirect(next)
        }
        let isSecure = core.isSecure(request)
        let name = WorkspacePass.stateCookieName(isSecure: isSecure)
        guard let handOver = try codes.redeem(code), handOver.label == label,
            let word = request.cookie(name),
            Secrets.areEqual(Array(Self.state(word).utf8), Array(handOver.state.utf8)),
            let session = core.sessions.stored(handOver.session)
        else { return WorkspacePages.wayRefused(platform: platform(request, label)) }
        var response = GatewayCore.redirect(handOver.next)
        let pass = WorkspacePass(session: session.id, via: handOver.via)
        response.headers.add(
            name: "set-cookie", value: pass.setCookie(label: label, core.sessions, isSecure: isSecure))
        response.headers.add(
            name: "set-cookie",
            value: "\(name)=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax" + (isSecure ? "; Secure" : ""))
        return response
    }

    private static func state(_ word: String) -> String { Base64URL.encode(Secrets.digest(word.utf8)) }

    // MARK: Places

    private func host(of request: HTTPRequest) -> String { request.headers.first(name: "host") ?? "localhost" }

    private func origin(of workspace: Workspace, _ request: HTTPRequest) -> String {
        let authority = core.externalURL(of: request).drop { $0 != "/" }.drop { $0 == "/" }
        return
            "\(core.isSecure(request) ? "https" : "http")://\(hosts.host(of: workspace))\(HostName.port(String(authority)))"
    }

    /// Where the platform is for the browser that sent a request to the host of a workspace.
    private func platform(_ request: HTTPRequest, _ label: String, via: String? = nil) -> String {
        if let url = core.configuration.signIn.externalURL { return url }
        let known = [via, core.pass(of: request, label: label)?.via].compactMap { $0 }
        let name = known.first(where: core.requestGuard.isPlatform) ?? core.requestGuard.usualName
        return "\(core.isSecure(request) ? "https" : "http")://\(name)\(HostName.port(host(of: request)))"
    }

    /// True for browsers, as far as they say so. Where they need not, those that want a page are taken for some.
    private func isFromBrowser(_ request: HTTPRequest) -> Bool {
        request.tellsOfBrowser || (!hosts.isLocal && !core.isSecure(request) && request.wantsPage)
    }
}

/// What is shown to those who do not get into a workspace.
enum WorkspacePages {
    static func notYours(_ workspace: Workspace) -> HTTPResponse {
        Pages.page(
            status: 403, title: "This \(workspace.kind.noun) is not yours to open", lines: [workspace.kind.reserve],
            link: workspace.all)
    }

    static func wayRefused(platform: String) -> HTTPResponse {
        Pages.page(
            status: 403, title: "The notebook was not opened",
            lines: [
                "This way in works once, for a minute, and in the browser that asked for it.",
                "Open the notebook again from the dashboard. Its host has to be allowed to set a cookie.",
            ], link: ("To the dashboard", platform + "/"))
    }

    static func notKnown(platform: String) -> HTTPResponse {
        Pages.page(
            status: 403, title: "The notebook was not opened",
            lines: [
                "You are signed in at the dashboard, but nothing at the port of the notebooks says who you are.",
                "Where a proxy signs people in, it has to cover that port, too.",
            ], link: ("To the dashboard", platform + "/"))
    }
}
