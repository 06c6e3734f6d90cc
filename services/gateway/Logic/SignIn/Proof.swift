import Foundation
import HTTPKit
import KubeModel
import NIOHTTP1

/// By what a request's sender is known.
enum Proof: Sendable {
    /// The cookie of a browser that signed in here.
    case session(Session)
    /// An API token of the gateway's.
    case token(APIToken, secret: String)
    /// A token of the identity provider or of a service account.
    case bearer(UserIdentity, token: String)
    /// The word of a trusted proxy.
    case forwarded(UserIdentity)

    /// Who that is.
    var identity: UserIdentity {
        switch self {
        case .session(let session): session.identity
        case .token(let token, _): UserIdentity(user: token.user, groups: token.groups)
        case .bearer(let identity, _), .forwarded(let identity): identity
        }
    }

    /// - Throws: ``APIError`` `forbidden` when it may not be used for that.
    func check(_ scope: TokenScope) throws {
        guard case .token(let token, _) = self, !token.allows(scope) else { return }
        throw APIError(.forbidden, "the API token '\(token.name)' lacks the scope '\(scope.rawValue)'")
    }
}

extension GatewayCore {
    /// Who sent a request, nil for nobody.
    ///
    /// - Throws: ``APIError`` when it brings a proof that does not hold.
    func proof(of request: HTTPRequest) async throws -> Proof? {
        if let token = try request.headers.bearerToken() {
            guard let proof = try await proof(ofToken: token) else {
                metrics.count("gateway_sign_ins_total", ["method": "token", "outcome": "refused"])
                throw APIError(.unauthorized, "The token is not accepted.")
            }
            return proof
        }
        if let identity = proxies.identity(request) { return .forwarded(identity) }
        guard let session = session(of: request) else { return nil }
        guard let providerSessions else { return .session(session) }
        return await providerSessions.current(session).map(Proof.session)
    }

    private func proof(ofToken token: String) async throws -> Proof? {
        if token.hasPrefix(APITokens.prefix) { return tokens.verify(token).map { .token($0, secret: token) } }
        return try await bearers.identity(token).map { .bearer($0, token: token) }
    }

    /// Who opens a notebook's page, nil for nobody.
    func visitor(of request: HTTPRequest, scope: TokenScope) async throws -> UserIdentity? {
        // The usual case without a detour: this is asked for each file of a notebook's page.
        if !proxies.mayTellUsers, !request.headers.contains(name: "authorization"),
            let session = session(of: request), session.provider == nil
        {
            return session.identity
        }
        guard let proof = try await proof(of: request) else { return nil }
        try proof.check(scope)
        return proof.identity
    }

    /// True while what a long answer was begun with still holds.
    func isStillValid(_ caller: Caller) async throws -> Bool {
        switch caller.proof {
        case .session(let session):
            guard let now = sessions.session(session.id) else { return false }
            guard let providerSessions else { return true }
            return await providerSessions.current(now)?.identity == session.identity
        case .token(let token, let secret): return tokens.verify(secret) == token
        case .bearer(let identity, let token): return try await bearers.identity(token) == identity
        case .forwarded: return true  // the proxy ends what it does not stand for any more
        }
    }

    /// The CSRF token that goes with a proof; nil for those that no browser sends by itself. A page will need one, whatever the
    /// browser that asks for it tells of itself.
    func csrfToken(_ proof: Proof, _ request: HTTPRequest, forPage: Bool = false) -> String? {
        switch proof {
        case .session(let session): return sessions.csrfToken(session)
        case .token: return nil
        case .bearer where !proxies.trusts(request.peer): return nil
        // A proxy turns its cookie into what it tells us, so whatever a browser sends may be somebody else's doing.
        case .bearer(let identity, _), .forwarded(let identity):
            return forPage || Self.isFromBrowser(request) ? sessions.code("csrf-user", identity.user) : nil
        }
    }

    private static func isFromBrowser(_ request: HTTPRequest) -> Bool {
        ["cookie", "origin", "referer", "sec-fetch-site", "sec-fetch-mode"].contains {
            request.headers.contains(name: $0)
        }
    }

    /// True when the browser came by HTTPS, so that cookies may be kept to that.
    func isSecure(_ request: HTTPRequest) -> Bool {
        request.peer.isTLS || configuration.signIn.externalURL?.hasPrefix("https://") ?? false
            || proxies.isSecure(request)
    }

    /// Where the sender is, as far as it can be known.
    func address(of request: HTTPRequest) -> String? { proxies.address(of: request) }
}
