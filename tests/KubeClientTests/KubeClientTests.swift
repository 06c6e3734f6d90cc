import KubeModel
import NIOCore
import TestSupport
import Testing

@testable import KubeClient

@Suite("Kubernetes client")
struct KubeClientTests {
    @Test("a list is read page by page, and its items know what they are")
    func pages() async throws {
        let transport = RecordingTransport(script: [
            .json([
                "metadata": ["resourceVersion": "7", "continue": "next page"],
                "items": [["metadata": ["name": "a"]]],
            ]),
            .json(["metadata": ["resourceVersion": "7"], "items": [["metadata": ["name": "b"]]]]),
        ])
        let list = try await KubeClient(transport: transport).list(.pods, namespace: "team", labelSelector: "a=b,c")
        #expect(list.items.map(\.name) == ["a", "b"])
        #expect(list.items.map(\.kind) == ["Pod", "Pod"])
        #expect(list.resourceVersion == "7")
        let path = "GET /api/v1/namespaces/team/pods?labelSelector=a%3Db%2Cc&limit=500"
        #expect(transport.requests.map(\.line) == [path, path + "&continue=next%20page"])
    }

    @Test("a Status answer is thrown as what it says")
    func failure() async throws {
        let transport = RecordingTransport(script: [
            .error(
                APIError(.invalid, "bad name", kind: "Pod", causes: [.init(field: "a.b", reason: "R", message: "m")]))
        ])
        let error = await #expect(throws: APIError.self) {
            try await KubeClient(transport: transport).get(.pods, "x", namespace: "y")
        }
        #expect(error?.reason == .invalid)
        #expect(error?.code == 422)
        #expect(error?.causes.map(\.field) == ["a.b"])
    }

    @Test("an answer that is no Status keeps its text and gets the reason of its code")
    func plainFailure() async throws {
        let transport = RecordingTransport(script: [.chunks([Array("upstream is gone".utf8)], status: 503)])
        let error = await #expect(throws: APIError.self) {
            try await KubeClient(transport: transport).get(.pods, "x", namespace: "y")
        }
        #expect(error?.reason == .serviceUnavailable)
        #expect(error?.message == "upstream is gone")
    }

    @Test("what does not exist is found as nil")
    func find() async throws {
        let transport = RecordingTransport(script: [.error(APIError(.notFound, "no"))])
        #expect(try await KubeClient(transport: transport).find(.nodes, "x") == nil)
    }

    @Test("an overloaded server is asked again after the time it names")
    func tooManyRequests() async throws {
        let transport = RecordingTransport(script: [
            .error(APIError(.tooManyRequests, "wait", retryAfterSeconds: 0)), .json(["metadata": ["name": "x"]]),
        ])
        #expect(try await KubeClient(transport: transport).get(.nodes, "x").name == "x")
        #expect(transport.requests.count == 2)
    }

    @Test("impersonation replaces whatever identity a request carried")
    func impersonation() async throws {
        let transport = RecordingTransport(script: [.json([:])])
        let client = KubeClient(transport: transport).impersonating(user: "ann", groups: ["a", "b"])
        _ = try await client.json(KubeRequest("GET", "/api", headers: [("impersonate-user", "root"), ("X-A", "1")]))
        let headers = transport.requests.flatMap { $0.headers.map { "\($0.name): \($0.value)" } }
        #expect(headers == ["X-A: 1", "Impersonate-User: ann", "Impersonate-Group: a", "Impersonate-Group: b"])
    }

    @Test("a patch carries its media type, and apply its manager")
    func patches() async throws {
        let transport = RecordingTransport { _ in .json([:]) }
        let client = KubeClient(transport: transport)
        _ = try await client.patch(.pods, "p", namespace: "n", .merge([:]), subresource: "status")
        _ = try await client.patch(.pods, "p", namespace: "n", .apply([:], manager: "me", force: true))
        #expect(
            transport.requests.map(\.line) == [
                "PATCH /api/v1/namespaces/n/pods/p/status",
                "PATCH /api/v1/namespaces/n/pods/p?fieldManager=me&force=true",
            ])
        #expect(
            transport.requests.map { $0.header("content-type") } == [
                "application/merge-patch+json", "application/apply-patch+yaml",
            ])
    }

    @Test("a deletion can be bound to one incarnation")
    func deletion() async throws {
        let transport = RecordingTransport { _ in .json([:]) }
        try await KubeClient(transport: transport).delete(
            .pods, "p", namespace: "n", propagation: "Foreground", gracePeriodSeconds: 0, uid: "u")
        let body = transport.requests.first?.json
        #expect(body?["propagationPolicy"] == "Foreground")
        #expect(body?["gracePeriodSeconds"] == 0)
        #expect(body?["preconditions"] == ["uid": "u"])
    }

    @Test("an object of a namespace cannot be created without one")
    func namespaceIsNeeded() async throws {
        let client = KubeClient(transport: RecordingTransport(script: []))
        await #expect(throws: APIError.self) {
            try await client.create(.pods, KubeObject(["metadata": ["name": "p"]]))
        }
    }

    @Test(
        "a name cannot lead out of its collection",
        arguments: [
            ("a/b", "/api/v1/nodes/a%2Fb"), ("..", "/api/v1/nodes/%2E%2E"), ("a?x=1", "/api/v1/nodes/a%3Fx%3D1"),
            ("system:ü", "/api/v1/nodes/system%3A%C3%BC"), ("a.b-c_d~e", "/api/v1/nodes/a.b-c_d~e"),
        ])
    func encoding(name: String, path: String) {
        #expect(KubeTarget(.nodes, name: name).text == path)
    }
}
