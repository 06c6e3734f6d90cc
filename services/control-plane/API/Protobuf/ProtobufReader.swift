import ClusterRules
import Foundation
import KubeModel

/// Reads the binary form of built-in kinds into the tree that a Go client's JSON would give.
///
/// As every reader of the format does, it passes over fields that it does not know.
struct ProtobufReader {
    /// Bytes that are no such message. `type` is what the envelope said about them, where it could be read.
    struct Failure: Error {
        let reason: String
        var type: (apiVersion: String, kind: String)?

        static let short = Failure(reason: "unexpected EOF")
    }

    private var bytes: ArraySlice<UInt8>

    private init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// Messages within messages; a schema of schemas may otherwise be as deep as the body is long.
    private static let depthLimit = 200

    /// Reads an object in its envelope; `kind` and `apiVersion` are those that the envelope names.
    static func object(_ bytes: ArraySlice<UInt8>) throws(Failure) -> JSON {
        let magic = ProtobufEncoder.magic
        guard bytes.starts(with: magic) else {
            throw Failure(
                reason:
                    "provided data does not appear to be a protobuf message, expected prefix [\(magic.map(String.init).joined(separator: " "))]"
            )
        }
        guard bytes.count > magic.count else { throw Failure(reason: "empty body") }
        var envelope = ProtobufReader(bytes.dropFirst(magic.count))
        var (apiVersion, kind) = ("", "")
        var raw: ArraySlice<UInt8> = []
        while let (number, wire) = try envelope.tag() {
            switch (number, wire) {
            case (1, 2):
                let texts = try texts(try envelope.block())
                (apiVersion, kind) = (texts[1] ?? "", texts[2] ?? "")
            case (2, 2): raw = try envelope.block()
            default: try envelope.skip(wire)
            }
        }
        do throws(Failure) {
            guard let place = WireTable.shared.place(apiVersion: apiVersion, kind: kind) else {
                throw Failure(reason: "no kind \"\(kind)\" is registered for version \"\(apiVersion)\"")
            }
            var object: JSONObject = ["kind": .string(kind), "apiVersion": .string(apiVersion)]
            try read(raw, as: place, into: &object, depth: 0)
            return .object(object)
        } catch {
            throw Failure(reason: error.reason, type: (apiVersion, kind))
        }
    }

    private static func read(_ bytes: ArraySlice<UInt8>, as place: Int, into object: inout JSONObject, depth: Int)
        throws(Failure)
    {
        guard depth < depthLimit else { throw Failure(reason: "messages are nested too deeply") }
        let structure = WireTable.shared.structures[place]
        var reader = ProtobufReader(bytes)
        while let (number, wire) = try reader.tag() {
            guard let field = structure.field(numbered: number) else {
                try reader.skip(wire)
                continue
            }
            switch field.kind {
            case .list(let element):
                var items = object[field.name]?.array ?? []
                object[field.name] = nil
                if wire == 2, !element.isBlock {
                    var packed = ProtobufReader(try reader.block())
                    while !packed.bytes.isEmpty { items.append(try packed.value(element, element.wire, depth)) }
                } else {
                    items.append(try reader.value(element, wire, depth))
                }
                object[field.name] = .array(items)
            case .map(let value):
                var map = object[field.name]?.object ?? [:]
                object[field.name] = nil
                let (key, item) = try reader.entry(value, depth)
                map[key] = item
                object[field.name] = .object(map)
            case .structure(let inner) where field.name.isEmpty:
                guard wire == 2 else { throw Failure(reason: "proto: wrong wireType = \(wire)") }
                try read(try reader.block(), as: inner, into: &object, depth: depth + 1)
            default:
                let value = try reader.value(field.kind, wire, depth)
                if field.isOptional || field.isAlwaysWritten || !value.isZero { object[field.name] = value }
            }
        }
        for field in structure.fields where field.isAlwaysWritten && object[field.name] == nil {
            object[field.name] = field.kind.zero
        }
    }

    private mutating func value(_ kind: WireTable.Kind, _ wire: Int, _ depth: Int) throws(Failure) -> JSON {
        guard wire == kind.wire else { throw Failure(reason: "proto: wrong wireType = \(wire)") }
        switch kind {
        case .integer: return .int(Int64(Int32(truncatingIfNeeded: try varint())))
        case .long: return .int(Int64(bitPattern: try varint()))
        case .boolean: return .bool(try varint() != 0)
        case .number:
            guard bytes.count >= 8 else { throw .short }
            var pattern: UInt64 = 0
            for byte in bytes.prefix(8).reversed() { pattern = pattern << 8 | UInt64(byte) }
            bytes = bytes.dropFirst(8)
            let number = Double(bitPattern: pattern)
            return Int64(exactly: number).map(JSON.int) ?? .double(number)
        default: return try Self.value(kind, try block(), depth)
        }
    }

    private static func value(_ kind: WireTable.Kind, _ block: ArraySlice<UInt8>, _ depth: Int) throws(Failure) -> JSON
    {
        switch kind {
        case .string: return .string(String(decoding: block, as: UTF8.self))
        case .bytes: return .string(Data(block).base64EncodedString())
        case .quantity: return .string(try texts(block)[1] ?? "0")
        case .anything: return try anything(block)
        case .time, .microTime:
            if block.isEmpty { return .null }
            let numbers = try numbers(block)
            let nanoseconds = Int32(truncatingIfNeeded: max(0, numbers[2] ?? 0) % 1_000_000_000)
            let time = Timestamp(seconds: numbers[1] ?? 0, nanoseconds: nanoseconds)
            return kind == .time ? time.json : time.microJSON
        case .duration: return .string(GoDuration.text(try numbers(block)[1] ?? 0))
        case .integerOrString:
            let numbers = try numbers(block)
            return numbers[1] == 1 ? .string(try texts(block)[3] ?? "") : .int(numbers[2] ?? 0)
        case .structure(let place):
            var object = JSONObject()
            try read(block, as: place, into: &object, depth: depth + 1)
            return .object(object)
        case .texts:
            var reader = ProtobufReader(block)
            var items: [JSON] = []
            while let (number, wire) = try reader.tag() {
                guard number == 1, wire == 2 else {
                    try reader.skip(wire)
                    continue
                }
                items.append(.string(String(decoding: try reader.block(), as: UTF8.self)))
            }
            return .array(items)
        case .schemaOrBoolean:
            let schemas = try schemas(block, number: 2, depth)
            return schemas.isEmpty ? .bool(try numbers(block)[1] ?? 0 != 0) : schemas[0]
        case .schemaOrSchemas:
            if let schema = try schemas(block, number: 1, depth).first { return schema }
            return .array(try schemas(block, number: 2, depth))
        case .schemaOrTexts:
            if let schema = try schemas(block, number: 1, depth).first { return schema }
            var reader = ProtobufReader(block)
            var items: [JSON] = []
            while let (number, wire) = try reader.tag() {
                if number == 2, wire == 2 {
                    items.append(.string(String(decoding: try reader.block(), as: UTF8.self)))
                } else {
                    try reader.skip(wire)
                }
            }
            return .array(items)
        case .integer, .long, .number, .boolean, .list, .map: throw Failure(reason: "proto: wrong wireType = 2")
        }
    }

    private static func schemas(_ block: ArraySlice<UInt8>, number wanted: Int, _ depth: Int) throws(Failure) -> [JSON]
    {
        guard let place = WireTable.shared.place("apiextensions/v1.JSONSchemaProps") else { return [] }
        var reader = ProtobufReader(block)
        var found: [JSON] = []
        while let (number, wire) = try reader.tag() {
            if number == wanted, wire == 2 {
                found.append(try value(.structure(place), try reader.block(), depth + 1))
            } else {
                try reader.skip(wire)
            }
        }
        return found
    }

    /// JSON within a message; an object in its own envelope is as good.
    private static func anything(_ block: ArraySlice<UInt8>) throws(Failure) -> JSON {
        var reader = ProtobufReader(block)
        while let (number, wire) = try reader.tag() {
            guard number == 1, wire == 2 else {
                try reader.skip(wire)
                continue
            }
            let raw = try reader.block()
            if raw.isEmpty { continue }
            if raw.starts(with: ProtobufEncoder.magic) { return try object(raw) }
            do throws(JSONError) {
                return try JSON(parsing: raw)
            } catch {
                throw Failure(reason: "embedded JSON cannot be read: \(error)")
            }
        }
        return .null
    }

    private static func texts(_ block: ArraySlice<UInt8>) throws(Failure) -> [Int: String] {
        var reader = ProtobufReader(block)
        var found: [Int: String] = [:]
        while let (number, wire) = try reader.tag() {
            if wire == 2 {
                found[number] = String(decoding: try reader.block(), as: UTF8.self)
            } else {
                try reader.skip(wire)
            }
        }
        return found
    }

    private static func numbers(_ block: ArraySlice<UInt8>) throws(Failure) -> [Int: Int64] {
        var reader = ProtobufReader(block)
        var found: [Int: Int64] = [:]
        while let (number, wire) = try reader.tag() {
            if wire == 0 { found[number] = Int64(bitPattern: try reader.varint()) } else { try reader.skip(wire) }
        }
        return found
    }

    private mutating func entry(_ kind: WireTable.Kind, _ depth: Int) throws(Failure) -> (String, JSON) {
        var reader = ProtobufReader(try block())
        var key = ""
        var value = kind.zero
        while let (number, wire) = try reader.tag() {
            switch number {
            case 1 where wire == 2: key = String(decoding: try reader.block(), as: UTF8.self)
            case 2: value = try reader.value(kind, wire, depth)
            default: try reader.skip(wire)
            }
        }
        return (key, value ?? [:])
    }

    private mutating func tag() throws(Failure) -> (number: Int, wire: Int)? {
        guard !bytes.isEmpty else { return nil }
        let tag = try varint()
        guard tag >> 3 > 0, tag >> 3 < 1 << 29 else {
            throw Failure(reason: "proto: illegal tag \(tag >> 3) (wire type \(tag & 7))")
        }
        return (Int(tag >> 3), Int(tag & 7))
    }

    private mutating func skip(_ wire: Int) throws(Failure) {
        switch wire {
        case 0: _ = try varint()
        case 2: _ = try block()
        case 1, 5:
            let count = wire == 1 ? 8 : 4
            guard bytes.count >= count else { throw .short }
            bytes = bytes.dropFirst(count)
        default: throw Failure(reason: "proto: illegal wireType \(wire)")
        }
    }

    private mutating func varint() throws(Failure) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = bytes.popFirst() else { throw .short }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw Failure(reason: "proto: integer overflow")
    }

    private mutating func block() throws(Failure) -> ArraySlice<UInt8> {
        let length = try varint()
        guard length <= UInt64(bytes.count) else { throw .short }
        let block = bytes.prefix(Int(length))
        bytes = bytes.dropFirst(Int(length))
        return block
    }
}

extension WireTable.Kind {
    /// How the format lays it out: 0 a number of variable length, 1 eight bytes, 2 a length and as many bytes.
    fileprivate var wire: Int {
        switch self {
        case .integer, .long, .boolean: 0
        case .number: 1
        default: 2
        }
    }

    fileprivate var isBlock: Bool { wire == 2 }

    /// What a field of the kind holds when nothing was sent; nil where that is nothing.
    fileprivate var zero: JSON? {
        switch self {
        case .string, .bytes: ""
        case .integer, .long, .number: 0
        case .boolean: false
        case .quantity: "0"
        case .integerOrString: 0
        case .texts: []
        default: nil
        }
    }
}

extension JSON {
    /// True for what Go leaves out of JSON: zero, false, empty text, nothing.
    fileprivate var isZero: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .string(let value): value.isEmpty
        case .array(let items): items.isEmpty
        case .object: false
        case .double(let value): value == 0
        }
    }
}
