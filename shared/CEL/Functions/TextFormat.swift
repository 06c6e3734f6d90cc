import Foundation

/// `"%s has %d".format([name, count])`
enum TextFormat {
    static func format(_ text: String, _ arguments: ListValue) throws(EvaluationError) -> String {
        var result = ""
        var reader = Reader(text)
        var index = 0
        while let part = try reader.next(arguments.count) {
            switch part {
            case .text(let text): result += text
            case .argument(let kind, let precision):
                do throws(EvaluationError) {
                    result += try write(arguments[index], Clause(kind: kind, precision: precision))
                } catch {
                    throw EvaluationError("error during formatting: \(error.message)")
                }
                index += 1
            }
        }
        return result
    }

    private struct Clause {
        let kind: Unicode.Scalar
        let precision: Int
    }

    /// Takes a format apart.
    struct Reader {
        enum Part {
            case text(String)
            /// The letter and the digits behind the point, 6 unless given.
            case argument(Unicode.Scalar, precision: Int)
        }

        private let scalars: [Unicode.Scalar]
        private var index = 0
        private var arguments = 0

        init(_ text: String) { scalars = Array(text.unicodeScalars) }

        /// The next part, nil at the end; there are `count` arguments.
        mutating func next(_ count: Int) throws(EvaluationError) -> Part? {
            guard index < scalars.count else { return nil }
            let start = index
            while index < scalars.count, scalars[index] != "%" { index += 1 }
            if index > start { return .text(StringFunctions.string(scalars[start..<index])) }
            index += 1
            if index < scalars.count, scalars[index] == "%" {
                index += 1
                return .text("%")
            }
            guard arguments < count else { throw EvaluationError("index \(arguments) out of range") }
            guard index < scalars.count else { throw EvaluationError("unexpected end of string") }
            arguments += 1
            var precision = 6
            if scalars[index] == "." { precision = try readPrecision() }
            let kind = scalars[index]
            index += 1
            guard "sdfebxXo".unicodeScalars.contains(kind) else {
                throw wrong("unrecognized formatting clause \"\(Character(kind))\"")
            }
            return .argument(kind, precision: precision)
        }

        private func wrong(_ detail: String) -> EvaluationError {
            EvaluationError("could not parse formatting clause: \(detail)")
        }

        private mutating func readPrecision() throws(EvaluationError) -> Int {
            index += 1
            var digits = ""
            while index < scalars.count, scalars[index] >= "0", scalars[index] <= "9" {
                digits.unicodeScalars.append(scalars[index])
                index += 1
            }
            guard index < scalars.count else {
                throw wrong("error while parsing precision: could not find end of precision specifier")
            }
            guard let value = Int(digits) else {
                throw wrong(
                    "error while parsing precision: error while converting precision to integer: "
                        + "strconv.Atoi: parsing \"\(digits)\": invalid syntax")
            }
            return min(value, 1000)
        }
    }

    /// The message about a value of the wrong type.
    static func problem(_ kind: Unicode.Scalar, _ type: String) -> String {
        let rule =
            switch kind {
            case "d": "decimal clause can only be used on integers"
            case "f": "fixed-point clause can only be used on doubles"
            case "e": "scientific clause can only be used on doubles"
            case "b": "only integers and bools can be formatted as binary"
            case "o": "octal clause can only be used on integers"
            case "s":
                "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, "
                    + "durations, and timestamps"
            default: "only integers, byte buffers, and strings can be formatted as hex"
            }
        return "\(rule), was given \(type)"
    }

    private static func write(_ value: Value, _ clause: Clause) throws(EvaluationError) -> String {
        func wrong() -> EvaluationError { EvaluationError(problem(clause.kind, value.type.runtimeName)) }
        switch clause.kind {
        case "s": return try plain(value)
        case "d":
            switch value {
            case .int(let number): return String(number)
            case .uint(let number): return String(number)
            default: throw wrong()
            }
        case "f":
            guard let number = number(value) else { throw wrong() }
            return fixed(number, clause.precision)
        case "e":
            guard let number = number(value) else { throw wrong() }
            return scientific(number, clause.precision)
        case "b":
            if case .bool(let flag) = value { return flag ? "1" : "0" }
            guard let text = radix(value, 2) else { throw wrong() }
            return text
        case "o":
            guard let text = radix(value, 8) else { throw wrong() }
            return text
        default:
            guard let text = hex(value) else { throw wrong() }
            return clause.kind == "X" ? text.uppercased() : text
        }
    }

    private static func number(_ value: Value) -> Double? {
        switch value {
        case .double(let number): number
        case .string("NaN"): .nan
        case .string("Infinity"): .infinity
        case .string("-Infinity"): -.infinity
        default: nil
        }
    }

    private static func radix(_ value: Value, _ radix: Int) -> String? {
        switch value {
        case .int(let number): String(number, radix: radix)
        case .uint(let number): String(number, radix: radix)
        default: nil
        }
    }

    private static func hex(_ value: Value) -> String? {
        func text(_ bytes: some Sequence<UInt8>) -> String {
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        switch value {
        case .string(let string): return text(string.utf8)
        case .bytes(let bytes): return text(bytes)
        default: return radix(value, 16)
        }
    }

    private static func special(_ number: Double) -> String? {
        number.isNaN ? "NaN" : number.isInfinite ? (number < 0 ? "-\u{221e}" : "\u{221e}") : nil
    }

    /// With commas between thousands.
    private static func fixed(_ number: Double, _ precision: Int) -> String {
        if let special = special(number) { return special }
        let text = String(format: "%.\(precision)f", number.magnitude)
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        var whole = ""
        for (index, digit) in parts[0].enumerated() {
            if index > 0, (parts[0].count - index) % 3 == 0 { whole += "," }
            whole.append(digit)
        }
        return (number.sign == .minus ? "-" : "") + whole + (parts.count > 1 ? "." + parts[1] : "")
    }

    private static func scientific(_ number: Double, _ precision: Int) -> String {
        if let special = special(number) { return special }
        let text = String(format: "%.\(precision)e", number)
        let parts = text.split(separator: "e")
        guard parts.count == 2 else { return text }
        let raised = Array("\u{2070}\u{b9}\u{b2}\u{b3}\u{2074}\u{2075}\u{2076}\u{2077}\u{2078}\u{2079}")
        let power = parts[1].map { digit in
            digit.wholeNumberValue.map { String(raised[$0]) } ?? (digit == "-" ? "\u{207b}" : "")
        }
        return "\(parts[0])\u{d7}10\(power.joined())"
    }

    /// `%s`
    private static func plain(_ value: Value) throws(EvaluationError) -> String {
        switch value {
        case .null: return "null"
        case .list, .map: return try nested(value)
        case .type(let type): return type.runtimeName
        case .optional, .object:
            throw EvaluationError(problem("s", value.type.runtimeName))
        default:
            guard case .string(let text) = try Conversions.string(value) else { throw .noOverload }
            return text
        }
    }

    /// A value inside of a list or map.
    private static func nested(_ value: Value) throws(EvaluationError) -> String {
        switch value {
        case .string(let text): return QuotedText.go(text)
        case .bytes(let bytes): return "b" + QuotedText.bytes(bytes)
        case .double(let number):
            if number.isNaN { return "\"NaN\"" }
            if number.isInfinite { return number < 0 ? "\"-Inf\"" : "\"+Inf\"" }
            return String(format: "%.6f", number)
        case .timestamp, .duration: return value.debugText
        case .list(let list):
            var texts: [String] = []
            for element in list.all { texts.append(try nested(element)) }
            return "[\(texts.joined(separator: ", "))]"
        case .map(let map):
            var members: [(key: String, value: String)] = []
            for (key, value) in map.all { members.append((try nested(key), try nested(value))) }
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            return "{\(sorted.map { "\($0.key):\($0.value)" }.joined(separator: ", "))}"
        default: return try plain(value)
        }
    }
}
