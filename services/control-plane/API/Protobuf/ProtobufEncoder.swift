import ClusterRules
import Foundation
import KubeModel

/// Writes objects of built-in kinds in the binary form of Kubernetes, from their JSON.
///
/// What JSON has is written, zeros included, because for some fields zero differs from missing; what the type does not
/// have is left out.
enum ProtobufEncoder {
    /// The media type.
    static let mediaType = "application/vnd.kubernetes.protobuf"
    /// What every object begins with.
    static let magic: [UInt8] = [0x6b, 0x38, 0x73, 0]

    /// An object in its envelope, by its `apiVersion` and `kind`; nil for kinds without a binary form.
    static func object(_ json: JSON) -> [UInt8]? {
        guard let apiVersion = json["apiVersion"]?.string ?? (json["kind"] == "APIVersions" ? "v1" : nil),
            let kind = json["kind"]?.string
        else { return nil }
        return object(json, apiVersion: apiVersion, kind: kind)
    }

    /// An object in its envelope, as the named kind.
    static func object(_ json: JSON, apiVersion: String, kind: String) -> [UInt8]? {
        guard let place = WireTable.shared.place(apiVersion: apiVersion, kind: kind) else { return nil }
        return envelope(apiVersion: apiVersion, kind: kind) { out in
            write(json, as: place, &out)
        }
    }

    /// A list of `count` items in its envelope, which `item` is asked for one after the other.
    static func list(
        apiVersion: String, kind: String, itemKind: String, metadata: JSON, count: Int, item: (Int) throws -> JSON
    ) rethrows -> [UInt8]? {
        let table = WireTable.shared
        guard let itemPlace = table.place(apiVersion: apiVersion, kind: itemKind),
            let metadataPlace = table.place("meta/v1.ListMeta")
        else { return nil }
        // All lists have the same two numbers.
        return try envelope(apiVersion: apiVersion, kind: kind) { out in
            out.message(1) { write(metadata, as: metadataPlace, &$0) }
            for index in 0..<count {
                let item = try item(index)
                out.message(2) { write(item, as: itemPlace, &$0) }
            }
        }
    }

    /// One event of a watch, with the length in four bytes that separates it from the next.
    static func watchEvent(_ type: String, _ object: some Collection<UInt8>) -> [UInt8] {
        var out = ProtobufWriter()
        out.element(1, type)
        out.message(2) { $0.element(1, object) }
        let length = UInt32(truncatingIfNeeded: out.bytes.count)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } + out.bytes
    }

    private static func envelope(
        apiVersion: String, kind: String, _ fill: (inout ProtobufWriter) throws -> Void
    ) rethrows -> [UInt8] {
        var out = ProtobufWriter(magic)
        out.message(1) { type in
            type.element(1, apiVersion)
            type.element(2, kind)
        }
        try out.message(2, fill)
        out.element(3, "")
        out.element(4, "")
        return out.bytes
    }

    /// Writes the members of an object that a structure has.
    private static func write(_ json: JSON, as place: Int, _ out: inout ProtobufWriter) {
        guard case .object(let object) = json else { return }
        let structure = WireTable.shared.structures[place]
        for (name, value) in object {
            guard let field = structure.field(named: name) else { continue }
            write(value, field.kind, field.number, &out)
        }
        for (number, inlined) in structure.inlined { out.message(number) { write(json, as: inlined, &$0) } }
    }

    private static func write(_ value: JSON, _ kind: WireTable.Kind, _ number: Int, _ out: inout ProtobufWriter) {
        switch (kind, value) {
        case (.anything, _): out.message(number) { $0.element(1, value.bytes) }
        case (_, .null): break
        case (.string, .string(let text)): out.element(number, text)
        case (.boolean, .bool(let flag)): out.number(number, flag ? 1 : 0)
        case (.integer, _), (.long, _): if let whole = value.int { out.number(number, whole) }
        case (.number, _): if let any = value.double { out.element(number, any) }
        case (.bytes, .string(let text)):
            if let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters) { out.element(number, data) }
        case (.quantity, .string(let text)): out.message(number) { $0.element(1, text) }
        case (.quantity, _):
            if let quantity = Quantity(value) { out.message(number) { $0.element(1, quantity.json.string ?? "0") } }
        case (.time, _), (.microTime, _):
            guard let time = Timestamp(value) else { return }
            out.message(number) { message in
                message.number(1, time.seconds)
                message.number(2, kind == .time ? 0 : Int64(time.nanoseconds / 1000 * 1000))
            }
        case (.duration, .string(let text)):
            if let nanoseconds = GoDuration.nanoseconds(text) { out.message(number) { $0.number(1, nanoseconds) } }
        case (.integerOrString, .string(let text)):
            out.message(number) { message in
                message.number(1, 1)
                message.number(2, 0)
                message.element(3, text)
            }
        case (.integerOrString, _):
            guard let whole = value.int else { return }
            out.message(number) { message in
                message.number(1, 0)
                message.number(2, whole)
                message.element(3, "")
            }
        case (.texts, .array(let texts)):
            out.message(number) { message in for text in texts { message.element(1, text.string ?? "") } }
        case (.list(let element), .array(let items)): for item in items { write(item, element, number, &out) }
        case (.map(let element), .object(let members)):
            for (key, member) in members {
                out.message(number) { entry in
                    entry.element(1, key)
                    write(member, element, 2, &entry)
                }
            }
        case (.structure(let place), .object): out.message(number) { write(value, as: place, &$0) }
        case (.schemaOrBoolean, .bool(let allows)): out.message(number) { $0.number(1, allows ? 1 : 0) }
        case (.schemaOrBoolean, .object):
            out.message(number) { message in
                message.number(1, 1)
                schema(value, 2, &message)
            }
        case (.schemaOrSchemas, .object), (.schemaOrTexts, .object): out.message(number) { schema(value, 1, &$0) }
        case (.schemaOrSchemas, .array(let items)):
            out.message(number) { message in for item in items { schema(item, 2, &message) } }
        case (.schemaOrTexts, .array(let items)):
            out.message(number) { message in for item in items { message.element(2, item.string ?? "") } }
        default: break
        }
    }

    private static func schema(_ json: JSON, _ number: Int, _ out: inout ProtobufWriter) {
        guard let place = WireTable.shared.place("apiextensions/v1.JSONSchemaProps") else { return }
        out.message(number) { write(json, as: place, &$0) }
    }
}
