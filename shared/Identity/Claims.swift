public import Foundation
public import KubeModel

/// What a token says: the JSON, with names for the registered claims (RFC 7519).
public struct Claims: Sendable, Equatable {
    /// All claims.
    public var json: JSON

    /// Wraps claims.
    public init(_ json: JSON = [:]) { self.json = json }

    /// The usual claims of a token that is about to be signed.
    public init(issuer: String, subject: String, audience: [String], issuedAt: Date, lifetime: Duration) {
        let now = Int64(issuedAt.timeIntervalSince1970)
        json = [
            "iss": .string(issuer), "sub": .string(subject), "aud": .array(audience.map(JSON.string)),
            "iat": .int(now), "nbf": .int(now), "exp": .int(now + lifetime.components.seconds),
        ]
    }

    /// Any claim.
    public subscript(name: String) -> JSON? {
        get { json[name] }
        set { json[name] = newValue }
    }

    /// `iss`.
    public var issuer: String? { json["iss"]?.string }
    /// `sub`.
    public var subject: String? { json["sub"]?.string }
    /// `aud`, which may be one string or several.
    public var audience: [String] {
        json["aud"]?.string.map { [$0] } ?? json["aud"]?.array?.compactMap(\.string) ?? []
    }
    /// `exp`.
    public var expiresAt: Date? { date("exp") }
    /// `nbf`.
    public var notBefore: Date? { date("nbf") }
    /// `iat`.
    public var issuedAt: Date? { date("iat") }

    private func date(_ name: String) -> Date? { json[name]?.double.map(Date.init(timeIntervalSince1970:)) }
}

/// Why a token is not accepted.
public enum TokenError: Error, Equatable, Sendable {
    /// Longer than any token of ours, not looked at.
    case tooLong
    /// No JWT.
    case malformed
    /// An algorithm that is not allowed, `none` and HMAC among them.
    case algorithm(String)
    /// No key has the id that the token names.
    case unknownKey
    /// The signature is not the key's.
    case badSignature
    /// Has no expiry.
    case endless
    /// Past its expiry.
    case expired
    /// Not valid yet.
    case early
    /// Made for somebody else.
    case wrongAudience
    /// Made by somebody else.
    case wrongIssuer
}
