extension Value {
    /// The value as one would write it in an expression; for tests, logs and messages.
    public var debugText: String {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .int(let value): return String(value)
        case .uint(let value): return "\(value)u"
        case .double(let value):
            if value.isNaN { return "double(\"NaN\")" }
            if value.isInfinite { return value < 0 ? "double(\"-Infinity\")" : "double(\"Infinity\")" }
            let text = NumberText.fixed(value)
            return text.contains(".") ? text : text + ".0"
        case .string(let text): return QuotedText.go(text)
        case .bytes(let bytes): return "b" + QuotedText.bytes(bytes)
        case .timestamp(let moment): return "timestamp(\"\(moment.text)\")"
        case .duration(let nanoseconds): return "duration(\"\(DurationText.write(nanoseconds))\")"
        case .type(let type): return type.runtimeName
        case .list(let list): return "[\(list.all.map(\.debugText).joined(separator: ", "))]"
        case .map(let map):
            let members = map.all.map { "\($0.key.debugText): \($0.value.debugText)" }
            return "{\(members.joined(separator: ", "))}"
        case .optional(let optional):
            return optional.value.map { "optional.of(\($0.debugText))" } ?? "optional.none()"
        case .object(let object): return "\(object.type.runtimeName){}"
        }
    }
}

/// Text between double quotes.
enum QuotedText {
    /// As Go's `%q`.
    static func go(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{7}": result += "\\a"
            case "\u{8}": result += "\\b"
            case "\u{c}": result += "\\f"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{b}": result += "\\v"
            default:
                if isPrintable(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    let hex = String(scalar.value, radix: 16)
                    let (mark, width) = scalar.value < 0x80 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                    result += "\\\(mark)" + String(repeating: "0", count: max(0, width - hex.count)) + hex
                }
            }
        }
        return result + "\""
    }

    /// As `strings.quote` does it: only what has an escape of its own is escaped.
    static func plain(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{7}": result += "\\a"
            case "\u{8}": result += "\\b"
            case "\u{c}": result += "\\f"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{b}": result += "\\v"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Bytes as octal where they are no ASCII text.
    static func bytes(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return go(text) }
        var result = "\""
        for byte in bytes {
            if byte >= 0x20, byte < 0x7f, byte != 0x22, byte != 0x5c {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let hex = String(byte, radix: 16)
                result += "\\x" + (hex.count < 2 ? "0" : "") + hex
            }
        }
        return result + "\""
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == " " { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }
}
