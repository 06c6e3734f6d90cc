import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Requests to an API server over HTTPS (HTTP/1.1, connections are kept and used again).
///
/// There are no time limits on requests, because a watch lasts for as long as it is wanted; a connection has to be
/// made within five seconds, and TCP probes find out that a silent peer is gone.
public final class HTTPKubeTransport: KubeTransport {
    private let client: HTTPClient
    private let server: String
    private let credentials: Credentials

    /// Prepares connections to the server that a configuration names; none is made yet.
    ///
    /// - Throws: ``KubeConfigurationError`` when a certificate or key cannot be used.
    public init(_ configuration: KubeConfiguration) throws {
        var settings = HTTPClient.Configuration(
            tlsConfiguration: try Self.tls(configuration), redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5)))
        settings.httpVersion = .http1Only
        // Each watch occupies a connection: a low limit would let requests wait behind watches for ever.
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
        settings.connectionPool.idleTimeout = .seconds(30)
        // The caller backs off, and knows what it wants meanwhile.
        settings.connectionPool.retryConnectionEstablishment = false
        settings.http1_1ConnectionDebugInitializer = { Self.keepAlive($0) }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        server = configuration.server.hasSuffix("/") ? String(configuration.server.dropLast()) : configuration.server
        credentials = Credentials(token: configuration.token, file: configuration.tokenFile)
    }

    /// A transport that nobody closed closes its connections by itself; the client lives until that is done.
    deinit {
        client.shutdown { _ in }
    }

    /// Closes the connections.
    public func shutdown() async throws {
        try await client.shutdown()
    }

    /// Sends one request. A reading request on a kept connection that the server closed meanwhile is sent again.
    public func send(_ request: KubeRequest) async throws -> KubeResponse {
        var outgoing = HTTPClientRequest(url: server + request.target)
        outgoing.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { outgoing.headers.add(name: name, value: value) }
        if let token = try credentials.current() {
            outgoing.headers.replaceOrAdd(name: "Authorization", value: "Bearer \(token)")
        }
        outgoing.headers.add(name: "User-Agent", value: "martlet")
        if let body = request.body { outgoing.body = .bytes(body) }
        let response: HTTPClientResponse
        do {
            response = try await client.execute(outgoing, deadline: .distantFuture)
        } catch let error as HTTPClientError where error == .remoteConnectionClosed && request.method == "GET" {
            response = try await client.execute(outgoing, deadline: .distantFuture)
        }
        let body = BodyReader(response.body)
        return KubeResponse(
            status: Int(response.status.code),
            headers: response.headers.map { ($0.name.lowercased(), $0.value) },
            body: AsyncThrowingStream { try await body.next() })
    }

    private static func tls(_ configuration: KubeConfiguration) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            if let authority = configuration.certificateAuthorityPEM {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
            }
            if let certificate = configuration.clientCertificatePEM, let key = configuration.clientKeyPEM {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8))
                    .map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
            }
        } catch {
            throw KubeConfigurationError("a certificate or key for \(configuration.server) cannot be used: \(error)")
        }
        if configuration.isServerUnverified { tls.certificateVerification = .none }
        return tls
    }

    /// After a minute of silence the peer is asked for a sign of life, four times in a minute.
    private static func keepAlive(_ channel: any Channel) -> EventLoopFuture<Void> {
        let options: [(NIOBSDSocket.OptionLevel, NIOBSDSocket.Option, SocketOptionValue)] = [
            (.socket, .so_keepalive, 1), (.tcp, .init(rawValue: TCP_KEEPIDLE), 60),
            (.tcp, .init(rawValue: TCP_KEEPINTVL), 15), (.tcp, .init(rawValue: TCP_KEEPCNT), 4),
        ]
        let set = options.map { level, name, value in
            channel.setOption(ChannelOptions.Types.SocketOption(level: level, name: name), value: value)
        }
        return EventLoopFuture.andAllComplete(set, on: channel.eventLoop)
    }
}

/// The chunks of one answer.
///
/// `@unchecked Sendable`: the stream that owns it has one consumer and asks for one chunk at a time.
private final class BodyReader: @unchecked Sendable {
    private var iterator: HTTPClientResponse.Body.AsyncIterator

    init(_ body: HTTPClientResponse.Body) { iterator = body.makeAsyncIterator() }

    func next() async throws -> ByteBuffer? { try await iterator.next() }
}

/// A bearer token, or the file in which a fresh one is found.
private final class Credentials: Sendable {
    private let fixed: String?
    private let file: String?
    private let cached = Mutex<(token: String, readAt: ContinuousClock.Instant)?>(nil)

    init(token: String?, file: String?) { (fixed, self.file) = (token, file) }

    func current() throws -> String? {
        guard let file else { return fixed }
        let now = ContinuousClock.now
        if let cached = cached.withLock({ $0 }), cached.readAt.duration(to: now) < .seconds(60) { return cached.token }
        do {
            let token = try String(contentsOfFile: file, encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            cached.withLock { $0 = (token, now) }
            return token
        } catch {
            // A file that is being replaced: the token from before is good for a while.
            if let cached = cached.withLock({ $0 }) { return cached.token }
            throw KubeConfigurationError("token file \(file) cannot be read: \(error.localizedDescription)")
        }
    }
}
