import COpenSSL

extension SignatureAlgorithm {
    /// How OpenSSL is told to hash, for the algorithms that libjwt does not know.
    var digestBeyondLibjwt: SignatureDigest? {
        switch self {
        case .ps256: .named("SHA256")
        case .ps384: .named("SHA384")
        case .ps512: .named("SHA512")
        case .edDSA: .withinKey
        case .es256, .es384, .es512, .rs256, .rs384, .rs512: nil
        }
    }
}

/// What a signature hashes with.
enum SignatureDigest {
    /// RSASSA-PSS with this hash, MGF1 with the same, and salt as long as the hash (RFC 7518, 3.5).
    case named(String)
    /// The key's own way, as with Ed25519 (RFC 8032).
    case withinKey
}

extension VerificationKey {
    /// True when the key signed a text.
    func signed(_ text: [UInt8], _ signature: [UInt8], _ digest: SignatureDigest) -> Bool {
        guard let key = try? OpenSSLKey(publicPEM: publicKeyPEM), let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        var parameters: OpaquePointer?
        switch digest {
        case .named(let name):
            guard EVP_DigestVerifyInit_ex(context, &parameters, name, nil, nil, key.handle, nil) == 1,
                EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1
            else { return false }
        case .withinKey:
            guard EVP_DigestVerifyInit_ex(context, nil, nil, nil, nil, key.handle, nil) == 1 else { return false }
        }
        return EVP_DigestVerify(context, signature, signature.count, text, text.count) == 1
    }
}
