extension Value: Equatable {
    /// Equal as the language has it: numbers of different types by their value, everything else of one type only.
    public static func == (left: Value, right: Value) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.string(let left), .string(let right)): isSame(left, right)
        case (.int(let left), .int(let right)): left == right
        case (.bytes(let left), .bytes(let right)): left == right
        case (.timestamp(let left), .timestamp(let right)): left == right
        case (.duration(let left), .duration(let right)): left == right
        case (.type(let left), .type(let right)): left.runtimeName == right.runtimeName
        case (.list(let left), .list(let right)): left == right
        case (.map(let left), .map(let right)): left == right
        case (.optional(let left), .optional(let right)): left.value == right.value
        case (.object(let left), .object(let right)): left.isEqual(to: right)
        case (.int, .uint), (.int, .double), (.uint, .int), (.uint, .uint), (.uint, .double), (.double, .int),
            (.double, .uint), (.double, .double):
            compare(left, right) == 0
        default: false
        }
    }

    /// Equal byte by byte; `==` of `String` also takes composed and decomposed characters for equal.
    @inline(__always)
    static func isSame(_ left: String, _ right: String) -> Bool {
        left == right && left.utf8.count == right.utf8.count
    }

    /// -1, 0 or 1; nil when the values have no order (other types, or not a number).
    static func compare(_ left: Value, _ right: Value) -> Int? {
        func order<T: Comparable>(_ left: T, _ right: T) -> Int { left < right ? -1 : left == right ? 0 : 1 }
        switch (left, right) {
        case (.int(let left), .int(let right)): return order(left, right)
        case (.uint(let left), .uint(let right)): return order(left, right)
        case (.double(let left), .double(let right)):
            return left.isNaN || right.isNaN ? nil : order(left, right)
        case (.int(let left), .uint(let right)): return left < 0 ? -1 : order(UInt64(left), right)
        case (.uint(let left), .int(let right)): return right < 0 ? 1 : order(left, UInt64(right))
        case (.int(let left), .double(let right)): return mixed(left, right)
        case (.double(let left), .int(let right)): return mixed(right, left).map { -$0 }
        case (.uint(let left), .double(let right)): return mixed(left, right)
        case (.double(let left), .uint(let right)): return mixed(right, left).map { -$0 }
        case (.bool(let left), .bool(let right)): return left == right ? 0 : right ? -1 : 1
        case (.string(let left), .string(let right)): return bytewise(left, right)
        case (.bytes(let left), .bytes(let right)):
            return left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
        case (.timestamp(let left), .timestamp(let right)): return order(left, right)
        case (.duration(let left), .duration(let right)): return order(left, right)
        default: return nil
        }
    }

    private static func mixed(_ left: Int64, _ right: Double) -> Int? {
        if right.isNaN { return nil }
        if right < -0x1p63 { return 1 }
        if right > 0x1p63 { return -1 }
        let value = Double(left)
        return value < right ? -1 : value == right ? 0 : 1
    }

    private static func mixed(_ left: UInt64, _ right: Double) -> Int? {
        if right.isNaN { return nil }
        if right < 0 { return 1 }
        if right > 0x1p64 { return -1 }
        let value = Double(left)
        return value < right ? -1 : value == right ? 0 : 1
    }

    /// Bytes of UTF-8 sort as code points do.
    private static func bytewise(_ left: String, _ right: String) -> Int {
        if isSame(left, right) { return 0 }
        return left.utf8.lexicographicallyPrecedes(right.utf8) ? -1 : 1
    }
}

/// A value as a key: equal numbers of different types are one key.
struct ValueKey: Hashable, Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }

    static func == (left: ValueKey, right: ValueKey) -> Bool { left.value == right.value }

    func hash(into hasher: inout Hasher) {
        switch value {
        case .bool(let value): hasher.combine(value)
        case .int(let value): hasher.combine(Double(value))
        case .uint(let value): hasher.combine(Double(value))
        case .double(let value): hasher.combine(value)
        case .string(let value): hasher.combine(value)
        case .bytes(let value): hasher.combine(value)
        case .timestamp(let value): hasher.combine(value)
        case .duration(let value): hasher.combine(value)
        case .list(let list): hasher.combine(list.count)
        case .map(let map): hasher.combine(map.count)
        default: hasher.combine(0)
        }
    }
}
