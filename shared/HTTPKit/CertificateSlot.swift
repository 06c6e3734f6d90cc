import NIOCore
public import NIOSSL
import Synchronization

/// The certificate of a server that changes while it runs: new connections get the newest one.
public final class CertificateSlot: Sendable {
    private struct Current: Sendable {
        var chain: [NIOSSLCertificateSource]
        var key: NIOSSLPrivateKeySource
    }

    private let current: Mutex<Current>

    /// Holds a certificate and its key, both PEM.
    ///
    /// - Throws: when they cannot be used.
    public init(certificatePEM: String, keyPEM: String) throws {
        current = Mutex(try Self.read(certificatePEM, keyPEM))
    }

    /// Replaces both.
    ///
    /// - Throws: when they cannot be used; the old ones stay then.
    public func set(certificatePEM: String, keyPEM: String) throws {
        let new = try Self.read(certificatePEM, keyPEM)
        current.withLock { $0 = new }
    }

    /// What ``HTTPServer`` takes: TLS 1.2 or newer, ALPN `http/1.1`, no client certificates.
    public func context() throws -> NIOSSLContext {
        let first = current.withLock { $0 }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: first.chain, privateKey: first.key)
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.sslContextCallback = { [self] _, promise in
            let now = current.withLock { $0 }
            var override = NIOSSLContextConfigurationOverride()
            override.certificateChain = now.chain
            override.privateKey = now.key
            promise.succeed(override)
        }
        return try NIOSSLContext(configuration: configuration)
    }

    private static func read(_ certificatePEM: String, _ keyPEM: String) throws -> Current {
        Current(
            chain: try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8)).map { .certificate($0) },
            key: .privateKey(try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)))
    }
}
