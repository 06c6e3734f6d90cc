public import KubeClient
public import KubeModel
import NIOCore
import Synchronization

/// A transport that answers from a script and remembers what it was asked.
public final class RecordingTransport: KubeTransport {
    private let answer: @Sendable (KubeRequest) async throws -> KubeResponse
    private let seen = Mutex<[KubeRequest]>([])

    /// Answers every request by a closure.
    public init(_ answer: @escaping @Sendable (KubeRequest) async throws -> KubeResponse) {
        self.answer = answer
    }

    /// Answers one request after the other; more requests than answers fail.
    public convenience init(script: [KubeResponse]) {
        let rest = Mutex(script)
        self.init { request in
            try rest.withLock { rest in
                guard !rest.isEmpty else {
                    throw APIError(.serviceUnavailable, "the script has no answer for \(request.line)")
                }
                return rest.removeFirst()
            }
        }
    }

    /// The requests so far.
    public var requests: [KubeRequest] { seen.withLock { $0 } }

    /// Records and answers a request.
    public func send(_ request: KubeRequest) async throws -> KubeResponse {
        seen.withLock { $0.append(request) }
        return try await answer(request)
    }
}

extension KubeRequest {
    /// `GET /api/v1/pods`.
    public var line: String { "\(method) \(target)" }
    /// The body as JSON, null without one.
    public var json: JSON { (try? JSON(parsing: body.map { Array($0.readableBytesView) } ?? [])) ?? .null }
    /// The first value of a header field.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

extension KubeResponse {
    /// An answer with a JSON body.
    public static func json(_ json: JSON, status: Int = 200) -> KubeResponse {
        chunks([json.bytes], status: status)
    }

    /// The answer that a server gives for an error.
    public static func error(_ error: APIError) -> KubeResponse { json(error.status, status: error.code) }

    /// A body in the given pieces; with a failure, the connection breaks after them.
    public static func chunks(_ chunks: [[UInt8]], status: Int = 200, then failure: (any Error)? = nil) -> KubeResponse
    {
        KubeResponse(
            status: status, headers: [("content-type", "application/json")],
            body: AsyncThrowingStream { continuation in
                for chunk in chunks { continuation.yield(ByteBuffer(bytes: chunk)) }
                continuation.finish(throwing: failure)
            })
    }
}
