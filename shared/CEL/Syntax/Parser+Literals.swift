import Foundation

extension Parser {
    func literal() throws -> Expression {
        let first = next
        var sign = ""
        if next.kind == .minus {
            sign = "-"
            consume()
        }
        let token = next
        consume()
        let offset = first.range.lowerBound
        func node(_ value: Value) -> Expression { make(offset, .literal(value)) }
        func wrong(_ message: String) -> Expression {
            report(message, at: offset)
            return make(offset, .missing)
        }
        switch token.kind {
        case .int:
            let isHex = token.text.hasPrefix("0x")
            let digits = sign + (isHex ? String(token.text.dropFirst(2)) : token.text)
            guard let value = Int64(digits, radix: isHex ? 16 : 10) else { return wrong("invalid int literal") }
            return node(.int(value))
        case .uint:
            let isHex = token.text.hasPrefix("0x")
            let digits = token.text.dropFirst(isHex ? 2 : 0).dropLast()
            guard let value = UInt64(digits, radix: isHex ? 16 : 10) else { return wrong("invalid uint literal") }
            return node(.uint(value))
        case .float:
            guard let value = Double(sign + token.text), value.isFinite else { return wrong("invalid double literal") }
            return node(.double(value))
        case .string:
            switch StringLiteral.read(token.text, isBytes: false) {
            case .success(let bytes): return node(.string(String(decoding: bytes, as: UTF8.self)))
            case .failure(let error): return wrong(error.message)
            }
        case .bytes:
            switch StringLiteral.read(String(token.text.dropFirst()), isBytes: true) {
            case .success(let bytes): return node(.bytes(bytes))
            case .failure(let error): return wrong(error.message)
            }
        case .true: return node(.bool(true))
        case .false: return node(.bool(false))
        default: return node(.null)
        }
    }
}

/// What stands between the quotes of a string.
enum StringLiteral {
    struct Malformed: Error { let message: String }

    /// The bytes of a string or bytes literal with its quotes, which the lexer has found to be well formed.
    static func read(_ text: String, isBytes: Bool) -> Result<[UInt8], Malformed> {
        var scalars = Array(text.unicodeScalars)
        let isRaw = scalars.first == "r" || scalars.first == "R"
        if isRaw { scalars.removeFirst() }
        var edge = 1
        if scalars.count >= 6, let quote = scalars.first, scalars[1] == quote, scalars[2] == quote { edge = 3 }
        guard scalars.count >= 2 * edge else { return .failure(Malformed(message: "unable to unescape string")) }
        let inside = scalars[edge..<(scalars.count - edge)]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(inside.count)
        var index = inside.startIndex
        while index < inside.endIndex {
            let scalar = inside[index]
            index += 1
            if scalar == "\r" {
                // Lines end in a line feed, however they were written.
                if index < inside.endIndex, inside[index] == "\n" { index += 1 }
                bytes.append(10)
            } else if scalar == "\\", !isRaw, index < inside.endIndex {
                let kind = inside[index]
                index += 1
                switch length(kind) {
                case nil:
                    bytes.append(plain(kind))
                case let digits?:
                    let radix: UInt32 = digits == 3 ? 8 : 16
                    let from = digits == 3 ? index - 1 : index
                    let to = min(from + digits, inside.endIndex)
                    var value: UInt32 = 0
                    for digit in inside[from..<to] {
                        value = value &* radix &+ UInt32(Character(digit).hexDigitValue ?? 0)
                    }
                    index = to
                    if isBytes {
                        if digits > 3 { return .failure(Malformed(message: "unable to unescape string")) }
                        bytes.append(UInt8(truncatingIfNeeded: value))
                    } else if let scalar = Unicode.Scalar(value) {
                        bytes.append(contentsOf: Character(scalar).utf8)
                    } else {
                        return .failure(Malformed(message: "invalid unicode code point"))
                    }
                }
            } else {
                bytes.append(contentsOf: Character(scalar).utf8)
            }
        }
        return .success(bytes)
    }

    /// How many digits follow.
    private static func length(_ kind: Unicode.Scalar) -> Int? {
        switch kind {
        case "x", "X": 2
        case "u": 4
        case "U": 8
        case "0", "1", "2", "3": 3
        default: nil
        }
    }

    private static func plain(_ kind: Unicode.Scalar) -> UInt8 {
        switch kind {
        case "a": 7
        case "b": 8
        case "f": 12
        case "n": 10
        case "r": 13
        case "t": 9
        case "v": 11
        default: UInt8(truncatingIfNeeded: kind.value)
        }
    }
}
