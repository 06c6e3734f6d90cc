public import KubeModel
public import NIOCore
public import NIOHTTP1

/// One answer.
public struct HTTPResponse: Sendable {
    /// What follows the head.
    public enum Body: Sendable {
        /// Nothing.
        case empty
        /// Bytes in memory; the length is sent ahead.
        case bytes(ByteBuffer)
        /// Bytes as they come. The closure's task is cancelled when the peer goes away or the server stops; when it
        /// throws, the connection is cut so that the peer notices.
        case stream(@Sendable (HTTPBodyWriter) async throws -> Void)
        /// The closure gets the raw channel and writes the head itself. The channel does not read by itself yet: once
        /// handlers are in place, turn `autoRead` on and call `channel.read()`, which also delivers the bytes that came
        /// after the request. The channel is closed when the closure ends.
        case takeOver(@Sendable (any Channel) async throws -> Void)
    }

    /// HTTP status.
    public var status: Int
    /// Header fields; `Date`, `Content-Length`, `Transfer-Encoding` and `Connection` are the server's.
    public var headers: HTTPHeaders
    /// What follows the head.
    public var body: Body
    /// Called once when the answer has ended, whole or not, with how many bytes of its body were sent.
    public var onEnd: (@Sendable (_ bytes: Int, _ isWhole: Bool) -> Void)?

    /// Makes an answer.
    public init(status: Int, headers: HTTPHeaders = [:], body: Body = .empty) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    /// A JSON document.
    public static func json(_ json: JSON, status: Int = 200) -> HTTPResponse {
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: "application/json")
        let body = json.withBytes { ByteBuffer(bytes: $0) }
        return HTTPResponse(status: status, headers: headers, body: .bytes(body))
    }

    /// Bytes with their content type.
    public static func bytes(_ bytes: [UInt8], type: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["content-type": type], body: .bytes(ByteBuffer(bytes: bytes)))
    }

    /// A Kubernetes `Status`.
    public static func error(_ error: APIError) -> HTTPResponse {
        var response = json(error.status, status: error.code)
        if let seconds = error.retryAfterSeconds { response.headers.add(name: "retry-after", value: String(seconds)) }
        return response
    }

    /// Plain text.
    public static func text(_ text: String, status: Int = 200) -> HTTPResponse {
        .init(
            status: status, headers: ["content-type": "text/plain; charset=utf-8"],
            body: .bytes(ByteBuffer(string: text)))
    }

    /// A page.
    public static func html(_ text: String, status: Int = 200) -> HTTPResponse {
        .init(
            status: status, headers: ["content-type": "text/html; charset=utf-8"],
            body: .bytes(ByteBuffer(string: text)))
    }
}

/// Goes on with a streamed body without a task, which is told when the peer takes more. A task takes some kilobytes: too
/// much where thousands of streams mostly wait.
public protocol HTTPStreamFollower: AnyObject, Sendable {
    /// The peer takes more; also called once at the beginning. On the connection's event loop.
    func goOn()
    /// The peer is gone, or the server stops: nothing can be written any more. On the connection's event loop, once.
    func end()
}

/// Writes a streamed body.
public struct HTTPBodyWriter: Sendable {
    let connection: HTTPConnection

    /// The loop that the connection lives on.
    public var eventLoop: any EventLoop { connection.eventLoop }

    /// Lets `follower` write all that comes after the end of the closure that was given this writer; it calls ``finish()``
    /// or ``abort()`` in the end, unless it is told before that nothing can be written any more.
    public func follow(with follower: any HTTPStreamFollower) { connection.follow(with: follower) }

    /// Ends a body that a follower writes.
    public func finish() { connection.finishFollowing(isWhole: true) }

    /// Cuts the connection of a body that a follower writes, so that the peer notices.
    public func abort() { connection.finishFollowing(isWhole: false) }

    /// Sends one chunk and returns when the connection can take the next one.
    ///
    /// - Throws: when the peer has gone or the task was cancelled.
    public func write(_ buffer: ByteBuffer) async throws {
        if try !offer(buffer) { try await drained() }
    }

    /// Sends text.
    public func write(_ text: String) async throws { try await write(ByteBuffer(string: text)) }

    /// Sends one chunk without waiting.
    ///
    /// - Returns: false when the next chunk should wait for ``drained()``, or memory would grow.
    /// - Throws: when the peer has gone or the task was cancelled.
    public func offer(_ buffer: ByteBuffer) throws -> Bool {
        try Task.checkCancellation()
        return try buffer.readableBytes == 0 || connection.offerChunk(buffer)
    }

    /// Returns when the connection can take the next chunk.
    ///
    /// - Throws: when the peer has gone or the task was cancelled.
    public func drained() async throws { try await connection.drained() }
}
