import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1
import NIOPosix

/// `/api/admin/audit`: the API server's audit log, newest first, for administrators: a page at a time, or as a file.
struct AuditRoutes: Sendable {
    private static let pageLimit = 1000
    private static let columns = [
        "time", "user", "impersonatedBy", "verb", "group", "resource", "subresource", "namespace", "name", "path",
        "decision", "code", "reason", "address", "agent", "id",
    ]

    let core: GatewayCore

    func register(on router: inout Router) {
        router.add("GET", "/api/admin/audit") { request, _ in try await page(core.caller(of: request)) }
        router.add("GET", "/api/admin/audit/export") { request, _ in try await export(core.caller(of: request)) }
    }

    private func open(_ caller: Caller) async throws -> AuditReader {
        guard try await core.reviews.allows(caller.identity, to: "*", .everything) else {
            throw APIError(.forbidden, "Only administrators may read the audit log.")
        }
        if caller.request.query("log") == "gateway" {
            let own = "\(core.configuration.stateDirectory)/\(RefusalLog.fileName)"
            return AuditReader(path: own, query: try AuditQuery(caller.request))
        }
        guard let path = core.configuration.auditLogPath else {
            throw APIError(
                .notFound, "The audit log of this cluster is kept by its API server, where the gateway cannot read it.")
        }
        return AuditReader(path: path, query: try AuditQuery(caller.request))
    }

    /// `{entries, next}`; `next` is the `before` of the following page.
    private func page(_ caller: Caller) async throws -> HTTPResponse {
        let limit = min(caller.request.query("limit").flatMap { Int($0) } ?? 100, Self.pageLimit)
        guard limit > 0 else { throw APIError(.badRequest, "limit is between 1 and \(Self.pageLimit)") }
        var reader = try await open(caller)
        var found: [JSON] = []
        while found.count <= limit {
            let (more, next) = try await Self.advance(reader)
            guard let more else { break }
            found += more
            reader = next
        }
        var entries = Array(found.prefix(limit))
        // The next page begins behind an entry that can be named; requests that broke off early have no id.
        if found.count > limit, let last = entries.lastIndex(where: { $0["id"]?.string != nil }) {
            entries = Array(entries[...last])
        }
        let next = found.count > limit ? entries.last?["id"] : nil
        return .json(["entries": .array(entries), "next": next ?? .null])
    }

    private func export(_ caller: Caller) async throws -> HTTPResponse {
        let format = caller.request.query("format") ?? "csv"
        guard ["csv", "jsonl"].contains(format) else { throw APIError(.badRequest, "format is csv or jsonl") }
        let start = try await open(caller)
        let type = format == "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson"
        return HTTPResponse(
            status: 200,
            headers: ["content-type": type, "content-disposition": "attachment; filename=\"audit.\(format)\""],
            body: .stream { writer in
                if format == "csv" { try await writer.write(Self.columns.joined(separator: ",") + "\r\n") }
                var reader = start
                while true {
                    let (entries, next) = try await Self.advance(reader)
                    guard let entries else { return }
                    reader = next
                    let lines = entries.map { format == "csv" ? Self.line($0) : $0.text + "\n" }
                    if !lines.isEmpty { try await writer.write(lines.joined()) }
                }
            })
    }

    /// Reading files blocks, so that happens on a thread for such things.
    private static func advance(_ reader: AuditReader) async throws -> ([JSON]?, AuditReader) {
        try await NIOThreadPool.singleton.runIfActive {
            var reader = reader
            let entries = try reader.next()
            return (entries, reader)
        }
    }

    /// A line of CSV (RFC 4180). What a spreadsheet would compute is marked as text.
    static func line(_ entry: JSON) -> String {
        columns.map { column in
            var text = entry[column].map { $0.string ?? $0.text } ?? ""
            if let first = text.first, "=+-@\t\r".contains(first) { text = "'" + text }
            let needsQuotes = text.contains { ",\"\r\n".contains($0) }
            return needsQuotes
                ? "\""
                    + text.split(separator: "\"", omittingEmptySubsequences: false)
                    .joined(separator: "\"\"") + "\"" : text
        }.joined(separator: ",") + "\r\n"
    }
}

/// Which entries are wanted.
struct AuditQuery: Sendable {
    private let equal: [(field: String, value: String)]
    private let text: [Substring]
    private let from: String?
    private let to: String?
    /// Leaves out what parts of the platform and Pods did of their own accord.
    private let isByPeople: Bool
    /// Entries older than the one of this id.
    let before: String?

    /// Reads `user`, `verb`, `resource`, `namespace`, `name`, `decision` (equal), `q` (words, all of which occur
    /// anywhere), `from`, `to` (times), `by` (`people`, `all`), `before`.
    ///
    /// - Throws: ``APIError`` when a time is none, or `by` something else.
    init(_ request: HTTPRequest) throws { try self.init { request.query($0) } }

    init(_ parameter: (String) -> String?) throws {
        func value(_ name: String) -> String? { parameter(name).flatMap { $0.isEmpty ? nil : $0 } }
        equal = ["user", "verb", "resource", "namespace", "name", "decision"].compactMap { field in
            value(field).map { (field, $0) }
        }
        text = (value("q") ?? "").lowercased().split(separator: " ")
        func time(_ field: String) throws -> String? {
            guard let text = value(field) else { return nil }
            guard let time = Timestamp(text) else {
                throw APIError(.badRequest, "\(field) is no time: \(text.prefix(40))")
            }
            return time.text
        }
        let by = value("by") ?? "all"
        guard ["people", "all"].contains(by) else { throw APIError(.badRequest, "by is people or all") }
        isByPeople = by == "people"
        (from, to, before) = (try time("from"), try time("to"), value("before"))
    }

    func matches(_ entry: JSON) -> Bool {
        let time = entry["time"]?.string ?? ""
        if let from, time < from { return false }
        if let to, time > to { return false }
        // An anonymous request is somebody's, too.
        if isByPeople, let user = entry["user"]?.string, user.hasPrefix("system:"), user != "system:anonymous" {
            return false
        }
        for (field, value) in equal where entry[field]?.string != value { return false }
        if text.isEmpty { return true }
        let fields = ["user", "verb", "resource", "namespace", "name", "path", "address", "agent", "id"]
        let whole = fields.compactMap { entry[$0]?.string?.lowercased() }
        return text.allSatisfy { word in whole.contains { $0.contains(word) } }
    }

    /// True when nothing older can match either.
    func isPast(_ entry: JSON) -> Bool { from.map { (entry["time"]?.string ?? $0) < $0 } ?? false }
}
