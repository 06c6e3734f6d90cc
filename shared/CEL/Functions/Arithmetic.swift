/// What the operators do with numbers, strings, lists and times.
enum Arithmetic {
    private static func checked<Number: FixedWidthInteger>(
        _ result: (partialValue: Number, overflow: Bool)
    ) throws(EvaluationError) -> Number {
        if result.overflow { throw Number.isSigned ? Conversions.overflow : Conversions.unsignedOverflow }
        return result.partialValue
    }

    private static func duration(_ result: (partialValue: Int64, overflow: Bool)) throws(EvaluationError) -> Value {
        if result.overflow { throw Conversions.durationOverflow }
        return .duration(result.partialValue)
    }

    static func add(_ left: Value, _ right: Value) throws(EvaluationError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)): return .int(try checked(left.addingReportingOverflow(right)))
        case (.uint(let left), .uint(let right)): return .uint(try checked(left.addingReportingOverflow(right)))
        case (.double(let left), .double(let right)): return .double(left + right)
        case (.string(let left), .string(let right)): return .string(left + right)
        case (.bytes(let left), .bytes(let right)): return .bytes(left + right)
        case (.list(let left), .list(let right)): return .list(left + right)
        case (.duration(let left), .duration(let right)): return try duration(left.addingReportingOverflow(right))
        case (.timestamp(let moment), .duration(let time)), (.duration(let time), .timestamp(let moment)):
            return .timestamp(try moment.adding(time))
        default: throw .noOverload
        }
    }

    static func subtract(_ left: Value, _ right: Value) throws(EvaluationError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)): return .int(try checked(left.subtractingReportingOverflow(right)))
        case (.uint(let left), .uint(let right)): return .uint(try checked(left.subtractingReportingOverflow(right)))
        case (.double(let left), .double(let right)): return .double(left - right)
        case (.duration(let left), .duration(let right)): return try duration(left.subtractingReportingOverflow(right))
        case (.timestamp(let moment), .duration(let time)):
            if time == .min { throw Conversions.durationOverflow }
            return .timestamp(try moment.adding(-time))
        case (.timestamp(let left), .timestamp(let right)): return .duration(try left.since(right))
        default: throw .noOverload
        }
    }

    static func multiply(_ left: Value, _ right: Value) throws(EvaluationError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)): return .int(try checked(left.multipliedReportingOverflow(by: right)))
        case (.uint(let left), .uint(let right)): return .uint(try checked(left.multipliedReportingOverflow(by: right)))
        case (.double(let left), .double(let right)): return .double(left * right)
        default: throw .noOverload
        }
    }

    static func divide(_ left: Value, _ right: Value) throws(EvaluationError) -> Value {
        switch (left, right) {
        case (.int, .int(0)), (.uint, .uint(0)): throw EvaluationError("division by zero")
        case (.int(let left), .int(let right)): return .int(try checked(left.dividedReportingOverflow(by: right)))
        case (.uint(let left), .uint(let right)): return .uint(left / right)
        case (.double(let left), .double(let right)): return .double(left / right)
        default: throw .noOverload
        }
    }

    static func modulo(_ left: Value, _ right: Value) throws(EvaluationError) -> Value {
        switch (left, right) {
        case (.int, .int(0)), (.uint, .uint(0)): throw EvaluationError("modulus by zero")
        case (.int(let left), .int(let right)):
            return .int(try checked(left.remainderReportingOverflow(dividingBy: right)))
        case (.uint(let left), .uint(let right)): return .uint(left % right)
        default: throw .noOverload
        }
    }

    static func negate(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .int(let value):
            if value == .min { throw Conversions.overflow }
            return .int(-value)
        case .double(let value): return .double(-value)
        case .duration(let value):
            if value == .min { throw Conversions.durationOverflow }
            return .duration(-value)
        default: throw .noOverload
        }
    }

    static func not(_ value: Value) throws(EvaluationError) -> Value {
        guard case .bool(let value) = value else { throw .noOverload }
        return .bool(!value)
    }

    /// -1, 0 or 1.
    static func order(_ left: Value, _ right: Value) throws(EvaluationError) -> Int {
        if let order = Value.compare(left, right) { return order }
        func isNaN(_ value: Value) -> Bool { if case .double(let number) = value { number.isNaN } else { false } }
        func isNumber(_ value: Value) -> Bool {
            switch value {
            case .int, .uint, .double: true
            default: false
            }
        }
        if isNumber(left), isNumber(right), isNaN(left) || isNaN(right) {
            throw EvaluationError("NaN values cannot be ordered")
        }
        throw .noOverload
    }

    static func isIn(_ value: Value, _ container: Value) throws(EvaluationError) -> Value {
        switch container {
        case .list(let list): return .bool(list.contains(value))
        case .map(let map): return .bool(map.find(value) != nil)
        default: throw .noOverload
        }
    }

    static func size(_ value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .string, .bytes, .list, .map: return .int(Int64(clamping: value.costSize))
        default: throw .noOverload
        }
    }
}
