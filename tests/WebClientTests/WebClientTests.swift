import HTTPKit
import Logging
import NIOCore
import NIOHTTP1
import Testing
import WebClient

@Suite("Web client", .timeLimit(.minutes(5)))
struct WebClientTests {
    /// Serves for the time of a closure; the port goes to it.
    private func withServer(
        _ handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse, _ body: (Int) async throws -> Void
    ) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = HTTPServer(
            listener: .tcp(host: "127.0.0.1", port: 0), logger: Logger(label: "test"), onListening: { port.yield($0) },
            handler: handler)
        try await withThrowingTaskGroup { group in
            group.addTask { try await server.run() }
            var iterator = ports.makeAsyncIterator()
            guard let number = await iterator.next() else { return }
            try await body(number)
            group.cancelAll()
        }
    }

    @Test("what is sent arrives, and the answer comes back whole, whatever its status")
    func roundTrip() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            let body = (try? await request.body.collect(upTo: 1 << 20)).map { String(buffer: $0) } ?? ""
            let fields = request.headers["authorization"].joined()
            return .text("\(request.method) \(request.target) \(fields) \(body)", status: 418)
        }
        try await withServer(handler) { (port: Int) async throws -> Void in
            let client = WebClient()
            let got = try await client.send(WebRequest("GET", "http://127.0.0.1:\(port)/a?b=c"))
            #expect(got.status == 418)
            #expect(String(decoding: got.body, as: UTF8.self) == "GET /a?b=c  ")
            let posted = try await client.send(
                WebRequest(
                    "POST", "http://localhost:\(port)/", headers: [("Authorization", "Basic x")],
                    body: Array("f=1".utf8)))
            #expect(String(decoding: posted.body, as: UTF8.self) == "POST / Basic x f=1")
        }
    }

    @Test("redirects are not followed, long answers are cut off, silence ends")
    func bounds() async throws {
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            switch request.path {
            case "/away": return HTTPResponse(status: 302, headers: ["location": "/long"])
            case "/long":
                return HTTPResponse(
                    status: 200,
                    body: .stream { writer in
                        while true { try await writer.write(String(repeating: "x", count: 10_000)) }
                    })
            default:
                try? await Task.sleep(for: .seconds(3600))
                return .text("late")
            }
        }
        try await withServer(handler) { (port: Int) async throws -> Void in
            var settings = WebClient.Settings()
            settings.answerLimit = 100_000
            settings.timeout = .seconds(600)  // the limit ends it, however busy the machine is
            let client = WebClient(settings)
            #expect(try await client.send(WebRequest("GET", "http://127.0.0.1:\(port)/away")).status == 302)
            await #expect(throws: WebError.tooLong) {
                try await client.send(WebRequest("GET", "http://127.0.0.1:\(port)/long"))
            }
            settings.timeout = .milliseconds(50)
            let hasty = WebClient(settings)
            await #expect(throws: WebError.timeout) {
                try await hasty.send(WebRequest("GET", "http://127.0.0.1:\(port)/silent"))
            }
        }
    }

    @Test(
        "addresses that are not safe are not asked",
        arguments: [
            "http://example.com/", "file:///etc/passwd", "ftp://127.0.0.1/", "", "https://",
            "http://127.0.0.1.example.com/",
            "http://user@127.0.0.1/", "https://user:secret@example.com/", "http://127.0.0.1/\r\nx: y",
            "http://localhost.example.com",
        ])
    func addresses(url: String) async {
        await #expect {
            try await WebClient().send(WebRequest("GET", url))
        } throws: { error in
            if case WebError.unusable = error { return true }
            return false
        }
    }

    @Test("a header field does not become two")
    func fields() async {
        await #expect {
            try await WebClient().send(WebRequest("GET", "http://127.0.0.1:9/", headers: [("x", "a\r\ny: b")]))
        } throws: { error in
            if case WebError.unusable = error { return true }
            return false
        }
    }
}
