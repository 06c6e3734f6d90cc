import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1

/// Opens a connection to the node agent that turns into a stream.
enum NodeConnection {
    /// Asks for `path` and waits for the upgrade.
    ///
    /// - Parameters:
    ///   - path: path and query.
    ///   - socket: the node agent's unix socket.
    ///   - eventLoop: where the connection is to live.
    /// - Returns: the channel, which does not read by itself yet.
    /// - Throws: ``APIError``, the node agent's own where it refused.
    static func open(_ path: String, socket: String?, on eventLoop: any EventLoop) async throws -> any Channel {
        guard let socket else {
            throw APIError(.serviceUnavailable, "streams are the node agent's, and none is configured")
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: path,
            headers: [
                "Host": "node-agent", "Content-Length": "0", "Connection": "Upgrade", "Upgrade": StreamFrame.upgrade,
            ])
        let answer: UpgradeAnswer
        do {
            answer = try await UpgradeAnswer.to(
                head, at: ProxyTarget(isTLS: false, place: .socket(socket)), on: eventLoop)
        } catch {
            throw APIError(
                .internalError,
                "Internal error occurred: the node agent cannot be reached, or gives no answer: \(error)")
        }
        guard answer.isAccepted else { throw await refusal(answer) }
        return answer.channel
    }

    /// Why the node agent refused, in its own words.
    private static func refusal(_ answer: UpgradeAnswer) async -> APIError {
        defer { answer.channel.close(promise: nil) }
        var text = ByteBuffer()
        do {
            try await answer.forEachPart { part in
                if case .body(var bytes) = part { text.writeBuffer(&bytes) }
                if case .end = part { return false }
                return text.readableBytes <= NodeAgent.longestRefusal
            }
        } catch {
            return APIError(.internalError, "Internal error occurred: the node agent closed the connection: \(error)")
        }
        return NodeAgent.refusal(text, code: Int(answer.head.status.code))
    }

    /// Lets an opened connection read, once its handlers are in place; they get what came since the upgrade.
    static func begin(_ channel: any Channel) async throws { try await UpgradeAnswer.begin(channel) }

    /// `/exec/team/pod/main` with its query.
    static func path(_ segments: [String], _ query: [(name: String, value: String)] = []) -> String {
        let fields = query.map { "\($0.name.percentEncodedSegment)=\($0.value.percentEncodedSegment)" }
        return "/" + segments.map(\.percentEncodedSegment).joined(separator: "/")
            + (fields.isEmpty ? "" : "?" + fields.joined(separator: "&"))
    }
}
