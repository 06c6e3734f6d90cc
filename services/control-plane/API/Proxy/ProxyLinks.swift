/// Changes links of an answer so that they lead through the proxy again.
struct ProxyLinks: Sendable {
    /// Path below which the target's own paths are reached.
    let prefix: String
    /// Address and port of the target.
    let target: String
    /// The name under which the client knows the proxy, which the target was told.
    let host: String

    /// A link as a client of the proxy has to follow it. Links to other hosts and relative ones stay.
    func rewritten(_ link: String) -> String {
        var rest = Substring(link)
        var origin = ""
        if rest.hasPrefix("//") || rest.lowercased().hasPrefix("http://") || rest.lowercased().hasPrefix("https://") {
            guard let start = rest.firstRange(of: "//") else { return link }
            let end = rest[start.upperBound...].firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
            let named = rest[start.upperBound..<end]
            guard named == target || named == host else { return link }
            if named == host { origin = String(rest[..<end]) }
            rest = rest[end...]
        }
        guard rest.hasPrefix("/") else { return link }
        return origin + (rest.hasPrefix(prefix) ? "" : prefix) + rest
    }

    /// Attributes that hold links, by the element that has them.
    private static let attributes: [String: Set<String>] = [
        "a": ["href"], "applet": ["codebase"], "area": ["href"], "audio": ["src"], "base": ["href"],
        "blockquote": ["cite"], "body": ["background"], "button": ["formaction"], "command": ["icon"],
        "del": ["cite"], "embed": ["src"], "form": ["action"], "frame": ["longdesc", "src"], "head": ["profile"],
        "html": ["manifest"], "iframe": ["longdesc", "src"], "img": ["longdesc", "src", "usemap"],
        "input": ["src", "usemap", "formaction"], "ins": ["cite"], "link": ["href"],
        "object": ["classid", "codebase", "data", "usemap"], "q": ["cite"], "script": ["src"], "source": ["src"],
        "video": ["poster", "src"],
    ]
    /// Elements whose content is no markup.
    private static let rawElements: Set = [
        "script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript",
    ]

    /// An HTML page with its links changed; everything else stays as it is, byte by byte.
    func rewritten(html: [UInt8]) -> [UInt8] {
        var page = MarkupScanner(html)
        var output: [UInt8] = []
        output.reserveCapacity(html.count + 1024)
        var copied = 0
        while let element = page.nextElement() {
            if let wanted = Self.attributes[element.name] {
                for attribute in element.attributes where wanted.contains(attribute.name) {
                    let link = String(decoding: html[attribute.value], as: UTF8.self)
                    let changed = rewritten(link)
                    guard changed != link else { continue }
                    output += html[copied..<attribute.value.lowerBound]
                    output += Array(changed.utf8)
                    copied = attribute.value.upperBound
                }
            }
            if Self.rawElements.contains(element.name) { page.skip(past: "</\(element.name)") }
        }
        return output + html[copied...]
    }
}

/// Finds the start tags of an HTML page.
struct MarkupScanner {
    /// A start tag, with the places of its attributes' values.
    struct Element {
        let name: String
        var attributes: [(name: String, value: Range<Int>)] = []
    }

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next start tag; nil at the end.
    mutating func nextElement() -> Element? {
        while let open = bytes[position...].firstIndex(of: UInt8(ascii: "<")) {
            position = open + 1
            if starts(with: "!--") {
                position += 3
                skip(past: "-->")
            } else if position < bytes.count, Self.isLetter(bytes[position]) {
                return element()
            }
        }
        position = bytes.count
        return nil
    }

    /// Goes on behind the next occurrence of a text, whose letters may be capitals, too.
    mutating func skip(past text: String) {
        let wanted = Array(text.utf8)
        while position < bytes.count {
            if starts(with: text) {
                position += wanted.count
                return
            }
            position += 1
        }
    }

    private func starts(with text: String) -> Bool {
        var place = position
        for byte in text.utf8 {
            guard place < bytes.count, Self.lowercased(bytes[place]) == byte else { return false }
            place += 1
        }
        return true
    }

    private mutating func element() -> Element {
        var element = Element(name: word(until: "/>"))
        while true {
            while position < bytes.count, Self.isSpace(bytes[position]) || bytes[position] == UInt8(ascii: "/") {
                position += 1
            }
            guard position < bytes.count else { return element }
            guard bytes[position] != UInt8(ascii: ">") else {
                position += 1
                return element
            }
            let start = position
            let name = word(until: "=/>")
            if position == start { position += 1 }  // a `=` where a name should be
            if let value = value() { element.attributes.append((name, value)) }
        }
    }

    private mutating func value() -> Range<Int>? {
        var ahead = position
        while ahead < bytes.count, Self.isSpace(bytes[ahead]) { ahead += 1 }
        guard ahead < bytes.count, bytes[ahead] == UInt8(ascii: "=") else { return nil }
        position = ahead + 1
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
        guard position < bytes.count else { return nil }
        let quote = bytes[position]
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            let start = position + 1
            let end = bytes[start...].firstIndex(of: quote) ?? bytes.count
            position = min(end + 1, bytes.count)
            return start..<end
        }
        let start = position
        _ = word(until: ">")
        return start..<position
    }

    private mutating func word(until ends: String) -> String {
        let start = position
        while position < bytes.count, !Self.isSpace(bytes[position]), !ends.utf8.contains(bytes[position]) {
            position += 1
        }
        return String(decoding: bytes[start..<position].map(Self.lowercased), as: UTF8.self)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(lowercased(byte)) }
    private static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte + 0x20 : byte }
}
