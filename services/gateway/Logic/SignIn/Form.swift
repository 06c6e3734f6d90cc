import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1

/// The fields of a submitted form.
struct Form: Sendable {
    private var fields: [(name: String, value: String)] = []

    /// Reads a body of `application/x-www-form-urlencoded`.
    ///
    /// - Throws: ``APIError`` when it is another type, or longer than `limit` bytes.
    init(_ request: HTTPRequest, limit: Int) async throws {
        let type = (request.headers.first(name: "content-type") ?? "").prefix { $0 != ";" }.trimmed.lowercased()
        guard type == "application/x-www-form-urlencoded" else {
            throw APIError(.badRequest, "this takes a form (application/x-www-form-urlencoded)", code: 415)
        }
        let text = String(buffer: try await request.body.collect(upTo: limit))
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0], plusIsSpace: true),
                let value = PercentEncoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else { throw APIError(.badRequest, "the form cannot be read") }
            fields.append((name, value))
        }
    }

    /// The first field of that name.
    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
}

/// Where somebody wanted to go before signing in.
enum ReturnPath {
    /// A path of our own; `/` for anything that a browser could take for another place.
    static func checked(_ path: String?) -> String {
        guard let path, path.utf8.count <= 2048, path.hasPrefix("/"), !path.hasPrefix("//"), !path.hasPrefix("/login"),
            path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") })
        else { return "/" }
        // `/.//host` is a path of ours for a browser, and `//host` for whoever reads the path out of its address.
        let segments = path.prefix { $0 != "?" && $0 != "#" }.split(separator: "/", omittingEmptySubsequences: false)
        guard !segments.dropFirst().dropLast().contains(where: { ["", ".", ".."].contains($0) }) else { return "/" }
        return path
    }
}
