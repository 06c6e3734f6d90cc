public import NIOCore
public import NIOHTTP1

/// Who is at the other end of a connection.
public final class Peer: Sendable {
    /// IP address, nil on a unix socket.
    public let address: String?
    /// The certificate that the client proved to own and that a configured authority signed, DER.
    public let clientCertificateDER: [UInt8]?
    /// True when the connection is encrypted.
    public let isTLS: Bool
    /// Which of the server's listeners it came to: 0 for the first one, 1 for ``HTTPServer/second``.
    public let entrance: Int

    /// Describes a peer.
    public init(
        address: String?, clientCertificateDER: [UInt8]? = nil, isTLS: Bool = false, entrance: Int = 0
    ) {
        (self.address, self.clientCertificateDER, self.isTLS) = (address, clientCertificateDER, isTLS)
        self.entrance = entrance
    }
}

/// One request as it came in.
public struct HTTPRequest: Sendable {
    /// Method, in capitals.
    public let method: String
    /// Path and query as sent.
    public let target: String
    /// Header fields.
    public var headers: HTTPHeaders
    /// The other end.
    public let peer: Peer
    /// The body.
    public let body: HTTPBody
    /// The loop that the connection lives on.
    public let eventLoop: any EventLoop
    /// The connection, for a ``RequestRelay`` to take the next request on it; nil where there is none.
    public let link: RelayLink?
    /// Distinguishes requests that brought no id of their own.
    let number: UInt64

    /// Makes a request; used by the server and by tests.
    public init(
        method: String, target: String, headers: HTTPHeaders = [:], peer: Peer = Peer(address: nil),
        body: HTTPBody = .empty, eventLoop: any EventLoop, link: RelayLink? = nil
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.peer = peer
        self.body = body
        self.eventLoop = eventLoop
        self.link = link
        self.number = RequestNumbers.next()
    }

    /// The path as sent, without the query and without percent-decoding.
    public var path: String {
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return target }
        return String(target[..<mark])
    }

    /// The query as sent, without `?`; empty for none.
    public var rawQuery: String {
        guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return "" }
        return String(target[target.utf8.index(after: mark)...])
    }

    /// The fields of the query, decoded, in order.
    public var query: [(name: String, value: String)] { PercentEncoding.fields(of: rawQuery) }

    /// The first value of a query field.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// Id for logs: `X-Request-Id` when it is a sane one, else made up.
    public var id: String {
        if let given = headers.first(name: "x-request-id"), Self.isSaneID(given.utf8) { return given }
        return String(number, radix: 36)
    }

    /// True for ids that are passed on and written down: 1 to 64 letters, digits, `-`, `_`, `.` and `:`.
    public static func isSaneID(_ id: some Collection<UInt8>) -> Bool {
        (1...64).contains(id.count) && id.allSatisfy { $0.isToken }
    }

    /// The value of a cookie, the first where there are several of that name.
    public func cookie(_ name: String) -> String? {
        var value: String?
        forEachCookie(name) {
            value = $0
            return false
        }
        return value
    }

    /// All values of a cookie: browsers send several that were set for different paths and domains.
    public func cookies(_ name: String) -> [String] {
        var values: [String] = []
        forEachCookie(name) {
            values.append($0)
            return true
        }
        return values
    }

    /// Calls `body` with each value of a cookie, until it returns false.
    private func forEachCookie(_ name: String, _ body: (String) -> Bool) {
        for line in headers["cookie"] {
            // By bytes, as servers and browsers do: a sign that combines with `;` or `=` must not hide it.
            for pair in line.utf8.split(separator: UInt8(ascii: ";")) {
                let trimmed = pair.drop { $0 == UInt8(ascii: " ") }
                guard let equals = trimmed.firstIndex(of: UInt8(ascii: "=")),
                    trimmed[..<equals].elementsEqual(name.utf8)
                else { continue }
                guard body(String(Substring(trimmed[trimmed.index(after: equals)...]))) else { return }
            }
        }
    }
}

extension UInt8 {
    /// Letters, digits, `-`, `_`, `.` and `:`.
    var isToken: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
