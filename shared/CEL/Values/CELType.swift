/// A type of the Common Expression Language, as the checker deduces it.
public indirect enum CELType: Hashable, Sendable {
    case null, bool, int, uint, double, string, bytes, timestamp, duration
    /// Anything; what is wrong with it shows when the expression is evaluated.
    case dyn
    /// The type of an expression that was already found to be wrong.
    case error
    case list(CELType)
    case map(CELType, CELType)
    /// A type of values with declared fields, by name (``StructureType``).
    case structure(String)
    /// A type of values without fields: `net.IP`, `optional_type(T)`.
    case opaque(String, [CELType])
    /// The type of types; `type(int)` has a parameter.
    case type(CELType?)
    /// A variable of a generic signature.
    case parameter(String)

    /// `optional_type(T)`
    public static func optional(_ wrapped: CELType) -> CELType { .opaque("optional_type", [wrapped]) }

    /// The type inside of `optional_type`, or nil when this is another type.
    var unwrapped: CELType? {
        if case .opaque("optional_type", let parameters) = self { parameters.first } else { nil }
    }

    var parameters: [CELType] {
        switch self {
        case .list(let element): [element]
        case .map(let key, let value): [key, value]
        case .opaque(_, let parameters): parameters
        case .type(let parameter?): [parameter]
        default: []
        }
    }

    var isDynOrError: Bool { self == .dyn || self == .error }
    var isParameter: Bool { if case .parameter = self { true } else { false } }

    /// True for types whose values always have the size 1.
    var isScalar: Bool {
        switch self {
        case .bool, .int, .uint, .double, .timestamp, .duration: true
        default: unwrapped?.isScalar ?? false
        }
    }

    /// The name that `type(x)` shows: `google.protobuf.Timestamp`, `list`.
    public var runtimeName: String {
        switch self {
        case .null: "null_type"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .list: "list"
        case .map: "map"
        case .type: "type"
        case .opaque(let name, _), .structure(let name): name
        default: description
        }
    }
}

extension CELType: CustomStringConvertible {
    /// The type as messages name it: `map(string, list(int))`.
    public var description: String {
        switch self {
        case .null: return "null"
        case .bool: return "bool"
        case .int: return "int"
        case .uint: return "uint"
        case .double: return "double"
        case .string: return "string"
        case .bytes: return "bytes"
        case .timestamp: return "timestamp"
        case .duration: return "duration"
        case .dyn: return "dyn"
        case .error: return "!error!"
        case .structure(let name), .parameter(let name): return name
        case .list(let element): return "list(\(element))"
        case .map(let key, let value): return "map(\(key), \(value))"
        case .type(nil): return "type"
        case .type(let parameter?): return "type(\(parameter))"
        case .opaque(let name, let parameters):
            if parameters.isEmpty { return name }
            return "\(name)(\(parameters.map(\.description).joined(separator: ", ")))"
        }
    }
}
