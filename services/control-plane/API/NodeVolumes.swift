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
        do {
            let answer = try await NodeAgent.ask(
                "/volumes/\(path)", method: .DELETE, through: socket, deadline: .now() + .minutes(10))
            _ = try await answer.body.collect(upTo: NodeAgent.longestRefusal)
        } catch let error as NodeAgent.Unreachable {
            throw APIError(
                .serviceUnavailable, "the node agent, which removes volumes, cannot be reached: \(error.cause)")
        }
    }
}
