import Certificates
import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import KubeClient

/// A cluster in memory behind a real TLS listener that asks for client certificates.
private final class SecureCluster: Sendable {
    let cluster = FakeCluster()
    let authority: CertificateAuthority
    /// Who sent each request: the name in the certificate, or the token.
    let callers = Mutex<[String]>([])

    init() throws { authority = try CertificateAuthority.create(commonName: "test") }

    /// Serves beside a body that gets the configuration of a client.
    func serve(_ body: @Sendable (KubeConfiguration) async throws -> Void) async throws {
        let certificate = try authority.issue(
            CertificateRequest(commonName: "api", ipAddresses: ["127.0.0.1"], usages: [.server]))
        let client = try authority.issue(CertificateRequest(commonName: "ann", usages: [.client]))
        let tls = try ServerTLS.context(
            certificatePEM: certificate.certificatePEM, keyPEM: certificate.keyPEM,
            clientAuthorityPEM: authority.certificatePEM)
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let server = HTTPServer(
            listener: .tcp(host: "127.0.0.1", port: 0), tls: tls,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onListening: { listening.yield($0) }
        ) { request in await self.answer(request) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            for await port in ports {
                try await body(
                    KubeConfiguration(
                        server: "https://127.0.0.1:\(port)/", certificateAuthorityPEM: authority.certificatePEM,
                        clientCertificatePEM: client.certificatePEM, clientKeyPEM: client.keyPEM))
                break
            }
        }
    }

    private func answer(_ request: HTTPRequest) async -> HTTPResponse {
        let subject = request.peer.clientCertificateDER.flatMap { try? CertificateSubject(der: $0) }
        let caller = request.headers.first(name: "authorization") ?? subject?.commonName ?? "nobody"
        callers.withLock { $0.append(caller) }
        do {
            let body = try await request.body.collect(upTo: 1 << 20)
            let response = try await cluster.send(
                KubeRequest(
                    request.method, request.target, headers: request.headers.map { ($0.name, $0.value) },
                    body: body.readableBytes > 0 ? body : nil))
            return HTTPResponse(
                status: response.status,
                body: .stream { writer in
                    for try await chunk in response.body { try await writer.write(chunk) }
                })
        } catch {
            return .error(APIError(.internalError, "\(error)"))
        }
    }
}

@Suite("HTTPS transport")
struct HTTPKubeTransportTests {
    private func withClient(
        _ configuration: KubeConfiguration, _ body: (KubeClient) async throws -> Void
    ) async throws {
        let transport = try HTTPKubeTransport(configuration)
        do {
            try await body(KubeClient(transport: transport))
        } catch {
            try await transport.shutdown()
            throw error
        }
        try await transport.shutdown()
    }

    private let pod: JSON = ["metadata": ["name": "a", "namespace": "team"]]

    @Test("objects travel both ways, with the client's certificate")
    func objects() async throws {
        let secure = try SecureCluster()
        try await secure.serve { configuration in
            try await withClient(configuration) { client in
                _ = try await client.create(.pods, KubeObject(pod))
                #expect(try await client.list(.pods).items.map(\.name) == ["a"])
                try await client.delete(.pods, "a", namespace: "team")
                #expect(try await client.find(.pods, "a", namespace: "team") == nil)
            }
        }
        #expect(secure.callers.withLock { Set($0) } == ["ann"])
    }

    @Test("a watch brings events as they happen, and ends at the server when it is left")
    func watch() async throws {
        let secure = try SecureCluster()
        try await secure.serve { configuration in
            try await withClient(configuration) { client in
                _ = try await secure.cluster.add(.pods, pod)
                try await readOne(client)
                #expect(try await secure.cluster.eventually { secure.cluster.openWatches == 0 })
            }
        }
    }

    /// Leaves the watch after one event; the stream ends with this function.
    private func readOne(_ client: KubeClient) async throws {
        for try await event in try await client.watch(.pods, from: "0") {
            guard case .added(let object) = event else { continue }
            #expect(object.name == "a")
            return
        }
    }

    @Test("many watches do not hold up other requests")
    func manyWatches() async throws {
        let secure = try SecureCluster()
        try await secure.serve { configuration in
            try await withClient(configuration) { client in
                try await withThrowingTaskGroup(of: Void.self) { group async throws -> Void in
                    for _ in 0..<20 {
                        group.addTask { for try await _ in try await client.watch(.pods, from: "100") {} }
                    }
                    defer { group.cancelAll() }
                    let areOpen = try await secure.cluster.eventually { secure.cluster.openWatches == 20 }
                    #expect(areOpen)
                    #expect(try await client.list(.nodes).items.isEmpty)
                }
                #expect(try await secure.cluster.eventually { secure.cluster.openWatches == 0 })
            }
        }
    }

    @Test("a token is read from its file, and an unknown authority is refused")
    func credentials() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("secret\n", to: "token")
        let secure = try SecureCluster()
        try await secure.serve { configuration in
            var withToken = configuration
            withToken.clientCertificatePEM = nil
            withToken.clientKeyPEM = nil
            withToken.tokenFile = file
            try await withClient(withToken) { client in _ = try await client.list(.nodes) }
            var stranger = configuration
            stranger.certificateAuthorityPEM = try CertificateAuthority.create(commonName: "x").certificatePEM
            try await withClient(stranger) { client in
                await #expect(throws: (any Error).self) { try await client.list(.nodes) }
            }
        }
        #expect(secure.callers.withLock { $0 } == ["Bearer secret"])
    }

    @Test("a server that is not there is an error")
    func refused() async throws {
        try await withClient(KubeConfiguration(server: "https://127.0.0.1:1")) { client in
            await #expect(throws: (any Error).self) { try await client.list(.nodes) }
        }
    }
}
