import COpenSSL
public import KubeModel

/// Signature algorithms that are accepted: asymmetric ones only.
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    /// With Ed25519 (RFC 8037).
    case edDSA = "EdDSA"
}

/// A public key that tokens are verified with.
public struct VerificationKey: Sendable {
    /// `kid`.
    public let keyID: String
    /// What it may be used with.
    public let algorithms: Set<SignatureAlgorithm>
    /// The key, SubjectPublicKeyInfo.
    public let publicKeyPEM: String

    /// Reads a public key (PEM); its type decides the algorithms.
    ///
    /// - Throws: ``KeyError`` when it is no EC, RSA or Ed25519 key, or too weak.
    public init(publicKeyPEM: String, keyID: String) throws {
        let key = try OpenSSLKey(publicPEM: publicKeyPEM)
        try self.init(key, keyID: keyID)
    }

    /// Reads a key of a JWKS (RFC 7517), with which only what it says itself may be verified.
    ///
    /// - Parameters:
    ///   - jwk: the key.
    ///   - standard: what it is called when it has no `kid`; nil takes no such key.
    /// - Throws: ``KeyError`` when it is no EC, RSA or Ed25519 key, too weak, or not for verifying signatures.
    public init(jwk: JSON, keyID standard: String? = nil) throws {
        guard let keyID = jwk["kid"]?.string ?? standard else { throw KeyError(description: "the key has no kid") }
        if let use = jwk["use"]?.string, use != "sig" { throw KeyError(description: "the key is not for signatures") }
        if let operations = jwk["key_ops"]?.array, !operations.contains("verify") {
            throw KeyError(description: "the key is not for verifying")
        }
        let key: OpenSSLKey
        switch jwk["kty"]?.string {
        case "EC":
            guard let x = jwk["x"]?.string.flatMap({ Base64URL.decode($0) }),
                let y = jwk["y"]?.string.flatMap({ Base64URL.decode($0) }),
                let curve = jwk["crv"]?.string, ["P-256": 32, "P-384": 48, "P-521": 66][curve] == x.count,
                x.count == y.count
            else { throw KeyError(description: "the EC key is not on P-256, P-384 or P-521") }
            var point = [4] + x + y
            key = try OpenSSLKey(martlet_ec_public(curve, &point, point.count))
        case "RSA":
            guard let n = jwk["n"]?.string.flatMap({ Base64URL.decode($0) }),
                let e = jwk["e"]?.string.flatMap({ Base64URL.decode($0) })
            else { throw KeyError(description: "the RSA key has no modulus or exponent") }
            key = try OpenSSLKey(martlet_rsa_public(n, Int32(n.count), e, Int32(e.count)))
        case "OKP":
            guard jwk["crv"] == "Ed25519", let x = jwk["x"]?.string.flatMap({ Base64URL.decode($0) }), x.count == 32
            else { throw KeyError(description: "the OKP key is not of Ed25519") }
            key = try OpenSSLKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, x, x.count))
        default: throw KeyError(description: "the key is neither EC nor RSA nor OKP")
        }
        try self.init(key, keyID: keyID, only: jwk["alg"]?.string)
    }

    init(_ key: borrowing OpenSSLKey, keyID: String, only name: String? = nil) throws {
        self.keyID = keyID
        let possible = try key.algorithms()
        algorithms = name.map { name in possible.filter { $0.rawValue == name } } ?? possible
        guard !algorithms.isEmpty else { throw KeyError(description: "the key is for another algorithm") }
        publicKeyPEM = try key.publicPEM()
    }

    /// The usable keys of a JWKS; others (encryption keys, unknown curves) are left out, as the RFC asks.
    ///
    /// - Parameters:
    ///   - jwks: the document.
    ///   - keyID: what keys without a `kid` are called; nil leaves them out.
    /// - Returns: at most 100 keys.
    public static func keys(jwks: JSON, keyID: String? = nil) -> [VerificationKey] {
        (jwks["keys"]?.array ?? []).prefix(100).compactMap { try? VerificationKey(jwk: $0, keyID: keyID) }
    }
}

/// A key that cannot be used.
public struct KeyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Why, in one sentence.
    public let description: String
}

/// An OpenSSL key, freed with the value.
struct OpenSSLKey: ~Copyable {
    let handle: OpaquePointer

    init(_ handle: OpaquePointer?) throws {
        guard let handle else {
            ERR_clear_error()
            throw KeyError(description: "the key is not valid")
        }
        self.handle = handle
    }

    init(privatePEM: String) throws {
        try self.init(Self.read(privatePEM) { PEM_read_bio_PrivateKey($0, nil, nil, nil) })
    }

    init(publicPEM: String) throws {
        try self.init(Self.read(publicPEM) { PEM_read_bio_PUBKEY($0, nil, nil, nil) })
    }

    deinit { EVP_PKEY_free(handle) }

    func algorithms() throws -> Set<SignatureAlgorithm> {
        let bits = EVP_PKEY_get_bits(handle)
        if martlet_is_ec(handle) == 1, bits == 256 { return [.es256] }
        if martlet_is_ec(handle) == 1, bits == 384 { return [.es384] }
        if martlet_is_ec(handle) == 1, bits == 521 { return [.es512] }
        if martlet_is_rsa(handle) == 1, bits >= 2048 { return [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512] }
        if EVP_PKEY_get_id(handle) == EVP_PKEY_ED25519 { return [.edDSA] }
        throw KeyError(
            description: "a key must be EC on P-256, P-384 or P-521, RSA with 2048 bits or more, or Ed25519")
    }

    func publicPEM() throws -> String { try Self.written { PEM_write_bio_PUBKEY($0, handle) } }

    func privatePEM() throws -> String {
        try Self.written { PEM_write_bio_PKCS8PrivateKey($0, handle, nil, nil, 0, nil, nil) }
    }

    /// The public key as JWK.
    func jwk(keyID: String) throws -> JSON {
        let algorithms = try algorithms()
        var jwk: JSON = ["kid": .string(keyID), "use": "sig"]
        if algorithms.contains(.rs256) {
            jwk["kty"] = "RSA"
            jwk["alg"] = "RS256"
            jwk["n"] = .string(Base64URL.encode(number("n", width: 1)))
            jwk["e"] = .string(Base64URL.encode(number("e", width: 1)))
        } else {
            let isP256 = algorithms.contains(.es256)
            jwk["kty"] = "EC"
            jwk["alg"] = isP256 ? "ES256" : "ES384"
            jwk["crv"] = isP256 ? "P-256" : "P-384"
            jwk["x"] = .string(Base64URL.encode(number("qx", width: isP256 ? 32 : 48)))
            jwk["y"] = .string(Base64URL.encode(number("qy", width: isP256 ? 32 : 48)))
        }
        return jwk
    }

    private func number(_ name: String, width: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 2048)
        let count = martlet_key_number(handle, name, width, &bytes, 2048)
        return Array(bytes.prefix(Int(count)))
    }

    private static func read(_ pem: String, _ read: (OpaquePointer?) -> OpaquePointer?) -> OpaquePointer? {
        var pem = pem
        return pem.withUTF8 { bytes in
            let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            defer { BIO_free(bio) }
            return read(bio)
        }
    }

    private static func written(_ write: (OpaquePointer?) -> Int32) throws -> String {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        var bytes: UnsafeMutablePointer<CChar>?
        guard write(bio) == 1 else { throw KeyError(description: "the key cannot be written") }
        let count = martlet_bio_bytes(bio, &bytes)
        guard let bytes, count > 0 else { throw KeyError(description: "the key cannot be written") }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }
}
