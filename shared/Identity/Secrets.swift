import COpenSSL

/// Random bytes, message authentication and digests, by OpenSSL.
public enum Secrets {
    /// Unpredictable bytes.
    public static func random(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // RAND_bytes only fails when the system has no entropy source; then nothing here may go on.
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "the system has no source of random numbers")
        return bytes
    }

    /// HMAC-SHA256.
    public static func authenticationCode(of message: some Collection<UInt8>, key: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: 32)
        let message = Array(message)
        HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &code, nil)
        return code
    }

    /// SHA-256.
    public static func digest(_ message: some Collection<UInt8>) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        let message = Array(message)
        EVP_Digest(message, message.count, &digest, nil, EVP_sha256(), nil)
        return digest
    }

    /// The digest that a signature algorithm uses, of 32, 48 or 64 bytes: SHA-256, SHA-384 or SHA-512.
    public static func digest(_ message: some Collection<UInt8>, of algorithm: SignatureAlgorithm) -> [UInt8] {
        let (kind, length) =
            switch algorithm {
            case .es256, .rs256, .ps256: (EVP_sha256(), 32)
            case .es384, .rs384, .ps384: (EVP_sha384(), 48)
            case .es512, .rs512, .ps512, .edDSA: (EVP_sha512(), 64)
            }
        var digest = [UInt8](repeating: 0, count: length)
        let message = Array(message)
        EVP_Digest(message, message.count, &digest, nil, kind, nil)
        return digest
    }

    /// Compares without telling by the time it takes where the difference is.
    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}
