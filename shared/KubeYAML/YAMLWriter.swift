import KubeModel

/// Writes a JSON value as block-style YAML, as `kubectl get -o yaml` does: two spaces, lists not indented.
struct YAMLWriter {
    private var output = ""

    mutating func document(_ value: JSON) -> String {
        switch value {
        case .object(let object) where !object.isEmpty: mapping(object, indent: 0)
        case .array(let elements) where !elements.isEmpty: sequence(elements, indent: 0)
        default:
            scalar(value, indent: 0)
            output += "\n"
        }
        return output
    }

    private func spaces(_ indent: Int) -> String { String(repeating: " ", count: indent) }

    /// Writes the members; the first line is only indented when it begins a line of its own.
    private mutating func mapping(_ object: JSONObject, indent: Int, startsLine: Bool = true) {
        var isFirst = true
        for (key, value) in object {
            if !isFirst || startsLine { output += spaces(indent) }
            isFirst = false
            output += Self.isPlain(key) ? key : Self.quoted(key)
            output += ":"
            switch value {
            case .object(let child) where !child.isEmpty:
                output += "\n"
                mapping(child, indent: indent + 2)
            case .array(let elements) where !elements.isEmpty:
                output += "\n"
                sequence(elements, indent: indent)
            default:
                output += " "
                scalar(value, indent: indent)
                output += "\n"
            }
        }
    }

    private mutating func sequence(_ elements: [JSON], indent: Int, startsLine: Bool = true) {
        var isFirst = true
        for element in elements {
            if !isFirst || startsLine { output += spaces(indent) }
            isFirst = false
            output += "- "
            switch element {
            case .object(let child) where !child.isEmpty: mapping(child, indent: indent + 2, startsLine: false)
            case .array(let children) where !children.isEmpty:
                sequence(children, indent: indent + 2, startsLine: false)
            default:
                scalar(element, indent: indent)
                output += "\n"
            }
        }
    }

    private mutating func scalar(_ value: JSON, indent: Int) {
        guard case .string(let text) = value else {
            output += value.text  // numbers, booleans, null, {} and [] are the same in YAML
            return
        }
        if Self.isPlain(text) {
            output += text
        } else if Self.fitsBlock(text) {
            block(text, indent: indent + 2)
        } else {
            output += Self.quoted(text)
        }
    }

    /// A literal block; the caller ends its last line.
    private mutating func block(_ text: String, indent: Int) {
        output += "|"
        if text.first == " " || text.first == "\n" { output += "2" }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true {
            lines.removeLast()
            if lines.last?.isEmpty == true { output += "+" }
        } else {
            output += "-"
        }
        for line in lines {
            output += "\n"
            if !line.isEmpty { output += spaces(indent) + line }
        }
    }

    private static func fitsBlock(_ text: String) -> Bool {
        guard text.contains("\n"), text.contains(where: { $0 != "\n" }) else { return false }
        return text.unicodeScalars.allSatisfy { isPrintable($0) || $0 == "\n" || $0 == "\t" }
    }

    /// Printable without an escape. The marks that YAML takes for line breaks are not.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF:
            scalar.value != 0x2028 && scalar.value != 0x2029
        default: false
        }
    }

    private static let indicators = Set("-?:,[]{}#&*!|>'\"%@`=<".unicodeScalars)

    /// True when the text, without quotes, reads back as the same string.
    static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last else { return false }
        if first == " " || last == " " || last == ":" { return false }
        // At the beginning of a line this ends a document.
        if text.hasPrefix("...") { return false }
        if indicators.contains(first) {
            // "-x" and "?x" are fine, "- x" is not.
            guard first == "-" || first == "?" || first == ":",
                let second = text.unicodeScalars.dropFirst().first, second != " ", first != "-" || second != "-"
            else { return false }
            if first == ":" { return false }
        }
        guard text.unicodeScalars.allSatisfy(isPrintable), !text.contains(": "), !text.contains(" #") else {
            return false
        }
        if case .value(.string) = YAMLScalar.plain(text) { return !isTime(text) }
        return false
    }

    /// Times are strings for Kubernetes, but quoted, because other readers take them for times.
    private static func isTime(_ text: String) -> Bool {
        let head = text.utf8.prefix(5)
        return head.count == 5 && head.last == 0x2D && head.dropLast().allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    /// JSON's form of a string is also YAML's, but for characters that YAML cannot print.
    private static func quoted(_ text: String) -> String {
        var quoted = ""
        for scalar in JSON.string(text).text.unicodeScalars {
            if isPrintable(scalar) {
                quoted.unicodeScalars.append(scalar)
            } else {
                let code = String(scalar.value, radix: 16, uppercase: true)
                quoted += "\\u" + String(repeating: "0", count: max(0, 4 - code.count)) + code
            }
        }
        return quoted
    }
}
