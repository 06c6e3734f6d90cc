import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@Suite("HTTP server", .timeLimit(.minutes(5)))
struct HTTPServerTests {
    static let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n"

    @Test("a connection is used again, and answers carry length and date")
    func keepAlive() async throws {
        try await withServer(handler: { .text("path \($0.path)") }) { port in
            let client = try await RawClient.connect(port: port)
            for path in ["/one", "/two?x=1"] {
                try await client.send("GET \(path) HTTP/1.1\r\nhost: a\r\n\r\n")
                let answer = try await client.readResponse()
                #expect(answer.head.hasPrefix("HTTP/1.1 200 OK\r\n"))
                #expect(answer.head.contains("\r\ndate: "))
                #expect(answer.body == "path \(path.prefix(4))")
            }
        }
    }

    @Test("pipelined requests are answered in order", arguments: [false, true])
    func pipelining(onLoop: Bool) async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            if request.path == "/0" { try? await Task.sleep(for: .milliseconds(30)) }
            return .text(request.path)
        }
        try await withServer(runsOnEventLoop: onLoop, handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            let requests = (0..<40).map { "POST /\($0) HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc" }
            try await client.send(requests.joined())
            for number in 0..<40 { #expect(try await client.readResponse().body == "/\(number)") }
        }
    }

    @Test("a body arrives whole, however it is framed and cut")
    func bodies() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            guard let body = try? await request.body.collect(upTo: 1 << 20) else { return .text("broken", status: 400) }
            return .text(String(buffer: body))
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
            try await client.send("1\r\n \r\n5\r\nworld\r\n0\r\n\r\n")
            #expect(try await client.readResponse().body == "hello world")
            let long = String(repeating: "x", count: 300_000)
            try await client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n")
            try await client.send(long)
            #expect(try await client.readResponse().body == long)
        }
    }

    @Test("a client that waits for 100 Continue gets it when the body is wanted")
    func continues() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            if request.path == "/no" { return .text("no", status: 403) }
            let body = try? await request.body.collect(upTo: 100)
            return .text(String(buffer: body ?? ByteBuffer()))
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            let head = "HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
            try await client.send("PUT /yes \(head)")
            #expect(try await client.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
            try await client.send("hi")
            #expect(try await client.readResponse().body == "hi")
            try await client.send("PUT /no \(head)")
            let refused = try await client.readResponse()
            #expect(refused.head.hasPrefix("HTTP/1.1 403 "))
            #expect(refused.head.contains("connection: close"))
        }
    }

    @Test(
        "what could be understood in two ways is refused and the connection closed",
        arguments: [
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4, 4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n y\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx\0y: 1\r\n\r\n",
            "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n",
            "NONSENSE\r\n\r\n",
        ])
    func smuggling(request: String) async throws {
        try await withServer(handler: { _ in .text("reached") }) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(request + Self.get)
            let answer = try await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 5"))
            #expect(!answer.contains("reached"))
        }
    }

    @Test("a head that is too large is refused")
    func largeHead() async throws {
        try await withServer(handler: { _ in .text("reached") }) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("GET / HTTP/1.1\r\nhost: a\r\nx: \(String(repeating: "y", count: 100_000))\r\n\r\n")
            #expect(try await client.readToEnd().hasPrefix("HTTP/1.1 431 "))
        }
    }

    @Test("HEAD gets the head of GET")
    func head() async throws {
        try await withServer(handler: { _ in .text("twelve bytes") }) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(try await client.read(through: "\r\n\r\n").contains("content-length: 12"))
            try await client.send(Self.get)
            #expect(try await client.readResponse().body == "twelve bytes")
        }
    }

    @Test("a header of an answer cannot end the head")
    func headerInjection() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(status: 200, headers: ["x-evil": "1\r\nset-cookie: a=b", "x-good": "1"])
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(Self.get)
            let answer = try await client.readResponse()
            #expect(!answer.head.contains("set-cookie"))
            #expect(answer.head.contains("x-good: 1"))
        }
    }

    @Test("a long stream goes through with back-pressure", arguments: [false, true])
    func longStream(onLoop: Bool) async throws {
        let piece = ByteBuffer(repeating: 120, count: 64 * 1024)
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(
                status: 200,
                body: .stream { writer in
                    for _ in 0..<128 { try await writer.write(piece) }
                })
        }
        try await withServer(runsOnEventLoop: onLoop, handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            let answer = try await client.readToEnd()
            #expect(answer.contains("transfer-encoding: chunked"))
            #expect(answer.hasSuffix("\r\n0\r\n\r\n"))
            #expect(answer.utf8.count(where: { $0 == 120 }) == 128 * 64 * 1024)
        }
    }

    @Test(
        "an answer larger than the socket's buffers arrives whole before the connection closes",
        arguments: [false, true])
    func largeAnswerThenClose(onLoop: Bool) async throws {
        let body = ByteBuffer(repeating: 120, count: 16 << 20)
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(status: 200, body: .bytes(body))
        }
        try await withServer(runsOnEventLoop: onLoop, handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            let answer = try await client.readToEnd()
            #expect(answer.utf8.count(where: { $0 == 120 }) == 16 << 20)
        }
    }

    @Test("a stream that fails is cut, so that the client notices")
    func brokenStream() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(
                status: 200,
                body: .stream { writer in
                    try await writer.write("begun")
                    throw APIError(.internalError, "broken")
                })
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(Self.get)
            let answer = try await client.readToEnd()
            #expect(answer.contains("begun"))
            #expect(!answer.contains("0\r\n\r\n"))
        }
    }

    @Test("when the client goes away the handler of its stream ends")
    func disconnect() async throws {
        let ended = Happening()
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(
                status: 200,
                body: .stream { writer in
                    defer { ended.happen() }
                    try await writer.write("begun")
                    try await Task.sleep(for: .seconds(3600))
                })
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(Self.get)
            _ = try await client.read(through: "begun")
            await client.close()
            await ended.wait()
        }
    }

    @Test("when the client goes away the reader of its body is told")
    func uploadBreaksOff() async throws {
        let ended = Happening()
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            defer { ended.happen() }
            do {
                _ = try await request.body.collect(upTo: 1 << 20)
                return .text("whole")
            } catch {
                return .text("broken", status: 400)
            }
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\nabc")
            await client.close()
            await ended.wait()
        }
    }

    @Test("a body over the limit is answered, not met by a reset")
    func tooLarge() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            do {
                _ = try await request.body.collect(upTo: 1000)
                return .text("whole")
            } catch {
                return .error((error as? APIError) ?? APIError(.internalError, "unexpected"))
            }
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
            let chunk = "ffff\r\n" + String(repeating: "z", count: 0xffff) + "\r\n"
            for _ in 0..<3 { try await client.send(chunk) }
            #expect(try await client.readResponse().head.hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test("a channel that is taken over gets the bytes that came early")
    func takeOver() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(
                status: 101,
                body: .takeOver { channel in
                    try await channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 101 Switching Protocols\r\n\r\n"))
                    try await channel.pipeline.addHandler(Echo())
                    try await channel.setOption(.autoRead, value: true).get()
                    channel.read()
                    try await channel.closeFuture.get()
                })
        }
        try await withServer(handler: handler) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly")
            _ = try await client.read(through: "\r\n\r\n")
            #expect(try await client.read(count: 5) == "early")
            try await client.send("\0late\0")
            #expect(try await client.read(count: 6) == "\0late\0")
        }
    }

    @Test("a request that runs when the server stops is still answered")
    func drains() async throws {
        let started = Happening()
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            started.happen()
            try? await Task.sleep(for: .milliseconds(100))
            return .text("done")
        }
        try await withThrowingTaskGroup { group in
            let (clients, client) = AsyncStream.makeStream(of: RawClient.self)
            group.addTask {
                try await withServer(handler: handler) { port in
                    let connected = try await RawClient.connect(port: port)
                    client.yield(connected)
                    try await connected.send(Self.get)
                    await started.wait()
                }
            }
            var iterator = clients.makeAsyncIterator()
            let connected = try #require(await iterator.next())
            #expect(try await connected.readToEnd().hasSuffix("done"))
            try await group.waitForAll()
        }
    }

    @Test("connections beyond the limit are closed")
    func connectionLimit() async throws {
        var limits = HTTPServer.Limits()
        limits.maxConnections = 1
        try await withServer(limits: limits, handler: { _ in .text("ok") }) { port in
            let first = try await RawClient.connect(port: port)
            try await first.send(Self.get)
            #expect(try await first.readResponse().body == "ok")
            let second = try await RawClient.connect(port: port)
            #expect(try await second.readToEnd() == "")
        }
    }
}

private final class Echo: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
}
