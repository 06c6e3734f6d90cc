/// A value of the Common Expression Language.
///
/// JSON trees are not converted: a list or map keeps the tree it came from, and an element becomes a value when an
/// expression asks for it.
public enum Value: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case timestamp(Moment)
    /// Nanoseconds.
    case duration(Int64)
    case type(CELType)
    case list(ListValue)
    case map(MapValue)
    case optional(OptionalValue)
    /// A value of a library or of the host: an address, a quantity, the variables of a policy.
    case object(any ObjectValue)

    /// An optional without a value.
    public static let none = Value.optional(OptionalValue(nil))
    /// An optional with a value.
    public static func some(_ value: Value) -> Value { .optional(OptionalValue(value)) }
    /// A list of values.
    public static func list(_ values: [Value]) -> Value { .list(.values(values)) }
}

/// A moment between the years 1 and 9999.
public struct Moment: Hashable, Comparable, Sendable {
    /// Seconds since 1970, UTC.
    public var seconds: Int64
    /// 0 to 999,999,999.
    public var nanoseconds: Int32

    /// Makes a moment.
    public init(seconds: Int64, nanoseconds: Int32 = 0) { (self.seconds, self.nanoseconds) = (seconds, nanoseconds) }

    /// The earlier one is smaller.
    public static func < (left: Moment, right: Moment) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
}

/// A value that may be missing.
public final class OptionalValue: Sendable {
    /// What is inside, nil for `optional.none()`.
    public let value: Value?
    init(_ value: Value?) { self.value = value }
}

/// A value that the language itself knows nothing of.
public protocol ObjectValue: Sendable {
    /// What `type(x)` is.
    var type: CELType { get }
    /// True when both mean the same; the other one may be of any type.
    func isEqual(to other: any ObjectValue) -> Bool
    /// The value of a field, nil when it is not set.
    func field(_ name: String) throws(EvaluationError) -> Value?
    /// How much of it an operation walks over, for the cost; 1 for most.
    var size: UInt64 { get }
    /// True for what `optional.ofNonZeroValue` takes as missing.
    var isZero: Bool { get }
}

extension ObjectValue {
    /// No fields.
    public func field(_ name: String) throws(EvaluationError) -> Value? { nil }
    /// One unit.
    public var size: UInt64 { 1 }
    /// Never zero.
    public var isZero: Bool { false }
}

/// Why an expression has no value.
public struct EvaluationError: Error, Sendable, Equatable {
    /// Kinds that callers treat differently.
    public enum Kind: Sendable, Equatable {
        /// The expression asked for something that does not exist or cannot be done.
        case failed
        /// The expression cost more than it may.
        case costLimit
    }

    /// What went wrong, in the words of other implementations of the language.
    public let message: String
    /// How callers should treat it.
    public let kind: Kind

    /// Makes an error.
    public init(_ message: String, kind: Kind = .failed) { (self.message, self.kind) = (message, kind) }

    static let noOverload = EvaluationError("no such overload")
    static let overCost = EvaluationError("operation cancelled: actual cost limit exceeded", kind: .costLimit)
    static func noKey(_ key: String) -> EvaluationError { EvaluationError("no such key: \(key)") }
}

extension Value {
    /// The type that `type(x)` answers.
    public var type: CELType {
        switch self {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .timestamp: .timestamp
        case .duration: .duration
        case .type: .type(nil)
        case .list: .list(.dyn)
        case .map(let map): map.type
        case .optional: .optional(.dyn)
        case .object(let object): object.type
        }
    }

    /// True for the value that a variable of this type has before anything is put into it.
    var isZero: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .uint(let value): value == 0
        case .double(let value): value == 0
        case .string(let value): value.isEmpty
        case .bytes(let value): value.isEmpty
        case .timestamp(let value): value == Moment(seconds: Moment.range.lowerBound)
        case .duration(let value): value == 0
        case .list(let value): value.count == 0
        case .map(let value): value.count == 0
        case .optional(let value): value.value == nil
        case .object(let value): value.isZero
        case .type: false
        }
    }

    /// How much an operation has to walk over: characters, bytes, elements; 1 for everything else.
    var costSize: UInt64 {
        switch self {
        case .string(let text): UInt64(text.unicodeScalars.count)
        case .bytes(let bytes): UInt64(bytes.count)
        case .list(let list): UInt64(list.count)
        case .map(let map): UInt64(map.count)
        case .optional(let optional): optional.value?.costSize ?? 1
        case .object(let object): object.size
        default: 1
        }
    }
}
