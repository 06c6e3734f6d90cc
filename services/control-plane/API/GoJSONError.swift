import KubeModel
import NIOCore

/// What Go says about a text that is no JSON; clients and people know these words.
enum GoJSONError {
    /// The sentence for a failure of reading `buffer`.
    static func text(_ error: JSONError, in buffer: ByteBuffer) -> String {
        if error.message.hasPrefix("the text ends") { return "unexpected end of JSON input" }
        if error.message.contains("nested deeper") { return "exceeded max depth" }
        guard let character = character(at: error, in: buffer) else { return "unexpected end of JSON input" }
        let place: String? =
            switch error.message {
            case "expected a value": "looking for beginning of value"
            case "expected a key in double quotes": "looking for beginning of object key string"
            case "expected ':' after the key": "after object key"
            case "expected ',' or '}' after the member": "after object key:value pair"
            case "expected ',' or ']' after the element": "after array element"
            case "unexpected text after the value": "after top-level value"
            case "a control character in a string must be escaped": "in string literal"
            case "unknown escape in a string": "in string escape code"
            default: nil
            }
        return place.map { "invalid character \(quoted(character)) \($0)" } ?? "\(error)"
    }

    /// The character at the line and column of a failure.
    private static func character(at error: JSONError, in buffer: ByteBuffer) -> UInt8? {
        var (line, column) = (1, 1)
        for byte in buffer.readableBytesView {
            if line == error.line, column == error.column, byte & 0xC0 != 0x80 { return byte }
            if byte == 0x0A {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return nil
    }

    private static func quoted(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "'"): "'\\''"
        case UInt8(ascii: "\n"): "'\\n'"
        case UInt8(ascii: "\r"): "'\\r'"
        case UInt8(ascii: "\t"): "'\\t'"
        case 0x20..<0x7f: "'\(Unicode.Scalar(byte))'"
        case 0..<0x10: "'\\x0\(String(byte, radix: 16))'"
        case 0x80...: "'\(Unicode.Scalar(byte))'"
        default: "'\\x\(String(byte, radix: 16))'"
        }
    }
}
