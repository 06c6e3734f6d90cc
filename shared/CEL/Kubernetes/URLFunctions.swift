/// The functions of URLs.
enum URLFunctions {
    private static let url = KubernetesTypes.url

    static let all: [Function] = [
        Function(
            "url", [.global("string_to_url", [.string], url)],
            unary: { (value) throws(EvaluationError) in
                let text = try text(value)
                do throws(URLValue.Malformed) {
                    return .object(try URLValue(text))
                } catch {
                    throw EvaluationError("URL parse error during conversion from string: \(error.message)")
                }
            }),
        Function(
            "isURL", [.global("is_url_string", [.string], .bool)],
            unary: { (value) throws(EvaluationError) in
                let text = try text(value)
                return .bool((try? URLValue(text)) != nil)
            }),
        part("getScheme", "url_get_scheme") { $0.scheme }, part("getHost", "url_get_host") { $0.host },
        part("getHostname", "url_get_hostname") { $0.hostname }, part("getPort", "url_get_port") { $0.port },
        part("getEscapedPath", "url_get_escaped_path") { $0.path },
        Function(
            "getQuery", [.member("url_get_query", [url], .map(.string, .list(.string)))],
            unary: { (value) throws(EvaluationError) in .map(MapValue(try unbox(value, URLValue.self).query)) }),
    ]

    private static func part(
        _ name: String, _ id: String, _ take: @escaping @Sendable (URLValue) -> String
    ) -> Function {
        Function(
            name, [.member(id, [url], .string)],
            unary: { (value) throws(EvaluationError) in .string(take(try unbox(value))) })
    }
}

/// A URL, read as Go's `net/url` does it: absolute, or a path that begins with a slash.
struct URLValue: ObjectValue {
    struct Malformed: Error { let message: String }

    let text: String
    private(set) var scheme = ""
    private(set) var host = ""
    private(set) var path = ""
    private var rawQuery = ""

    var type: CELType { KubernetesTypes.url }
    func isEqual(to other: any ObjectValue) -> Bool { (other as? URLValue)?.text == text }

    init(_ text: String) throws(Malformed) {
        self.text = text
        func failed(_ reason: String) -> Malformed { Malformed(message: "parse \(QuotedText.go(text)): \(reason)") }
        if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) {
            throw failed("net/url: invalid control character in URL")
        }
        if text.isEmpty { throw failed("empty url") }
        if text == "*" {
            path = "*"
            return
        }
        var rest = Substring(text)
        if let colon = Self.schemeEnd(text) {
            if colon == text.startIndex { throw failed("missing protocol scheme") }
            scheme = text[..<colon].lowercased()
            rest = text[text.index(after: colon)...]
        }
        if let mark = rest.firstIndex(of: "#") { rest = rest[..<mark] }
        if let mark = rest.firstIndex(of: "?") {
            rawQuery = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        if !rest.hasPrefix("/") {
            if scheme.isEmpty { throw failed("invalid URI for request") }
            return
        }
        if !scheme.isEmpty, rest.hasPrefix("//") {
            let authority = rest.dropFirst(2)
            let end = authority.firstIndex(of: "/") ?? authority.endIndex
            do throws(Reason) {
                host = try Self.host(authority[..<end])
            } catch {
                throw failed(error.message)
            }
            rest = authority[end...]
        }
        if let escape = Self.wrongEscape(rest) { throw failed("invalid URL escape \(QuotedText.go(escape))") }
        path = Self.escaped(rest)
    }

    private struct Reason: Error { let message: String }

    private static func schemeEnd(_ text: String) -> String.Index? {
        for index in text.indices {
            let character = text[index]
            guard character.isASCII else { return nil }
            if character.isLetter { continue }
            if character == ":" { return index }
            if character.isNumber || "+-.".contains(character) {
                if index == text.startIndex { return nil }
                continue
            }
            return nil
        }
        return nil
    }

    private static func host(_ authority: Substring) throws(Reason) -> String {
        var host = authority
        if let at = authority.lastIndex(of: "@") {
            let user = authority[..<at]
            let allowed = user.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || "-._:~!$&'()*+,;=%@".contains($0))
            }
            if !allowed { throw Reason(message: "net/url: invalid userinfo") }
            host = authority[authority.index(after: at)...]
        }
        var port: Substring = ""
        if host.hasPrefix("[") {
            guard let end = host.lastIndex(of: "]") else { throw Reason(message: "missing ']' in host") }
            port = host[host.index(after: end)...]
        } else if let colon = host.lastIndex(of: ":") {
            port = host[colon...]
        }
        if !port.isEmpty, !(port.hasPrefix(":") && port.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }) {
            throw Reason(message: "invalid port \(QuotedText.go(String(port))) after host")
        }
        for character in host where " \"<>\\^`{|}".contains(character) && !"\"<>".contains(character) {
            throw Reason(message: "invalid character \(QuotedText.go(String(character))) in host name")
        }
        if let escape = wrongEscape(host) { throw Reason(message: "invalid URL escape \(QuotedText.go(escape))") }
        return unescaped(host)
    }

    private static func wrongEscape(_ text: Substring) -> String? {
        let bytes = Array(text.utf8)
        func isHex(_ index: Int) -> Bool { index < bytes.count && Character(Unicode.Scalar(bytes[index])).isHexDigit }
        for index in bytes.indices where bytes[index] == UInt8(ascii: "%") && !(isHex(index + 1) && isHex(index + 2)) {
            return String(decoding: bytes[index..<min(index + 3, bytes.count)], as: UTF8.self)
        }
        return nil
    }

    private static func unescaped(_ text: Substring, plusIsSpace: Bool = false) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 32 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The path with everything escaped that has to be.
    private static func escaped(_ text: Substring) -> String {
        var result = ""
        for byte in text.utf8 {
            let character = Character(Unicode.Scalar(byte))
            if byte < 128, character.isLetter || character.isNumber || "-_.~$&+,/:;=@%!'()*[]".contains(character) {
                result.append(character)
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                result += "%" + (hex.count < 2 ? "0" : "") + hex
            }
        }
        return result
    }

    /// The host without brackets and port.
    var hostname: String {
        if host.hasPrefix("["), let end = host.lastIndex(of: "]") {
            return String(host[host.index(after: host.startIndex)..<end])
        }
        return host.lastIndex(of: ":").map { String(host[..<$0]) } ?? host
    }

    var port: String {
        let start = host.hasPrefix("[") ? host.lastIndex(of: "]") ?? host.startIndex : host.startIndex
        return host[start...].lastIndex(of: ":").map { String(host[host.index(after: $0)...]) } ?? ""
    }

    /// The values of each key, in the order in which they came.
    var query: [(key: Value, value: Value)] {
        var order: [String] = []
        var values: [String: [Value]] = [:]
        for pair in rawQuery.split(separator: "&") where !pair.contains(";") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if sides.contains(where: { Self.wrongEscape($0) != nil }) { continue }
            let key = Self.unescaped(sides[0], plusIsSpace: true)
            if values[key] == nil { order.append(key) }
            values[key, default: []].append(.string(sides.count > 1 ? Self.unescaped(sides[1], plusIsSpace: true) : ""))
        }
        return order.map { (.string($0), .list(values[$0] ?? [])) }
    }
}
