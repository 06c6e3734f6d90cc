/// Cuts the text of an expression into words.
struct Lexer {
    private let source: SourceText
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private(set) var issues: [Issue] = []

    init(_ source: SourceText) { (self.source, scalars) = (source, source.scalars) }

    /// All words, and a last one for the end.
    mutating func tokens() -> [Token] {
        var tokens: [Token] = []
        var blanks = ""
        while true {
            let before = position
            skipBlanks()
            blanks += source.slice(before..<position)
            guard position < scalars.count else { break }
            let start = position
            if let (kind, end) = longestWord() {
                position = end
                tokens.append(Token(kind: kind, range: start..<end, text: source.slice(start..<end), blanks: blanks))
                blanks = ""
            } else {
                // As far as the word could have gone on, that character included.
                let end = min(position + 1, scalars.count)
                let text = source.slice(start..<end)
                issues.append(Issue(offset: start, message: "Syntax error: token recognition error at: '\(text)'"))
                position = end
            }
        }
        tokens.append(Token(kind: .endOfFile, range: scalars.count..<scalars.count, text: "<EOF>"))
        return tokens
    }

    static func shown(_ text: String) -> String {
        text.replacing("\n", with: "\\n").replacing("\r", with: "\\r").replacing("\t", with: "\\t")
    }

    private func at(_ offset: Int) -> Unicode.Scalar? { offset < scalars.count ? scalars[offset] : nil }

    private mutating func skipBlanks() {
        while let scalar = at(position) {
            if scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" || scalar == "\u{c}" {
                position += 1
            } else if scalar == "/", at(position + 1) == "/" {
                while let next = at(position), next != "\n" { position += 1 }
            } else {
                return
            }
        }
    }

    /// The longest word here. Without one, nil, and `position` is at the character that fits no word.
    private mutating func longestWord() -> (Token.Kind, Int)? {
        guard let first = at(position) else { return nil }
        if Self.isDigit(first) || first == "." && at(position + 1).map(Self.isDigit) == true { return number() }
        if first == "\"" || first == "'" {
            let start = position
            let (end, stop) = string(at: start, isRaw: false)
            if let end { return (.string, end) }
            position = stop
            return nil
        }
        if first == "`" { return escapedIdentifier() }
        if Self.isLetter(first) { return word() }
        return sign()
    }

    private mutating func sign() -> (Token.Kind, Int)? {
        let second = at(position + 1)
        func one(_ kind: Token.Kind) -> (Token.Kind, Int) { (kind, position + 1) }
        func two(_ kind: Token.Kind) -> (Token.Kind, Int) { (kind, position + 2) }
        switch scalars[position] {
        case "=":
            if second == "=" { return two(.equals) }
            position += 1
            return nil
        case "!": return second == "=" ? two(.notEquals) : one(.exclamation)
        case "<": return second == "=" ? two(.lessEquals) : one(.less)
        case ">": return second == "=" ? two(.greaterEquals) : one(.greater)
        case "&":
            if second == "&" { return two(.logicalAnd) }
            position += 1
            return nil
        case "|":
            if second == "|" { return two(.logicalOr) }
            position += 1
            return nil
        case "[": return one(.leftBracket)
        case "]": return one(.rightBracket)
        case "{": return one(.leftBrace)
        case "}": return one(.rightBrace)
        case "(": return one(.leftParenthesis)
        case ")": return one(.rightParenthesis)
        case ".": return one(.dot)
        case ",": return one(.comma)
        case "-": return one(.minus)
        case "?": return one(.question)
        case ":": return one(.colon)
        case "+": return one(.plus)
        case "*": return one(.star)
        case "/": return one(.slash)
        case "%": return one(.percent)
        default: return nil
        }
    }

    private func number() -> (Token.Kind, Int) {
        var end = position
        func digits(_ test: (Unicode.Scalar) -> Bool) { while let next = at(end), test(next) { end += 1 } }
        func suffixed() -> (Token.Kind, Int) {
            if at(end) == "u" || at(end) == "U" { return (.uint, end + 1) }
            return (.int, end)
        }
        if at(end) == "0", at(end + 1) == "x", at(end + 2).map(Self.isHex) == true {
            end += 2
            digits(Self.isHex)
            return suffixed()
        }
        digits(Self.isDigit)
        var isFloat = false
        if at(end) == ".", at(end + 1).map(Self.isDigit) == true {
            isFloat = true
            end += 1
            digits(Self.isDigit)
        }
        if at(end) == "e" || at(end) == "E" {
            let signs = at(end + 1) == "+" || at(end + 1) == "-" ? 2 : 1
            if at(end + signs).map(Self.isDigit) == true {
                isFloat = true
                end += signs
                digits(Self.isDigit)
            }
        }
        return isFloat ? (.float, end) : suffixed()
    }

    private func word() -> (Token.Kind, Int) {
        var end = position
        while let next = at(end), Self.isLetter(next) || Self.isDigit(next) { end += 1 }
        // Up to two letters before a quote say what kind of string it is.
        let prefix = source.slice(position..<end).lowercased()
        if at(end) == "\"" || at(end) == "'", ["r", "b", "br"].contains(prefix),
            let close = string(at: end, isRaw: prefix.hasSuffix("r")).end
        {
            return (prefix.hasPrefix("b") ? .bytes : .string, close)
        }
        switch source.slice(position..<end) {
        case "in": return (.in, end)
        case "true": return (.true, end)
        case "false": return (.false, end)
        case "null": return (.null, end)
        default: return (.identifier, end)
        }
    }

    private mutating func escapedIdentifier() -> (Token.Kind, Int)? {
        var end = position + 1
        while let next = at(end),
            Self.isLetter(next) || Self.isDigit(next) || next == "." || next == "-" || next == "/" || next == " "
        {
            end += 1
        }
        if at(end) == "`", end > position + 1 { return (.escapedIdentifier, end + 1) }
        position = end
        return nil
    }

    /// The end of the string whose quote is at `start`, or nil and the character that fits no string.
    private func string(at start: Int, isRaw: Bool) -> (end: Int?, stop: Int) {
        let quote = scalars[start]
        let isTriple = at(start + 1) == quote && at(start + 2) == quote
        var index = start + (isTriple ? 3 : 1)
        func failed() -> (end: Int?, stop: Int) {
            // Three quotes without an end are an empty string and a quote.
            isTriple ? (start + 2, start) : (nil, index)
        }
        while let next = at(index) {
            if next == quote {
                if !isTriple { return (index + 1, index) }
                if at(index + 1) == quote, at(index + 2) == quote { return (index + 3, index) }
                index += 1
            } else if next == "\\", !isRaw {
                guard let length = escapeLength(index) else {
                    index += 1
                    return failed()
                }
                index += length
            } else if !isTriple, next == "\n" || next == "\r" {
                return failed()
            } else {
                index += 1
            }
        }
        return failed()
    }

    private func escapeLength(_ index: Int) -> Int? {
        guard let kind = at(index + 1) else { return nil }
        func all(_ count: Int, _ test: (Unicode.Scalar) -> Bool) -> Int? {
            for offset in 0..<count {
                guard let next = at(index + 2 + offset), test(next) else { return nil }
            }
            return count + 2
        }
        switch kind {
        case "a", "b", "f", "n", "r", "t", "v", "\"", "'", "\\", "?", "`": return 2
        case "x", "X": return all(2, Self.isHex)
        case "u": return all(4, Self.isHex)
        case "U": return all(8, Self.isHex)
        case "0", "1", "2", "3": return all(2) { $0 >= "0" && $0 <= "7" }
        default: return nil
        }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }
    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        scalar >= "a" && scalar <= "z" || scalar >= "A" && scalar <= "Z" || scalar == "_"
    }
    private static func isHex(_ scalar: Unicode.Scalar) -> Bool {
        isDigit(scalar) || scalar >= "a" && scalar <= "f" || scalar >= "A" && scalar <= "F"
    }
}
