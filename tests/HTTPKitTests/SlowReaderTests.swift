import Glibc
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import HTTPKit

@Suite("Clients that read slowly", .timeLimit(.minutes(5)))
struct SlowReaderTests {
    static let size = 64 << 20

    /// Runs `body` with a client whose request has been answered by `size` bytes, of which the socket took some.
    private func withAnswer(_ body: (BlockingClient, HTTPConnection) async throws -> Void) async throws {
        let registry = ConnectionRegistry(limit: 10)
        let content = ByteBuffer(repeating: 120, count: Self.size)
        let answered = Happening()
        let environment = ConnectionEnvironment(
            limits: .init(), logger: Logger(label: "test"),
            handler: { _ in
                answered.happen()
                return HTTPResponse(status: 200, body: .bytes(content))
            }, executor: nil, registry: registry)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try HTTPServer.configure(channel, environment: environment, tls: nil)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try BlockingClient(port: server.localAddress?.port ?? 0)
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await answered.wait()
        #expect(client.read(1 << 20) == 1 << 20)
        let connection = try #require(registry.all.first)
        try await body(client, connection)
        client.close()
        try await server.close()
    }

    /// What the server's sweeper does, at a time to come.
    private func sweep(_ connection: HTTPConnection, in seconds: Int64) async throws {
        try await connection.eventLoop.submit { connection.checkIdle(now: .now() + .seconds(seconds)) }.get()
    }

    @Test("a client that takes an answer slowly gets all of it")
    func slow() async throws {
        try await withAnswer { client, connection in
            var (received, seconds) = (1 << 20, Int64(0))
            while received < Self.size {
                // Bytes in the buffers of the system look as if nothing moved, for a step or two of half the timeout.
                seconds += 40
                try await sweep(connection, in: seconds)
                let count = client.read(min(8 << 20, Self.size - received))
                #expect(count > 0)
                if count == 0 { return }
                received += count
            }
        }
    }

    @Test("a client that takes nothing at all is cut")
    func stalled() async throws {
        try await withAnswer { client, connection in
            var seconds: Int64 = 0
            while connection.channel.isActive {
                seconds += 100
                try await sweep(connection, in: seconds)
            }
            #expect(client.read(Self.size) < Self.size - (1 << 20))
        }
    }
}

/// A client that takes bytes only when it is asked to.
private final class BlockingClient: Sendable {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(code == 0)
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
    }

    /// Reads up to a number of bytes; fewer only at the end.
    func read(_ count: Int) -> Int {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var received = 0
        while received < count {
            let got = Glibc.read(descriptor, &buffer, min(buffer.count, count - received))
            if got <= 0 { break }
            received += got
        }
        return received
    }

    func close() { Glibc.close(descriptor) }
}
