import HTTPKit
import KubeClient
import KubeModel
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Gateway

@Suite("Relay to notebooks", .timeLimit(.minutes(5)))
struct RelayTests {
    /// A notebook's server: tells what it got, and answers in every framing.
    private static let notebook: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
        switch request.path.split(separator: "/").last {
        case "stream":
            return HTTPResponse(
                status: 200,
                body: .stream { writer in
                    for size in [1, 70_000, 3] { try await writer.write(String(repeating: "s", count: size)) }
                })
        case "long":
            return HTTPResponse(
                status: 200, headers: ["set-cookie": "a=b; Path=/"],
                body: .bytes(ByteBuffer(repeating: UInt8(ascii: "l"), count: 1_000_000)))
        case "nothing": return HTTPResponse(status: 204)
        case "endless":
            return HTTPResponse(
                status: 200,
                body: .stream { writer in
                    try await writer.write("begin")
                    try await Task.sleep(for: .seconds(86_400))  // until the reader goes
                })
        case "cut":
            return HTTPResponse(
                status: 200, headers: ["content-length": "10"],
                body: .stream { writer in
                    try await writer.write("half")
                    throw CancellationError()
                })
        default:
            var told = "\(request.method) \(request.target)\n"
            for (name, value) in request.headers { told += "\(name.lowercased())=\(value)\n" }
            return HTTPResponse(
                status: 200,
                headers: ["set-cookie": "martlet_session=x", "alt-svc": "h3", "x-own": "1", "connection": "close"],
                body: .bytes(ByteBuffer(string: told)))
        }
    }

    private func withNotebook(
        configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (RunningGateway, String, RawClient) async throws -> Void
    ) async throws {
        try await GatewayTests.withNotebook(Self.notebook, configure: configure) { gateway, cookie in
            try await body(gateway, cookie, try await RawClient.connect(port: gateway.port))
        }
    }

    private func request(_ path: String, _ cookie: String, _ method: String = "GET", _ headers: String = "") -> String {
        "\(method) /notebook/ns/lab/\(path) HTTP/1.1\r\nhost: localhost\r\ncookie: q=1; \(cookie)\r\n\(headers)\r\n"
    }

    private func relayed(_ gateway: RunningGateway) async throws -> Int {
        let text = try await gateway.ask("GET", "/metrics").body
        return text.split(separator: "\n").first { $0.hasPrefix("gateway_relayed_total ") }
            .flatMap { Int($0.split(separator: " ")[1]) } ?? 0
    }

    /// Asks until the answer came by the relay: what it knows is not true for long.
    private func relay<Answer>(
        _ gateway: RunningGateway, _ client: RawClient, _ request: String, _ read: () async throws -> Answer
    ) async throws -> Answer {
        while true {
            let before = try await relayed(gateway)
            try await client.send(request)
            let answer = try await read()
            if try await relayed(gateway) > before { return answer }
        }
    }

    @Test("what the next requests of a connection look like at the notebook is what the first one did")
    func sameRequests() async throws {
        try await withNotebook { gateway, cookie, client in
            let hostile =
                "kubeflow-userid: root\r\nx-forwarded-for: 9.9.9.9\r\nX-Auth-Request-User: root\r\nforwarded: for=9\r\n"
                + "te: trailers\r\nx-own: 1\r\nx-request-id: mine\r\nkeep-alive: 5\r\n"
            let text = request("x?y=%20", cookie, "GET", hostile)
            try await client.send(text)
            var answers = [try await client.readResponse()]
            #expect(try await relayed(gateway) == 0)
            answers.append(try await relay(gateway, client, text) { try await client.readResponse() })
            for answer in answers {
                #expect(answer.body.split(separator: "\n").sorted() == answers[0].body.split(separator: "\n").sorted())
                #expect(answer.body.hasPrefix("GET /notebook/ns/lab/x?y=%20\n"))
                #expect(answer.body.contains("kubeflow-userid=anna\n") && answer.body.contains("cookie=q=1\n"))
                #expect(answer.body.contains("x-request-id=mine\n"))
                for part in ["root", "9.9.9.9", "martlet_", "forwarded=", "te=", "keep-alive"] {
                    #expect(!answer.body.contains(part), "\(part)")
                }
                let head = answer.head.lowercased()
                #expect(
                    head.hasPrefix("http/1.1 200 ok\r\n") && head.contains("x-own: 1\r\n")
                        && head.contains("\r\ndate: "))
                #expect(head.contains("x-request-id: mine\r\n"))
                // As programs get it at the platform's own host.
                #expect(head.contains("content-security-policy: \(WorkspaceDoor.harmless)\r\n"))
                for part in ["set-cookie", "alt-svc", "connection: close"] { #expect(!head.contains(part)) }
            }
        }
    }

    @Test("answers come through whole in every framing")
    func framings() async throws {
        try await withNotebook { gateway, cookie, client in
            let long = try await relay(gateway, client, request("long", cookie)) { try await client.readResponse() }
            #expect(long.body.utf8.count == 1_000_000)
            #expect(long.head.contains("set-cookie: a=b; Path=/notebook/ns/lab/\r\n"))
            let stream = try await relay(gateway, client, request("stream", cookie)) {
                try await client.read(through: "0\r\n\r\n")
            }
            #expect(stream.utf8.count { $0 == UInt8(ascii: "s") } >= 70_004)
            for (path, method, wanted) in [
                ("nothing", "GET", "HTTP/1.1 204 "), ("long", "HEAD", "content-length: 1000000\r\n"),
            ] {
                let head = try await relay(gateway, client, request(path, cookie, method)) {
                    try await client.read(through: "\r\n\r\n")
                }
                #expect(head.contains(wanted))
            }
            // One behind the other, and one in pieces.
            try await client.send(request("a", cookie) + request("b", cookie))
            for name in ["a", "b"] {
                #expect(try await client.readResponse().body.hasPrefix("GET /notebook/ns/lab/\(name)\n"))
            }
            let text = request("c", cookie)
            for piece in [text.prefix(7), text.dropFirst(7).prefix(60), text.dropFirst(67)] {
                try await client.send(String(piece))
            }
            #expect(try await client.readResponse().body.hasPrefix("GET /notebook/ns/lab/c\n"))
        }
    }

    @Test("other requests of the same connection are answered in between")
    func mixed() async throws {
        try await withNotebook { gateway, cookie, client in
            for _ in 0..<2 {
                let first = try await relay(gateway, client, request("x", cookie)) { try await client.readResponse() }
                #expect(first.body.hasPrefix("GET /notebook/ns/lab/x\n"))
                try await client.send(request("y", cookie, "PUT", "content-length: 4\r\n") + "body")
                #expect(try await client.readResponse().body.hasPrefix("PUT /notebook/ns/lab/y\n"))
                try await client.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                #expect(try await client.readResponse().body == "ok")
                // Nobody's cookie, somebody else's host, a foreign page: asked again.
                try await client.send("GET /notebook/ns/lab/x HTTP/1.1\r\nhost: localhost\r\n\r\n")
                #expect(try await client.readResponse().head.hasPrefix("HTTP/1.1 401 "))
                try await client.send(
                    "GET /notebook/ns/lab/x HTTP/1.1\r\nhost: evil.example\r\ncookie: \(cookie)\r\n\r\n")
                #expect(try await client.readResponse().head.hasPrefix("HTTP/1.1 421 "))
                try await client.send("GET /notebook/ns/no/x HTTP/1.1\r\nhost: localhost\r\ncookie: \(cookie)\r\n\r\n")
                #expect(try await client.readResponse().head.hasPrefix("HTTP/1.1 404 "))
            }
        }
    }

    @Test("a session that has ended opens nothing on a connection that knew it")
    func signedOut() async throws {
        try await withNotebook { gateway, _, client in
            let (cookie, csrf) = try await gateway.signIn("anna")
            _ = try await relay(gateway, client, request("x", cookie)) { try await client.readResponse() }
            let out = try await gateway.ask("POST", "/logout", cookie: cookie, headers: "x-xsrf-token: \(csrf)\r\n")
            #expect(out.head.hasPrefix("HTTP/1.1 204 "))
            try await client.send(request("x", cookie))
            #expect(try await client.readResponse().head.hasPrefix("HTTP/1.1 401 "))
        }
    }

    @Test("an answer that takes long ends with the session")
    func longAnswer() async throws {
        try await withNotebook { gateway, _, client in
            let (cookie, csrf) = try await gateway.signIn("anna")
            _ = try await relay(gateway, client, request("x", cookie)) { try await client.readResponse() }
            try await client.send(request("endless", cookie))
            _ = try await client.read(through: "begin")
            let out = try await gateway.ask("POST", "/logout", cookie: cookie, headers: "x-xsrf-token: \(csrf)\r\n")
            #expect(out.head.hasPrefix("HTTP/1.1 204 "))
            #expect(try await client.readToEnd() == "\r\n", "the end of the only chunk, and no end of the body")
        }
    }

    @Test("roles are asked for again when they may have changed")
    func roles() async throws {
        try await withNotebook { gateway, cookie, client in
            _ = try await relay(gateway, client, request("x", cookie)) { try await client.readResponse() }
            gateway.cluster.forbid("anna")
            let binding = KubeObject(
                apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", name: "r", namespace: "ns")
            _ = try await gateway.cluster.objects.client.create(.roleBindings, binding)
            var head = ""
            repeat {  // the watch tells of it in a moment
                try await client.send(request("x", cookie))
                head = try await client.readResponse().head
            } while head.hasPrefix("HTTP/1.1 200 ")
            #expect(head.hasPrefix("HTTP/1.1 403 "))
        }
    }

    @Test("an answer that breaks off is cut, so that the browser notices")
    func cut() async throws {
        try await withNotebook { gateway, cookie, client in
            _ = try await relay(gateway, client, request("x", cookie)) { try await client.readResponse() }
            try await client.send(request("cut", cookie))
            #expect(try await client.readToEnd().hasSuffix("half"))
        }
    }

    @Test("who asks too often, or for too much at a time, has to wait")
    func limits() async throws {
        try await withNotebook(configure: { $0.requestsPerSecond = 1 }) { _, cookie, client in
            var refused: String?
            while refused == nil {
                try await client.send(String(repeating: request("x", cookie), count: 20))
                for _ in 0..<20 {
                    let head = try await client.readResponse().head
                    if head.hasPrefix("HTTP/1.1 429 ") {
                        refused = head
                    } else {
                        #expect(head.hasPrefix("HTTP/1.1 200 "))
                    }
                }
            }
            #expect(refused?.contains("retry-after: 1\r\n") == true)
            try await client.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            #expect(try await client.readResponse().body == "ok")
        }
        try await withNotebook(configure: { $0.requestsAtATime = 1 }) { gateway, cookie, client in
            try await client.send(request("endless", cookie))
            _ = try await client.read(through: "begin")
            let other = try await RawClient.connect(port: gateway.port)
            try await other.send(request("x", cookie))
            #expect(try await other.readResponse().head.hasPrefix("HTTP/1.1 429 "))
            await client.close()
            var head = ""
            repeat {  // until the gateway has noticed
                try await other.send(request("x", cookie))
                head = try await other.readResponse().head
            } while head.hasPrefix("HTTP/1.1 429 ")
            #expect(head.hasPrefix("HTTP/1.1 200 "))
        }
    }
}
