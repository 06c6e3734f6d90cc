/// The functions of strings that are not part of the language itself.
enum StringFunctions {
    static let all: [Function] = [
        Function("charAt", [.member("string_char_at_int", [.string, .int], .string)]) {
            (values) throws(EvaluationError) in
            guard case .string(let text)? = values.first, case .int(let index)? = values.last, values.count == 2 else {
                throw .noOverload
            }
            let scalars = Array(text.unicodeScalars)
            guard index >= 0, index <= Int64(scalars.count) else { throw outOfRange(index) }
            return .string(index == Int64(scalars.count) ? "" : string(scalars[Int(index)...Int(index)]))
        },
        search("indexOf", "string_index_of_string", isLast: false),
        search("lastIndexOf", "string_last_index_of_string", isLast: true),
        mapped("lowerAscii", "string_lower_ascii") { scalar in
            scalar >= "A" && scalar <= "Z" ? Unicode.Scalar(UInt8(scalar.value + 32)) : scalar
        },
        mapped("upperAscii", "string_upper_ascii") { scalar in
            scalar >= "a" && scalar <= "z" ? Unicode.Scalar(UInt8(scalar.value - 32)) : scalar
        },
        Function(
            "replace",
            [
                .member("string_replace_string_string", [.string, .string, .string], .string),
                .member("string_replace_string_string_int", [.string, .string, .string, .int], .string),
            ], replace),
        Function(
            "split",
            [
                .member("string_split_string", [.string, .string], .list(.string)),
                .member("string_split_string_int", [.string, .string, .int], .list(.string)),
            ], split),
        Function(
            "substring",
            [
                .member("string_substring_int", [.string, .int], .string),
                .member("string_substring_int_int", [.string, .int, .int], .string),
            ], substring),
        Function(
            "trim", [.member("string_trim", [.string], .string)],
            unary: { (value) throws(EvaluationError) in
                guard case .string(let text) = value else { throw .noOverload }
                let scalars = Array(text.unicodeScalars)
                guard let first = scalars.firstIndex(where: { !isSpace($0) }),
                    let last = scalars.lastIndex(where: { !isSpace($0) })
                else { return .string("") }
                return .string(string(scalars[first...last]))
            }),
        Function(
            "strings.quote", [.global("strings_quote", [.string], .string)],
            unary: { (value) throws(EvaluationError) in
                guard case .string(let text) = value else { throw .noOverload }
                return .string(QuotedText.plain(text))
            }),
        Function(
            "join",
            [
                .member("list_join", [.list(.string)], .string),
                .member("list_join_string", [.list(.string), .string], .string),
            ], join),
        Function("format", [.member("string_format", [.string, .list(.dyn)], .string)]) {
            (values) throws(EvaluationError) in
            guard values.count == 2, case .string(let text) = values[0], case .list(let arguments) = values[1] else {
                throw .noOverload
            }
            return .string(try TextFormat.format(text, arguments))
        },
    ]

    private static func outOfRange(_ index: Int64) -> EvaluationError {
        EvaluationError("index out of range: \(index)")
    }

    static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace && scalar != "\u{1c}" && scalar != "\u{1d}" && scalar != "\u{1e}"
            && scalar != "\u{1f}"
    }

    private static func mapped(
        _ name: String, _ id: String, _ map: @escaping @Sendable (Unicode.Scalar) -> Unicode.Scalar
    ) -> Function {
        Function(
            name, [.member(id, [.string], .string)],
            unary: { (value) throws(EvaluationError) in
                guard case .string(let text) = value else { throw .noOverload }
                return .string(string(text.unicodeScalars.map(map)))
            })
    }

    private static func search(_ name: String, _ id: String, isLast: Bool) -> Function {
        Function(
            name,
            [.member(id, [.string, .string], .int), .member("\(id)_int", [.string, .string, .int], .int)]
        ) { (values) throws(EvaluationError) in
            guard values.count == 2 || values.count == 3, case .string(let text) = values[0],
                case .string(let part) = values[1]
            else { throw .noOverload }
            let scalars = Array(text.unicodeScalars)
            let wanted = Array(part.unicodeScalars)
            var offset = isLast ? Int64(scalars.count) - 1 : 0
            if values.count == 3 {
                guard case .int(let given) = values[2] else { throw .noOverload }
                offset = given
                if wanted.isEmpty { return .int(offset) }
                if offset < 0 { throw outOfRange(offset) }
                if offset >= Int64(scalars.count) { return .int(-1) }
            } else if wanted.isEmpty {
                return .int(isLast ? Int64(scalars.count) : 0)
            }
            let place =
                isLast
                ? TextSearch.findLast(wanted, in: scalars, upTo: Int(offset))
                : TextSearch.find(wanted, in: scalars, from: Int(offset))
            return .int(place.map(Int64.init) ?? -1)
        }
    }

    private static let replace: Function.Variadic = { (values) throws(EvaluationError) in
        guard values.count == 3 || values.count == 4, case .string(let text) = values[0],
            case .string(let old) = values[1], case .string(let new) = values[2]
        else { throw .noOverload }
        var limit = Int.max
        if values.count == 4 {
            guard case .int(let given) = values[3] else { throw .noOverload }
            if given >= 0 { limit = Int(clamping: given) }
        }
        let scalars = Array(text.unicodeScalars)
        let wanted = Array(old.unicodeScalars)
        let inserted = Array(new.unicodeScalars)
        var result: [Unicode.Scalar] = []
        var position = 0
        var count = 0
        while count < limit, position <= scalars.count,
            let place = TextSearch.find(wanted, in: scalars, from: position)
        {
            result += scalars[position..<place]
            result += inserted
            position = place + wanted.count
            count += 1
            if wanted.isEmpty {
                // Nothing is found before every character and at the end.
                guard position < scalars.count else {
                    position += 1
                    break
                }
                result.append(scalars[position])
                position += 1
            }
        }
        if position < scalars.count { result += scalars[position...] }
        return .string(string(result))
    }

    private static let split: Function.Variadic = { (values) throws(EvaluationError) in
        guard values.count == 2 || values.count == 3, case .string(let text) = values[0],
            case .string(let separator) = values[1]
        else { throw .noOverload }
        var limit = Int.max
        if values.count == 3 {
            guard case .int(let given) = values[2] else { throw .noOverload }
            if given == 0 { return .list([]) }
            if given > 0 { limit = Int(clamping: given) }
        }
        let scalars = Array(text.unicodeScalars)
        let wanted = Array(separator.unicodeScalars)
        var parts: [Value] = []
        var position = 0
        if wanted.isEmpty {
            while position < scalars.count, parts.count < limit - 1 {
                parts.append(.string(string(scalars[position...position])))
                position += 1
            }
            if position < scalars.count { parts.append(.string(string(scalars[position...]))) }
            return .list(parts)
        }
        while parts.count < limit - 1, let place = TextSearch.find(wanted, in: scalars, from: position) {
            parts.append(.string(string(scalars[position..<place])))
            position = place + wanted.count
        }
        parts.append(.string(string(scalars[position...])))
        return .list(parts)
    }

    private static let substring: Function.Variadic = { (values) throws(EvaluationError) in
        guard values.count == 2 || values.count == 3, case .string(let text) = values[0],
            case .int(let start) = values[1]
        else { throw .noOverload }
        let scalars = Array(text.unicodeScalars)
        let count = Int64(scalars.count)
        var end = count
        if values.count == 3 {
            guard case .int(let given) = values[2] else { throw .noOverload }
            end = given
            if start > end { throw EvaluationError("invalid substring range. start: \(start), end: \(end)") }
        }
        guard start >= 0, start <= count else { throw outOfRange(start) }
        guard end >= 0, end <= count else { throw outOfRange(end) }
        return .string(string(scalars[Int(start)..<Int(end)]))
    }

    private static let join: Function.Variadic = { (values) throws(EvaluationError) in
        guard values.count == 1 || values.count == 2, case .list(let list) = values[0] else { throw .noOverload }
        var separator = ""
        if values.count == 2 {
            guard case .string(let given) = values[1] else { throw .noOverload }
            separator = given
        }
        var texts: [String] = []
        for element in list.all {
            guard case .string(let text) = element else {
                throw EvaluationError("join: invalid input: \(element.debugText)")
            }
            texts.append(text)
        }
        return .string(texts.joined(separator: separator))
    }
}
