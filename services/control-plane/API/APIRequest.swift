import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1
import Synchronization

/// One request, whether it came over the network or from inside the process.
struct APIRequest: Sendable {
    let method: String
    let path: String
    let query: Query
    /// The query as it came.
    var rawQuery = ""
    let headers: HTTPHeaders
    /// The body as it comes in; it can be read once, here or below.
    var content = HTTPBody.empty
    /// Collects the body, up to a limit.
    let body: @Sendable (Int) async throws -> ByteBuffer

    /// First value of a header field.
    func header(_ name: String) -> String? { headers.first(name: name) }
}

/// Takes the chunks of a streamed answer.
struct ChunkWriter: Sendable {
    /// Takes a chunk at once; false when the peer should be waited for before the next one. Throws when it is gone.
    let offer: @Sendable (ByteBuffer) throws -> Bool
    /// Returns when the peer can take more, throws when it is gone.
    let drained: @Sendable () async throws -> Void
    /// The connection, where there is one that can be written to without a task.
    var connection: HTTPBodyWriter?

    /// A writer to a connection.
    init(_ connection: HTTPBodyWriter) {
        self.connection = connection
        offer = { try connection.offer($0) }
        drained = { try await connection.drained() }
    }

    /// A writer that can say whether it is time to wait.
    init(
        offer: @escaping @Sendable (ByteBuffer) throws -> Bool, drained: @escaping @Sendable () async throws -> Void
    ) {
        (self.offer, self.drained) = (offer, drained)
    }

    /// A writer that only returns when the peer can take more.
    init(_ write: @escaping @Sendable (ByteBuffer) async throws -> Void) {
        let held = HeldChunks()
        offer = { chunk in
            held.add(chunk)
            return false
        }
        drained = { for chunk in held.take() { try await write(chunk) } }
    }

    /// Writes a chunk; returns when the peer can take more, throws when it is gone.
    func callAsFunction(_ chunk: ByteBuffer) async throws {
        if try !offer(chunk) { try await drained() }
    }
}

/// Chunks that were taken and not written yet.
private final class HeldChunks: Sendable {
    private let chunks = Mutex<[ByteBuffer]>([])

    func add(_ chunk: ByteBuffer) { chunks.withLock { $0.append(chunk) } }

    func take() -> [ByteBuffer] {
        chunks.withLock { chunks in
            defer { chunks = [] }
            return chunks
        }
    }
}

/// One answer, before it is turned into HTTP or handed to a caller in the process.
struct APIAnswer: Sendable {
    enum Body: Sendable {
        case bytes(ByteBuffer)
        case stream(@Sendable (ChunkWriter) async throws -> Void)
        /// The closure owns the connection and writes the head itself; only for requests that came over the network.
        case takeOver(@Sendable (any Channel) async throws -> Void)
    }

    var status = 200
    var contentType = "application/json"
    var headers: [(name: String, value: String)] = []
    var body: Body
    /// True when a streamed body is one document, which ends by itself, and too long to be held in memory.
    var isLongDocument = false
    /// Name of an object that was created, which the request did not name.
    var createdName = ""

    static func json(_ json: JSON, status: Int = 200) -> APIAnswer {
        APIAnswer(status: status, body: .bytes(ByteBuffer(bytes: Codec.encode(json))))
    }

    static func bytes(_ bytes: [UInt8], status: Int = 200) -> APIAnswer {
        APIAnswer(status: status, body: .bytes(ByteBuffer(bytes: bytes)))
    }

    static func text(_ text: String, status: Int = 200) -> APIAnswer {
        APIAnswer(status: status, contentType: "text/plain; charset=utf-8", body: .bytes(ByteBuffer(string: text)))
    }

    /// What paths get that are below none that are known.
    static var pageNotFound: APIAnswer { .text("404 page not found\n", status: 404) }

    static func error(_ error: APIError) -> APIAnswer {
        var answer = APIAnswer.json(error.status, status: error.code)
        if let seconds = error.retryAfterSeconds { answer.headers.append(("Retry-After", String(seconds))) }
        if error.reason == .unauthorized { answer.headers.append(("WWW-Authenticate", "Bearer realm=\"martlet\"")) }
        return answer
    }
}
