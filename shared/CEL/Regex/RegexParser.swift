/// Reads patterns in the syntax of RE2.
struct RegexParser {
    let scalars: [Unicode.Scalar]
    var position = 0
    var ignoresCase = false
    private var dotMatchesNewline = false
    private var isMultiline = false
    private var isLazy = false
    private var depth = 0
    let pattern: String

    private static let maximumDepth = 500
    private static let maximumRepeat = 1000

    init(_ pattern: String) {
        self.pattern = pattern
        scalars = Array(pattern.unicodeScalars)
    }

    mutating func parse() throws(RegexError) -> RegexNode {
        let node = try choice()
        if position < scalars.count { throw RegexError("unexpected )", pattern) }
        return node
    }

    var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }
    func peek(_ distance: Int) -> Unicode.Scalar? {
        position + distance < scalars.count ? scalars[position + distance] : nil
    }

    func slice(_ from: Int, _ to: Int? = nil) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[from..<min(to ?? position, scalars.count)])
        return String(view)
    }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private mutating func choice() throws(RegexError) -> RegexNode {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maximumDepth { throw RegexError("expression nests too deeply", pattern) }
        let flags = (ignoresCase, dotMatchesNewline, isMultiline, isLazy)
        defer { (ignoresCase, dotMatchesNewline, isMultiline, isLazy) = flags }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(RegexError) -> RegexNode {
        var parts: [RegexNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let start = position
            if scalar == "*" || scalar == "+" || scalar == "?" {
                throw RegexError("missing argument to repetition operator", slice(start, start + 1))
            }
            guard let atom = try atom() else { continue }
            parts.append(try repeated(atom))
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func repeated(_ atom: RegexNode) throws(RegexError) -> RegexNode {
        var node = atom
        var previous: Int?
        while let scalar = next {
            let start = position
            var minimum = 0
            var maximum: Int?
            switch scalar {
            case "*": position += 1
            case "+":
                position += 1
                minimum = 1
            case "?":
                position += 1
                maximum = 1
            case "{":
                guard let (low, high) = counts() else { return node }
                if low > Self.maximumRepeat || (high ?? 0) > Self.maximumRepeat || high.map({ $0 < low }) == true {
                    throw RegexError("invalid repeat count", slice(start))
                }
                (minimum, maximum) = (low, high)
            default: return node
            }
            let isGreedy = take("?") == isLazy
            if let previous { throw RegexError("invalid nested repetition operator", slice(previous)) }
            previous = start
            node = .repetition(node, minimum: minimum, maximum: maximum, isGreedy: isGreedy)
        }
        return node
    }

    /// `{2}`, `{2,}`, `{2,5}`; anything else is text.
    private mutating func counts() -> (Int, Int?)? {
        var index = position + 1
        func number() -> Int? {
            let start = index
            var value = 0
            while index < scalars.count, let digit = Character(scalars[index]).wholeNumberValue, scalars[index].isASCII
            {
                value = min(value * 10 + digit, 1_000_000)
                index += 1
            }
            return index > start ? value : nil
        }
        guard let low = number(), index < scalars.count else { return nil }
        var high: Int? = low
        if scalars[index] == "," {
            index += 1
            high = number()
        }
        guard index < scalars.count, scalars[index] == "}" else { return nil }
        position = index + 1
        return (low, high)
    }

    private mutating func atom() throws(RegexError) -> RegexNode? {
        guard let scalar = next else { return nil }
        switch scalar {
        case "(": return try group()
        case "[": return .set(try set())
        case ".":
            position += 1
            return .any(withNewline: dotMatchesNewline)
        case "^":
            position += 1
            return .assert(isMultiline ? .lineStart : .textStart)
        case "$":
            position += 1
            return .assert(isMultiline ? .lineEnd : .textEnd)
        case "\\": return try escaped()
        default:
            position += 1
            return .scalar(scalar.value, ignoresCase: ignoresCase)
        }
    }

    private mutating func group() throws(RegexError) -> RegexNode? {
        let start = position
        let before = (ignoresCase, dotMatchesNewline, isMultiline, isLazy)
        position += 1
        if take("?") {
            if next == "P" || next == "<" {
                try name(start)
            } else {
                guard try flags(start) else { return nil }
            }
        }
        let inner = try choice()
        guard take(")") else { throw RegexError("missing closing )", pattern) }
        (ignoresCase, dotMatchesNewline, isMultiline, isLazy) = before
        return inner
    }

    private mutating func name(_ start: Int) throws(RegexError) {
        if next == "P" { position += 1 }
        guard take("<") else { throw RegexError("invalid or unsupported Perl syntax", slice(start, position + 1)) }
        let first = position
        while let scalar = next, scalar != ">" {
            guard scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil else {
                throw RegexError("invalid named capture", slice(start))
            }
            position += 1
        }
        guard position > first, take(">") else { throw RegexError("invalid named capture", slice(start)) }
    }

    /// `(?i)` and `(?i:`; false when it was the first one, which is no group.
    private mutating func flags(_ start: Int) throws(RegexError) -> Bool {
        var isOn = true
        var hasFlags = false
        while let scalar = next {
            position += 1
            switch scalar {
            case "i": ignoresCase = isOn
            case "s": dotMatchesNewline = isOn
            case "m": isMultiline = isOn
            case "U": isLazy = isOn
            case "-" where isOn:
                isOn = false
                hasFlags = false
                continue
            case ":", ")":
                if !isOn, !hasFlags { throw RegexError("missing argument to repetition operator", slice(start)) }
                if scalar == ")" { return false }
                return true
            default: throw RegexError("invalid or unsupported Perl syntax", slice(start))
            }
            hasFlags = true
        }
        throw RegexError("missing closing )", pattern)
    }
}
