import Foundation
import KubeClient
import KubeModel

/// The ConfigMap in which the gateways publish the public keys of their tokens: a member a key, by its id.
///
/// Whoever may write it decides whom services believe, so RBAC gives that to the gateway alone.
public enum GatewayKeys {
    /// Name of the ConfigMap.
    public static let name = "martlet-gateway-keys"
    /// A key that no gateway has renewed for this long is not believed any more.
    static let lifetime: TimeInterval = 86_400

    static func entry(_ jwk: JSON, renewedAt: Date) -> String {
        (["jwk": jwk, "renewed": .int(Int64(renewedAt.timeIntervalSince1970))] as JSON).text
    }

    /// The key of an entry; nil when it is out of date or no key.
    static func key(_ entry: String, now: Date) -> VerificationKey? {
        guard let json = try? JSON(parsing: entry), let renewed = json["renewed"]?.double,
            now.timeIntervalSince1970 - renewed < lifetime, let jwk = json["jwk"]
        else { return nil }
        return try? VerificationKey(jwk: jwk)
    }

    /// Reads what gateways published; empty when none has yet.
    static func verifier(_ client: KubeClient, namespace: String, now: Date = Date()) async throws -> TokenVerifier {
        let map = try await client.find(.configMaps, name, namespace: namespace)
        return TokenVerifier(keys: (map?["data"]?.stringMap ?? [:]).values.compactMap { key($0, now: now) })
    }
}
