import NIOCore
public import NIOSSL

/// TLS settings of our servers: TLS 1.2 or newer, ALPN `http/1.1` and perhaps `h2`, client certificates where a CA for them
/// is given.
public enum ServerTLS {
    /// Makes the context.
    ///
    /// - Parameters:
    ///   - certificatePEM: the server's certificate, followed by intermediate ones.
    ///   - keyPEM: its key.
    ///   - clientAuthorityPEM: authorities whose client certificates are accepted; a client may come without one, a
    ///     client with another one is refused in the handshake. Nil: clients are not asked.
    ///   - offersHTTP2: whether clients may choose HTTP/2.
    /// - Returns: what ``HTTPServer`` takes.
    /// - Throws: when a certificate or the key cannot be used.
    public static func context(
        certificatePEM: String, keyPEM: String, clientAuthorityPEM: String? = nil, offersHTTP2: Bool = false
    ) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8)).map {
            NIOSSLCertificateSource.certificate($0)
        }
        let key = try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        // Clients that keep a connection for later may not answer the farewell; a stop must not wait for them.
        configuration.shutdownTimeout = .milliseconds(250)
        if let clientAuthorityPEM {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(clientAuthorityPEM.utf8)))
            configuration.certificateVerification = .optionalVerification
        }
        return try NIOSSLContext(configuration: configuration)
    }
}
