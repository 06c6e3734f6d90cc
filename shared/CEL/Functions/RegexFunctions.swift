/// Parts of strings that match a pattern.
enum RegexFunctions {
    static let all: [Function] = [
        Function("find", [.member("string_find_string", [.string, .string], .string)]) {
            (values) throws(EvaluationError) in
            try find(values, isAll: false)
        },
        Function(
            "findAll",
            [
                .member("string_find_all_string", [.string, .string], .list(.string)),
                .member("string_find_all_string_int", [.string, .string, .int], .list(.string)),
            ]
        ) { (values) throws(EvaluationError) in try find(values, isAll: true) },
    ]

    /// The compiled pattern; `prefix` goes before the message about a wrong one.
    static func regex(_ pattern: String, prefix: String) throws(EvaluationError) -> LinearRegex {
        do {
            return try RegexCache.shared.regex(pattern)
        } catch {
            throw EvaluationError(prefix + error.message)
        }
    }

    private static func find(_ values: [Value], isAll: Bool) throws(EvaluationError) -> Value {
        guard values.count >= 2, case .string(let pattern) = values[1] else { throw .noOverload }
        return try find(values, try regex(pattern, prefix: "Illegal regex: "), isAll: isAll)
    }

    static func find(_ values: [Value], _ regex: LinearRegex, isAll: Bool) throws(EvaluationError) -> Value {
        guard case .string(let text)? = values.first else { throw .noOverload }
        let scalars = Array(text.unicodeScalars)
        guard isAll else {
            let match = regex.firstMatch(in: scalars, from: 0)
            return .string(match.map { StringFunctions.string(scalars[$0]) } ?? "")
        }
        var limit = Int.max
        if values.count == 3 {
            guard case .int(let given) = values[2] else { throw .noOverload }
            if given >= 0 { limit = Int(clamping: given) }
        }
        var found: [Value] = []
        var position = 0
        var lastEnd = -1
        while found.count < limit, position <= scalars.count,
            let match = regex.firstMatch(in: scalars, from: position)
        {
            // An empty match right behind another match does not count.
            if !match.isEmpty || match.lowerBound != lastEnd {
                found.append(.string(StringFunctions.string(scalars[match])))
            }
            lastEnd = match.upperBound
            position = match.isEmpty ? match.upperBound + 1 : match.upperBound
        }
        return .list(found)
    }
}
