import CJWT
public import Foundation
import KubeModel
import Synchronization

/// Accepts tokens that were signed by one of its keys, are for the right audience, and are in time.
///
/// The algorithm is looked at before any key, so that a token cannot choose how its signature is checked: `none` and
/// HMAC (with the public key as the secret) do not get as far as a key.
public struct TokenVerifier: Sendable {
    /// Longer tokens are not looked at.
    public static let maximumLength = 16 * 1024
    /// How far another machine's clock may be ahead.
    private static let leeway: TimeInterval = 10

    private let keys: [String: [VerificationKey]]
    private let mayLackKeyID: Bool
    private let clockSkew: TimeInterval
    private let verified = VerifiedTokens()

    /// Verifies with these keys.
    ///
    /// - Parameters:
    ///   - keys: several may have one id, of different types.
    ///   - mayLackKeyID: a token without `kid` is taken where only one key has its algorithm, as OpenID Connect has it.
    ///   - clockSkew: seconds for which a token is good before and after its time, for issuers with another clock.
    public init(keys: [VerificationKey], mayLackKeyID: Bool = false, clockSkew: TimeInterval = 0) {
        self.keys = Dictionary(grouping: keys, by: \.keyID)
        (self.mayLackKeyID, self.clockSkew) = (mayLackKeyID, clockSkew)
    }

    /// Verifies the tokens of a signer.
    public init(signer: TokenSigner) { self.init(keys: [signer.verificationKey]) }

    /// Checks a token.
    ///
    /// - Parameters:
    ///   - token: the compact form.
    ///   - audience: must be among the token's audiences; nil leaves that to the caller.
    ///   - issuer: must be the token's issuer; nil leaves that to the caller.
    ///   - now: the time to check against.
    /// - Returns: the claims, all of them signed.
    /// - Throws: ``TokenError``, the first reason not to accept the token.
    public func verify(
        _ token: String, audience: String?, issuer: String?, now: Date = Date()
    ) throws(TokenError) -> Claims {
        guard token.utf8.count <= Self.maximumLength else { throw .tooLong }
        let claims: Claims
        if let known = verified[token] {
            claims = known
        } else {
            claims = try checkSignature(token)
            verified[token] = claims
        }
        guard let expiry = claims.expiresAt else { throw .endless }
        guard now < expiry + clockSkew else { throw .expired }
        if let start = claims.notBefore, now + max(Self.leeway, clockSkew) < start { throw .early }
        if let audience, !claims.audience.contains(audience) { throw .wrongAudience }
        if let issuer, claims.issuer != issuer { throw .wrongIssuer }
        return claims
    }

    private func checkSignature(_ token: String) throws(TokenError) -> Claims {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let headerBytes = Base64URL.decode(parts[0]),
            let payload = Base64URL.decode(parts[1]), let signature = Base64URL.decode(parts[2]),
            let header = try? JSON(parsing: headerBytes)
        else { throw .malformed }
        let name = header["alg"]?.string ?? ""
        guard let algorithm = SignatureAlgorithm(rawValue: name) else { throw .algorithm(name) }
        guard !signature.isEmpty else { throw .badSignature }
        guard header["crit"] == nil else { throw .malformed }  // extensions we would have to understand: none
        let possible = try candidates(header["kid"], algorithm)
        guard let digest = algorithm.digestBeyondLibjwt else { return try decode(token, algorithm, possible) }
        let signed = Array(token.utf8.dropLast(parts[2].utf8.count + 1))
        guard possible.contains(where: { $0.signed(signed, signature, digest) }) else { throw .badSignature }
        guard let json = try? JSON(parsing: payload), json.object != nil else { throw .malformed }
        return Claims(json)
    }

    private func decode(
        _ token: String, _ algorithm: SignatureAlgorithm, _ possible: [VerificationKey]
    ) throws(TokenError) -> Claims {
        var decoded: OpaquePointer?
        for key in possible where decoded == nil {
            let pem = Array(key.publicKeyPEM.utf8)
            guard jwt_decode(&decoded, token, pem, Int32(pem.count)) == 0 else {
                decoded = nil
                continue
            }
        }
        guard let decoded else { throw .badSignature }
        defer { jwt_free(decoded) }
        guard jwt_get_alg(decoded) == jwt_str_alg(algorithm.rawValue) else { throw .badSignature }
        guard let text = jwt_get_grants_json(decoded, nil) else { throw .malformed }
        defer { free(text) }
        guard let json = try? JSON(parsing: String(cString: text)), json.object != nil else { throw .malformed }
        return Claims(json)
    }

    /// The keys that may have signed: those of the id, or the only one where there is no id.
    private func candidates(
        _ keyID: JSON?, _ algorithm: SignatureAlgorithm
    ) throws(TokenError) -> [VerificationKey] {
        guard let keyID else {
            let possible = keys.values.joined().filter { $0.algorithms.contains(algorithm) }
            guard mayLackKeyID, possible.count == 1 else { throw .unknownKey }
            return possible
        }
        guard let named = keyID.string.flatMap({ keys[$0] }) else { throw .unknownKey }
        let possible = named.filter { $0.algorithms.contains(algorithm) }
        guard !possible.isEmpty else { throw .algorithm(algorithm.rawValue) }
        return possible
    }
}

/// Tokens whose signature was found right, since checking it again for each request costs more than all else.
private final class VerifiedTokens: Sendable {
    private static let capacity = 2048
    private let tokens = Mutex<[String: Claims]>([:])

    subscript(token: String) -> Claims? {
        get { tokens.withLock { $0[token] } }
        set {
            tokens.withLock {
                if $0.count >= Self.capacity { $0.removeAll(keepingCapacity: true) }
                $0[token] = newValue
            }
        }
    }
}
