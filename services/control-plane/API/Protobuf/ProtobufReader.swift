import Foundation
import KubeModel

/// Reads the binary form of built-in kinds into the tree that their JSON would give.
///
/// A field that the table does not know is refused: dropping it silently would store something else than was sent.
struct ProtobufReader {
    struct Unreadable: Error {
        let reason: String
    }

    private var bytes: ArraySlice<UInt8>

    private init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    private static let magic: [UInt8] = [0x6b, 0x38, 0x73, 0]
    /// Structures that Go embeds: their fields belong to the structure around them.
    private static let embedded: Set<String> = ["localObjectReference", "volumeSource", "ingressRuleValue"]

    /// Reads an object in its envelope.
    static func object(_ bytes: [UInt8]) throws(APIError) -> JSON {
        do {
            guard bytes.starts(with: magic) else {
                throw Unreadable(reason: "it does not begin as Kubernetes objects do")
            }
            var envelope = ProtobufReader(bytes[magic.count...])
            var (apiVersion, kind) = ("", "")
            var raw: ArraySlice<UInt8> = []
            while let (number, wire) = try envelope.tag() {
                switch (number, wire) {
                case (1, 2):
                    var type = ProtobufReader(try envelope.block())
                    while let (number, wire) = try type.tag() {
                        guard wire == 2 else { throw Unreadable(reason: "the type is damaged") }
                        let text = String(decoding: try type.block(), as: UTF8.self)
                        if number == 1 { apiVersion = text } else if number == 2 { kind = text }
                    }
                case (2, 2): raw = try envelope.block()
                case (_, 2): _ = try envelope.block()
                default: throw Unreadable(reason: "the envelope is damaged")
                }
            }
            let versioned = "\(apiVersion)/\(kind)"
            var json = try message(raw, ProtobufTable.shared.messages[versioned] == nil ? kind : versioned)
            json["apiVersion"] = .string(apiVersion)
            json["kind"] = .string(kind)
            return json
        } catch let error as Unreadable {
            throw APIError(
                .unsupportedMediaType, "the protobuf body cannot be read: \(error.reason); send application/json")
        } catch {
            throw APIError(.badRequest, "the protobuf body cannot be read")
        }
    }

    private static func message(_ bytes: ArraySlice<UInt8>, _ name: String) throws -> JSON {
        guard let fields = ProtobufTable.shared.messages[name] else {
            throw Unreadable(reason: "\(name) is known as JSON only")
        }
        var reader = ProtobufReader(bytes)
        var object = JSONObject()
        while let (number, wire) = try reader.tag() {
            guard let field = fields[number] else {
                throw Unreadable(reason: "field \(number) of \(name) is known as JSON only")
            }
            switch field.type {
            case .list(let element):
                var items = object[field.name]?.array ?? []
                items.append(try reader.value(element, wire))
                object[field.name] = .array(items)
            case .map(let value):
                var map = object[field.name]?.object ?? [:]
                let (key, item) = try reader.entry(value)
                map[key] = item
                object[field.name] = .object(map)
            default:
                let value = try reader.value(field.type, wire)
                if embedded.contains(field.name) {
                    for (key, member) in value.object ?? [:] { object[key] = member }
                } else if field.isKeptEmpty || !value.isZero {
                    object[field.name] = value
                }
            }
        }
        return .object(object)
    }

    private mutating func value(_ type: ProtobufTable.FieldType, _ wire: Int) throws -> JSON {
        switch type {
        case .integer, .boolean:
            guard wire == 0 else { throw Unreadable(reason: "a number is damaged") }
            let number = try varint()
            if case .boolean = type { return .bool(number != 0) }
            return .int(Int64(bitPattern: number))
        default:
            guard wire == 2 else { throw Unreadable(reason: "a field is damaged") }
            return try Self.value(type, try block())
        }
    }

    private static func value(_ type: ProtobufTable.FieldType, _ block: ArraySlice<UInt8>) throws -> JSON {
        switch type {
        case .string: return .string(String(decoding: block, as: UTF8.self))
        case .bytes: return .string(Data(block).base64EncodedString())
        case .message("Texts"): return try message(block, "Texts")["items"] ?? .array([])
        case .message(let name): return try message(block, name)
        case .quantity: return .string(try texts(block)[1] ?? "0")
        case .json:
            let raw = try texts(block)[1] ?? "{}"
            return (try? JSON(parsing: raw)) ?? [:]
        case .time:
            let numbers = try numbers(block)
            guard let seconds = numbers[1] else { return .null }
            return .string(Timestamp(seconds: seconds).text)
        case .integerOrString:
            let isText = try numbers(block)[1] == 1
            return isText ? .string(try texts(block)[3] ?? "") : .int(try numbers(block)[2] ?? 0)
        case .integer, .boolean, .list, .map: throw Unreadable(reason: "a field is damaged")
        }
    }

    private static func texts(_ block: ArraySlice<UInt8>) throws -> [Int: String] {
        var reader = ProtobufReader(block)
        var found: [Int: String] = [:]
        while let (number, wire) = try reader.tag() {
            if wire == 2 {
                found[number] = String(decoding: try reader.block(), as: UTF8.self)
            } else {
                _ = try reader.varint()
            }
        }
        return found
    }

    private static func numbers(_ block: ArraySlice<UInt8>) throws -> [Int: Int64] {
        var reader = ProtobufReader(block)
        var found: [Int: Int64] = [:]
        while let (number, wire) = try reader.tag() {
            if wire == 2 { _ = try reader.block() } else { found[number] = Int64(bitPattern: try reader.varint()) }
        }
        return found
    }

    private mutating func entry(_ type: ProtobufTable.FieldType) throws -> (String, JSON) {
        var reader = ProtobufReader(try block())
        var key = ""
        var value: JSON = ""
        while let (number, wire) = try reader.tag() {
            if number == 1, wire == 2 {
                key = String(decoding: try reader.block(), as: UTF8.self)
            } else {
                value = try reader.value(type, wire)
            }
        }
        return (key, value)
    }

    private mutating func tag() throws -> (number: Int, wire: Int)? {
        guard !bytes.isEmpty else { return nil }
        let tag = try varint()
        guard tag >> 3 > 0, tag >> 3 < 1 << 29 else { throw Unreadable(reason: "a field is damaged") }
        return (Int(tag >> 3), Int(tag & 7))
    }

    private mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = bytes.popFirst() else { throw Unreadable(reason: "it ends too early") }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw Unreadable(reason: "a number is too long")
    }

    private mutating func block() throws -> ArraySlice<UInt8> {
        let length = try varint()
        guard length <= UInt64(bytes.count) else { throw Unreadable(reason: "it ends too early") }
        let block = bytes.prefix(Int(length))
        bytes = bytes.dropFirst(Int(length))
        return block
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
        case .object(let members): members.isEmpty
        case .double(let value): value == 0
        }
    }
}
