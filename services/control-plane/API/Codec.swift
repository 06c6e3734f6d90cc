import KubeModel
import KubeYAML
import NIOCore

/// Turns request bodies into trees and trees into bytes.
enum Codec {
    /// The most bytes a request may carry.
    static let bodyLimit = 3 << 20

    static func encode(_ json: JSON) -> [UInt8] { json.bytes }

    /// What the body of a request is written in.
    enum Format: Sendable {
        case json
        case yaml
        case protobuf
    }

    /// Which format a content type names; nil for one that is not understood.
    static func format(_ contentType: String?) -> Format? {
        guard let contentType, !contentType.isEmpty else { return .json }
        switch contentType.split(separator: ";").first.map({ $0.lowercased().filter { $0 != " " } }) {
        case "application/json", "text/json": return .json
        case "application/yaml", "text/yaml", "application/x-yaml": return .yaml
        case "application/vnd.kubernetes.protobuf": return .protobuf
        default: return nil
        }
    }

    /// Reads the body of a request.
    ///
    /// `duplicates` gets the paths of keys that came twice in one object.
    static func decode(_ buffer: ByteBuffer, format: Format, duplicates: inout [String]) throws(APIError) -> JSON {
        switch format {
        case .json:
            do throws(JSONError) {
                var found: [String] = []
                let json = try JSON.parse(buffer.readableBytesView) { found.append($0) }
                duplicates += found
                return json
            } catch {
                throw APIError(.badRequest, "the request body is not valid JSON: \(error)")
            }
        case .protobuf: return try ProtobufReader.object(Array(buffer.readableBytesView))
        case .yaml:
            do {
                return try YAML.parse(String(buffer: buffer), duplicates: &duplicates)
            } catch {
                throw APIError(.badRequest, "the request body is not valid YAML: \(error)")
            }
        }
    }

    /// Collects and reads the body of a request that creates or replaces something.
    static func body(of request: APIRequest, duplicates: inout [String]) async throws -> JSON {
        let contentType = request.header("content-type")
        guard let format = format(contentType) else {
            throw unsupported(contentType ?? "", accepted: ["application/json", "application/yaml"])
        }
        let buffer = try await collect(request)
        guard buffer.readableBytes > 0 else { throw APIError(.badRequest, "the request has no body") }
        return try decode(buffer, format: format, duplicates: &duplicates)
    }

    /// Collects the body as it is.
    static func collect(_ request: APIRequest) async throws -> ByteBuffer {
        do {
            return try await request.body(bodyLimit)
        } catch let error as APIError where error.reason == .requestEntityTooLarge {
            throw APIError(.requestEntityTooLarge, "Request entity too large: limit is \(bodyLimit)")
        }
    }

    static func unsupported(_ type: String, accepted: [String]) -> APIError {
        APIError(
            .unsupportedMediaType,
            "the body of the request was in an unknown format - accepted media types include: "
                + accepted.joined(separator: ", "))
    }
}
