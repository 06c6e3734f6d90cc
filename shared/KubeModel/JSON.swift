/// A JSON value (RFC 8259), the form in which Kubernetes objects travel through Martlet.
///
/// Whole numbers that fit are `int`, everything else that is a number is `double`. Objects keep the order of their keys.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

extension JSON: Equatable {
    /// Equal when both mean the same: objects in any order of keys, `1` and `1.0`.
    public static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.int(let left), .double(let right)): left == Int64(exactly: right)
        case (.double(let left), .int(let right)): Int64(exactly: left) == right
        case (.string(let left), .string(let right)): isSame(left, right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// Equal byte by byte; `==` of `String` also takes composed and decomposed characters for equal. The lengths come
    /// first: they differ mostly, and are at hand.
    @inline(__always)
    static func isSame(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left == right
    }
}

extension JSON {
    /// The member of an object, or nil when this is no object or has no such key. Setting nil removes the key; setting
    /// on anything but an object replaces it by an object with that one key.
    public subscript(key: String) -> JSON? {
        get {
            guard case .object(let object) = self else { return nil }
            return object[key]
        }
        set {
            if case .object(var object) = self {
                self = .null  // gives up the second reference, so that the change happens in place
                object[key] = newValue
                self = .object(object)
            } else if let newValue {
                self = .object([key: newValue])
            }
        }
    }

    /// The element of an array, or nil outside its bounds.
    public subscript(index: Int) -> JSON? {
        guard case .array(let items) = self, items.indices.contains(index) else { return nil }
        return items[index]
    }

    /// The value below a path of keys, or nil where one is missing.
    public func value(at path: String...) -> JSON? { value(at: path) }

    /// The value below a path of keys, or nil where one is missing.
    public func value(at path: [String]) -> JSON? {
        var current = self
        for key in path {
            guard let next = current[key] else { return nil }
            current = next
        }
        return current
    }

    /// Sets (or with nil removes) the value below a path of keys; missing objects on the way are made.
    public mutating func set(_ value: JSON?, at path: String...) { set(value, at: path[...]) }

    /// Sets (or with nil removes) the value below a path of keys; missing objects on the way are made.
    public mutating func set(_ value: JSON?, at path: ArraySlice<String>) {
        guard let key = path.first else {
            self = value ?? .null
            return
        }
        if path.count == 1 {
            self[key] = value
            return
        }
        var object = JSONObject()
        if case .object(let own) = self { object = own }
        self = .null  // gives up the second reference, so that the change happens in place
        object.change(key) { $0.set(value, at: path.dropFirst()) }
        self = .object(object)
    }

    /// True for `null`.
    public var isNull: Bool { self == .null }
    /// The text of a string.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The value of `true` and `false`.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// A whole number; also a double without a fraction that fits.
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }
    /// Any number.
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
    /// The elements of an array.
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    /// The members of an object.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// The members of an object whose values are strings, for labels and annotations.
    public var stringMap: [String: String]? {
        guard case .object(let object) = self else { return nil }
        var map = [String: String](minimumCapacity: object.count)
        for (key, value) in object { if let text = value.string { map[key] = text } }
        return map
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A number with a fraction.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// An array.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// An object, in the order written; the last of equal keys wins.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
    /// An object of strings, with sorted keys.
    public init(_ map: [String: String]) {
        var object = JSONObject()
        for key in map.keys.sorted() { object[key] = map[key].map(JSON.string) }
        self = .object(object)
    }
}
