import COpenSSL

/// A key or certificate that cannot be used, or an operation that OpenSSL refused.
public struct CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried and why it failed, in one sentence.
    public let description: String

    init(_ what: String) {
        var reason = ""
        let code = ERR_get_error()
        if code != 0 {
            var text = [CChar](repeating: 0, count: 256)
            ERR_error_string_n(code, &text, text.count)
            let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            reason = ": " + String(decoding: bytes, as: UTF8.self)
        }
        ERR_clear_error()
        description = what + reason
    }
}
