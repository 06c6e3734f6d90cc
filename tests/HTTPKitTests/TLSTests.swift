import Certificates
import HTTPKit
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@Suite("TLS server", .timeLimit(.minutes(5)))
struct TLSTests {
    /// Sends one request and returns the answer; fails when the handshake does.
    private func ask(
        port: Int, authority: String, certificate: IssuedCertificate? = nil
    ) async throws -> String {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
        if let certificate {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificatePEM.utf8))
                .map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(certificate.keyPEM.utf8), format: .pem))
        }
        let context = try NIOSSLContext(configuration: configuration)
        let (texts, text) = AsyncThrowingStream.makeStream(of: String.self)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(context: context, serverHostname: "localhost")
                    try channel.pipeline.syncOperations.addHandlers([tls, Reader(text)])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.writeAndFlush(
            ByteBuffer(string: "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
        var answer = ""
        for try await piece in texts { answer += piece }
        return answer
    }

    @Test("a client certificate names its owner; one of another authority is refused; none is fine")
    func clientCertificates() async throws {
        let authority = try CertificateAuthority.create(commonName: "ca")
        let server = try authority.issue(.init(commonName: "server", dnsNames: ["localhost"], usages: [.server]))
        let user = CertificateRequest(commonName: "anna", organizations: ["x", "y"], usages: [.client])
        let tls = try ServerTLS.context(
            certificatePEM: server.certificatePEM, keyPEM: server.keyPEM, clientAuthorityPEM: authority.certificatePEM)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let http = HTTPServer(
            listener: .tcp(host: "127.0.0.1", port: 0), tls: tls, logger: Logger(label: "test"),
            onListening: { port.yield($0) },
            handler: { request in
                guard let der = request.peer.clientCertificateDER else { return .text("nobody") }
                guard let subject = try? CertificateSubject(der: der) else { return .text("broken") }
                return .text("\(subject.commonName ?? "") of \(subject.organizations.joined(separator: ","))")
            })
        try await withThrowingTaskGroup { group in
            group.addTask { try await http.run() }
            var iterator = ports.makeAsyncIterator()
            let number = try #require(await iterator.next())
            let own = try authority.issue(user)
            #expect(try await ask(port: number, authority: authority.certificatePEM).hasSuffix("nobody"))
            let named = try await ask(port: number, authority: authority.certificatePEM, certificate: own)
            #expect(named.hasSuffix("anna of x,y"))
            let foreign = try CertificateAuthority.create(commonName: "ca").issue(user)
            let answer = try? await ask(port: number, authority: authority.certificatePEM, certificate: foreign)
            #expect(answer?.contains("200") != true)
            group.cancelAll()
        }
    }
}

private final class Reader: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let text: AsyncThrowingStream<String, any Error>.Continuation

    init(_ text: AsyncThrowingStream<String, any Error>.Continuation) { self.text = text }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { text.yield(String(buffer: unwrapInboundIn(data))) }
    func channelInactive(context: ChannelHandlerContext) { text.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case NIOSSLError.uncleanShutdown = error { return }
        text.finish(throwing: error)
        context.close(promise: nil)
    }
}
