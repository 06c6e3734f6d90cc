import HTTPKit
import KubeModel
import NIOHTTP1

/// Leads browsers from the platform's paths of workspaces to the same paths at the port that workspaces have, and answers there.
///
/// The browser's session is good at both ports, so there is nothing to hand over; who has none is led to the platform, signs in, and
/// comes back by ``WorkspaceDoor/enter``, where the way ends that would go on for ever without a session.
struct WorkspacePortDoor: Sendable {
    let core: GatewayCore
    let port: WorkspacePort

    /// Tells at the port of workspaces by which port the browser knows the platform, which may be another one than it listens at.
    private static let platformCookie = "martlet_platform"

    init?(core: GatewayCore) {
        guard let port = core.workspacePort else { return nil }
        (self.core, self.port) = (core, port)
    }

    // MARK: At the platform

    /// Where a browser goes that opens a workspace by its path at the platform; nil for programs, which may use that path.
    ///
    /// - Throws: ``APIError`` for what else a browser does there: a page of the platform has no business in a workspace.
    func lead(_ request: HTTPRequest) throws -> HTTPResponse? {
        guard let workspace = Workspace(path: request.target), isFromBrowser(request) else { return nil }
        guard request.isReading, request.isNavigation else {
            throw APIError(.forbidden, "browsers open \(workspace.name) at a port of its own, in a tab of its own")
        }
        var response = GatewayCore.redirect(workspaces(request) + request.target)
        if core.configuration.signIn.externalURL == nil {
            let isSecure = core.isSecure(request)
            let port = Self.port(of: request) ?? (isSecure ? 443 : 80)
            response.headers.add(
                name: "set-cookie",
                value: "\(Self.platformCookie)=\(port); Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
                    + (isSecure ? "; Secure" : ""))
        }
        return response
    }

    /// Lets a browser go on to a workspace that came from the other port, once it has signed in.
    func handOver(_ request: HTTPRequest) async throws -> HTTPResponse {
        try request.checkNavigation()
        let (workspace, next) = try Workspace.place(request.query("next"))
        guard let proof = try await core.proof(of: request) else { return core.signInPage(request, next: next) }
        guard try await core.allows(proof.identity, in: workspace) else { return WorkspacePages.notYours(workspace) }
        return GatewayCore.redirect(
            workspaces(request) + "\(WorkspaceDoor.enter)?next=\(PercentEncoding.encode(next))")
    }

    // MARK: At the port of workspaces

    /// Answers a request to the port of workspaces.
    ///
    /// - Throws: ``APIError`` for what has no business there.
    func answer(
        _ request: HTTPRequest, by workspace: (HTTPRequest) async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        try core.requestGuard.checkHost(request)
        if request.path == WorkspaceDoor.enter { return try await entering(request) }
        guard Workspace(path: request.path) != nil else {
            // Links of our own pages lead to the platform.
            if request.isReading, request.isNavigation,
                request.path == "/" || ["/notebooks", "/volumes"].contains(where: request.path.hasPrefix)
            {
                return GatewayCore.redirect(platform(request) + ReturnPath.checked(request.target))
            }
            throw APIError(.notFound, "this port has workspaces, and nothing of the platform")
        }
        try core.requestGuard.checkOwnOrigin(request)
        guard try await core.visitor(of: request, scope: .notebooks) != nil else {
            guard request.isNavigation, request.isReading else {
                throw APIError(.unauthorized, "No user detected.")
            }
            return GatewayCore.redirect(
                platform(request) + "\(WorkspaceDoor.handOver)?next=\(PercentEncoding.encode(request.target))")
        }
        return try await workspace(request)
    }

    private func entering(_ request: HTTPRequest) async throws -> HTTPResponse {
        try request.checkNavigation()
        let (_, next) = try Workspace.place(request.query("next"))
        guard try await core.visitor(of: request, scope: .notebooks) != nil else {
            return WorkspacePages.notKnown(platform: platform(request))
        }
        return GatewayCore.redirect(next)
    }

    // MARK: Places

    /// Where workspaces are for the browser that sent a request to the platform.
    private func workspaces(_ request: HTTPRequest) -> String {
        let host = RequestGuard.withoutPort(WorkspacePort.authority(core.externalURL(of: request)))
        return port.origin(host: host, isSecure: core.isSecure(request))
    }

    /// Where the platform is for the browser that sent a request to the port of workspaces.
    private func platform(_ request: HTTPRequest) -> String {
        if let url = core.configuration.signIn.externalURL { return url }
        let host = RequestGuard.withoutPort(request.headers.first(name: "host") ?? "localhost")
        let known = request.cookie(Self.platformCookie).flatMap { Int($0) }.flatMap {
            (1...65_535).contains($0) && $0 != Self.port(of: request) ? $0 : nil
        }
        return port.platform(host: host, port: known, isSecure: core.isSecure(request))
    }

    /// The port that a browser says that it asks; nil for the usual one.
    private static func port(of request: HTTPRequest) -> Int? {
        Int(HostName.port(request.headers.first(name: "host") ?? "").dropFirst())
    }

    /// Browsers that say nothing of themselves, because they are old or it is not encrypted, are known by wanting pages.
    private func isFromBrowser(_ request: HTTPRequest) -> Bool {
        request.tellsOfBrowser || (request.wantsPage && !request.headers.contains(name: "authorization"))
    }
}
