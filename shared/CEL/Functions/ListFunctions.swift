/// The functions of lists and sets.
enum ListFunctions {
    static let comparable: [CELType] = [.int, .uint, .double, .bool, .duration, .timestamp, .string, .bytes]
    private static let summable: [CELType] = [.int, .uint, .double, .duration]
    private static let t = CELType.parameter("T")
    private static let list = CELType.list(t)

    static let all: [Function] = kubernetes + own + sets

    private static func each(
        _ types: [CELType], _ id: (String) -> String, _ result: (CELType) -> CELType
    ) -> [Overload] {
        types.map { .member(id($0.runtimeName), [.list($0)], result($0)) }
    }

    private static func elements(_ value: Value) throws(EvaluationError) -> [Value] {
        guard case .list(let list) = value else { throw .noOverload }
        return list.all
    }

    private static let kubernetes: [Function] = [
        Function(
            "isSorted", each(comparable, { "list_\($0)_is_sorted_bool" }, { _ in .bool }),
            unary: { (value) throws(EvaluationError) in
                let values = try elements(value)
                for (left, right) in zip(values, values.dropFirst()) where try Arithmetic.order(left, right) > 0 {
                    return .bool(false)
                }
                return .bool(true)
            }),
        Function(
            "sum", each(summable, { "list_\($0)_sum_\($0)" }, { $0 }),
            unary: { (value) throws(EvaluationError) in
                let values = try elements(value)
                guard var sum = values.first else { return .int(0) }
                for next in values.dropFirst() { sum = try Arithmetic.add(sum, next) }
                return sum
            }),
        extreme("max") { $0 < 0 }, extreme("min") { $0 > 0 },
        Function("indexOf", [.member("list_a_index_of_int", [list, t], .int)]) { (values) throws(EvaluationError) in
            guard values.count == 2 else { throw .noOverload }
            return .int(Int64(try elements(values[0]).firstIndex(of: values[1]) ?? -1))
        },
        Function("lastIndexOf", [.member("list_a_last_index_of_int", [list, t], .int)]) {
            (values) throws(EvaluationError) in
            guard values.count == 2 else { throw .noOverload }
            return .int(Int64(try elements(values[0]).lastIndex(of: values[1]) ?? -1))
        },
    ]

    private static func extreme(_ name: String, _ isBetter: @escaping @Sendable (Int) -> Bool) -> Function {
        Function(
            name, each(comparable, { "list_\($0)_\(name)_\($0)" }, { $0 }),
            unary: { (value) throws(EvaluationError) in
                let values = try elements(value)
                guard var best = values.first else { throw EvaluationError("\(name) called on empty list") }
                for next in values.dropFirst() where isBetter(try Arithmetic.order(best, next)) { best = next }
                return best
            })
    }

    private static let own: [Function] = [
        Function("slice", [.member("list_slice", [list, .int, .int], list)]) { (values) throws(EvaluationError) in
            guard values.count == 3, case .list(let list) = values[0], case .int(let start) = values[1],
                case .int(let end) = values[2]
            else { throw .noOverload }
            let call = "cannot slice(\(start), \(end))"
            if start < 0 || end < 0 { throw EvaluationError("\(call), negative indexes not supported") }
            if start > end { throw EvaluationError("\(call), start index must be less than or equal to end index") }
            if Int64(list.count) < end { throw EvaluationError("\(call), list is length \(list.count)") }
            return .list((Int(start)..<Int(end)).map { list[$0] })
        },
        Function(
            "flatten",
            [
                .member("list_flatten", [.list(list)], list),
                .member("list_flatten_int", [.list(.dyn), .int], .list(.dyn)),
            ]
        ) { (values) throws(EvaluationError) in
            var depth: Int64 = 1
            if values.count == 2, case .int(let given) = values[1] { depth = given }
            if depth < 0 { throw EvaluationError("level must be non-negative") }
            return .list(flatten(try elements(values[0]), depth))
        },
        Function(
            "sort", comparable.map { .member("list_\($0.runtimeName)_sort", [.list($0)], .list($0)) },
            unary: { (value) throws(EvaluationError) in
                let values = try elements(value)
                return .list(try sort(values, by: values))
            }),
        Function(
            "@sortByAssociatedKeys",
            comparable.map { .member("list_\($0.runtimeName)_sortByAssociatedKeys", [list, .list($0)], list) }
        ) { (values) throws(EvaluationError) in
            guard values.count == 2 else { throw .noOverload }
            return .list(try sort(try elements(values[0]), by: try elements(values[1])))
        },
        Function(
            "lists.range", [.global("lists_range", [.int], .list(.int))],
            unary: { (value) throws(EvaluationError) in
                guard case .int(let count) = value else { throw .noOverload }
                guard count <= longestRange else {
                    throw EvaluationError("lists.range: \(count) elements are too many")
                }
                return .list((0..<max(0, count)).map { .int($0) })
            }),
        Function(
            "reverse", [.member("list_reverse", [list], list)],
            unary: { (value) throws(EvaluationError) in .list(Array(try elements(value).reversed())) }),
        Function(
            "distinct", [.member("list_distinct", [list], list)],
            unary: { (value) throws(EvaluationError) in
                var seen: Set<ValueKey> = []
                return .list(try elements(value).filter { seen.insert(ValueKey($0)).inserted })
            }),
    ]

    /// More would cost more than any expression may, and the memory is taken before the cost is known.
    private static let longestRange: Int64 = 10_000_000

    private static func flatten(_ values: [Value], _ depth: Int64) -> [Value] {
        values.flatMap { value -> [Value] in
            guard depth > 0, case .list(let inner) = value else { return [value] }
            return flatten(inner.all, depth - 1)
        }
    }

    private static func sort(_ values: [Value], by keys: [Value]) throws(EvaluationError) -> [Value] {
        guard values.count == keys.count else {
            throw EvaluationError(
                "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, "
                    + "but got \(values.count) and \(keys.count) elements respectively")
        }
        guard let first = keys.first else { return values }
        guard Value.compare(first, first) != nil else { throw EvaluationError("list elements must be comparable") }
        for key in keys where key.type != first.type {
            throw EvaluationError("list elements must have the same type")
        }
        let order = keys.indices.sorted { left, right in
            (Value.compare(keys[left], keys[right]) ?? 0, left) < (0, right)
        }
        return order.map { values[$0] }
    }

    // MARK: Sets

    private static let sets: [Function] = [
        set("sets.contains", "list_sets_contains_list") { left, right in right.all.allSatisfy(left.contains) },
        set("sets.equivalent", "list_sets_equivalent_list") { left, right in
            right.all.allSatisfy(left.contains) && left.all.allSatisfy(right.contains)
        },
        set("sets.intersects", "list_sets_intersects_list") { left, right in left.all.contains(where: right.contains) },
    ]

    private static func set(
        _ name: String, _ id: String, _ test: @escaping @Sendable (ListValue, ListValue) -> Bool
    ) -> Function {
        Function(
            name, [.global(id, [list, list], .bool)],
            binary: { (left, right) throws(EvaluationError) in
                guard case .list(let left) = left, case .list(let right) = right else { throw .noOverload }
                return .bool(test(left, right))
            })
    }
}
