/// The functions of the language itself.
enum StandardFunctions {
    private static let a = CELType.parameter("A")
    private static let b = CELType.parameter("B")
    private static let listOfA = CELType.list(a)
    private static let map = CELType.map(a, b)

    static let types: [String: CELType] = [
        "bool": .bool, "bytes": .bytes, "double": .double, "int": .int, "list": listOfA, "map": map,
        "null_type": .null, "string": .string, "type": .type(nil), "uint": .uint,
        "google.protobuf.Timestamp": .timestamp, "google.protobuf.Duration": .duration,
    ]

    static let all: [Function] = operators + relations + conversions + texts + Timing.functions

    private static let operators: [Function] = [
        Function(Operators.conditional, [.global("conditional", [.bool, a, a], a)]),
        Function(Operators.and, [.global("logical_and", [.bool, .bool], .bool)]),
        Function(Operators.or, [.global("logical_or", [.bool, .bool], .bool)]),
        Function(Operators.not, [.global("logical_not", [.bool], .bool)], unary: Arithmetic.not),
        Function(Operators.notStrictlyFalse, [.global("not_strictly_false", [.bool], .bool)]),
        Function(Operators.equals, [.global("equals", [a, a], .bool)]),
        Function(Operators.notEquals, [.global("not_equals", [a, a], .bool)]),
        Function(
            Operators.add,
            [
                .global("add_bytes", [.bytes, .bytes], .bytes), .global("add_double", [.double, .double], .double),
                .global("add_duration_duration", [.duration, .duration], .duration),
                .global("add_duration_timestamp", [.duration, .timestamp], .timestamp),
                .global("add_timestamp_duration", [.timestamp, .duration], .timestamp),
                .global("add_int64", [.int, .int], .int), .global("add_list", [listOfA, listOfA], listOfA),
                .global("add_string", [.string, .string], .string), .global("add_uint64", [.uint, .uint], .uint),
            ], binary: Arithmetic.add),
        Function(
            "_-_",
            [
                .global("subtract_double", [.double, .double], .double),
                .global("subtract_duration_duration", [.duration, .duration], .duration),
                .global("subtract_int64", [.int, .int], .int),
                .global("subtract_timestamp_duration", [.timestamp, .duration], .timestamp),
                .global("subtract_timestamp_timestamp", [.timestamp, .timestamp], .duration),
                .global("subtract_uint64", [.uint, .uint], .uint),
            ], binary: Arithmetic.subtract),
        numeric("_*_", "multiply", Arithmetic.multiply), numeric("_/_", "divide", Arithmetic.divide),
        Function(
            "_%_", [.global("modulo_int64", [.int, .int], .int), .global("modulo_uint64", [.uint, .uint], .uint)],
            binary: Arithmetic.modulo),
        Function(
            "-_", [.global("negate_double", [.double], .double), .global("negate_int64", [.int], .int)],
            unary: Arithmetic.negate),
        Function(
            Operators.index, [.global("index_list", [listOfA, .int], a), .global("index_map", [map, a], b)],
            binary: Accessing.index),
        Function(
            Operators.in, [.global("in_list", [a, listOfA], .bool), .global("in_map", [a, map], .bool)],
            binary: Arithmetic.isIn),
        Function(
            "size",
            [
                .global("size_bytes", [.bytes], .int), .member("bytes_size", [.bytes], .int),
                .global("size_list", [listOfA], .int), .member("list_size", [listOfA], .int),
                .global("size_map", [map], .int), .member("map_size", [map], .int),
                .global("size_string", [.string], .int), .member("string_size", [.string], .int),
            ], unary: Arithmetic.size),
        Function(
            Operators.insert,
            [
                .global("@mapInsert_map_key_value", [map, a, b], map), .global("@mapInsert_map_map", [map, map], map),
            ]),
    ]

    private static func numeric(_ name: String, _ id: String, _ body: @escaping Function.Binary) -> Function {
        Function(
            name,
            [
                .global("\(id)_double", [.double, .double], .double), .global("\(id)_int64", [.int, .int], .int),
                .global("\(id)_uint64", [.uint, .uint], .uint),
            ], binary: body)
    }

    private static let relations: [Function] = [
        relation("_<_", "less") { $0 < 0 }, relation("_<=_", "less_equals") { $0 <= 0 },
        relation("_>_", "greater") { $0 > 0 }, relation("_>=_", "greater_equals") { $0 >= 0 },
    ]

    private static func relation(_ name: String, _ id: String, _ test: @escaping @Sendable (Int) -> Bool) -> Function {
        let names: [(CELType, String)] = [(.int, "int64"), (.uint, "uint64"), (.double, "double")]
        var overloads: [Overload] = [.global("\(id)_bool", [.bool, .bool], .bool)]
        for (left, leftName) in names {
            for (right, rightName) in names {
                let suffix = leftName == rightName ? leftName : "\(leftName)_\(rightName)"
                overloads.append(.global("\(id)_\(suffix)", [left, right], .bool))
            }
        }
        for (type, typeName) in [
            (CELType.string, "string"), (.bytes, "bytes"), (.timestamp, "timestamp"), (.duration, "duration"),
        ] {
            overloads.append(.global("\(id)_\(typeName)", [type, type], .bool))
        }
        return Function(
            name, overloads,
            binary: { (left, right) throws(EvaluationError) in .bool(test(try Arithmetic.order(left, right))) })
    }

    // MARK: Conversions

    private static let identity: Function.Unary = { value throws(EvaluationError) in value }

    private static let conversions: [Function] = [
        Function(
            "type", [.global("type", [a], .type(a))], unary: { (value) throws(EvaluationError) in .type(value.type) }),
        Function("dyn", [.global("to_dyn", [a], .dyn)], unary: identity),
        conversion(.bool, "bool", [(.bool, "bool"), (.string, "string")], Conversions.bool),
        conversion(.bytes, "bytes", [(.bytes, "bytes"), (.string, "string")], Conversions.bytes),
        conversion(
            .double, "double", [(.double, "double"), (.int, "int64"), (.string, "string"), (.uint, "uint64")],
            Conversions.double),
        conversion(
            .duration, "duration", [(.duration, "duration"), (.int, "int64"), (.string, "string")], Conversions.duration
        ),
        conversion(
            .int, "int64",
            [
                (.int, "int64"), (.double, "double"), (.duration, "duration"), (.string, "string"),
                (.timestamp, "timestamp"), (.uint, "uint64"),
            ], Conversions.int),
        conversion(
            .string, "string",
            [
                (.string, "string"), (.bool, "bool"), (.bytes, "bytes"), (.double, "double"), (.duration, "duration"),
                (.int, "int64"), (.timestamp, "timestamp"), (.uint, "uint64"),
            ], Conversions.string),
        conversion(
            .timestamp, "timestamp", [(.timestamp, "timestamp"), (.int, "int64"), (.string, "string")],
            Conversions.timestamp),
        conversion(
            .uint, "uint64", [(.uint, "uint64"), (.double, "double"), (.int, "int64"), (.string, "string")],
            Conversions.uint),
    ]

    private static func conversion(
        _ type: CELType, _ id: String, _ from: [(CELType, String)], _ body: @escaping Function.Unary
    ) -> Function {
        Function(type.description, from.map { .global("\($0.1)_to_\(id)", [$0.0], type) }, unary: body)
    }

    // MARK: Strings

    private static let texts: [Function] = [
        text("contains", "contains_string") { (text, part) in TextSearch.contains(text, part) },
        text("endsWith", "ends_with_string") { text, part in
            text.utf8.count >= part.utf8.count && text.utf8.suffix(part.utf8.count).elementsEqual(part.utf8)
        },
        text("startsWith", "starts_with_string") { text, part in text.utf8.starts(with: part.utf8) },
        Function(
            "matches",
            [.global("matches", [.string, .string], .bool), .member("matches_string", [.string, .string], .bool)],
            binary: { (text, pattern) throws(EvaluationError) in
                guard case .string(let text) = text, case .string(let pattern) = pattern else { throw .noOverload }
                return .bool(try RegexFunctions.regex(pattern, prefix: "").matches(text))
            }),
    ]

    private static func text(
        _ name: String, _ id: String, _ test: @escaping @Sendable (String, String) -> Bool
    ) -> Function {
        Function(
            name, [.member(id, [.string, .string], .bool)],
            binary: { (left, right) throws(EvaluationError) in
                guard case .string(let left) = left, case .string(let right) = right else { throw .noOverload }
                return .bool(test(left, right))
            })
    }
}

/// Where a text has another one, by bytes.
enum TextSearch {
    static func contains(_ text: String, _ part: String) -> Bool {
        var text = text
        var part = part
        return text.withUTF8 { text in
            part.withUTF8 { part in
                guard let first = part.first else { return true }
                guard text.count >= part.count else { return false }
                for start in 0...(text.count - part.count) where text[start] == first {
                    if UnsafeBufferPointer(rebasing: text[start..<(start + part.count)]).elementsEqual(part) {
                        return true
                    }
                }
                return false
            }
        }
    }

    /// The first place of `part` in `text` from `start` on.
    static func find(_ part: [Unicode.Scalar], in text: [Unicode.Scalar], from start: Int) -> Int? {
        guard text.count - start >= part.count, start >= 0 else { return nil }
        for place in start...(text.count - part.count) where isAt(place, part, text) { return place }
        return nil
    }

    /// The last place of `part` in `text` up to `end`.
    static func findLast(_ part: [Unicode.Scalar], in text: [Unicode.Scalar], upTo end: Int) -> Int? {
        let last = min(end, text.count - part.count)
        guard last >= 0 else { return nil }
        for place in stride(from: last, through: 0, by: -1) where isAt(place, part, text) { return place }
        return nil
    }

    private static func isAt(_ place: Int, _ part: [Unicode.Scalar], _ text: [Unicode.Scalar]) -> Bool {
        for offset in part.indices where text[place + offset] != part[offset] { return false }
        return true
    }
}
