import AsyncHTTPClient
import ClusterStore
import KubeModel
import NIOCore

extension APIServer {
    /// Streams the log of a container from the node agent.
    func podLog(_ context: RequestContext) async throws -> APIAnswer {
        let (kind, query) = (context.kind, context.query)
        guard let stored = try await cluster.get(kind.key(context.namespace, context.name)) else {
            throw kind.notFound(context.name)
        }
        let pod = try kind.tree(stored)
        let container = try containerName(pod, query["container"] ?? "")
        guard let node = pod.value(at: "spec", "nodeName")?.string, !node.isEmpty else {
            return APIAnswer(status: 204, contentType: "text/plain", body: .bytes(ByteBuffer()))
        }
        guard let socket = configuration.nodeSocket else {
            throw APIError(.serviceUnavailable, "logs are kept by the node agent, and none is configured")
        }
        var fields: [String] = []
        for name in ["follow", "tailLines", "previous", "timestamps", "sinceSeconds", "sinceTime", "limitBytes"] {
            if let value = query[name] { fields.append("\(name)=\(value.percentEncodedSegment)") }
        }
        let path = ["containerLogs", context.namespace, context.name, container].map(\.percentEncodedSegment).joined(
            separator: "/")
        let response: HTTPClientResponse
        do {
            response = try await NodeAgent.ask("/\(path)?\(fields.joined(separator: "&"))", through: socket)
        } catch let error as NodeAgent.Unreachable {
            throw APIError(
                .internalError,
                "Internal error occurred: the node agent of \"\(node)\" cannot be reached: \(error.cause)")
        }
        return APIAnswer(
            contentType: "text/plain",
            body: .stream { write in for try await chunk in response.body { try await write(chunk) } })
    }

    func containerName(_ pod: JSON, _ wanted: String) throws(APIError) -> String {
        let name = pod.value(at: "metadata", "name")?.string ?? ""
        func names(_ list: String) -> [String] {
            (pod.value(at: "spec", list)?.array ?? []).compactMap { $0["name"]?.string }
        }
        let regular = names("containers")
        let others = names("initContainers")
        guard !wanted.isEmpty else {
            if regular.count == 1 { return regular[0] }
            var text =
                "a container name must be specified for pod \(name), choose one of: [\(regular.joined(separator: " "))]"
            if !others.isEmpty { text += " or one of the init containers: [\(others.joined(separator: " "))]" }
            throw APIError(.badRequest, text)
        }
        guard (regular + others + names("ephemeralContainers")).contains(wanted) else {
            throw APIError(.badRequest, "container \(wanted) is not valid for pod \(name)")
        }
        return wanted
    }
}

extension String {
    /// The text with everything but letters, digits and `-._~` percent-encoded.
    var percentEncodedSegment: String {
        var encoded = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}
