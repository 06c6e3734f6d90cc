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
        guard let contentType, !contentType.isEmpty, contentType != "application/json" else { return .json }
        switch contentType.split(separator: ";").first.map({ $0.lowercased().filter { $0 != " " } }) {
        case "application/json", "text/json": return .json
        case "application/yaml": return .yaml
        case "application/vnd.kubernetes.protobuf": return .protobuf
        default: return nil
        }
    }

    /// Reads the body of a request.
    ///
    /// `duplicates` gets the paths of keys that came twice in one object; `kind` is what the body ought to be, for
    /// refusals.
    static func decode(
        _ buffer: ByteBuffer, format: Format, kind: String = "", duplicates: inout [String]
    ) throws(APIError) -> JSON {
        switch format {
        case .json:
            do throws(JSONError) {
                var found: [String] = []
                let json = try JSON.parse(buffer.readableBytesView) { found.append($0) }
                duplicates += found
                return json
            } catch {
                throw unrecognized(
                    "couldn't get version/kind; json parse error: \(GoJSONError.text(error, in: buffer))", buffer, kind)
            }
        case .protobuf:
            do throws(ProtobufReader.Failure) {
                return try ProtobufReader.object(Array(buffer.readableBytesView)[...])
            } catch {
                guard let type = error.type else { throw unrecognized(error.reason, buffer, kind) }
                let version = type.apiVersion.split(separator: "/").last ?? ""
                throw APIError(
                    .badRequest,
                    "\(type.kind) in version \"\(version)\" cannot be handled as a \(kind.isEmpty ? type.kind : kind): \(error.reason)"
                )
            }
        case .yaml:
            do {
                return try YAML.parse(String(buffer: buffer), duplicates: &duplicates)
            } catch {
                throw unrecognized("yaml: \(error)", buffer, kind)
            }
        }
    }

    /// Collects and reads the body of a request that creates or replaces something.
    static func body(of request: APIRequest, kind: String = "", duplicates: inout [String]) async throws -> JSON {
        let contentType = request.header("content-type")
        guard let format = format(contentType) else {
            throw unsupported(contentType ?? "", accepted: Encoding.mediaTypes)
        }
        let buffer = try await collect(request)
        return try decode(buffer, format: format, kind: kind, duplicates: &duplicates)
    }

    /// The refusal of a body that cannot even be read; it shows how the body begins.
    private static func unrecognized(_ reason: String, _ buffer: ByteBuffer, _ kind: String) -> APIError {
        let start = buffer.readableBytesView.prefix(30)
        var shown = "<empty>"
        if start.first == UInt8(ascii: "{") {
            shown = String(decoding: start, as: UTF8.self)
        } else if !start.isEmpty {
            shown = start.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        if buffer.readableBytes > 30 { shown += " ..." }
        return APIError(
            .badRequest, "the object provided is unrecognized (must be of type \(kind)): \(reason) (\(shown))")
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
