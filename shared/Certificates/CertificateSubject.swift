import COpenSSL

/// Whom a certificate names: for a client certificate, the user and the groups.
public struct CertificateSubject: Sendable, Equatable {
    /// CN; the last one when there are several, as Kubernetes reads it.
    public let commonName: String?
    /// O, in order.
    public let organizations: [String]

    /// SHA-256 of the certificate, 32 bytes.
    public let fingerprint: [UInt8]

    /// Reads the subject of a certificate that was verified by the TLS handshake.
    public init(der: [UInt8]) throws {
        let certificate = try X509Certificate(der: der)
        let name = X509_get_subject_name(certificate.handle)
        commonName = Self.values(NID_commonName, of: name).last
        organizations = Self.values(NID_organizationName, of: name)
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        X509_digest(certificate.handle, EVP_sha256(), &digest, &length)
        fingerprint = Array(digest.prefix(Int(length)))
    }

    private static func values(_ nid: Int32, of name: OpaquePointer?) -> [String] {
        var values: [String] = []
        var position = X509_NAME_get_index_by_NID(name, nid, -1)
        while position >= 0 {
            let text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, position))
            var bytes: UnsafeMutablePointer<UInt8>?
            let count = ASN1_STRING_to_UTF8(&bytes, text)
            if count >= 0, let bytes {
                values.append(String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self))
                martlet_free(bytes)
            }
            position = X509_NAME_get_index_by_NID(name, nid, position)
        }
        return values
    }
}
