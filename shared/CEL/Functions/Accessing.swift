/// Fields of values and elements of lists and maps.
enum Accessing {
    /// `value.name`
    static func select(_ value: Value, _ name: String) throws(EvaluationError) -> Value {
        // Null has no fields: that is told as of a map without members.
        if case .null = value { throw .noKey(name) }
        if let found = try find(value, name) { return found }
        throw .noKey(name)
    }

    /// The field of a map or object; nil when it is not there.
    static func find(_ value: Value, _ name: String) throws(EvaluationError) -> Value? {
        switch value {
        case .map(let map): return map.member(name)
        case .object(let object): return try object.field(name)
        case .optional(let optional):
            guard let inner = optional.value else { return .some(.none) }
            return try find(inner, name).map(Value.some) ?? .some(.none)
        case .null, .bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration, .type, .list:
            throw .noOverload
        }
    }

    /// `has(value.name)`
    static func has(_ value: Value, _ name: String) throws(EvaluationError) -> Bool {
        switch value {
        case .optional(let optional):
            guard let inner = optional.value else { return false }
            return try has(inner, name)
        case .null: return false
        default: return try find(value, name) != nil
        }
    }

    /// `value[key]`
    static func index(_ value: Value, _ key: Value) throws(EvaluationError) -> Value {
        switch value {
        case .list(let list):
            let position = try position(key, list)
            guard list.indices(contain: position) else { throw EvaluationError("index out of bounds: \(position)") }
            return list[Int(position)]
        case .map(let map):
            guard isKey(key) else { throw EvaluationError("unsupported key type: \(key.type.runtimeName)") }
            guard let found = map.find(key) else { throw .noKey(describe(key)) }
            return found
        case .optional(let optional):
            guard let inner = optional.value else { return .none }
            return try optionalIndex(inner, key)
        case .object(let object):
            guard case .string(let name) = key else { throw .noOverload }
            guard let found = try object.field(name) else { throw .noKey(name) }
            return found
        default: throw .noOverload
        }
    }

    /// `value[?key]`
    static func optionalIndex(_ value: Value, _ key: Value) throws(EvaluationError) -> Value {
        switch value {
        case .list(let list):
            let position = try position(key, list)
            return list.indices(contain: position) ? .some(list[Int(position)]) : .none
        case .map(let map): return map.find(key).map(Value.some) ?? .none
        case .optional(let optional):
            guard let inner = optional.value else { return .none }
            return try optionalIndex(inner, key)
        case .object(let object):
            guard case .string(let name) = key else { throw .noOverload }
            return try object.field(name).map(Value.some) ?? .none
        default: throw .noOverload
        }
    }

    /// `value.?name`
    static func optionalSelect(_ value: Value, _ name: String) throws(EvaluationError) -> Value {
        switch value {
        case .optional(let optional):
            guard let inner = optional.value else { return .none }
            return try optionalSelect(inner, name)
        default: return try has(value, name) ? find(value, name).map(Value.some) ?? .none : .none
        }
    }

    private static func isKey(_ value: Value) -> Bool {
        switch value {
        case .string, .int, .uint, .bool, .double: true
        default: false
        }
    }

    private static func position(_ key: Value, _ list: ListValue) throws(EvaluationError) -> Int64 {
        switch key {
        case .int(let position): return position
        case .uint(let position):
            return Int64(clamping: position)
        case .double(let number):
            guard let whole = Int64(exactly: number) else {
                throw EvaluationError("unsupported index value \(NumberText.general(number)) in list")
            }
            return whole
        default: throw EvaluationError("unsupported index type '\(key.type.runtimeName)' in list")
        }
    }

    /// A key as messages show it.
    static func describe(_ key: Value) -> String {
        switch key {
        case .string(let text): text
        case .double(let number): NumberText.general(number)
        default: key.debugText
        }
    }
}

extension ListValue {
    func indices(contain position: Int64) -> Bool { position >= 0 && position < Int64(count) }
}
