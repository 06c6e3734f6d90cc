import HTTPKit
import Identity
import KubeModel
import NIOHTTP1

/// Signing out, here and at the identity provider that signed the person in.
struct SignOut: Sendable {
    let core: GatewayCore

    func register(on router: inout Router) {
        router.add("POST", "/logout") { request, _ in try await signOut(request) }
    }

    private func signOut(_ request: HTTPRequest) async throws -> HTTPResponse {
        try core.requestGuard.checkOrigin(request)
        let proof = try await core.proof(of: request)
        if let proof, let token = core.csrfToken(proof, request) {
            try core.requestGuard.checkCSRF(request, token: token)
        }
        let target = if let proof { await target(proof, request) } else { String?.none }
        if let session = core.session(of: request) { core.sessions.end(session.id) }
        var response = target.map { HTTPResponse.json(["redirect": .string($0)]) } ?? HTTPResponse(status: 204)
        response.headers.replaceOrAdd(name: "cache-control", value: "no-store")
        let names = Sessions.cookieNames(of: request, isSecure: core.isSecure(request))
        for name in names + [Sessions.csrfCookieName] {
            response.headers.add(name: "set-cookie", value: Sessions.clearCookie(name))
        }
        return response
    }

    /// Where a browser has to go so that it is signed out there too; nil for nowhere.
    private func target(_ proof: Proof, _ request: HTTPRequest) async -> String? {
        switch proof {
        case .session(let session):
            guard let tokens = session.provider, let provider = core.provider,
                let address = try? await provider.current().metadata.endSessionEndpoint
            else { return nil }
            let fields = [
                ("id_token_hint", tokens.idToken), ("client_id", provider.configuration.clientID),
                ("post_logout_redirect_uri", core.externalURL(of: request) + "/login"),
            ]
            return ProviderAddress.adding(fields, to: address)
        case .forwarded, .bearer: return core.configuration.signIn.logoutURL
        case .token: return nil
        }
    }
}

extension GatewayCore {
    /// Proves that a form is ours, together with the cookie that goes with it.
    func formCode(_ request: HTTPRequest) -> (code: String, cookie: String) {
        let nonce =
            request.cookie(SignInPage.formCookie).flatMap { Base64URL.decode($0)?.count == 18 ? $0 : nil }
            ?? Base64URL.encode(Secrets.random(18))
        let cookie =
            "\(SignInPage.formCookie)=\(nonce); Path=/; HttpOnly; SameSite=Strict"
            + (isSecure(request) ? "; Secure" : "")
        return (sessions.code("form", nonce), cookie)
    }

    /// True for a form of ours in the browser that got it.
    func isOurs(_ code: String?, _ request: HTTPRequest) -> Bool {
        guard let nonce = request.cookie(SignInPage.formCookie), let code else { return false }
        return Secrets.areEqual(Array(code.utf8), Array(sessions.code("form", nonce).utf8))
    }
}
