import KubeModel

/// JSON with sorted keys and without spaces, and the short names that Kubernetes derives from hashes of it.
enum CanonicalJSON {
    /// The text as Go's encoder writes a map: keys sorted by bytes, `<`, `>` and `&` escaped.
    static func bytes(_ json: JSON) -> [UInt8] {
        var output: [UInt8] = []
        write(json, to: &output)
        return output
    }

    /// FNV-1 (32 bit) over the bytes, as names of revisions are made.
    static func fnv1(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(2_166_136_261) { ($0 &* 16_777_619) ^ UInt32($1) }
    }

    /// FNV-1a (32 bit).
    static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }

    /// A number in letters and digits that cannot spell a word.
    static func safeName(_ hash: UInt32) -> String {
        let alphabet = Array("bcdfghjklmnpqrstvwxz2456789".unicodeScalars)
        var name = String.UnicodeScalarView()
        for scalar in String(hash).unicodeScalars { name.append(alphabet[Int(scalar.value) % alphabet.count]) }
        return String(name)
    }

    private static func write(_ json: JSON, to output: inout [UInt8]) {
        switch json {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .int(let value): output += String(value).utf8
        case .double(let value): output += "\(value)".utf8
        case .string(let text): write(text, to: &output)
        case .array(let items):
            output.append(UInt8(ascii: "["))
            for (offset, item) in items.enumerated() {
                if offset > 0 { output.append(UInt8(ascii: ",")) }
                write(item, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let object):
            output.append(UInt8(ascii: "{"))
            for (offset, key) in object.keys.sorted().enumerated() {
                if offset > 0 { output.append(UInt8(ascii: ",")) }
                write(key, to: &output)
                output.append(UInt8(ascii: ":"))
                write(object[key] ?? .null, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += #"\""#.utf8
            case "\\": output += #"\\"#.utf8
            case "\n": output += #"\n"#.utf8
            case "\r": output += #"\r"#.utf8
            case "\t": output += #"\t"#.utf8
            case "\u{8}": output += #"\b"#.utf8
            case "\u{c}": output += #"\f"#.utf8
            case "<", ">", "&", "\u{2028}", "\u{2029}", "\u{0}"..."\u{1f}":
                let digits = String(scalar.value, radix: 16)
                output += (#"\u"# + String(repeating: "0", count: 4 - digits.count) + digits).utf8
            default: output += String(scalar).utf8
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
