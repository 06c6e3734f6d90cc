import Foundation
import Identity
import KubeClient
import KubeModel
import NIOHTTP1
import Synchronization

/// Who brings an `Authorization: Bearer` token that is none of the gateway's own: an ID token of the identity provider, which is
/// verified here, or a service account's, which the API server examines.
final class BearerTokens: Sendable {
    /// How long the API server's word on a token is believed.
    private static let memory: TimeInterval = 10
    private static let capacity = 10_000

    private struct Reviewed: Sendable {
        let identity: UserIdentity?
        let at: Date
    }

    private let client: KubeClient
    private let provider: OpenIDProvider?
    private let audiences: [String]
    private let reviewed = Mutex<[[UInt8]: Reviewed]>([:])

    /// - Parameters:
    ///   - client: may create TokenReviews.
    ///   - provider: whose ID tokens are taken.
    ///   - audiences: for which service accounts' tokens may be made; empty for the API server's own.
    init(client: KubeClient, provider: OpenIDProvider?, audiences: [String]) {
        (self.client, self.provider, self.audiences) = (client, provider, audiences)
    }

    /// Who it is; nil when the token does not hold.
    ///
    /// - Throws: ``APIError`` when whoever examines it cannot be reached.
    func identity(_ token: String, now: Date = Date()) async throws -> UserIdentity? {
        guard token.utf8.count <= TokenVerifier.maximumLength, let issuer = Self.claimedIssuer(token) else {
            return nil
        }
        guard let provider, issuer == provider.configuration.issuer else { return try await review(token, now: now) }
        do {
            let claims = try await provider.verify(token, now: now)
            let rules = ProviderIdentity(configuration: provider.configuration)
            try rules.checkAudience(
                claims, among: [provider.configuration.clientID] + provider.configuration.audiences)
            return try rules.identity(claims.json)
        } catch ProviderError.unavailable, ProviderError.misconfigured {
            throw APIError(.serviceUnavailable, "the identity provider does not answer just now", retryAfterSeconds: 5)
        } catch is ProviderError {
            return nil
        } catch is TokenError {
            return nil
        }
    }

    /// Who the token says made it: decides who examines it, and proves nothing. Nil for what is signed by nobody.
    private static func claimedIssuer(_ token: String) -> String? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[2].isEmpty, let header = Base64URL.decode(parts[0]),
            let algorithm = (try? JSON(parsing: header))?["alg"]?.string,
            SignatureAlgorithm(rawValue: algorithm) != nil, let bytes = Base64URL.decode(parts[1])
        else { return nil }
        return (try? JSON(parsing: bytes))?["iss"]?.string
    }

    private func review(_ token: String, now: Date) async throws -> UserIdentity? {
        let digest = Secrets.digest(token.utf8)
        if let known = reviewed.withLock({ $0[digest] }), abs(now.timeIntervalSince(known.at)) < Self.memory {
            return known.identity
        }
        var spec: JSON = ["token": .string(token)]
        if !audiences.isEmpty { spec["audiences"] = .array(audiences.map(JSON.string)) }
        let status = try await client.create(
            .tokenReviews,
            KubeObject(["apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec])
        ).status
        var identity: UserIdentity?
        // Only service accounts: other names that the API server knows by tokens are people's, who sign in here.
        if status["authenticated"]?.bool ?? false, let user = status.value(at: "user", "username")?.string,
            user.hasPrefix(UserIdentity.serviceAccountPrefix),
            audiences.isEmpty
                || !Set((status["audiences"]?.array ?? []).compactMap(\.string)).isDisjoint(with: audiences)
        {
            let groups = (status.value(at: "user", "groups")?.array ?? []).compactMap(\.string)
            identity = UserIdentity(user: user, groups: groups.filter { $0 != "system:authenticated" })
        }
        reviewed.withLock {
            if $0.count >= Self.capacity { $0.removeAll() }
            $0[digest] = Reviewed(identity: identity, at: now)
        }
        return identity
    }
}

extension HTTPHeaders {
    /// The bearer token; nil without one.
    ///
    /// - Throws: ``APIError`` when there are several credentials, of which servers could choose different ones.
    func bearerToken() throws -> String? {
        let fields = self["authorization"]
        guard let field = fields.first else { return nil }
        guard fields.count == 1 else { throw APIError(.unauthorized, "Authorization must be one bearer token.") }
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return parts[1].trimmed
    }
}
