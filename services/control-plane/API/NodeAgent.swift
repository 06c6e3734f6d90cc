import AsyncHTTPClient
import KubeModel
import NIOCore
import NIOHTTP1

/// Requests to the node agent.
enum NodeAgent {
    /// The node agent is not there.
    struct Unreachable: Error { let cause: any Error }

    /// Bytes of a refusal that are looked at.
    static let longestRefusal = 64 * 1024

    /// Tells at once that nobody listens: others would try again until the deadline, which may be none.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Asks the node agent.
    ///
    /// - Parameters:
    ///   - target: path and query, percent-encoded.
    ///   - method: what to do with it.
    ///   - socket: its unix socket.
    ///   - deadline: until when it has to answer.
    /// - Returns: an answer below 400.
    /// - Throws: ``Unreachable``, or ``APIError`` with what the node agent says against it.
    static func ask(
        _ target: String, method: HTTPMethod = .GET, through socket: String, deadline: NIODeadline = .distantFuture
    ) async throws -> HTTPClientResponse {
        var question = HTTPClientRequest(url: ProxyTarget(isTLS: false, place: .socket(socket)).url(target))
        question.method = method
        // A path of a socket makes no valid host name.
        question.headers.add(name: "Host", value: "node-agent")
        let response: HTTPClientResponse
        do {
            response = try await client.execute(question, deadline: deadline)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Unreachable(cause: error)
        }
        guard response.status.code < 400 else {
            throw refusal(try await response.body.collect(upTo: longestRefusal), code: Int(response.status.code))
        }
        return response
    }

    /// What a refusal of the node agent says: the Status in it, as a rule.
    static func refusal(_ body: ByteBuffer, code: Int) -> APIError {
        if let status = try? JSON(parsing: Array(body.readableBytesView)), status["kind"]?.string == "Status" {
            return APIError(status: status, code: code)
        }
        let text = String(buffer: body).prefix(200)
        return APIError(
            .internalError,
            "Internal error occurred: the node agent answered \(code)" + (text.isEmpty ? "" : ": \(text)"))
    }
}
