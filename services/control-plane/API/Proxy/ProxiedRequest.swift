import KubeModel
import NIOHTTP1

/// A request to a `proxy` subresource, as it is passed on.
struct ProxiedRequest: Sendable {
    let method: String
    /// Path and query at the target, percent-encoded.
    let target: String
    /// Path of the request up to where the target's own path begins; links of answers are prefixed with it.
    let prefix: String
    let headers: HTTPHeaders

    /// Fields that are about one connection only.
    private static let hopByHop: Set<String> = [
        "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// Prepares a request of a client at `address`; one that is to speak another protocol keeps the fields that say so.
    init(_ request: APIRequest, _ info: RequestInfo, address: String, isUpgrade: Bool) {
        method = request.method
        let hasSlash = request.path.utf8.last == UInt8(ascii: "/")
        var segments: [String] = []
        for segment in info.rest where !segment.isEmpty && segment != "." {
            if segment == ".." { _ = segments.popLast() } else { segments.append(segment) }
        }
        let plain = segments.isEmpty ? "" : "/" + segments.joined(separator: "/")
        let path = plain.percentEncodedPath + (hasSlash ? "/" : "")
        let own =
            "/"
            + info.segments.filter { !$0.isEmpty }.dropLast(info.rest.filter { !$0.isEmpty }.count).joined(
                separator: "/")
        prefix = own
        target = (path.isEmpty ? "/" : path) + (request.rawQuery.isEmpty ? "" : "?\(request.rawQuery)")
        var fields = HTTPHeaders()
        let named = Set(request.headers[canonicalForm: "connection"].map { $0.lowercased() })
        for (name, value) in request.headers {
            let key = name.lowercased()
            let isOfTheHop = Self.hopByHop.contains(key) || named.contains(key)
            if isOfTheHop, !(isUpgrade && (key == "connection" || key == "upgrade")) { continue }
            // The target is not told how the client proved who it is.
            if key == "authorization" || key.hasPrefix("impersonate-") || key == "x-forwarded-for" { continue }
            fields.add(name: name, value: value)
        }
        let before = request.headers["x-forwarded-for"].joined(separator: ", ")
        if !address.isEmpty {
            fields.add(name: "X-Forwarded-For", value: before.isEmpty ? address : "\(before), \(address)")
        }
        if !isUpgrade {
            fields.replaceOrAdd(name: "X-Forwarded-Uri", value: own.percentEncodedPath + (path.isEmpty ? "" : path))
        }
        headers = fields
    }

    /// Takes what is about one connection only, and what is the API's to say, out of an answer.
    static func cleaned(_ headers: HTTPHeaders) -> HTTPHeaders {
        let named = Set(headers[canonicalForm: "connection"].map { $0.lowercased() })
        let own: Set = [
            "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
            "access-control-allow-origin",
        ]
        return HTTPHeaders(
            headers.filter { name, _ in
                let key = name.lowercased()
                return !hopByHop.contains(key) && !named.contains(key) && !own.contains(key)
            })
    }
}

extension String {
    /// The text with all percent-encoded that may not stand in a path.
    var percentEncodedPath: String {
        split(separator: "/", omittingEmptySubsequences: false).map { segment in
            var encoded = ""
            for scalar in segment.unicodeScalars {
                if "$&+,:;=@".unicodeScalars.contains(scalar) {
                    encoded.unicodeScalars.append(scalar)
                } else {
                    encoded += String(scalar).percentEncodedSegment
                }
            }
            return encoded
        }.joined(separator: "/")
    }
}
