import KubeModel
import NIOCore
import TestSupport
import Testing

@testable import KubeClient

@Suite("Watch stream")
struct WatchTests {
    private static let lines =
        #"{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"ä","resourceVersion":"1"}}}"#
        + "\n\n" + #"{"type":"MODIFIED","object":{"metadata":{"name":"b","resourceVersion":"2"}}}"# + "\n"
        + #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"# + "\n"
        + #"{"type":"DELETED","object":{"metadata":{"name":"b","resourceVersion":"10"}}}"# + "\n"

    private func events(_ response: KubeResponse) async throws -> [String] {
        let client = KubeClient(transport: RecordingTransport(script: [response]))
        var seen: [String] = []
        for try await event in try await client.watch(.pods, from: "0") {
            switch event {
            case .added(let object): seen.append("+\(object.name)")
            case .modified(let object): seen.append("~\(object.name) \(object.kind)")
            case .deleted(let object): seen.append("-\(object.name)")
            case .bookmark(let revision): seen.append("@\(revision)")
            }
        }
        return seen
    }

    @Test("lines are joined wherever the borders of the chunks lie", arguments: [1, 2, 7, 64, 10_000])
    func borders(size: Int) async throws {
        let bytes = Array(Self.lines.utf8)
        let chunks = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
        #expect(try await events(.chunks(chunks)) == ["+ä", "~b Pod", "@9", "-b"])
    }

    @Test("a last line without its end is no event")
    func tornLine() async throws {
        #expect(try await events(.chunks([Array((Self.lines + #"{"type":"ADDED","object":{}}"#).utf8)])).count == 4)
    }

    @Test("an error within the stream is thrown as what it says")
    func errorLine() async throws {
        let line =
            #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"# + "\n"
        let error = await #expect(throws: APIError.self) { try await events(.chunks([Array(line.utf8)])) }
        #expect(error?.reason == .expired)
        #expect(error?.code == 410)
    }

    @Test("a refused watch is an error, not an empty stream")
    func refused() async throws {
        let error = await #expect(throws: APIError.self) { try await events(.error(APIError(.forbidden, "no"))) }
        #expect(error?.reason == .forbidden)
    }

    @Test("a broken connection is thrown after the events before it")
    func broken() async throws {
        let response = KubeResponse.chunks([Array(Self.lines.utf8)], then: APIError(.timeout, "reset"))
        let client = KubeClient(transport: RecordingTransport(script: [response]))
        var count = 0
        let error = await #expect(throws: APIError.self) {
            for try await _ in try await client.watch(.pods, from: "0") { count += 1 }
        }
        #expect(error?.reason == .timeout)
        #expect(count == 4)
    }
}
