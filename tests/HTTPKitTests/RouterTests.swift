import HTTPKit
import KubeModel
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite("Router")
struct RouterTests {
    private func router() -> Router {
        var router = Router(logger: Logger(label: "test"))
        router.add("GET", "/things/{name}") { _, values in .text("thing " + values["name"]) }
        router.add("DELETE", "/things/{name}") { _, _ in .text("deleted") }
        router.add("GET", "/things/special") { _, _ in .text("special") }
        router.add("GET", "/files/{path*}") { _, values in .text("file " + values["path"]) }
        router.add("GET", "/fails") { _, _ in throw APIError(.conflict, "taken") }
        router.add("GET", "/breaks") { _, _ in throw CancellationError() }
        return router
    }

    private func answer(_ method: String, _ target: String) async -> (status: Int, body: String) {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let response = await router()(HTTPRequest(method: method, target: target, eventLoop: loop))
        guard case .bytes(let bytes) = response.body else { return (response.status, "") }
        return (response.status, String(buffer: bytes))
    }

    @Test(
        "finds the handler",
        arguments: [
            ("GET", "/things/a%20b?x=1", 200, "thing a b"), ("GET", "/things/special", 200, "special"),
            ("HEAD", "/things/a", 200, "thing a"), ("DELETE", "/things/special", 200, "deleted"),
            ("GET", "/files/a/b%2Fc", 200, "file a/b%2Fc"),
        ])
    func finds(method: String, target: String, status: Int, body: String) async {
        let answer = await answer(method, target)
        #expect(answer.status == status)
        #expect(answer.body == body)
    }

    @Test(
        "refuses",
        arguments: [
            ("POST", "/things/a", 405), ("GET", "/nothing", 404), ("GET", "/things/", 404), ("GET", "/things/a/b", 404),
            ("GET", "/things/..", 400), ("GET", "/things/%2e%2e", 400), ("GET", "/things/a%2fb", 400),
            ("GET", "/things/a%00", 400), ("GET", "/things/%zz", 400), ("GET", "/fails", 409), ("GET", "/breaks", 503),
        ])
    func refuses(method: String, target: String, status: Int) async {
        #expect(await answer(method, target).status == status)
    }

    @Test("queries are decoded")
    func queries() {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let request = HTTPRequest(method: "GET", target: "/p?a=1+2&b=%C3%A4&b=&c&=d", eventLoop: loop)
        #expect(request.path == "/p")
        #expect(request.query.map(\.name) == ["a", "b", "b", "c", ""])
        #expect(request.query.map(\.value) == ["1 2", "\u{e4}", "", "", "d"])
    }

    @Test("metrics are written as Prometheus reads them")
    func metrics() {
        let metrics = Metrics()
        metrics.describe("a_total", "What a does.")
        metrics.count("a_total", ["kind": "x\"y"])
        metrics.count("a_total", ["kind": "x\"y"])
        metrics.set("b", to: 1.5)
        metrics.observe("c_seconds", .milliseconds(30))
        let text = metrics.text
        #expect(text.contains("# HELP a_total What a does.\n# TYPE a_total counter\na_total{kind=\"x\\\"y\"} 2\n"))
        #expect(text.contains("# TYPE b gauge\nb 1.5\n"))
        #expect(text.contains("c_seconds_bucket{le=\"0.025\"} 0\n"))
        #expect(text.contains("c_seconds_bucket{le=\"0.05\"} 1\n"))
        #expect(text.contains("c_seconds_count 1\n"))
    }
}
