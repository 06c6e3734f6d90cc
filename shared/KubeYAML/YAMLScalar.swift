import Foundation
import KubeModel

/// What a scalar of YAML means, by the rules of YAML 1.1 that Kubernetes' own reader follows.
enum YAMLScalar {
    enum Meaning {
        case value(JSON)
        case notFinite
        case mismatch(String)
    }

    private static let standardTag = "tag:yaml.org,2002:"

    static func resolve(_ text: String, tag: String?, isPlain: Bool) -> Meaning {
        guard let tag, tag != "!" || !isPlain else {
            return isPlain && tag == nil ? plain(text) : .value(.string(text))
        }
        switch tag {
        case standardTag + "str", "!": return .value(.string(text))
        case standardTag + "binary":
            let compact = text.filter { !$0.isWhitespace }
            guard let data = Data(base64Encoded: compact), let decoded = String(data: data, encoding: .utf8)
            else { return .mismatch("base64 text") }
            return .value(.string(decoded))
        case standardTag + "bool":
            if case .value(let value) = plain(text), value.bool != nil { return .value(value) }
            return .mismatch("a boolean")
        case standardTag + "int":
            if case .value(let value) = plain(text), value.int != nil { return .value(value) }
            return .mismatch("a whole number")
        case standardTag + "float":
            guard case .value(let value) = plain(text) else { return .notFinite }
            return value.double == nil ? .mismatch("a number") : .value(value)
        case standardTag + "null": return .value(.null)
        default: return .value(.string(text))
        }
    }

    /// The meaning of a scalar without quotes.
    static func plain(_ text: String) -> Meaning {
        guard let first = text.utf8.first else { return .value(.null) }
        switch first {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return number(text) ?? .value(.string(text))
        default:
            return .value(word(text) ?? .string(text))
        }
    }

    private static func word(_ text: String) -> JSON? {
        switch text {
        case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": .bool(true)
        case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": .bool(false)
        case "~", "null", "Null", "NULL": .null
        default: nil
        }
    }

    private static func number(_ text: String) -> Meaning? {
        switch text {
        case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF":
            return .notFinite
        default: break
        }
        let plain = text.contains("_") ? text.replacing("_", with: "") : text
        if let whole = integer(plain) { return .value(whole) }
        guard isFloat(plain), let value = Double(plain) else { return nil }
        return value.isFinite ? .value(.double(value)) : nil
    }

    /// Decimal, `0x` hexadecimal, `0o` and `0` octal, `0b` binary.
    private static func integer(_ text: String) -> JSON? {
        let isNegative = text.hasPrefix("-")
        let digits = isNegative || text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        guard let first = digits.utf8.first, first >= 0x30, first <= 0x39 else { return nil }
        var radix = 10
        var body = digits
        if digits.utf8.count > 1, first == 0x30 {
            switch digits.dropFirst().first {
            case "x", "X": (radix, body) = (16, digits.dropFirst(2))
            case "o", "O": (radix, body) = (8, digits.dropFirst(2))
            case "b", "B": (radix, body) = (2, digits.dropFirst(2))
            default: (radix, body) = (8, digits.dropFirst())
            }
        }
        // `Int64(_:radix:)` takes a sign of its own, which must not come after the prefix.
        guard let lead = body.utf8.first, lead != 0x2B, lead != 0x2D else { return nil }
        if let value = Int64((isNegative ? "-" : "") + body, radix: radix) { return .int(value) }
        if !isNegative, let value = UInt64(body, radix: radix) { return .double(Double(value)) }
        return nil
    }

    /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
    private static func isFloat(_ text: String) -> Bool {
        var rest = Substring(text).utf8
        func skipDigits() -> Int {
            let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }.count
            rest.removeFirst(digits)
            return digits
        }
        if rest.first == 0x2B || rest.first == 0x2D { rest.removeFirst() }
        if rest.first == 0x2E {
            rest.removeFirst()
            guard skipDigits() > 0 else { return false }
        } else {
            guard skipDigits() > 0 else { return false }
            if rest.first == 0x2E {
                rest.removeFirst()
                _ = skipDigits()
            }
        }
        if rest.first == 0x65 || rest.first == 0x45 {
            rest.removeFirst()
            if rest.first == 0x2B || rest.first == 0x2D { rest.removeFirst() }
            guard skipDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
