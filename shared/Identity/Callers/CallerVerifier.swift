import Foundation
public import HTTPKit
public import KubeClient
import KubeModel
import NIOHTTP1

/// Finds out who calls a service, from what the caller can prove: a token that a gateway signed for this service, or a
/// service account's token, which the API server examines. Headers that merely tell a name are not looked at.
public struct CallerVerifier: Sendable {
    private let client: KubeClient
    private let audience: String
    private let keys: PublishedKeys

    /// Verifies callers of one service.
    ///
    /// - Parameters:
    ///   - client: may read the ConfigMap of ``GatewayKeys`` and create TokenReviews.
    ///   - namespace: of that ConfigMap.
    ///   - audience: what gateways call this service.
    public init(client: KubeClient, namespace: String, audience: String) {
        self.client = client
        self.audience = audience
        keys = PublishedKeys(client: client, namespace: namespace)
    }

    /// The caller of a request.
    ///
    /// - Throws: ``APIError`` `unauthorized` without a proof, or with one that does not hold.
    public func caller(of request: HTTPRequest) async throws -> CallerIdentity {
        let fields = request.headers["authorization"]
        guard let field = fields.first else { throw APIError(.unauthorized, "No user detected.") }
        let parts = field.split(separator: " ", maxSplits: 1)
        guard fields.count == 1, parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw APIError(.unauthorized, "Authorization must be one bearer token.")
        }
        return try await caller(token: parts[1].trimmingCharacters(in: .whitespaces))
    }

    func caller(token: String) async throws -> CallerIdentity {
        guard (1...TokenVerifier.maximumLength).contains(token.utf8.count) else { throw Self.refused }
        return Self.claimedIssuer(token) == ServiceTokens.issuer
            ? try await fromGateway(token) : try await fromServiceAccount(token)
    }

    private static var refused: APIError { APIError(.unauthorized, "The token is not accepted.") }

    /// Who the token says made it: decides who examines it, and proves nothing.
    private static func claimedIssuer(_ token: String) -> String? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Base64URL.decode(parts[1]) else { return nil }
        return (try? JSON(parsing: bytes))?["iss"]?.string
    }

    private func fromGateway(_ token: String) async throws -> CallerIdentity {
        let claims: Claims
        do {
            claims = try await keys.verify(token, audience: audience)
        } catch is TokenError {
            throw Self.refused
        }
        guard let user = claims.subject, !user.isEmpty else { throw Self.refused }
        return CallerIdentity(user: user, groups: (claims["groups"]?.array ?? []).compactMap(\.string))
    }

    private func fromServiceAccount(_ token: String) async throws -> CallerIdentity {
        let review = KubeObject([
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": ["token": .string(token)],
        ])
        let status = try await client.create(.tokenReviews, review).status
        guard status["authenticated"]?.bool ?? false, let user = status.value(at: "user", "username")?.string,
            !user.isEmpty
        else { throw Self.refused }
        let groups = (status.value(at: "user", "groups")?.array ?? []).compactMap(\.string)
        return CallerIdentity(user: user, groups: groups.filter { $0 != "system:authenticated" })
    }
}

/// The gateways' keys as last read: read again each minute, and for a key that is not known.
private actor PublishedKeys {
    private static let memory = Duration.seconds(60)
    private static let pause = Duration.seconds(1)

    private let client: KubeClient
    private let namespace: String
    private var verifier = TokenVerifier(keys: [])
    private var readAt: ContinuousClock.Instant?

    init(client: KubeClient, namespace: String) { (self.client, self.namespace) = (client, namespace) }

    func verify(_ token: String, audience: String) async throws -> Claims {
        try await refresh(after: Self.memory)
        do {
            return try verifier.verify(token, audience: audience, issuer: ServiceTokens.issuer)
        } catch TokenError.unknownKey {
            try await refresh(after: Self.pause)  // a gateway that has just started
            return try verifier.verify(token, audience: audience, issuer: ServiceTokens.issuer)
        }
    }

    private func refresh(after age: Duration) async throws {
        if let readAt, readAt.duration(to: .now) < age { return }
        verifier = try await GatewayKeys.verifier(client, namespace: namespace)
        readAt = .now
    }
}
