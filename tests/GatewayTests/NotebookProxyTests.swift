import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Gateway

@Suite("Proxy to notebooks", .timeLimit(.minutes(5)))
struct NotebookProxyTests {
    /// A notebook's server: tells what it got, echoes bodies, streams, and speaks raw bytes after an upgrade.
    private static let notebook: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
        if request.headers.contains(name: "upgrade") {
            return HTTPResponse(
                status: 101,
                body: .takeOver { channel in
                    try await channel.writeAndFlush(
                        ByteBuffer(
                            string:
                                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\nhi"
                        ))
                    try await channel.pipeline.addHandler(Echo())
                    try await channel.setOption(.autoRead, value: true).get()
                    channel.read()
                    try await channel.closeFuture.get()
                })
        }
        if request.path.hasSuffix("/echo") {
            return HTTPResponse(
                status: 200,
                body: .stream { writer in
                    for try await chunk in request.body { try await writer.write(chunk) }
                })
        }
        var told = "\(request.method) \(request.target)\n"
        for (name, value) in request.headers { told += "\(name.lowercased())=\(value)\n" }
        return HTTPResponse(
            status: 200,
            headers: [
                "set-cookie": "_xsrf=2; Path=/; Domain=localhost", "set-cookie": "martlet_session=stolen; Path=/",
                "service-worker-allowed": "/",
            ], body: .bytes(ByteBuffer(string: told)))
    }

    private func withNotebook(
        annotations: [String: String] = [:], _ body: (RunningGateway, String) async throws -> Void
    ) async throws {
        try await GatewayTests.withNotebook(Self.notebook, annotations: annotations, body)
    }

    @Test("passes on what is the notebook's, and nothing that is the platform's")
    func headers() async throws {
        try await withNotebook { gateway, cookie in
            let headers = "authorization: token x\r\nkubeflow-userid: root\r\nx-forwarded-for: 9.9.9.9\r\nx-own: 1\r\n"
            let answer = try await gateway.ask(
                "GET", "/notebook/ns/lab/api?x=%20", cookie: "_xsrf=1; " + cookie, headers: headers)
            #expect(answer.head.hasPrefix("HTTP/1.1 200 "))
            #expect(answer.body.hasPrefix("GET /notebook/ns/lab/api?x=%20\n"))
            for line in [
                "host=localhost\n", "kubeflow-userid=anna\n", "x-own=1\n", "cookie=_xsrf=1\n",
                "x-forwarded-for=127.0.0.1\n", "x-forwarded-prefix=/notebook/ns/lab/\n",
            ] {
                #expect(answer.body.contains(line), "\(line)")
            }
            for part in ["martlet_session", "authorization", "root", "9.9.9.9"] { #expect(!answer.body.contains(part)) }
            #expect(answer.head.contains("set-cookie: _xsrf=2; Path=/notebook/ns/lab/\r\n"))
            for part in ["stolen", "service-worker-allowed"] { #expect(!answer.head.contains(part)) }
        }
    }

    @Test("annotations rewrite the path and set headers, but no identity")
    func annotations() async throws {
        let annotations = [
            "notebooks.kubeflow.org/http-rewrite-uri": "/",
            "notebooks.kubeflow.org/http-headers-request-set":
                #"{"X-RStudio-Root-Path":"/notebook/ns/lab/","kubeflow-userid":"root"}"#,
        ]
        try await withNotebook(annotations: annotations) { gateway, cookie in
            let answer = try await gateway.ask("GET", "/notebook/ns/lab/a/b?c", cookie: cookie)
            #expect(answer.body.hasPrefix("GET /a/b?c\n"))
            #expect(answer.body.contains("x-rstudio-root-path=/notebook/ns/lab/\n"))
            #expect(answer.body.contains("kubeflow-userid=anna\n"))
            #expect(!answer.body.contains("root\n"))
        }
    }

    @Test("bodies stream both ways, and connections are used again")
    func bodies() async throws {
        try await withNotebook { gateway, cookie in
            let client = try await RawClient.connect(port: gateway.port)
            let long = String(repeating: "y", count: 400_000)
            for length in [0, 10, 400_000, 70_000] {
                let head = "POST /notebook/ns/lab/echo HTTP/1.1\r\nhost: localhost\r\ncookie: \(cookie)\r\n"
                try await client.send("\(head)content-length: \(length)\r\n\r\n" + long.prefix(length))
                let answer = try await client.read(through: "0\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 200 "))
                #expect(answer.utf8.count(where: { $0 == UInt8(ascii: "y") }) >= length)
            }
            try await client.send(
                "POST /notebook/ns/lab/echo HTTP/1.1\r\nhost: localhost\r\ncookie: \(cookie)\r\n"
                    + "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
            #expect(try await client.read(through: "abc").contains("chunked"))  // before the body has ended
            try await client.send("3\r\ndef\r\n0\r\n\r\n")
            #expect(try await client.read(through: "0\r\n\r\n").contains("def"))
        }
    }

    @Test("after an upgrade bytes go through as they are; foreign pages cannot open one")
    func webSocket() async throws {
        try await withNotebook { gateway, cookie in
            let head =
                "GET /notebook/ns/lab/ws HTTP/1.1\r\nhost: localhost\r\ncookie: \(cookie)\r\n"
                + "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\n"
            let client = try await RawClient.connect(port: gateway.port)
            try await client.send(head + "origin: http://localhost\r\n\r\n")
            let answer = try await client.read(through: "\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 101 "))
            #expect(answer.lowercased().contains("upgrade: websocket"))
            #expect(try await client.read(count: 2) == "hi")
            let frame = "\u{1}\0\u{7f}" + String(repeating: "z", count: 200_000)
            try await client.send(frame)
            #expect(try await client.read(count: frame.utf8.count) == frame)
            await client.close()

            let foreign = try await RawClient.connect(port: gateway.port)
            try await foreign.send(head + "origin: http://evil.example\r\n\r\n")
            #expect(try await foreign.readResponse().head.hasPrefix("HTTP/1.1 403 "))
        }
    }

    @Test("who may not see it, and what is not there, gets a page that says so")
    func refusals() async throws {
        try await withNotebook { gateway, cookie in
            let page = "accept: text/html\r\n"
            let other = try await gateway.signIn("bob").cookie
            #expect(
                try await gateway.ask("GET", "/notebook/ns/lab/", cookie: other, headers: page).head.hasPrefix(
                    "HTTP/1.1 403 "))
            #expect(try await gateway.ask("GET", "/notebook/ns/lab/", headers: page).head.hasPrefix("HTTP/1.1 401 "))
            #expect(
                try await gateway.ask("GET", "/notebook/ns/no/", cookie: cookie, headers: page).head.hasPrefix(
                    "HTTP/1.1 404 "))
            #expect(try await gateway.ask("GET", "/notebook/ns/lab", cookie: cookie).head.hasPrefix("HTTP/1.1 308 "))
        }
    }

    @Test("a notebook that starts has a page that tries again; one that is gone too")
    func starting() async throws {
        let cluster = ReviewedCluster()
        try await addNotebook("new", port: nil, to: cluster)
        try await addNotebook("dead", port: 1, to: cluster)
        try await withGateway(cluster) { gateway in
            let cookie = try await gateway.signIn("anna").cookie
            for name in ["new", "dead"] {
                let answer = try await gateway.ask(
                    "GET", "/notebook/ns/\(name)/lab", cookie: cookie, headers: "accept: text/html\r\n")
                #expect(answer.head.hasPrefix("HTTP/1.1 503 "))
                #expect(answer.body.contains("http-equiv=\"refresh\""))
            }
        }
    }
}

private final class Echo: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
}
