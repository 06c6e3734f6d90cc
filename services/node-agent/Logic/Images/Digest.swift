import COpenSSL

/// Computes a SHA-256 digest piece by piece. One thread uses it.
final class Digest {
    private let context = EVP_MD_CTX_new()

    init() { EVP_DigestInit_ex(context, EVP_sha256(), nil) }
    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    func add(_ bytes: UnsafeRawBufferPointer) {
        if bytes.count > 0 { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }
    }

    /// The digest of all that was added; nothing may be added later.
    func finish() -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &bytes, nil)
        return Self.text(bytes)
    }

    /// The digest of bytes, `sha256:...`.
    static func of(_ bytes: [UInt8]) -> String {
        let digest = Digest()
        bytes.withUnsafeBytes { digest.add($0) }
        return digest.finish()
    }

    /// True for `sha256:` and 64 digits, the only kind that is taken: file names are made of it.
    static func isValid(_ text: String) -> Bool {
        guard text.hasPrefix("sha256:"), text.utf8.count == 71 else { return false }
        return text.utf8.dropFirst(7).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// The digits alone.
    static func digits(_ digest: String) -> String { String(digest.dropFirst(7)) }

    private static func text(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return "sha256:"
            + String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
