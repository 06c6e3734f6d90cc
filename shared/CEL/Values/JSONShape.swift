public import KubeModel

/// What a JSON value means: the schema of a tree, as far as it decides types, values and costs of expressions.
public final class JSONShape: Sendable {
    /// How lists of a schema behave.
    public enum ListKind: Sendable, Equatable {
        case plain
        /// Order does not matter, equal elements count once.
        case set
        /// Elements are known by these fields.
        case keyed([String])
    }

    /// The meaning of one value.
    public enum Kind: Sendable {
        /// Taken as it is: whole numbers are `int`, others `double`.
        case dynamic
        case bool, int, double, string
        /// A string with RFC 3339 time, or a date.
        case timestamp
        /// A string such as `1h30m`.
        case duration
        /// A string with base64.
        case bytes
        case list(JSONShape, ListKind)
        /// An object whose keys are data.
        case map(JSONShape)
        /// An object with declared fields. Keys are names as expressions write them.
        case object(typeName: String, fields: [String: Field])
    }

    /// A declared field.
    public struct Field: Sendable {
        /// The key in JSON.
        public let key: String
        /// What it holds.
        public let shape: JSONShape

        /// Makes a field.
        public init(key: String, shape: JSONShape) { (self.key, self.shape) = (key, shape) }
    }

    /// The meaning.
    public let kind: Kind
    /// The most elements, members, characters or bytes that a value can have; nil when unlimited.
    public let maximumSize: UInt64?

    /// Makes a shape.
    public init(_ kind: Kind, maximumSize: UInt64? = nil) { (self.kind, self.maximumSize) = (kind, maximumSize) }

    /// Everything as it is.
    public static let dynamic = JSONShape(.dynamic)

    /// The type of its values in expressions.
    public var type: CELType {
        switch kind {
        case .dynamic: .dyn
        case .bool: .bool
        case .int: .int
        case .double: .double
        case .string: .string
        case .timestamp: .timestamp
        case .duration: .duration
        case .bytes: .bytes
        case .list(let element, _): .list(element.type)
        case .map(let value): .map(.string, value.type)
        case .object(let name, _): .structure(name)
        }
    }

    /// The shape at a path of field names and `@items`, `@values`; nil where the path leads nowhere.
    func shape(at path: ArraySlice<String>) -> JSONShape? {
        guard let step = path.first else { return self }
        let rest = path.dropFirst()
        switch (kind, step) {
        case (.list(let element, _), "@items"): return element.shape(at: rest)
        case (.map(let value), "@values"): return value.shape(at: rest)
        case (.map, "@keys"): return rest.isEmpty ? Self.key : nil
        case (.object(_, let fields), _): return fields[step]?.shape.shape(at: rest)
        default: return nil
        }
    }

    /// Estimates take keys for short, as those of Kubernetes do.
    private static let key = JSONShape(.string, maximumSize: 0)
}

extension Value {
    /// A JSON value, as it is.
    @inline(__always)
    public init(_ json: JSON) { self.init(json, .dynamic) }

    /// A JSON value read with the eyes of a schema. What does not fit the schema is taken as it is.
    public init(_ json: JSON, _ shape: JSONShape) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value):
            if case .double = shape.kind { self = .double(Double(value)) } else { self = .int(value) }
        case .double(let value):
            if case .int = shape.kind, let whole = Int64(exactly: value) {
                self = .int(whole)
            } else {
                self = .double(value)
            }
        case .string(let text): self = Value.read(text, shape)
        case .array(let items):
            if case .list(let element, let kind) = shape.kind {
                self = .list(.json(items, element, kind))
            } else {
                self = .list(.json(items, .dynamic, .plain))
            }
        case .object(let members):
            switch shape.kind {
            case .map, .object: self = .map(.json(members, shape))
            default: self = .map(.json(members, .dynamic))
            }
        }
    }

    private static func read(_ text: String, _ shape: JSONShape) -> Value {
        switch shape.kind {
        case .timestamp:
            if let moment = Moment(text) ?? Moment(text + "T00:00:00Z") { return .timestamp(moment) }
        case .duration:
            if let nanoseconds = DurationText.parse(text) { return .duration(nanoseconds) }
        case .bytes:
            if let bytes = Base64Text.decode(text) { return .bytes(bytes) }
        default: break
        }
        return .string(text)
    }
}
