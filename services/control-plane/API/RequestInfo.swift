/// What a request is about, read from its method, path and query.
struct RequestInfo: Sendable {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; of other paths the method.
    var verb: String
    /// The path as it came, for rules about paths.
    var path: String
    /// True for `/api/v1/...` and `/apis/group/version/...` with a resource.
    var isResource = false
    var group = ""
    var version = ""
    var namespace = ""
    var resource = ""
    var subresource = ""
    /// Name of the object, empty for collections.
    var name = ""
    /// True for `/api/v1/watch/...`, the old form of watches.
    var isOnWatchPath = false
    /// True for what is named below a namespace, `/namespaces/a/pods`.
    var isInNamespace = false
    /// What follows the subresource, for proxies.
    var rest: [String] = []
    /// The decoded segments of the path.
    var segments: [String] = []

    /// `pods/log` or `pods`.
    var resourceAndSubresource: String { subresource.isEmpty ? resource : "\(resource)/\(subresource)" }
    /// `deployments.apps`.
    var qualifiedResource: String { group.isEmpty ? resource : "\(resource).\(group)" }

    init(method: String, path: String, query: Query) {
        self.path = path
        verb = ""
        segments = Self.segments(of: path)
        defer { if verb.isEmpty { verb = method.lowercased() } }
        var parts = segments[...]
        guard let root = parts.popFirst(), root == "api" || root == "apis" else { return }
        if root == "apis" {
            guard parts.count >= 3, let group = parts.popFirst() else { return }
            self.group = group
        }
        guard parts.count >= 2, let version = parts.popFirst() else { return }
        self.version = version
        if parts.first == "watch", parts.count > 1 {
            isOnWatchPath = true
            parts.removeFirst()
        }
        isResource = true
        if parts.first == "namespaces" {
            if parts.count > 1 { namespace = parts[parts.startIndex + 1] }
            // `/namespaces/a/status` is about the namespace itself, `/namespaces/a/pods` about what is in it.
            if parts.count > 2, case let part = parts[parts.startIndex + 2], part != "status", part != "finalize" {
                parts = parts.dropFirst(2)
                isInNamespace = true
            }
        }
        resource = parts.popFirst() ?? ""
        name = parts.popFirst() ?? ""
        subresource = parts.popFirst() ?? ""
        rest = Array(parts)
        switch method {
        case "GET", "HEAD":
            verb = "get"
            if name.isEmpty, query.flag("watch") {
                verb = "watch"
            } else if name.isEmpty {
                verb = "list"
            }
        case "POST": verb = "create"
        case "PUT": verb = "update"
        case "PATCH": verb = "patch"
        case "DELETE": verb = name.isEmpty ? "deletecollection" : "delete"
        default: break
        }
        if isOnWatchPath { verb = "watch" }
        if name.isEmpty, verb == "list" || verb == "watch" || verb == "deletecollection",
            let selector = query["fieldSelector"], selector.hasPrefix("metadata.name="), !selector.contains(",")
        {
            // Rules with resourceNames allow a list of exactly that name.
            selectedName = selector.dropFirst("metadata.name=".count).drop { $0 == "=" }.description
        }
    }

    /// True for requests that change nothing.
    var isRead: Bool { verb == "get" || verb == "list" || verb == "watch" || verb == "head" || verb == "options" }

    /// Name that a field selector pins a collection request to.
    var selectedName = ""
    /// The name that authorisation looks at.
    var authorizedName: String { name.isEmpty ? selectedName : name }

    /// The segments of a path, percent-decoded; slashes at both ends make none.
    private static func segments(of path: String) -> [String] {
        var segments: [String] = []
        segments.reserveCapacity(8)
        let bytes = path.utf8[...]
        let slash = UInt8(ascii: "/")
        var start = bytes.firstIndex { $0 != slash } ?? bytes.endIndex
        let last = bytes.lastIndex { $0 != slash }.map { bytes.index(after: $0) } ?? start
        while start < last {
            let end = bytes[start..<last].firstIndex(of: slash) ?? last
            segments.append(decode(path[start..<end]))
            start = end < last ? bytes.index(after: end) : end
        }
        return segments
    }

    /// Percent-decodes one path segment.
    static func decode(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        return text.removingPercentEncodingOfUTF8
    }
}

extension StringProtocol {
    /// The text with `%xx` replaced by the bytes they stand for; broken escapes stay as they are.
    var removingPercentEncodingOfUTF8: String {
        var bytes: [UInt8] = []
        let source = Array(utf8)
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x41...0x46: byte - 0x41 + 10
            case 0x61...0x66: byte - 0x61 + 10
            default: nil
            }
        }
        var position = 0
        while position < source.count {
            if source[position] == 0x25, position + 2 < source.count, let high = digit(source[position + 1]),
                let low = digit(source[position + 2])
            {
                bytes.append(high << 4 | low)
                position += 3
            } else {
                bytes.append(source[position])
                position += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The decoded query of a request.
struct Query: Sendable {
    let items: [(name: String, value: String)]

    init(_ items: [(name: String, value: String)] = []) { self.items = items }

    /// Parses `a=b&c=d`.
    init(raw: some StringProtocol) {
        items = raw.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            func decode(_ text: Substring) -> String {
                String(text.map { $0 == "+" ? " " : $0 }).removingPercentEncodingOfUTF8
            }
            return (decode(Substring(parts[0])), parts.count > 1 ? decode(Substring(parts[1])) : "")
        }
    }

    subscript(name: String) -> String? { items.first { $0.name == name }?.value }
    func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    /// True for every value but `false` and `0`, also for the bare name.
    func flag(_ name: String) -> Bool {
        guard let value = self[name] else { return false }
        return value != "0" && value.lowercased() != "false"
    }

    func int(_ name: String) -> Int? { self[name].flatMap { Int($0) } }
}
