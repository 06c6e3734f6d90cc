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
            return try AuditReader(path: own, query: try AuditQuery(caller.request))
        }
        guard let path = core.configuration.auditLogPath else {
            throw APIError(
                .notFound, "The audit log of this cluster is kept by its API server, where the gateway cannot read it.")
        }
        return try AuditReader(path: path, query: try AuditQuery(caller.request))
    }

    /// `{entries, next}`; `next` is the `before` of the following page, and names a place in the log: ids are their senders'
    /// choice.
    private func page(_ caller: Caller) async throws -> HTTPResponse {
        let limit = min(caller.request.query("limit").flatMap { Int($0) } ?? 100, Self.pageLimit)
        guard limit > 0 else { throw APIError(.badRequest, "limit is between 1 and \(Self.pageLimit)") }
        var reader = try await open(caller)
        var found: [AuditLine] = []
        while found.count <= limit {
            let (more, next) = try await Self.advance(reader)
            guard let more else { break }
            found += more
            reader = next
        }
        let next = found.count > limit ? JSON.string(found[limit - 1].mark.text) : .null
        return .json(["entries": .array(found.prefix(limit).map(\.entry)), "next": next])
    }

    private func export(_ caller: Caller) async throws -> HTTPResponse {
        let format = caller.request.query("format") ?? "csv"
        guard ["csv", "jsonl"].contains(format) else { throw APIError(.badRequest, "format is csv or jsonl") }
        let start = try await open(caller)
        let type = format == "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson"
        return HTTPResponse(
            status: 200,
            headers: ["content-type": type, "content-disposition": "attachment; filename=\"audit.\(format)\""],
            body: core.stream(to: caller) {
                try await core.reviews.allows(caller.identity, to: "*", .everything)
            } _: { writer in
                if format == "csv" { try await writer.write(Self.columns.joined(separator: ",") + "\r\n") }
                var reader = start
                while true {
                    let (entries, next) = try await Self.advance(reader)
                    guard let entries else { return }
                    reader = next
                    let lines = entries.map { format == "csv" ? Self.line($0.entry) : $0.entry.text + "\n" }
                    if !lines.isEmpty { try await writer.write(lines.joined()) }
                }
            })
    }

    /// Reading files blocks, so that happens on a thread for such things.
    private static func advance(_ reader: AuditReader) async throws -> ([AuditLine]?, AuditReader) {
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
            // By scalars, as a spreadsheet reads: a quote with an accent, or CR with LF, is one Character and neither of them.
            if let first = text.unicodeScalars.first, formulaStarts.contains(first) { text = "'" + text }
            guard text.unicodeScalars.contains(where: quotedScalars.contains) else { return text }
            var quoted = String.UnicodeScalarView()
            for scalar in text.unicodeScalars {
                quoted.append(scalar)
                if scalar == "\"" { quoted.append(scalar) }
            }
            return "\"" + String(quoted) + "\""
        }.joined(separator: ",") + "\r\n"
    }

    private static let formulaStarts = Set("=+-@\t\r\n".unicodeScalars)
    private static let quotedScalars = Set(",\"\r\n".unicodeScalars)
}

/// Which entries are wanted.
struct AuditQuery: Sendable {
    private let equal: [(field: String, value: String)]
    private let text: [Substring]
    private let from: String?
    private let to: String?
    /// Leaves out what parts of the platform and Pods did of their own accord.
    private let isByPeople: Bool
    /// Entries older than the one there.
    let before: AuditMark?

    /// Reads `user`, `verb`, `resource`, `namespace`, `name`, `decision` (equal), `q` (words, all of which occur
    /// anywhere), `from`, `to` (times), `by` (`people`, `all`), `before`.
    ///
    /// - Throws: ``APIError`` when a time is none, `by` something else, or `before` no page's `next`.
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
        (from, to) = (try time("from"), try time("to"))
        before = try value("before").map { text in
            guard let mark = AuditMark(text) else { throw APIError(.badRequest, "before is the next of a page") }
            return mark
        }
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
        let fields = [
            "user", "impersonatedBy", "verb", "resource", "namespace", "name", "path", "reason", "address", "agent",
            "id",
        ]
        let whole = fields.compactMap { entry[$0]?.string?.lowercased() }
        return text.allSatisfy { word in whole.contains { $0.contains(word) } }
    }

    /// True when nothing older can match either.
    func isPast(_ entry: JSON) -> Bool { from.map { (entry["time"]?.string ?? $0) < $0 } ?? false }
}
