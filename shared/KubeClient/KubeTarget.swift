import KubeModel

/// Path and query of a request, percent-encoded.
struct KubeTarget {
    private(set) var text: String
    private var hasQuery = false

    /// The collection of a type, or with a name one object or one of its subresources.
    init(_ type: ResourceType, name: String? = nil, namespace: String? = nil, subresource: String? = nil) {
        text = type.path(namespace: namespace.flatMap { $0.isEmpty ? nil : Self.encoded($0) })
        if let name { text += "/" + Self.encoded(name) }
        if let subresource { text += "/" + subresource }
    }

    /// Adds a query item; nil adds nothing.
    mutating func add(_ name: String, _ value: String?) {
        guard let value else { return }
        text += (hasQuery ? "&" : "?") + name + "=" + Self.encoded(value)
        hasQuery = true
    }

    /// Everything but unreserved characters (RFC 3986) as `%XX`. Dot segments are encoded too, so that no name can
    /// lead out of its collection.
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let isDotSegment = text == "." || text == ".."
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            case UInt8(ascii: ".") where !isDotSegment:
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
