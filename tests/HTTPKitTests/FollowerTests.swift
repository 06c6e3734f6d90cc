import HTTPKit
import NIOCore
import Synchronization
import TestSupport
import Testing

@Suite("Streams without a task", .timeLimit(.minutes(5)))
struct FollowerTests {
    @Test(
        "a follower goes on where the task of a stream ended, held back as the client takes it",
        arguments: [false, true])
    func goesOn(onLoop: Bool) async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(
                status: 200,
                body: .stream { writer in
                    try await writer.write("first,")
                    writer.follow(with: Follower(writer, chunks: 1000))
                })
        }
        try await withServer(runsOnEventLoop: onLoop, handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            for _ in 0..<2 {  // the connection is used again after such a stream
                try await client.send(HTTPServerTests.get)
                let answer = try await client.read(through: "\r\n0\r\n\r\n")
                #expect(answer.contains("first,"))
                #expect(answer.utf8.count { $0 == 120 } == Follower.text.utf8.count * 1000)
            }
        }
    }

    @Test("a follower that gives up cuts the connection")
    func aborts() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(
                status: 200,
                body: .stream { writer in
                    try await writer.write("first")
                    writer.follow(with: Follower(writer, chunks: 1, isWhole: false))
                })
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(HTTPServerTests.get)
            let all = try await client.readToEnd()
            #expect(all.contains("first"))
            #expect(!all.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test("a follower learns that the client is gone, and that the server stops")
    func ends() async throws {
        let (gone, stopped) = (Happening(), Happening())
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            let ended = request.path == "/gone" ? gone : stopped
            return HTTPResponse(
                status: 200,
                body: .stream { writer in
                    try await writer.write("first")
                    writer.follow(with: Waiting { ended.happen() })
                })
        }
        try await withServer(handler: handler) { port in
            let one = try await RawClient.connect(port: port)
            try await one.send("GET /gone HTTP/1.1\r\nhost: a\r\n\r\n")
            _ = try await one.read(through: "first")
            await one.close()
            await gone.wait()
            let other = try await RawClient.connect(port: port)
            try await other.send("GET /stopped HTTP/1.1\r\nhost: a\r\n\r\n")
            _ = try await other.read(through: "first")
        }
        await stopped.wait()
    }
}

/// Writes a number of chunks, as far as the client takes them.
private final class Follower: HTTPStreamFollower {
    static let text = String(repeating: "x", count: 4096)
    private let writer: HTTPBodyWriter
    private let left: Mutex<Int>
    private let isWhole: Bool

    init(_ writer: HTTPBodyWriter, chunks: Int, isWhole: Bool = true) {
        (self.writer, self.isWhole) = (writer, isWhole)
        left = Mutex(chunks)
    }

    func goOn() {
        while left.withLock({ left in
            left -= 1
            return left >= 0
        }) {
            guard (try? writer.offer(ByteBuffer(string: Self.text))) == true else { return }
        }
        if isWhole { writer.finish() } else { writer.abort() }
    }

    func end() {}
}

/// Writes nothing and waits for the end.
private final class Waiting: HTTPStreamFollower {
    private let whenEnded: @Sendable () -> Void

    init(_ whenEnded: @escaping @Sendable () -> Void) { self.whenEnded = whenEnded }

    func goOn() {}
    func end() { whenEnded() }
}
