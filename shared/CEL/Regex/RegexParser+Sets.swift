/// Sets in brackets.
extension RegexParser {
    private static let named: [String: [ClosedRange<UInt32>]] = [
        "alnum": [0x30...0x39, 0x41...0x5a, 0x61...0x7a], "alpha": [0x41...0x5a, 0x61...0x7a], "ascii": [0...0x7f],
        "blank": [0x9...0x9, 0x20...0x20], "cntrl": [0...0x1f, 0x7f...0x7f], "digit": [0x30...0x39],
        "graph": [0x21...0x7e], "lower": [0x61...0x7a], "print": [0x20...0x7e],
        "punct": [0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e], "space": [0x9...0xd, 0x20...0x20],
        "upper": [0x41...0x5a], "word": words, "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
    ]

    mutating func set() throws(RegexError) -> RegexSet {
        let start = position
        var set = RegexSet()
        set.ignoresCase = ignoresCase
        position += 1
        set.isNegated = take("^")
        var isFirst = true
        while true {
            guard let scalar = next else { throw RegexError("missing closing ]", slice(start, scalars.count)) }
            if scalar == "]", !isFirst { break }
            if scalar == "-", !isFirst, let after = peek(1), after != "]" {
                throw RegexError("invalid character class range", slice(position, position + 2))
            }
            isFirst = false
            if scalar == "[", peek(1) == ":", try namedSet(into: &set) { continue }
            if scalar == "\\", try classEscape(into: &set) { continue }
            let first = position
            let low = try setScalar()
            var high = low
            if next == "-", let after = peek(1), after != "]" {
                position += 1
                high = try setScalar()
                if high < low { throw RegexError("invalid character class range", slice(first)) }
            }
            set.insert(low...high)
        }
        position += 1
        set.freeze()
        return set
    }

    private mutating func setScalar() throws(RegexError) -> UInt32 {
        guard let scalar = next else { throw RegexError("missing closing ]", pattern) }
        if scalar == "\\" { return try scalarEscape() }
        position += 1
        return scalar.value
    }

    private mutating func namedSet(into set: inout RegexSet) throws(RegexError) -> Bool {
        var end = position + 2
        while end + 1 < scalars.count, !(scalars[end] == ":" && scalars[end + 1] == "]") { end += 1 }
        guard end + 1 < scalars.count else { return false }
        var name = slice(position + 2, end)
        let isNegated = name.hasPrefix("^")
        if isNegated { name.removeFirst() }
        guard let ranges = Self.named[name] else {
            throw RegexError("invalid character class range", slice(position, end + 2))
        }
        if isNegated { set.insertComplement(of: ranges) } else { for range in ranges { set.insert(range) } }
        position = end + 2
        return true
    }
}
