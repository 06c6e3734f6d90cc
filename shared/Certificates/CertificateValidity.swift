import COpenSSL

/// Until when a certificate is valid, and for which names.
public struct CertificateValidity: Sendable {
    /// Seconds until it expires; negative when it has.
    public let secondsLeft: Int

    /// Reads the dates of a certificate.
    public init(pem: String) throws {
        let certificate = try X509Certificate(pem: pem)
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(certificate.handle)) == 1 else {
            throw CertificateError("the certificate's dates cannot be read")
        }
        secondsLeft = Int(days) * 86_400 + Int(seconds)
    }
}
