import Foundation
import HTTPKit
import Identity
import KubeModel
import Logging
import NIOHTTP1

/// Signing in by the provider: the way there and the way back.
struct OIDCRoutes: Sendable {
    static let callback = "/login/oidc/callback"
    private static let lifetimeWithoutRefresh: TimeInterval = 86_400

    let core: GatewayCore
    let provider: OpenIDProvider

    func register(on router: inout Router) {
        router.add("GET", "/login/oidc") { request, _ in await begin(request) }
        router.add("GET", Self.callback) { request, _ in await complete(request) }
    }

    private func begin(_ request: HTTPRequest) async -> HTTPResponse {
        guard request.method == "GET" else { return HTTPResponse(status: 204) }
        let metadata: ProviderMetadata
        do {
            metadata = try await provider.current().metadata
        } catch {
            return failed(request, error)
        }
        let attempt = SignInAttempt(next: ReturnPath.checked(request.query("next")))
        let configuration = provider.configuration
        let fields = [
            ("response_type", "code"), ("client_id", configuration.clientID),
            ("redirect_uri", core.externalURL(of: request) + Self.callback),
            ("scope", configuration.scopes.joined(separator: " ")), ("state", attempt.state),
            ("nonce", attempt.nonce(core.sessions)), ("code_challenge", attempt.challenge(core.sessions)),
            ("code_challenge_method", "S256"),
        ]
        var response = GatewayCore.redirect(ProviderAddress.adding(fields, to: metadata.authorizationEndpoint))
        response.headers.add(
            name: "set-cookie", value: attempt.setCookie(core.sessions, isSecure: core.isSecure(request)))
        return response
    }

    private func complete(_ request: HTTPRequest) async -> HTTPResponse {
        guard request.method == "GET" else { return HTTPResponse(status: 204) }  // a HEAD must not use the code up
        let fields = request.query
        func field(_ name: String) throws(ProviderError) -> String? {
            let values = fields.filter { $0.name == name }
            guard values.count < 2 else { throw .unusable("the identity provider's answer is ambiguous") }
            return values.first?.value
        }
        var response: HTTPResponse
        var state = ""
        do {
            state = try field("state") ?? ""
            guard
                let attempt = SignInAttempt(
                    state: state, cookie: request.cookie, isSecure: core.isSecure(request), sessions: core.sessions)
            else {
                core.note(.provider, "refused", request)
                return Self.outOfDate
            }
            let metadata = try await provider.current().metadata
            let issuer = try field("iss")
            guard issuer == provider.configuration.issuer || (issuer == nil && !metadata.namesIssuer) else {
                throw ProviderError.unusable("the answer came from another identity provider")
            }
            if let error = try field("error") { throw ProviderError.refused(error) }
            guard let code = try field("code"), !code.isEmpty else {
                throw ProviderError.unusable("the identity provider's answer has no code")
            }
            let grant = try await provider.exchange(
                code: code, redirect: core.externalURL(of: request) + Self.callback,
                verifier: attempt.verifier(core.sessions), nonce: attempt.nonce(core.sessions))
            response = try begin(grant, request, next: attempt.next)
        } catch {
            response = failed(request, error)
        }
        response.headers.add(
            name: "set-cookie",
            value: SignInAttempt.clearCookie(String(state.prefix(8)), isSecure: core.isSecure(request)))
        return response
    }

    private func begin(
        _ grant: OpenIDProvider.Grant, _ request: HTTPRequest, next: String
    ) throws -> HTTPResponse {
        let user = grant.identity.user
        if let old = core.session(of: request) { core.sessions.end(old.id) }
        // Who has lost a group has lost it in tokens made before, too.
        try core.tokens.narrow(user: user, to: grant.identity.groups)
        let lifetime = grant.tokens.refreshToken == nil ? Self.lifetimeWithoutRefresh : nil
        let session = try core.sessions.begin(
            grant.identity, method: .provider, address: core.address(of: request),
            agent: request.headers.first(name: "user-agent"), provider: grant.tokens, lifetime: lifetime)
        core.note(.provider, "accepted", request, user: user)
        return core.welcome(session, request, next: next)
    }

    private func failed(_ request: HTTPRequest, _ error: any Error) -> HTTPResponse {
        let line: String
        var status = 403
        switch error {
        case ProviderError.unavailable:
            (line, status) = ("The identity provider does not answer just now. Please try again in a moment.", 502)
        case ProviderError.misconfigured:
            (line, status) = ("The identity provider and this gateway are not set up for each other.", 502)
        case ProviderError.refused("access_denied"): line = "The identity provider did not let you in."
        case ProviderError.refused: line = "The identity provider refused the sign-in."
        case ProviderError.unusable(let reason): line = reason.prefix(1).uppercased() + reason.dropFirst() + "."
        default: line = "The identity provider's answer does not hold."
        }
        core.note(.provider, "refused", request)
        core.logger.notice("sign-in by provider failed", metadata: ["error": "\(error)", "id": "\(request.id)"])
        return Pages.page(
            status: status, title: "You are not signed in", lines: [line], link: ("Try again", "/login"))
    }

    private static let outOfDate = Pages.page(
        status: 403, title: "You are not signed in",
        lines: ["This sign-in was begun too long ago, or in another browser."], link: ("Try again", "/login"))
}

/// Addresses of the provider.
enum ProviderAddress {
    /// An address with fields added to its query.
    static func adding(_ fields: [(String, String)], to address: String) -> String {
        let query = fields.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
        return address + (address.contains("?") ? "&" : "?") + query
    }
}

extension GatewayCore {
    /// How browsers reach the gateway: as configured, or as this one did. Without `/` at its end.
    func externalURL(of request: HTTPRequest) -> String {
        if let url = configuration.signIn.externalURL { return url }
        let host = request.headers.first(name: "host") ?? "localhost"
        return "\(isSecure(request) ? "https" : "http")://\(host)"
    }
}
