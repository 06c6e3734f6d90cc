import ClusterRules
import KubeModel
import KubeYAML
import NIOCore

/// How an answer is written.
enum Encoding: Sendable {
    case json
    case yaml
    case protobuf

    var mediaType: String {
        switch self {
        case .json: "application/json"
        case .yaml: "application/yaml"
        case .protobuf: ProtobufEncoder.mediaType
        }
    }

    /// All that answers can be written in, as refusals list them.
    static let mediaTypes = ["application/json", "application/yaml", ProtobufEncoder.mediaType]
}

/// One of the media types that a client accepts, `application/json;as=Table;q=0.5`.
struct MediaRange: Sendable {
    let type: String
    let parameters: [String: String]
    private let quality: Double

    /// The ranges of an `Accept` header, the best liked first.
    static func all(_ accept: String) -> [MediaRange] {
        let ranges = accept.split(separator: ",").compactMap { MediaRange($0) }
        guard ranges.contains(where: { $0.quality != 1 }) else { return ranges }
        return ranges.enumerated().sorted {
            ($1.element.quality, $0.offset) < ($0.element.quality, $1.offset)
        }.map(\.element)
    }

    private init?(_ text: Substring) {
        let parts = text.split(separator: ";").map { $0.filter { $0 != " " } }
        guard let type = parts.first, !type.isEmpty else { return nil }
        self.type = type.lowercased()
        var parameters: [String: String] = [:]
        for part in parts.dropFirst() {
            let sides = part.split(separator: "=", maxSplits: 1)
            if sides.count == 2 { parameters[String(sides[0])] = String(sides[1]) }
        }
        quality = parameters["q"].flatMap(Double.init) ?? 1
        self.parameters = parameters
    }

    /// What the range asks for; nil when that is not served.
    var encoding: Encoding? {
        switch type {
        case "application/json", "*/*", "application/*": .json
        case "application/yaml": .yaml
        case ProtobufEncoder.mediaType: .protobuf
        default: nil
        }
    }
}

extension Presentation {
    /// Takes the first of the accepted media types in which the kind is served.
    ///
    /// - Throws: ``APIError`` with `notAcceptable` when there is none.
    static func negotiate(_ request: APIRequest, kind: ServedKind, verb: String) throws(APIError) -> (
        presentation: Presentation, encoding: Encoding
    ) {
        guard let accept = request.header("accept"), !accept.isEmpty, accept != "application/json" else {
            return (.object, .json)
        }
        var isKnown = false
        for range in MediaRange.all(accept) {
            guard let encoding = range.encoding, encoding != .yaml || verb != "watch" else { continue }
            isKnown = true
            guard let form = range.parameters["as"] else {
                guard encoding != .protobuf || kind.hasBinaryForm else { continue }
                return (.object, encoding)
            }
            guard range.parameters["g"] == "meta.k8s.io",
                let version = Version(rawValue: range.parameters["v"] ?? ""),
                // The older one has a binary form of its own.
                version == .v1 || encoding != .protobuf
            else { continue }
            switch form {
            case "Table":
                guard encoding != .protobuf else { continue }
                let wanted = request.query["includeObject"] ?? ""
                guard let row = wanted.isEmpty ? .metadata : RowObject(rawValue: wanted) else {
                    throw APIError(
                        .badRequest,
                        "Unable to convert to Table as requested: includeObject: Invalid value: \"\(wanted)\": must be "
                            + "'Metadata', 'Object', 'None', or empty")
                }
                return (.table(row, version), encoding)
            case "PartialObjectMetadata": return (.metadata(version), encoding)
            case "PartialObjectMetadataList": return (.metadataList(version), encoding)
            default: continue
            }
        }
        throw Self.notAcceptable(isKnown: isKnown, kind: kind, verb: verb)
    }

    private static func notAcceptable(isKnown: Bool, kind: ServedKind, verb: String) -> APIError {
        if isKnown || kind.isCustom {
            return APIError(
                .notAcceptable,
                "only the following media types are accepted: \(Encoding.mediaTypes.joined(separator: ", "))")
        }
        var types = Encoding.mediaTypes
        if verb == "list" || verb == "watch" { types += [types[0], types[2]].map { $0 + ";stream=watch" } }
        return .notAcceptable(available: types)
    }
}

extension APIError {
    /// The refusal of a request that accepts nothing of what there is.
    static func notAcceptable(available types: [String]) -> APIError {
        APIError(
            .notAcceptable, "406: Not Acceptable\n\nAvailable representations: \(types.joined(separator: ", "))",
            hasDetails: true)
    }
}

extension ServedKind {
    /// True for built-in kinds that Go clients read in binary form.
    var hasBinaryForm: Bool {
        !isCustom && WireTable.shared.place(apiVersion: type.apiVersion, kind: type.kind) != nil
    }
}

extension JSON {
    /// The same with the members of all objects in the order of their names, as YAML is written.
    fileprivate var sortedByKeys: JSON {
        switch self {
        case .object(let object):
            var sorted = JSONObject()
            sorted.reserveCapacity(object.count)
            for key in object.keys.sorted() { sorted.append(key, (object[key] ?? .null).sortedByKeys) }
            return .object(sorted)
        case .array(let elements): return .array(elements.map(\.sortedByKeys))
        default: return self
        }
    }
}

extension APIAnswer {
    /// The answer written as the client likes it, where it is one JSON document that can be written so.
    func encoded(accept: String?) -> APIAnswer {
        guard contentType == "application/json", case .bytes(let buffer) = body, let accept,
            accept != "application/json", accept.contains("protobuf") || accept.contains("yaml")
        else { return self }
        let encoding = MediaRange.all(accept).lazy.compactMap(\.encoding).first
        guard let encoding, encoding != .json, let json = try? JSON(parsing: buffer.readableBytesView) else {
            return self
        }
        switch encoding {
        case .json: return self
        case .yaml: return with(Array(YAML.text(json.sortedByKeys).utf8), .yaml)
        case .protobuf:
            guard let bytes = ProtobufEncoder.object(json) else { return self }
            return with(bytes, .protobuf)
        }
    }

    private func with(_ bytes: [UInt8], _ encoding: Encoding) -> APIAnswer {
        var copy = self
        copy.contentType = encoding.mediaType
        copy.body = .bytes(ByteBuffer(bytes: bytes))
        return copy
    }
}
