/// Values that may be missing.
enum OptionalFunctions {
    private static let v = CELType.parameter("V")
    private static let k = CELType.parameter("K")
    private static let wrapped = CELType.optional(v)
    private static let list = CELType.list(v)
    private static let map = CELType.map(k, v)

    static let types: [String: CELType] = ["optional_type": .optional(.dyn)]

    static let all: [Function] = [
        Function(
            "optional.of", [.global("optional_of", [v], wrapped)],
            unary: { (value) throws(EvaluationError) in .some(value) }),
        Function(
            "optional.ofNonZeroValue", [.global("optional_ofNonZeroValue", [v], wrapped)],
            unary: { (value) throws(EvaluationError) in value.isZero ? .none : .some(value) }),
        Function("optional.none", [.global("optional_none", [], wrapped)]) { (values) throws(EvaluationError) in
            guard values.isEmpty else { throw .noOverload }
            return .none
        },
        Function(
            "value", [.member("optional_value", [wrapped], v)],
            unary: { (value) throws(EvaluationError) in
                guard case .optional(let optional) = value else { throw .noOverload }
                guard let inner = optional.value else { throw EvaluationError("optional.none() dereference") }
                return inner
            }),
        Function(
            "hasValue", [.member("optional_hasValue", [wrapped], .bool)],
            unary: { (value) throws(EvaluationError) in
                guard case .optional(let optional) = value else { throw .noOverload }
                return .bool(optional.value != nil)
            }),
        Function("or", [.member("optional_or_optional", [wrapped, wrapped], wrapped)]),
        Function("orValue", [.member("optional_orValue_value", [wrapped, v], v)]),
        Function(Operators.optionalSelect, [.global("select_optional_field", [.dyn, .string], wrapped)]),
        Function(
            Operators.optionalIndex,
            [
                .global("list_optindex_optional_int", [list, .int], wrapped),
                .global("optional_list_optindex_optional_int", [.optional(list), .int], wrapped),
                .global("map_optindex_optional_value", [map, k], wrapped),
                .global("optional_map_optindex_optional_value", [.optional(map), k], wrapped),
            ], binary: Accessing.optionalIndex),
        Function(
            Operators.index,
            [
                .global("optional_list_index_int", [.optional(list), .int], wrapped),
                .global("optional_map_index_value", [.optional(map), k], wrapped),
            ]),
        end("last", "list_last") { $0.count - 1 }, end("first", "list_first") { _ in 0 },
        Function(
            "optional.unwrap", [.global("optional_unwrap", [.list(wrapped)], list)], unary: unwrap),
        Function("unwrapOpt", [.member("optional_unwrapOpt", [.list(wrapped)], list)], unary: unwrap),
    ]

    private static func end(
        _ name: String, _ id: String, _ position: @escaping @Sendable (ListValue) -> Int
    ) -> Function {
        Function(
            name, [.member(id, [list], wrapped)],
            unary: { (value) throws(EvaluationError) in
                guard case .list(let list) = value else { throw .noOverload }
                return list.count == 0 ? .none : .some(list[position(list)])
            })
    }

    private static let unwrap: Function.Unary = { (value) throws(EvaluationError) in
        guard case .list(let list) = value else { throw .noOverload }
        var values: [Value] = []
        for element in list.all {
            guard case .optional(let optional) = element else {
                throw EvaluationError("value \(element.debugText) is not optional")
            }
            if let inner = optional.value { values.append(inner) }
        }
        return .list(values)
    }
}
