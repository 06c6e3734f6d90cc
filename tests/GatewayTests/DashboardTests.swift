import Foundation
import KubeClient
import KubeModel
import Logging
import TestSupport
import Testing

@testable import Gateway

@Suite("The dashboard's parts", .timeLimit(.minutes(5)))
struct DashboardTests {
    private static let folder = FileManager.default.temporaryDirectory.path + "/audit-\(UUID().uuidString)"

    private func query(_ text: String) throws -> AuditQuery {
        let items = URLComponents(string: "/?\(text)")?.queryItems ?? []
        return try AuditQuery { name in items.first { $0.name == name }?.value }
    }

    private func read(_ path: String, _ text: String) throws -> [JSON] {
        var reader = try AuditReader(path: path, query: try query(text))
        var found: [JSON] = []
        while let more = try reader.next() { found += more.map(\.entry) }
        return found
    }

    @Test("an audit log is read from its end, over blocks and files that were put aside")
    func backwards() throws {
        let folder = Self.folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // Lines of odd lengths, so that the borders of blocks fall anywhere.
        func lines(_ numbers: Range<Int>) -> String {
            numbers.map { number in
                let time = Timestamp(seconds: 1_700_000_000 + Int64(number)).text
                let user = number % 2 == 0 ? "system:node:one" : "anna"
                return
                    #"{"time":"\#(time)","id":"\#(number)","user":"\#(user)","path":"/\#(String(repeating: "ü", count: number % 97))"}"#
            }.joined(separator: "\n") + "\n"
        }
        let path = folder + "/audit.log"
        try lines(0..<3000).write(toFile: path + ".2", atomically: true, encoding: .utf8)
        try lines(3000..<6000).write(toFile: path + ".1", atomically: true, encoding: .utf8)
        try (lines(6000..<9000) + #"{"time":"2023-11-1"#).write(toFile: path, atomically: true, encoding: .utf8)

        let all = try read(path, "").map { $0["id"]?.string }
        #expect(all == (0..<9000).reversed().map(String.init))
        #expect(try read(path, "by=people").count == 4500)
        let late = Timestamp(seconds: 1_700_000_000 + 8990).text
        #expect(try read(path, "from=\(late)").count == 10)
        // The same time, written with another zone.
        #expect(try read(path, "from=2023-11-15T01:43:10%2B01:00").count == 10)
        #expect(try read(path, "q=ANNA%20%2F&to=\(Timestamp(seconds: 1_700_000_009).text)").count == 5)
        #expect(try read(folder + "/none.log", "").isEmpty)
    }

    @Test("pages go on where the last one ended, whatever ids senders chose, also when the file is put aside meanwhile")
    func paging() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("audit.log")
        func lines(_ names: ClosedRange<Int>) -> String {
            names.map { #"{"time":"2026-01-01T00:00:00Z","id":"same","name":"\#($0)"}"# + "\n" }.joined()
        }
        try folder.write(lines(1...3), to: "audit.log.1")
        try folder.write(lines(4...6), to: "audit.log")
        func next(_ mark: String?) throws -> (name: String?, mark: String)? {
            var reader = try AuditReader(path: path, query: try query(mark.map { "before=\($0)" } ?? ""))
            while let more = try reader.next() {
                if let line = more.first { return (line.entry["name"]?.string, line.mark.text) }
            }
            return nil
        }
        var seen: [String?] = []
        var mark: String?
        while let (name, following) = try next(mark) {
            seen.append(name)
            mark = following
            guard seen.count == 2 else { continue }
            try FileManager.default.moveItem(atPath: path + ".1", toPath: path + ".2")
            try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
            try folder.write(lines(7...9), to: "audit.log")
        }
        #expect(seen == ["6", "5", "4", "3", "2", "1"])
        try FileManager.default.removeItem(atPath: path + ".1")
        try FileManager.default.removeItem(atPath: path + ".2")
        #expect(try next(mark) == nil, "what is gone is not begun anew")
    }

    @Test("words are looked for in reasons and in who stood behind, too")
    func words() throws {
        let entry: JSON = [
            "user": "anna", "impersonatedBy": "system:serviceaccount:kubeflow:gateway", "reason": "CSRF check",
        ]
        for text in ["q=csrf", "q=kubeflow:gateway", "q=anna%20check"] {
            #expect(try query(text).matches(entry), "\(text)")
        }
        #expect(!(try query("q=bob").matches(entry)))
    }

    @Test(
        "queries that cannot be meant are refused",
        arguments: ["from=yesterday", "to=1", "by=me", "before=4500", "before=1.2.x", "before=-1.2.AAAAAAAAAAAAAAAA"])
    func wrong(text: String) {
        #expect(throws: APIError.self) { try query(text) }
    }

    @Test("a spreadsheet computes nothing of an exported log")
    func exported() {
        let line = AuditRoutes.line([
            "time": "2026-01-01T00:00:00Z", "user": "=1+1", "verb": "get", "name": "a,\"b\"", "code": 403,
        ])
        #expect(line == "2026-01-01T00:00:00Z,'=1+1,,get,,,,,\"a,\"\"b\"\"\",,,403,,,,\r\n")
        // As bytes, since Characters take marks and line ends together.
        for (text, wanted) in [
            ("a\n=1", "\"a\n=1\""), ("a\r=1", "\"a\r=1\""), ("a\r\n=1", "\"a\r\n=1\""), ("\r\n=1", "\"'\r\n=1\""),
            ("a,\u{301}=1", "\"a,\u{301}=1\""), ("\"\u{301},=1", "\"\"\"\u{301},=1\""), ("=\u{301}1", "'=\u{301}1"),
            ("\t1", "'\t1"),
        ] {
            let cells = AuditRoutes.line(["time": "t", "user": .string(text)])
            #expect(Array(cells.utf8) == Array("t,\(wanted)\(String(repeating: ",", count: 14))\r\n".utf8), "\(text)")
        }
    }

    @Test("addresses are those that a browser takes, and no patterns")
    func addresses() {
        for good in ["a@b", "a.b+c@example.com", "o'neil@x-y.example", "a/b@c"] {
            #expect(WorkgroupRoutes.isAddress(good), "\(good)")
        }
        for bad in ["", "a", "@b", "a@", "*@b", "a b@c", "a@b@c", "a@-b", "a@b-", "a@b..c", "a@\u{fc}.de"] {
            #expect(!WorkgroupRoutes.isAddress(bad), "\(bad)")
        }
    }

    @Test("a sample is of shares of what the nodes have")
    func sample() throws {
        func node(_ name: String, cores: String, used: String) -> (KubeObject, KubeObject) {
            var size = KubeObject(apiVersion: "v1", kind: "Node", name: name)
            size["status"] = ["capacity": ["cpu": .string(cores)]]
            var usage = KubeObject(apiVersion: "metrics.k8s.io/v1beta1", kind: "NodeMetrics", name: name)
            usage["usage"] = ["cpu": .string(used)]
            return (size, usage)
        }
        var pod = KubeObject(apiVersion: "metrics.k8s.io/v1beta1", kind: "PodMetrics", name: "p", namespace: "a")
        pod["containers"] = [
            ["usage": ["cpu": "500m", "memory": "1Mi"]], ["usage": ["cpu": "1", "memory": "1Mi"]],
        ]
        let nodes = [node("one", cores: "4", used: "1"), node("two", cores: "2", used: "2100m")]
        let sample = try #require(
            UsageHistory.sample(
                nodes: nodes.map(\.0), usage: nodes.map(\.1), pods: [pod], at: Timestamp(seconds: 7)))
        #expect(
            sample
                == UsageHistory.Sample(
                    time: 7, nodes: [("one", 0.25), ("two", 1)], podCPU: 0.25, podMemory: 2 << 20))
        #expect(UsageHistory.sample(nodes: [], usage: [], pods: [], at: .now) == nil)
    }

    @Test("three hours are kept")
    func history() {
        let history = UsageHistory(client: ReviewedCluster().client, logger: Logger(label: "test"))
        #expect(history.samples(since: 0) == nil)
        for time in 0..<1200 { history.add(.init(time: Int64(time * 10), podCPU: 0, podMemory: 0)) }
        #expect(history.samples(since: 0)?.count == 1080)
        #expect(history.samples(since: 11_980)?.map(\.time) == [11_980, 11_990])
    }
}
