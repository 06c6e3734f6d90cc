import HTTPKit
import Logging
import Synchronization
import TestSupport

/// Runs a server on a free port for the time of a closure.
func withServer(
    limits: HTTPServer.Limits = .init(), runsOnEventLoop: Bool = false,
    perAddress: HTTPServer.AddressLimit? = nil, second: HTTPServer.SecondListener? = nil,
    handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse, _ body: (Int) async throws -> Void
) async throws {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    var server = HTTPServer(
        listener: .tcp(host: "127.0.0.1", port: 0), limits: limits, logger: Logger(label: "test"),
        runsOnEventLoop: runsOnEventLoop, onListening: { port.yield($0) }, handler: handler)
    (server.perAddress, server.second) = (perAddress, second)
    try await withThrowingTaskGroup { [server] group in
        group.addTask { try await server.run() }
        var iterator = ports.makeAsyncIterator()
        guard let number = await iterator.next() else { return }
        try await body(number)
        group.cancelAll()
    }
}

/// Something that happens once, for tests to wait for.
final class Happening: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(of: Void.self) }

    func happen() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}
