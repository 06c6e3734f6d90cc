/// Characters and classes behind a backslash.
extension RegexParser {
    mutating func escaped() throws(RegexError) -> RegexNode? {
        let start = position
        guard let kind = peek(1) else { throw RegexError("trailing backslash at end of expression", "") }
        switch kind {
        case "A", "z", "b", "B":
            position += 2
            return .assert(kind == "A" ? .textStart : kind == "z" ? .textEnd : kind == "b" ? .word : .notWord)
        case "Q":
            position += 2
            var parts: [RegexNode] = []
            while let scalar = next {
                if scalar == "\\", peek(1) == "E" {
                    position += 2
                    break
                }
                parts.append(.scalar(scalar.value, ignoresCase: ignoresCase))
                position += 1
            }
            return parts.isEmpty ? nil : .sequence(parts)
        default: break
        }
        var set = RegexSet()
        set.ignoresCase = ignoresCase
        if try classEscape(into: &set) {
            set.freeze()
            return .set(set)
        }
        position = start
        return .scalar(try scalarEscape(), ignoresCase: ignoresCase)
    }

    private static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    private static let spaces: [ClosedRange<UInt32>] = [0x9...0xa, 0xc...0xd, 0x20...0x20]
    static let words: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a]

    /// `\d`, `\pL` and their like; false when it is a character.
    mutating func classEscape(into set: inout RegexSet) throws(RegexError) -> Bool {
        let start = position
        guard let kind = peek(1) else { throw RegexError("trailing backslash at end of expression", "") }
        switch kind {
        case "d": for range in Self.digits { set.insert(range) }
        case "s": for range in Self.spaces { set.insert(range) }
        case "w": for range in Self.words { set.insert(range) }
        case "D": set.insertComplement(of: Self.digits)
        case "S": set.insertComplement(of: Self.spaces)
        case "W": set.insertComplement(of: Self.words)
        case "p", "P":
            position += 2
            var name = ""
            if take("{") {
                let first = position
                while let scalar = next, scalar != "}" { position += 1 }
                name = slice(first)
                guard take("}") else { throw RegexError("invalid character class range", slice(start)) }
            } else if let scalar = next {
                position += 1
                name = String(Character(scalar))
            }
            var isIn = kind == "p"
            if name.hasPrefix("^") {
                isIn.toggle()
                name.removeFirst()
            }
            guard let category = RegexCategory(name) else {
                throw RegexError("invalid character class range", slice(start))
            }
            set.insert(category, isIn: isIn)
            return true
        default: return false
        }
        position += 2
        return true
    }

    mutating func scalarEscape() throws(RegexError) -> UInt32 {
        let start = position
        position += 1
        guard let kind = next else { throw RegexError("trailing backslash at end of expression", "") }
        position += 1
        func wrong() -> RegexError { RegexError("invalid escape sequence", slice(start)) }
        func digit(_ radix: Int) -> UInt32? {
            guard let scalar = next, scalar.isASCII, let value = Character(scalar).hexDigitValue, value < radix else {
                return nil
            }
            return UInt32(value)
        }
        switch kind {
        case "1"..."7" where digit(8) == nil: throw wrong()
        case "0"..."7":
            var value = kind.value - 0x30
            for _ in 0..<2 {
                guard let more = digit(8) else { break }
                value = value * 8 + more
                position += 1
            }
            return value
        case "x":
            var value: UInt32 = 0
            if take("{") {
                var count = 0
                while let more = digit(16) {
                    value = value * 16 + more
                    position += 1
                    count += 1
                    if value > 0x10ffff { throw wrong() }
                }
                guard count > 0, take("}") else { throw wrong() }
                return value
            }
            for _ in 0..<2 {
                guard let more = digit(16) else { throw wrong() }
                value = value * 16 + more
                position += 1
            }
            return value
        case "a": return 7
        case "f": return 12
        case "n": return 10
        case "r": return 13
        case "t": return 9
        case "v": return 11
        default:
            let isWord =
                kind == "_" || kind.isASCII && (kind.properties.isAlphabetic || kind.properties.numericType != nil)
            guard kind.isASCII, !isWord else { throw wrong() }
            return kind.value
        }
    }
}
