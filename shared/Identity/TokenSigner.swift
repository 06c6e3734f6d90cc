import CJWT
import COpenSSL
public import KubeModel

/// Signs tokens with a private key: ES256 with EC P-256 keys, ES384 with P-384, RS256 with RSA.
public struct TokenSigner: Sendable {
    /// `kid` of its tokens.
    public let keyID: String
    /// Public part, for verifiers.
    public let verificationKey: VerificationKey
    /// Public part as a JWKS document.
    public let jwks: JSON
    private let privateKeyPEM: String
    private let algorithm: SignatureAlgorithm

    /// Reads a private key.
    ///
    /// - Throws: ``KeyError`` when it is none, or too weak.
    public init(privateKeyPEM: String, keyID: String) throws {
        let key = try OpenSSLKey(privatePEM: privateKeyPEM)
        let algorithms = try key.algorithms()
        guard let usual = [.es256, .es384, .rs256].first(where: algorithms.contains) else {
            throw KeyError(description: "tokens are signed with EC keys on P-256 or P-384, and RSA keys")
        }
        algorithm = usual
        verificationKey = try VerificationKey(key, keyID: keyID)
        jwks = ["keys": [try key.jwk(keyID: keyID)]]
        self.privateKeyPEM = privateKeyPEM
        self.keyID = keyID
    }

    /// A new EC P-256 key.
    public static func generateKeyPEM() throws -> String { try OpenSSLKey(martlet_generate_p256()).privatePEM() }

    /// A new RSA key.
    public static func generateRSAKeyPEM(bits: Int = 2048) throws -> String {
        try OpenSSLKey(martlet_generate_rsa(bits)).privatePEM()
    }

    /// A name for a key that depends on nothing but the key.
    public static func keyID(ofPrivateKeyPEM pem: String) throws -> String {
        let publicPEM = try OpenSSLKey(privatePEM: pem).publicPEM()
        return Base64URL.encode(Secrets.digest(publicPEM.utf8))
    }

    /// The token for some claims.
    public func sign(_ claims: Claims) throws -> String {
        var token: OpaquePointer?
        guard jwt_new(&token) == 0 else { throw KeyError(description: "a token cannot be made") }
        defer { jwt_free(token) }
        let key = Array(privateKeyPEM.utf8)
        guard jwt_add_header(token, "kid", keyID) == 0, jwt_add_grants_json(token, claims.json.text) == 0,
            jwt_set_alg(token, jwt_str_alg(algorithm.rawValue), key, Int32(key.count)) == 0,
            let text = jwt_encode_str(token)
        else { throw KeyError(description: "the token cannot be signed") }
        defer { free(text) }
        return String(cString: text)
    }
}
