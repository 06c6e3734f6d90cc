import Foundation
import HTTPKit
import Identity
import KubeModel
import WebClient

extension OpenIDProvider {
    /// What the token endpoint gave.
    struct Grant: Sendable {
        let identity: UserIdentity
        let tokens: ProviderTokens
        /// What could not be learned, so that the identity is the one from before; nil when all is well.
        var isMissing: String?
    }

    /// Exchanges the code that a browser brought.
    ///
    /// - Throws: ``ProviderError``, ``TokenError``.
    func exchange(code: String, redirect: String, verifier: String, nonce: String) async throws -> Grant {
        let answer = try await askForTokens([
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ])
        guard let idToken = answer["id_token"]?.string else {
            throw ProviderError.misconfigured("the identity provider gave no ID token")
        }
        let claims = try await checkedClaims(idToken, answer)
        guard claims["nonce"]?.string == nonce else {
            throw ProviderError.unusable("the identity provider's answer was meant for another sign-in")
        }
        return try await grant(claims, idToken: idToken, answer, subject: nil)
    }

    /// New tokens for old ones.
    ///
    /// - Throws: ``ProviderError`` `refused` when the provider has ended the session.
    func refresh(_ old: ProviderTokens, identity: UserIdentity) async throws -> Grant {
        let answer = try await askForTokens([
            ("grant_type", "refresh_token"), ("refresh_token", old.refreshToken ?? ""),
        ])
        guard let idToken = answer["id_token"]?.string else {
            var tokens = old
            tokens.refreshAt = Self.refreshDate(answer)
            if let next = answer["refresh_token"]?.string { tokens.refreshToken = next }
            return Grant(identity: identity, tokens: tokens)
        }
        do {
            let claims = try await checkedClaims(idToken, answer)
            let grant = try await grant(claims, idToken: idToken, answer, subject: old.subject)
            var tokens = grant.tokens
            tokens.refreshToken = tokens.refreshToken ?? old.refreshToken
            return Grant(identity: grant.identity, tokens: tokens)
        } catch ProviderError.unavailable(let reason), ProviderError.misconfigured(let reason) {
            // The old refresh token is used up, so the new one must be kept, whatever fails after it.
            var tokens = old
            if let next = answer["refresh_token"]?.string { tokens.refreshToken = next }
            return Grant(identity: identity, tokens: tokens, isMissing: reason)
        }
    }

    private func checkedClaims(_ idToken: String, _ answer: JSON) async throws -> Claims {
        let claims = try await verify(idToken, fromProvider: true)
        try ProviderIdentity(configuration: configuration).checkAudience(claims, among: [configuration.clientID])
        if let access = answer["access_token"]?.string,
            !ProviderIdentity.fits(access, claims, idToken: idToken)
        {
            throw TokenError.badSignature
        }
        return claims
    }

    private func grant(_ claims: Claims, idToken: String, _ answer: JSON, subject old: String?) async throws -> Grant {
        guard let subject = claims.subject, !subject.isEmpty, old == nil || old == subject else {
            throw ProviderError.unusable("the identity provider's answer is about somebody else")
        }
        var known = claims.json
        let isWhole = known[configuration.userClaim] != nil && known[configuration.groupsClaim] != nil
        if !isWhole, let access = answer["access_token"]?.string {
            for (name, value) in try await userInfo(access, subject: subject) where known[name] == nil {
                known[name] = value
            }
        }
        return Grant(
            identity: try ProviderIdentity(configuration: configuration).identity(known),
            tokens: ProviderTokens(
                subject: subject, idToken: idToken, refreshToken: answer["refresh_token"]?.string,
                refreshAt: Self.refreshDate(answer)))
    }

    /// Claims that the ID token leaves out; empty where the provider has no such endpoint.
    private func userInfo(_ accessToken: String, subject: String) async throws -> JSONObject {
        guard let address = try await current().metadata.userInfoEndpoint else { return [:] }
        let response = try await send(
            WebRequest(
                "GET", address, headers: [("Accept", "application/json"), ("Authorization", "Bearer \(accessToken)")]))
        guard response.status < 500, response.status != 429 else {
            throw ProviderError.unavailable("\(address) answered \(response.status)")
        }
        guard response.status == 200, let claims = try? JSON(parsing: response.body), claims["sub"]?.string == subject
        else { throw ProviderError.unusable("the identity provider does not tell about you") }
        return claims.object ?? [:]
    }

    private func askForTokens(_ fields: [(String, String)]) async throws -> JSON {
        let metadata = try await current().metadata
        var headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")]
        var fields = fields
        if let secret = configuration.clientSecret, !metadata.takesSecretInForm {
            let pair = PercentEncoding.encode(configuration.clientID) + ":" + PercentEncoding.encode(secret)
            headers.append(("Authorization", "Basic " + Data(pair.utf8).base64EncodedString()))
        } else {
            fields.append(("client_id", configuration.clientID))
            if let secret = configuration.clientSecret { fields.append(("client_secret", secret)) }
        }
        let form = fields.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
        let response = try await send(
            WebRequest("POST", metadata.tokenEndpoint, headers: headers, body: Array(form.utf8)))
        let json = (try? JSON(parsing: response.body)) ?? [:]
        guard response.status == 200 else {
            guard (400..<500).contains(response.status), response.status != 429 else {
                throw ProviderError.unavailable("the token endpoint answered \(response.status)")
            }
            throw ProviderError.refused(json["error"]?.string ?? "status \(response.status)")
        }
        return json
    }

    private func send(_ request: WebRequest) async throws -> WebResponse {
        do {
            return try await client.send(request)
        } catch {
            throw ProviderError.unavailable("\(request.url): \(error)")
        }
    }

    /// Before the access token ends; at least each hour, so that changes at the provider come through.
    private static func refreshDate(_ answer: JSON, now: Date = Date()) -> Date {
        let seconds = answer["expires_in"]?.double ?? answer["expires_in"]?.string.flatMap { Double($0) } ?? 3600
        return now.inWholeSeconds + min(max((seconds * 0.9).rounded(.down), 1), 3600)
    }
}
