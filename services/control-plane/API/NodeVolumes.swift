import AsyncHTTPClient
import KubeModel
import NIOCore
import NIOHTTP1

/// The folders of volumes, as the node agent is asked to remove them.
public enum NodeVolumes {
    /// Has the folder of a claim removed. A folder that is not there is fine.
    ///
    /// - Parameters:
    ///   - namespace: of the claim.
    ///   - claim: name of the folder.
    ///   - socket: the node agent's unix socket; nil where there is none, and so no Pod ever wrote anything.
    /// - Throws: ``APIError`` that says why it is still there.
    public static func remove(namespace: String, claim: String, through socket: String?) async throws {
        guard let socket else { return }
        let path = [namespace, claim].map(\.percentEncodedSegment).joined(separator: "/")
        var question = HTTPClientRequest(url: "http+unix://\(socket.percentEncodedSegment)/volumes/\(path)")
        question.method = .DELETE
        question.headers.add(name: "Host", value: "node-agent")
        let response: HTTPClientResponse
        do {
            response = try await HTTPClient.shared.execute(question, timeout: .minutes(10))
        } catch {
            throw APIError(.serviceUnavailable, "the node agent, which removes volumes, cannot be reached: \(error)")
        }
        let body = try await response.body.collect(upTo: 64 * 1024)
        guard response.status.code < 400 else {
            if let status = try? JSON(parsing: Array(body.readableBytesView)), status["kind"]?.string == "Status" {
                throw APIError(status: status, code: Int(response.status.code))
            }
            throw APIError(.internalError, "the node agent answered \(response.status.code)")
        }
    }
}
