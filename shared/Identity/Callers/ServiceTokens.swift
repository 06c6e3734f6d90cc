public import Foundation
public import KubeClient
import KubeModel

/// The gateway's signature under who is asking: a token for one service, valid for a minute.
public struct ServiceTokens: Sendable {
    /// `iss` of the tokens.
    public static let issuer = "martlet-gateway"
    /// How long a token is valid.
    static let lifetime = Duration.seconds(60)
    /// How often ``publish(_:namespace:now:)`` is to be called.
    public static let renewal = Duration.seconds(3600)

    private let signer: TokenSigner
    private let jwk: JSON

    /// Signs with a private key (PEM).
    ///
    /// - Throws: ``KeyError`` when it cannot be used.
    public init(privateKeyPEM: String) throws {
        signer = try TokenSigner(
            privateKeyPEM: privateKeyPEM, keyID: TokenSigner.keyID(ofPrivateKeyPEM: privateKeyPEM))
        jwk = signer.jwks["keys"]?[0] ?? [:]
    }

    /// A token that tells one service who is asking.
    public func token(for caller: CallerIdentity, audience: String, now: Date = Date()) throws -> String {
        var claims = Claims(
            issuer: Self.issuer, subject: caller.user, audience: [audience], issuedAt: now, lifetime: Self.lifetime)
        claims["groups"] = .array(caller.groups.map(JSON.string))
        return try signer.sign(claims)
    }

    /// Makes the public key known, and removes those that nobody renews any more.
    ///
    /// - Throws: what the API server says, but never because another gateway publishes at the same time.
    public func publish(_ client: KubeClient, namespace: String, now: Date = Date()) async throws {
        let entry = JSON.string(GatewayKeys.entry(jwk, renewedAt: now))
        guard let existing = try await client.find(.configMaps, GatewayKeys.name, namespace: namespace) else {
            var map = KubeObject(apiVersion: "v1", kind: "ConfigMap", name: GatewayKeys.name, namespace: namespace)
            map["data"] = [signer.keyID: entry]
            do {
                _ = try await client.create(.configMaps, map)
            } catch let error as APIError where error.code == 409 {
                try await publish(client, namespace: namespace, now: now)
            }
            return
        }
        var data: JSON = [:]
        for (id, old) in existing["data"]?.stringMap ?? [:] where GatewayKeys.key(old, now: now) == nil {
            data[id] = .null
        }
        data[signer.keyID] = entry
        _ = try await client.patch(
            .configMaps, GatewayKeys.name, namespace: namespace, .merge(["data": data]))
    }
}
