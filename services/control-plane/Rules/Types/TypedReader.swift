import Foundation
public import KubeModel

/// Reads an object of a built-in kind as the real server does, which decodes into types: nulls and empty lists vanish,
/// unknown fields are found and dropped, quantities and times take their canonical form, wrong types are refused.
struct TypedReader {
    private let table = TypeTable.shared
    private let kind: String
    private let version: String
    private(set) var unknown: [String] = []

    init(kind: ResourceType) {
        self.kind = kind.kind
        version = kind.version
    }

    /// Reads the whole object as the type `root` of the table.
    mutating func read(_ object: inout JSON, as root: String) throws(APIError) {
        guard case .object = object else {
            throw failure("json: cannot unmarshal \(Self.name(of: object)) into Go value of type \(root)")
        }
        _ = try read(&object, .structure(root), Place(), isKeptEmpty: true)
    }

    /// Where a value is: the path for people, and the names that a decoding error shows.
    private struct Place {
        var path = ""
        var fieldPath = ""
        var structure = ""

        func field(_ name: String, of structure: String) -> Place {
            Place(
                path: path.isEmpty ? name : "\(path).\(name)",
                fieldPath: fieldPath.isEmpty ? name : "\(fieldPath).\(name)",
                structure: structure)
        }
        /// A member of a map; decoding errors do not name it.
        func member(_ key: String) -> Place {
            Place(path: "\(path).\(key)", fieldPath: fieldPath, structure: structure)
        }
        func element(_ index: Int) -> Place {
            Place(path: "\(path)[\(index)]", fieldPath: fieldPath, structure: structure)
        }
    }

    private func failure(_ message: String) -> APIError {
        APIError(.badRequest, "\(kind) in version \"\(version)\" cannot be handled as a \(kind): \(message)")
    }

    private func mismatch(_ value: JSON, _ place: Place, _ wanted: String) -> APIError {
        failure(
            "json: cannot unmarshal \(Self.shown(value, wanted)) into Go struct field \(place.structure).\(place.fieldPath) of type \(wanted)"
        )
    }

    /// Numbers that are no whole ones, or too large, are shown.
    private static func shown(_ value: JSON, _ wanted: String) -> String {
        let isNumber = if case .int = value { true } else if case .double = value { true } else { false }
        return isNumber && wanted.hasPrefix("int") ? "number \(value.text)" : name(of: value)
    }

    private static func name(of value: JSON) -> String {
        switch value {
        case .null: "null"
        case .bool: "bool"
        case .int, .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// Reads one value. False when it counts as not there and has to be dropped.
    private mutating func read(
        _ value: inout JSON, _ type: TypeTable.FieldType, _ place: Place, isKeptEmpty: Bool
    ) throws(APIError) -> Bool {
        if value.isNull { return false }
        switch type {
        case .anything: return true
        case .string:
            guard case .string = value else { throw mismatch(value, place, "string") }
        case .boolean:
            guard case .bool = value else { throw mismatch(value, place, "bool") }
        case .integer, .integer64:
            let isLong = if case .integer64 = type { true } else { false }
            guard let number = value.int, isLong || Int32(exactly: number) != nil else {
                throw mismatch(value, place, isLong ? "int64" : "int32")
            }
            value = .int(number)
        case .number:
            guard value.double != nil else { throw mismatch(value, place, "float64") }
        case .integerOrString:
            switch value {
            case .string: break
            case .int(let number) where Int32(exactly: number) != nil: break
            case .int, .double: throw mismatch(value, place, "int32")
            default: throw mismatch(value, place, "intstr.IntOrString")
            }
        case .quantity:
            guard let quantity = Quantity(value) else {
                throw failure(
                    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
            }
            value = quantity.json
        case .time, .microTime:
            let isMicro = if case .microTime = type { true } else { false }
            guard let text = value.string, let moment = Timestamp(text) else {
                guard case .string(let text) = value else { throw mismatch(value, place, "string") }
                throw failure(Self.timeFailure(text, isMicro: isMicro))
            }
            if isMicro, !Self.hasMicroseconds(text) { throw failure(Self.timeFailure(text, isMicro: true)) }
            value = isMicro ? moment.microJSON : moment.json
        case .base64:
            // Numbers are as good as their base64, to a decoder that reads both.
            if case .array(let numbers) = value {
                let bytes = numbers.compactMap { $0.int.flatMap { UInt8(exactly: $0) } }
                guard bytes.count == numbers.count else { throw mismatch(value, place, "[]uint8") }
                value = .string(Data(bytes).base64EncodedString())
            }
            guard case .string(let text) = value else { throw mismatch(value, place, "[]uint8") }
            if let offset = Self.firstIllegalBase64(text) {
                throw failure("illegal base64 data at input byte \(offset)")
            }
        case .list(let element):
            guard case .array(var elements) = value else { throw mismatch(value, place, "[]\(Self.typeName(element))") }
            value = .null
            for index in elements.indices {
                if try !read(&elements[index], element, place.element(index), isKeptEmpty: true) {
                    if case .structure = element { elements[index] = [:] }
                    switch element {
                    case .string: elements[index] = ""
                    case .integer, .integer64, .number: elements[index] = 0
                    default: break
                    }
                }
            }
            value = .array(elements)
            return isKeptEmpty || !elements.isEmpty
        case .map(let element):
            guard case .object(var object) = value else {
                throw mismatch(value, place, "map[string]\(Self.typeName(element))")
            }
            value = .null
            let isResourceList = if case .quantity = element { true } else { false }
            for key in object.keys {
                guard var member = object[key] else { continue }
                if isResourceList, member.isNull { member = "0" }
                if try !read(&member, element, place.member(key), isKeptEmpty: true) {
                    switch element {
                    case .string, .base64: member = ""
                    case .structure: member = [:]
                    default: member = .null
                    }
                }
                // Amounts of resources are only kept to a thousandth, rounded up.
                if isResourceList, let amount = Quantity(member), amount.nanos % 1_000_000 != 0 {
                    let rounded = Int128(amount.milliValue) * 1_000_000
                    member = Quantity(nanos: rounded, format: amount.format).json
                }
                object[key] = member
            }
            value = .object(object)
            return isKeptEmpty || !object.isEmpty
        case .structure(let name) where TypeTable.unions.contains(name):
            // Such parts are decoded on their own, where nobody asks for unknown fields.
            let known = unknown
            defer { unknown = known }
            if name == "JSONSchemaPropsOrBool" {
                switch value {
                case .bool, .object: break
                default: throw failure("boolean or JSON schema expected")
                }
            }
            return try readUnion(&value, place, isKeptEmpty: isKeptEmpty)
        case .structure(let name):
            guard case .object(let object) = value else { throw mismatch(value, place, "v1.\(name)") }
            value = .null
            value = .object(try structure(object, name, place))
        }
        return true
    }

    /// Reads what is a schema, or something simpler: a flag, or a list of schemas or names.
    private mutating func readUnion(
        _ value: inout JSON, _ place: Place, isKeptEmpty: Bool
    ) throws(APIError) -> Bool {
        switch value {
        case .bool, .string, .int, .double, .null: true
        case .array(let elements) where elements.allSatisfy({ $0.string != nil }): true
        case .array: try read(&value, .list(.structure("JSONSchemaProps")), place, isKeptEmpty: isKeptEmpty)
        case .object: try read(&value, .structure("JSONSchemaProps"), place, isKeptEmpty: isKeptEmpty)
        }
    }

    private mutating func structure(_ object: JSONObject, _ name: String, _ place: Place) throws(APIError) -> JSONObject
    {
        let fields = table.structures[name] ?? [:]
        var kept = JSONObject()
        kept.reserveCapacity(object.count)
        for (key, member) in object {
            guard let field = fields[key] else {
                unknown.append(place.path.isEmpty ? key : "\(place.path).\(key)")
                continue
            }
            var member = member
            if try read(&member, field.type, place.field(key, of: name), isKeptEmpty: field.isKeptEmpty) {
                if field.dropsZero, member.isZero { continue }
                kept[key] = member
            }
        }
        return kept
    }

    /// True for a moment with exactly six digits behind the point, as the finer times are written.
    private static func hasMicroseconds(_ text: String) -> Bool {
        guard let point = text.utf8.firstIndex(of: UInt8(ascii: ".")) else { return false }
        return text.utf8[text.utf8.index(after: point)...].prefix { (0x30...0x39).contains($0) }.count == 6
    }

    private static func timeFailure(_ text: String, isMicro: Bool) -> String {
        let layout = isMicro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00"
        let year = text.prefix(4)
        let rest =
            year.count == 4 && year.utf8.allSatisfy { (0x30...0x39).contains($0) } ? text.dropFirst(4) : text[...]
        let part = rest.count == text.count ? "2006" : "-"
        return
            "parsing time \(FieldIssue.quoted(text)) as \"\(layout)\": cannot parse \(FieldIssue.quoted(String(rest))) as \"\(part)\""
    }

    private static func typeName(_ type: TypeTable.FieldType) -> String {
        switch type {
        case .string, .time, .microTime: "string"
        case .integer: "int32"
        case .integer64: "int64"
        case .number: "float64"
        case .boolean: "bool"
        case .quantity: "resource.Quantity"
        case .integerOrString: "intstr.IntOrString"
        case .base64: "[]uint8"
        case .anything: "interface {}"
        case .list(let element): "[]\(typeName(element))"
        case .map(let element): "map[string]\(typeName(element))"
        case .structure(let name): "v1.\(name)"
        }
    }

    /// Offset of the first byte that standard base64 (with padding, line breaks allowed) does not have there.
    static func firstIllegalBase64(_ text: String) -> Int? {
        var digits = 0
        var padding = 0
        for (offset, byte) in text.utf8.enumerated() {
            switch byte {
            case 0x0A, 0x0D: continue
            case UInt8(ascii: "="):
                padding += 1
                guard digits % 4 + padding <= 4, digits % 4 >= 2 else { return offset }
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                guard padding == 0 else { return offset }
                digits += 1
            default: return offset
            }
        }
        return (digits + padding) % 4 == 0 ? nil : text.utf8.count
    }
}

extension TypedReader {
    /// Writes the fields that are always written, as the real server does when it encodes an object.
    static func complete(_ object: inout JSON, as root: String) {
        guard let completions = TypeTable.shared.completions[root] else { return }
        complete(&object, completions)
    }

    private static func complete(_ value: inout JSON, _ completions: [TypeTable.Completion]) {
        guard case .object(var object) = value else { return }
        value = .null
        for completion in completions {
            if var member = object[completion.name] {
                guard completion.field.type.structure != nil else { continue }
                object[completion.name] = .null
                complete(&member, completion.field.type)
                object[completion.name] = member
            } else if var zero = completion.zero {
                complete(&zero, completion.field.type)
                object[completion.name] = zero
            }
        }
        value = .object(object)
    }

    private static func complete(_ value: inout JSON, _ type: TypeTable.FieldType) {
        switch type {
        case .structure(let name):
            if let completions = TypeTable.shared.completions[name] { complete(&value, completions) }
        case .list(let element):
            guard case .array(var elements) = value else { return }
            value = .null
            for index in elements.indices { complete(&elements[index], element) }
            value = .array(elements)
        case .map(let element):
            guard element.structure != nil, case .object(var members) = value else { return }
            for key in members.keys {
                guard var member = members[key] else { continue }
                complete(&member, element)
                members[key] = member
            }
            value = .object(members)
        default: return
        }
    }
}

extension JSON {
    /// True for what a typed field is before it is set.
    fileprivate var isZero: Bool {
        switch self {
        case .bool(let flag): !flag
        case .int(let number): number == 0
        case .double(let number): number == 0
        case .string(let text): text.isEmpty
        default: false
        }
    }
}

/// Fields that a built-in kind does not have, for `fieldValidation=Strict` and `Warn`.
public struct UnknownFields {
    /// Paths of the unknown fields of an object; nothing for kinds whose fields are not known.
    public static func find(in object: JSON, kind: ResourceType) -> [String] {
        guard let root = BuiltinKinds.typeName(of: kind) else { return [] }
        var reader = TypedReader(kind: kind)
        var copy = object
        // A value of the wrong type is reported by decoding itself; what was found until then is still right.
        try? reader.read(&copy, as: root)
        return reader.unknown
    }
}
