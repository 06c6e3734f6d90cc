import COpenSSL

/// A private key, freed with the value.
struct PrivateKey: ~Copyable {
    let handle: OpaquePointer

    /// A new EC key on P-256.
    static func generate() throws(CertificateError) -> PrivateKey {
        guard let handle = martlet_generate_p256() else { throw CertificateError("a key cannot be made") }
        return PrivateKey(handle: handle)
    }

    init(pem: String) throws(CertificateError) {
        let key = withMemory(pem) { PEM_read_bio_PrivateKey($0, nil, nil, nil) }
        guard let key else { throw CertificateError("the private key cannot be read") }
        handle = key
    }

    private init(handle: OpaquePointer) { self.handle = handle }

    deinit { EVP_PKEY_free(handle) }

    func pem() throws(CertificateError) -> String {
        try collectPEM { PEM_write_bio_PKCS8PrivateKey($0, handle, nil, nil, 0, nil, nil) }
    }
}

/// A certificate, freed with the value.
struct X509Certificate: ~Copyable {
    let handle: OpaquePointer

    init() throws(CertificateError) {
        guard let certificate = X509_new() else { throw CertificateError("a certificate cannot be made") }
        handle = certificate
    }

    init(pem: String) throws(CertificateError) {
        guard let certificate = withMemory(pem, { PEM_read_bio_X509($0, nil, nil, nil) }) else {
            throw CertificateError("the certificate cannot be read")
        }
        handle = certificate
    }

    init(der: [UInt8]) throws(CertificateError) {
        let certificate = der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_X509(nil, &start, bytes.count)
        }
        guard let certificate else { throw CertificateError("the certificate cannot be read") }
        handle = certificate
    }

    deinit { X509_free(handle) }

    func pem() throws(CertificateError) -> String { try collectPEM { PEM_write_bio_X509($0, handle) } }
}

/// Gives OpenSSL a text to read from.
func withMemory<Answer>(_ text: String, _ body: (OpaquePointer?) -> Answer) -> Answer {
    var text = text
    return text.withUTF8 { bytes in
        let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
        defer { BIO_free(bio) }
        return body(bio)
    }
}

/// What OpenSSL writes in `body`.
func collectPEM(_ body: (OpaquePointer?) -> Int32) throws(CertificateError) -> String {
    let bio = BIO_new(BIO_s_mem())
    defer { BIO_free(bio) }
    guard body(bio) == 1 else { throw CertificateError("PEM cannot be written") }
    var bytes: UnsafeMutablePointer<CChar>?
    let count = martlet_bio_bytes(bio, &bytes)
    guard let bytes, count > 0 else { throw CertificateError("PEM cannot be written") }
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
}
