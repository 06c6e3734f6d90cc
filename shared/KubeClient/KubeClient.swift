public import KubeModel
import NIOCore

/// Reads and writes the objects of a Kubernetes API server.
///
/// A value: copies share the transport. Failures of the server are thrown as ``APIError``; what the transport throws
/// (no connection, TLS) is thrown as it is.
public struct KubeClient: Sendable {
    let transport: any KubeTransport
    let identity: [(name: String, value: String)]
    var parts = ObjectParts.all

    /// How many objects one page of a list holds.
    static let pageSize = 500
    /// The largest answer that is collected into memory.
    static let answerLimit = 64 << 20

    /// A client that acts as the user whom the transport authenticates.
    public init(transport: any KubeTransport) {
        self.init(transport: transport, identity: [])
    }

    init(transport: any KubeTransport, identity: [(name: String, value: String)]) {
        (self.transport, self.identity) = (transport, identity)
    }

    /// A client that acts as somebody else, as far as the transport's own user may impersonate.
    public func impersonating(user: String, groups: [String]) -> KubeClient {
        var client = KubeClient(
            transport: transport,
            identity: [("Impersonate-User", user)] + groups.map { ("Impersonate-Group", $0) })
        client.parts = parts
        return client
    }

    /// A client that reads only parts of the objects in lists and watches.
    public func reading(_ parts: ObjectParts) -> KubeClient {
        var client = self
        client.parts = parts
        return client
    }

    /// Sends a request as it is, with the identity added; the body of the answer is still to be read.
    public func send(_ request: KubeRequest) async throws -> KubeResponse {
        var request = request
        if !identity.isEmpty {
            // An identity that the caller wrote itself must not survive beside ours.
            request.headers.removeAll { $0.name.lowercased().hasPrefix("impersonate-") }
            request.headers += identity
        }
        return try await transport.send(request)
    }

    /// Sends a request and reads the JSON answer.
    ///
    /// An overloaded server (429 with `Retry-After`) is asked again a few times.
    ///
    /// - Throws: ``APIError`` for a status of 400 and above, or an answer that is no JSON.
    public func json(_ request: KubeRequest) async throws -> JSON { try await json(request, leavingOut: []) }

    /// The same without some members of the answer.
    func json(_ request: KubeRequest, leavingOut leftOut: [[String]]) async throws -> JSON {
        var attempt = 1
        while true {
            let response = try await send(request)
            let bytes = try await response.collect(upTo: Self.answerLimit)
            guard response.status >= 400 else {
                do {
                    return try JSON(parsing: bytes, leavingOut: leftOut)
                } catch {
                    throw APIError(.internalError, "the API server's answer is not JSON: \(error)")
                }
            }
            let error = response.failure(body: bytes)
            guard response.status == 429, attempt < 4, let seconds = error.retryAfterSeconds, seconds <= 10 else {
                throw error
            }
            attempt += 1
            try await Task.sleep(for: .seconds(max(seconds, 1)))
        }
    }
}

extension KubeResponse {
    /// The first value of a header field, by its name in lower case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// The whole body.
    ///
    /// - Throws: ``APIError`` `requestEntityTooLarge` when it is longer than `limit` bytes.
    public func collect(upTo limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in body {
            guard bytes.count + chunk.readableBytes <= limit else {
                throw APIError(.requestEntityTooLarge, "the API server's answer is larger than \(limit) bytes")
            }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return bytes
    }

    /// What a failed answer says: its `Status` object, or its text.
    func failure(body: [UInt8]) -> APIError {
        var error: APIError
        if let status = try? JSON(parsing: body), status["kind"]?.string == "Status" {
            error = APIError(status: status, code: self.status)
        } else {
            let text = String(decoding: body.prefix(500), as: UTF8.self)
            let message = text.isEmpty ? "the API server answered \(self.status)" : text
            error = APIError(.unknown, message, code: self.status)
            if let reason = APIError.Reason.allCases.first(where: { $0 != .unknown && $0.defaultCode == self.status }) {
                error.reason = reason
            }
        }
        if error.retryAfterSeconds == nil { error.retryAfterSeconds = header("retry-after").flatMap { Int($0) } }
        return error
    }
}
