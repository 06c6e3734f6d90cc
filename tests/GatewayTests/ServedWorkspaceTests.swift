import HTTPKit
import KubeClient
import KubeModel
import Logging
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Gateway

@Suite("Tensorboards and viewers through the gateway", .timeLimit(.minutes(5)))
struct ServedWorkspaceTests {
    /// Tells what it was asked for.
    private static let server: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
        .text("\(request.method) \(request.target)\n\(request.headers.first(name: "x-forwarded-prefix") ?? "")")
    }

    /// Runs a server, and a gateway that somebody is signed in to, for the time of a closure.
    private func withServer(
        _ cluster: ReviewedCluster = ReviewedCluster(),
        _ body: (_ gateway: RunningGateway, _ cookie: String, _ port: Int) async throws -> Void
    ) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let upstream = HTTPServer(
            listener: .tcp(host: "127.0.0.1", port: 0), logger: Logger(label: "test"),
            onListening: { port.yield($0) }, handler: Self.server)
        try await withThrowingTaskGroup { group in
            group.addTask { try await upstream.run() }
            var iterator = ports.makeAsyncIterator()
            let number = try #require(await iterator.next())
            try await withGateway(cluster) { gateway in
                try await body(gateway, try await gateway.signIn("anna").cookie, number)
            }
            group.cancelAll()
        }
    }

    /// An object, and what its controller and the cluster make of it.
    private func add(
        _ kind: Workspace.Kind, to cluster: ReviewedCluster, port: Int?, spec: JSON = [:],
        changePod: (inout KubeObject) -> Void = { _ in }
    ) async throws {
        let client = cluster.objects.client
        var object = KubeObject(
            apiVersion: kind.type.apiVersion, kind: kind.type.kind, name: "lab", namespace: "ns")
        object.spec = spec
        _ = try await client.create(kind.type, object)
        guard let port else { return }
        let service = kind.service(of: "lab")
        var endpoints = KubeObject(apiVersion: "v1", kind: "Endpoints", name: service, namespace: "ns")
        endpoints["subsets"] = [
            ["addresses": [["ip": "127.0.0.1"]], "ports": [["name": "http", "port": .int(Int64(port))]]]
        ]
        _ = try await client.create(.endpoints, endpoints)
        let labels = kind.podLabels
        var pod = KubeObject(
            apiVersion: "v1", kind: "Pod", name: "\(service)-5d8f-x2x4q", namespace: "ns",
            labels: [
                labels.name: "lab", labels.kind?.key ?? "": labels.kind?.value ?? "", "pod-template-hash": "5d8f",
            ])
        pod.metadata["ownerReferences"] = [
            ["kind": "ReplicaSet", "name": .string("\(service)-5d8f"), "uid": "r", "controller": true]
        ]
        pod["status"] = ["podIP": "127.0.0.1"]
        changePod(&pod)
        _ = try await client.create(.pods, pod)
    }

    private static let withOwnPod: JSON = [
        "pvc": "data", "podSpec": ["containers": [["name": "x", "image": "y"]]],
        "networking": ["basePrefix": "/kfam", "rewrite": "/files"],
    ]
    private static let kinds: [(kind: Workspace.Kind, spec: JSON, target: String, verb: String)] = [
        (.tensorboard, [:], "/a/b?c", "get"),
        (.pvcviewers, ["pvc": "data"], "/pvcviewers/ns/lab/a/b?c", "update"),
        (.pvcviewers, withOwnPod, "/files/a/b?c", "update"),
    ]

    @Test("each kind is asked for in its own way, and its server sees the path that it knows", arguments: kinds)
    func passedOn(kind: Workspace.Kind, spec: JSON, target: String, verb: String) async throws {
        let cluster = ReviewedCluster()
        try await withServer(cluster) { gateway, cookie, port in
            try await add(kind, to: cluster, port: port, spec: spec)
            let path = "/\(kind.rawValue)/ns/lab/a/b?c"
            var answer = (head: "", body: "")
            while !answer.head.hasPrefix("HTTP/1.1 200 ") {
                answer = try await gateway.ask("GET", path, cookie: cookie)
            }
            #expect(answer.body == "GET \(target)\n/\(kind.rawValue)/ns/lab/")
            let reviews = cluster.requests.filter { $0.target.contains("subjectaccessreviews") }
                .compactMap { $0.body.flatMap { try? JSON(parsing: $0.readableBytesView) } }
                .compactMap { $0.value(at: "spec", "resourceAttributes") }
            #expect(
                reviews.contains {
                    $0["verb"]?.string == verb && $0["resource"]?.string == kind.type.plural
                        && $0["group"]?.string == kind.type.group && $0["name"] == "lab"
                })
            // The next ones of the same connection are passed on as bytes, and look the same.
            let client = try await RawClient.connect(port: gateway.port)
            func relayed() async throws -> String {
                let text = try await gateway.ask("GET", "/metrics").body
                return text.split(separator: "\n").first { $0.hasPrefix("gateway_relayed_total ") }.map(String.init)
                    ?? ""
            }
            let before = try await relayed()
            while try await relayed() == before {
                try await client.send("GET \(path) HTTP/1.1\r\nhost: localhost\r\ncookie: \(cookie)\r\n\r\n")
                #expect(try await client.readResponse().body == answer.body)
            }
        }
    }

    @Test("who may not, and what is not there", arguments: [Workspace.Kind.tensorboard, .pvcviewers])
    func refusals(kind: Workspace.Kind) async throws {
        let cluster = ReviewedCluster()
        try await withServer(cluster) { gateway, cookie, port in
            try await add(kind, to: cluster, port: port)
            let (root, page) = ("/\(kind.rawValue)/ns", "accept: text/html\r\n")
            let other = try await gateway.signIn("bob").cookie
            let refused = try await gateway.ask("GET", "\(root)/lab/", cookie: other, headers: page)
            #expect(refused.head.hasPrefix("HTTP/1.1 403 ") && refused.body.contains("This \(kind.noun) is not yours"))
            #expect(try await gateway.ask("GET", "\(root)/lab/", headers: page).head.hasPrefix("HTTP/1.1 401 "))
            let missing = try await gateway.ask("GET", "\(root)/no/", cookie: cookie, headers: page)
            #expect(missing.head.hasPrefix("HTTP/1.1 404 ") && missing.body.contains("No such \(kind.noun)"))
        }
    }

    @Test("only Pods that a workspace's own Deployment made are opened, and none at the host's network")
    func foreignPods() async throws {
        let changes: [(inout KubeObject) -> Void] = [
            { $0.metadata["ownerReferences"] = nil },
            {
                $0.metadata["ownerReferences"] = [
                    ["kind": "ReplicaSet", "name": "other-5d8f", "uid": "r", "controller": true]
                ]
            },
            { $0.spec = ["hostNetwork": true] },
            { $0["status"] = ["podIP": "127.0.0.2"] },
            { pod in
                pod.metadata["labels"] = ["martlet.dev/workspace": "pvcviewer", "tensorboard-name": "lab"]
            },
        ]
        for change in changes {
            let cluster = ReviewedCluster()
            try await withServer(cluster) { gateway, cookie, port in
                try await add(.tensorboard, to: cluster, port: port, changePod: change)
                var answer = (head: "", body: "")
                while !answer.head.hasPrefix("HTTP/1.1 503 ") {
                    answer = try await gateway.ask("GET", "/tensorboard/ns/lab/", cookie: cookie)
                    try #require(!answer.head.hasPrefix("HTTP/1.1 200 "))
                }
                #expect(answer.body.contains("the Tensorboard does not run yet"))
            }
        }
    }

    private func workspace(_ kind: Workspace.Kind) -> Workspace { Workspace(kind, namespace: "ns", name: "lab") }

    @Test("a page says how far it is, and what to do where waiting does not help")
    func starting() {
        let directory = WorkspaceDirectory(client: ReviewedCluster().client)
        func page(_ kind: Workspace.Kind, _ status: JSON) -> String {
            var object = KubeObject(
                apiVersion: kind.type.apiVersion, kind: kind.type.kind, name: "lab", namespace: "ns")
            object.status = status
            let phase = NotebookPhase(of: directory.shown(object, of: workspace(kind)), events: [], kind: kind)
            let response = StartingPage.page(workspace(kind), phase, events: [], target: "/x")
            guard case .bytes(let bytes) = response.body else { return "" }
            return String(buffer: bytes)
        }
        let waiting: JSON = [
            "conditions": [["type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"]]
        ]
        let starting = page(.pvcviewers, waiting)
        #expect(starting.contains("lab is starting") && starting.contains("Starting the volume viewer."))
        #expect(starting.contains("http-equiv=\"refresh\"") && starting.contains("/volumes?ns=ns"))
        let broken = page(
            .tensorboard,
            [
                "conditions": [
                    ["type": "Available", "status": "False", "reason": "InvalidLogspath", "message": "take it out"]
                ]
            ])
        #expect(broken.contains("lab did not start") && broken.contains("take it out"))
        #expect(broken.contains("Delete the Tensorboard") && !broken.contains("http-equiv=\"refresh\""))
    }

    @Test("failures are told of the kind that failed", arguments: Workspace.Kind.allCases)
    func failures(kind: Workspace.Kind) {
        for failure in [FailurePages.Failure.silent(3), .outOfReach(3), .brokeOff] {
            for isPage in [false, true] {
                let response = FailurePages(workspace: workspace(kind)).answer(failure, isPage: isPage)
                guard case .bytes(let bytes) = response.body else { return #expect(Bool(false)) }
                #expect(String(buffer: bytes).contains("\(kind.noun) "))
                #expect(response.status == 502 || response.status == 504)
            }
        }
    }

    @Test("no two kinds share a host")
    func labels() {
        let labels = Workspace.Kind.allCases.map { workspace($0).label }
        #expect(Set(labels).count == labels.count && labels.allSatisfy { Workspace.isLabel($0) })
    }
}
