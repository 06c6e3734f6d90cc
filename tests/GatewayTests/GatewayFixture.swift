import Foundation
import Gateway
import HTTPKit
import KubeClient
import KubeModel
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing

/// A cluster in memory that answers access reviews and leaves dry runs without effect.
final class ReviewedCluster: KubeTransport {
    let objects = FakeCluster()
    /// Users who may do everything.
    private let allowed: Mutex<Set<String>>
    private let seen = Mutex<[KubeRequest]>([])

    init(allowed: Set<String> = ["anna"]) { self.allowed = Mutex(allowed) }

    /// From now on a user may do nothing.
    func forbid(_ user: String) { _ = allowed.withLock { $0.remove(user) } }

    var requests: [KubeRequest] { seen.withLock { $0 } }
    var client: KubeClient { KubeClient(transport: self) }

    func send(_ request: KubeRequest) async throws -> KubeResponse {
        seen.withLock { $0.append(request) }
        if request.target.contains("subjectaccessreviews"), let body = request.body {
            var review = try JSON(parsing: body.readableBytesView)
            let user = review["spec"]?["user"]?.string ?? ""
            review.set(.bool(allowed.withLock { $0.contains(user) }), at: "status", "allowed")
            return answer(review)
        }
        if request.target.contains("dryRun=All"), let body = request.body {
            return answer(try JSON(parsing: body.readableBytesView))
        }
        return try await objects.send(request)
    }

    private func answer(_ json: JSON) -> KubeResponse {
        KubeResponse(
            status: 201, headers: [("content-type", "application/json")],
            body: AsyncThrowingStream { continuation in
                continuation.yield(ByteBuffer(bytes: json.bytes))
                continuation.finish()
            })
    }
}

/// A gateway that runs, and what tests need around it.
struct RunningGateway {
    let port: Int
    let cluster: ReviewedCluster
    let tokens: SignInTokens

    /// Signs a user in: the cookies as a request carries them, and the CSRF token.
    func signIn(_ user: String) async throws -> (cookie: String, csrf: String) {
        let client = try await RawClient.connect(port: port)
        try await client.send("GET /login?token=\(try tokens.issue(user: user)) HTTP/1.1\r\nhost: localhost\r\n\r\n")
        let head = try await client.readResponse().head
        let cookies = head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("set-cookie: ") }
            .compactMap { $0.dropFirst("set-cookie: ".count).split(separator: ";").first.map(String.init) }
        let csrf = cookies.first { $0.hasPrefix("XSRF-TOKEN=") }?.dropFirst("XSRF-TOKEN=".count)
        return (cookies.joined(separator: "; "), csrf.map(String.init) ?? "")
    }

    /// One request on a connection of its own.
    func ask(
        _ method: String, _ target: String, cookie: String = "", headers: String = "", body: String = "",
        host: String = "localhost"
    ) async throws -> (head: String, body: String) {
        let client = try await RawClient.connect(port: port)
        try await client.send(
            "\(method) \(target) HTTP/1.1\r\nhost: \(host)\r\ncookie: \(cookie)\r\n\(headers)connection: close\r\n"
                + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
        let answer = try await client.readToEnd()
        let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        return (parts.first.map(String.init) ?? "", parts.count > 1 ? String(parts[1]) : "")
    }
}

/// The repository's own spawner configuration.
let spawnerConfigPath = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("deploy/base/gateway/spawner_ui_config.yaml").path

/// Runs a gateway for the time of a closure.
func withGateway(
    _ cluster: ReviewedCluster = ReviewedCluster(), configure: (inout GatewayConfiguration) -> Void = { _ in },
    _ body: (RunningGateway) async throws -> Void
) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gateway-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder + "/web/assets", withIntermediateDirectories: true)
    try "<!doctype html><title>page</title>".write(
        toFile: folder + "/web/index.html", atomically: true, encoding: .utf8)
    try "let plain".write(toFile: folder + "/web/assets/a.js", atomically: true, encoding: .utf8)
    try "squeezed".write(toFile: folder + "/web/assets/a.js.br", atomically: true, encoding: .utf8)
    let tokens = try SignInTokens(stateDirectory: folder + "/state")
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    var configuration = GatewayConfiguration(
        port: 0, webRoot: folder + "/web", stateDirectory: folder + "/state", spawnerConfigPath: spawnerConfigPath)
    configure(&configuration)
    let gateway = try Gateway(
        configuration: configuration, client: cluster.client, signIn: tokens, logger: Logger(label: "test"),
        onListening: { port.yield($0) })
    try await withThrowingTaskGroup { group in
        group.addTask { try await gateway.run() }
        var iterator = ports.makeAsyncIterator()
        guard let number = await iterator.next() else { return }
        try await body(RunningGateway(port: number, cluster: cluster, tokens: tokens))
        group.cancelAll()
    }
}

/// A notebook and the endpoints of its Service.
func addNotebook(_ name: String, port: Int?, to cluster: ReviewedCluster, annotations: [String: String] = [:])
    async throws
{
    var notebook = KubeObject(
        apiVersion: "kubeflow.org/v1", kind: "Notebook", name: name, namespace: "ns", annotations: annotations)
    notebook.spec = ["template": ["spec": ["containers": [["name": .string(name), "image": "x/lab:1"]]]]]
    _ = try await cluster.objects.client.create(.notebooks, notebook)
    guard let port else { return }
    var endpoints = KubeObject(apiVersion: "v1", kind: "Endpoints", name: name, namespace: "ns")
    endpoints["subsets"] = [
        [
            "addresses": [["ip": "127.0.0.1"]],
            "ports": [["name": .string("http-\(name)"), "port": .int(Int64(port))]],
        ]
    ]
    _ = try await cluster.objects.client.create(.endpoints, endpoints)
    var pod = KubeObject(
        apiVersion: "v1", kind: "Pod", name: "\(name)-0", namespace: "ns", labels: ["notebook-name": name])
    pod["status"] = ["podIP": "127.0.0.1"]
    _ = try await cluster.objects.client.create(.pods, pod)
}

/// Runs a gateway, somebody who is signed in there, and the server of a notebook `ns/lab` for the time of a closure.
func withNotebook(
    _ server: @escaping @Sendable (HTTPRequest) async -> HTTPResponse, annotations: [String: String] = [:],
    configure: (inout GatewayConfiguration) -> Void = { _ in },
    _ body: (_ gateway: RunningGateway, _ cookie: String) async throws -> Void
) async throws {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let upstream = HTTPServer(
        listener: .tcp(host: "127.0.0.1", port: 0), logger: Logger(label: "test"), onListening: { port.yield($0) },
        handler: server)
    try await withThrowingTaskGroup { group in
        group.addTask { try await upstream.run() }
        var iterator = ports.makeAsyncIterator()
        let number = try #require(await iterator.next())
        let cluster = ReviewedCluster()
        try await addNotebook("lab", port: number, to: cluster, annotations: annotations)
        try await withGateway(cluster, configure: configure) { gateway in
            try await body(gateway, try await gateway.signIn("anna").cookie)
        }
        group.cancelAll()
    }
}
