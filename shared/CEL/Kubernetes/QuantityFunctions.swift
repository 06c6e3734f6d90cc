import KubeModel

/// An amount of a resource as a value.
struct QuantityValue: ObjectValue {
    let quantity: Quantity
    /// True when it was written with a fraction or in thousandths and less; such amounts are not taken for whole ones.
    let isFine: Bool

    var type: CELType { KubernetesTypes.quantity }
    func isEqual(to other: any ObjectValue) -> Bool { (other as? QuantityValue)?.quantity == quantity }

    init(_ text: String) throws(EvaluationError) {
        guard let quantity = Quantity(text) else {
            let hasForm = text.utf8.first.map { ($0 >= 0x30 && $0 <= 0x39) || "+-.".utf8.contains($0) } ?? false
            throw EvaluationError(
                hasForm && text.utf8.contains { $0 >= 0x30 && $0 <= 0x39 } && !text.contains(" ")
                    && !text.hasSuffix("-")
                    ? "unable to parse quantity's suffix"
                    : "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
        }
        self.quantity = quantity
        let isDecimal = quantity.format != .binary
        isFine = isDecimal && (text.contains(".") || ["n", "u", "m"].contains { text.hasSuffix($0) })
    }

    init(_ quantity: Quantity, isFine: Bool) { (self.quantity, self.isFine) = (quantity, isFine) }

    var whole: Int64? {
        let (value, rest) = quantity.nanos.quotientAndRemainder(dividingBy: 1_000_000_000)
        return isFine || rest != 0 ? nil : Int64(exactly: value)
    }
}

/// The functions of quantities; comparing is shared with versions.
enum QuantityFunctions {
    private static let quantity = KubernetesTypes.quantity
    private static let semver = KubernetesTypes.semver

    static let all: [Function] = [
        Function(
            "quantity", [.global("string_to_quantity", [.string], quantity)],
            unary: { (value) throws(EvaluationError) in .object(try QuantityValue(try text(value))) }),
        Function(
            "isQuantity", [.global("is_quantity_string", [.string], .bool)],
            unary: { (value) throws(EvaluationError) in
                let text = try text(value)
                return .bool(Quantity(text) != nil)
            }),
        Function(
            "sign", [.global("quantity_sign", [quantity], .int)],
            unary: { (value) throws(EvaluationError) in
                .int(Int64(try unbox(value, QuantityValue.self).quantity.nanos.signum()))
            }),
        compare("isGreaterThan", "is_greater_than", .bool) { .bool($0 > 0) },
        compare("isLessThan", "is_less_than", .bool) { .bool($0 < 0) },
        compare("compareTo", "compare_to", .int) { .int(Int64($0)) },
        Function(
            "asApproximateFloat", [.member("quantity_get_float", [quantity], .double)],
            unary: { (value) throws(EvaluationError) in .double(try unbox(value, QuantityValue.self).quantity.double) }),
        Function(
            "asInteger", [.member("quantity_get_int", [quantity], .int)],
            unary: { (value) throws(EvaluationError) in
                guard let whole = try unbox(value, QuantityValue.self).whole else {
                    throw EvaluationError("cannot convert value to integer")
                }
                return .int(whole)
            }),
        Function(
            "isInteger", [.member("quantity_is_integer", [quantity], .bool)],
            unary: { (value) throws(EvaluationError) in .bool(try unbox(value, QuantityValue.self).whole != nil) }),
        sum("add", +), sum("sub", -),
    ]

    private static func compare(
        _ name: String, _ id: String, _ result: CELType, _ answer: @escaping @Sendable (Int) -> Value
    ) -> Function {
        Function(
            name,
            [
                .member("quantity_\(id)", [quantity, quantity], result),
                .member("semver_\(id)", [semver, semver], result),
            ],
            binary: { (left, right) throws(EvaluationError) in
                if case .object(let object) = left, let version = object as? SemverValue {
                    let other: SemverValue = try unbox(right)
                    return answer(version.order(other))
                }
                let first = try unbox(left, QuantityValue.self).quantity
                let second = try unbox(right, QuantityValue.self).quantity
                return answer(first < second ? -1 : first == second ? 0 : 1)
            })
    }

    private static func sum(
        _ name: String, _ combine: @escaping @Sendable (Quantity, Quantity) -> Quantity
    ) -> Function {
        Function(
            name,
            [
                .member("quantity_\(name)", [quantity, quantity], quantity),
                .member("quantity_\(name)_int", [quantity, .int], quantity),
            ],
            binary: { (left, right) throws(EvaluationError) in
                let first: QuantityValue = try unbox(left)
                if case .int(let number) = right {
                    return .object(QuantityValue(combine(first.quantity, Quantity(number)), isFine: first.isFine))
                }
                let second: QuantityValue = try unbox(right)
                return .object(
                    QuantityValue(combine(first.quantity, second.quantity), isFine: first.isFine || second.isFine))
            })
    }
}
