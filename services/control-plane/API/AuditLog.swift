import HTTPKit
import KubeModel

/// Who did what: one JSON object a line. Bodies, queries and messages are never written, for they may hold secret values.
public final class AuditLog: Sendable {
    /// One request and what became of it.
    struct Entry: Sendable {
        let id: String
        let address: String
        let user: UserInfo
        let impersonator: String
        let agent: String
        let info: RequestInfo
        let code: Int
        /// What admission said of it, by key.
        let notes: [(key: String, value: String)]
    }

    private let file: AuditFile

    /// Writes to a file, which only its owner may read.
    ///
    /// - Parameters:
    ///   - path: the file; made with mode 0600 if need be.
    ///   - fileLimit: bytes after which the file is put aside, as `<path>.1`.
    ///   - keptFiles: how many files that were put aside are kept.
    public init(path: String, fileLimit: Int = 32 << 20, keptFiles: Int = 4) {
        file = AuditFile(path: path, fileLimit: fileLimit, keptFiles: keptFiles)
    }

    /// True for requests that are written: all changes, everything that was refused, and who looked at secrets or into
    /// Pods. Plain reads, and the heartbeats and events that the parts of a cluster write all the time, are not.
    static func covers(_ info: RequestInfo, code: Int) -> Bool {
        if code == 401 || code == 403 { return true }
        guard info.isResource else { return false }
        if info.resource == "secrets" || ["exec", "attach", "portforward", "log", "proxy"].contains(info.subresource) {
            return true
        }
        if info.isRead { return false }
        return !["events", "leases"].contains(info.resource) || code >= 400
    }

    func record(_ entry: Entry) {
        let info = entry.info
        // The keys differ, so they need not be compared.
        var json = JSONObject()
        json.reserveCapacity(16)
        json.append("time", .string(Timestamp.now.text))
        json.append("id", .string(entry.id))
        json.append("user", .string(entry.user.name))
        json.append("groups", .array(entry.user.groups.map(JSON.string)))
        json.append("verb", .string(info.verb))
        func add(_ key: String, _ text: String) { if !text.isEmpty { json.append(key, .string(text)) } }
        add("impersonatedBy", entry.impersonator)
        if info.isResource {
            add("group", info.group)
            add("resource", info.resource)
            add("subresource", info.subresource)
            add("namespace", info.namespace)
            add("name", info.name)
        } else {
            add("path", info.path)
        }
        json.append("decision", entry.code == 401 || entry.code == 403 ? "forbid" : "allow")
        json.append("code", .int(Int64(entry.code)))
        add("address", entry.address)
        add("agent", entry.agent)
        if !entry.notes.isEmpty {
            var notes = JSONObject()
            for (key, text) in entry.notes { notes[key] = .string(text) }
            json.append("notes", .object(notes))
        }
        file.append(.object(json))
    }

    /// Writes what waits and closes the file.
    public func finish() { file.finish() }
}
