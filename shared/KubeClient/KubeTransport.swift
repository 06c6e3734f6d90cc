public import NIOCore

/// One request to a Kubernetes API server.
public struct KubeRequest: Sendable {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    public var method: String
    /// Path and query, percent-encoded: `/api/v1/pods?limit=5`.
    public var target: String
    /// Header fields besides authentication.
    public var headers: [(name: String, value: String)]
    /// Body, nil for none.
    public var body: ByteBuffer?

    /// Makes a request.
    public init(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: ByteBuffer? = nil
    ) {
        (self.method, self.target, self.headers, self.body) = (method, target, headers, body)
    }
}

/// The answer of a Kubernetes API server, whose body arrives as it is read.
public struct KubeResponse: Sendable {
    /// HTTP status.
    public var status: Int
    /// Header fields, names in lower case.
    public var headers: [(name: String, value: String)]
    /// The chunks of the body, in order.
    public var body: AsyncThrowingStream<ByteBuffer, any Error>

    /// Makes an answer.
    public init(status: Int, headers: [(name: String, value: String)], body: AsyncThrowingStream<ByteBuffer, any Error>)
    {
        (self.status, self.headers, self.body) = (status, headers, body)
    }
}

/// How requests reach an API server: over TLS, or directly inside the server's own process.
public protocol KubeTransport: Sendable {
    /// Sends one request. Cancelling the task, or ending the iteration of the body, gives the request up.
    func send(_ request: KubeRequest) async throws -> KubeResponse
}
