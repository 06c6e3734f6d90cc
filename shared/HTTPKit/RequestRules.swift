import NIOHTTP1

/// What a request head must satisfy before anything looks at it; closes the doors to request smuggling.
enum RequestRules {
    enum Verdict {
        /// Goes on, with what is known about the body.
        case accepted(BodyLength)
        /// Answered with this status; the connection is closed, since its framing cannot be trusted.
        case refused(status: Int, String)
    }

    enum BodyLength: Equatable {
        case none
        case bytes(Int)
        case chunked
    }

    static func judge(_ head: HTTPRequestHead) -> Verdict {
        var host = 0
        var length: Int?
        var isChunked = false
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where name.lowercased() == "host":
                host += 1
                if value.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "@") }) {
                    return .refused(status: 400, "the Host header is malformed")
                }
            case 14 where name.lowercased() == "content-length":
                guard length == nil, !value.isEmpty, value.utf8.count < 19,
                    value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                    let number = Int(value)
                else { return .refused(status: 400, "the Content-Length header is malformed") }
                length = number
            case 17 where name.lowercased() == "transfer-encoding":
                guard !isChunked, value.lowercased() == "chunked", head.version.minor >= 1 else {
                    return .refused(status: 501, "only the transfer encoding 'chunked' is supported")
                }
                isChunked = true
            default: break
            }
        }
        if isChunked, length != nil {
            return .refused(status: 400, "a request has either a Content-Length or a Transfer-Encoding")
        }
        if host > 1 || (host == 0 && head.version.minor >= 1) {
            return .refused(status: 400, "a request has exactly one Host header")
        }
        if head.method == .CONNECT { return .refused(status: 405, "CONNECT is not supported here") }
        guard head.uri.utf8.first == UInt8(ascii: "/") || (head.uri == "*" && head.method == .OPTIONS) else {
            return .refused(status: 400, "the request target must be a path")
        }
        guard head.uri.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return .refused(status: 400, "the request target has characters that must be percent-encoded")
        }
        if isChunked { return .accepted(.chunked) }
        return .accepted(length.map { $0 == 0 ? .none : .bytes($0) } ?? .none)
    }
}
