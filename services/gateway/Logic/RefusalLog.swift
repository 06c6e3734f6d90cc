import HTTPKit
import KubeModel
import NIOCore
import NIOHTTP1

/// What the gateway refused, in the form of the API server's audit log: requests that never reach that server, or that
/// reach it only in part. A file of its own (`<state-dir>/audit.log`), since several processes cannot share one.
///
/// Queries and bodies are never written, for they may hold secrets; neither are answers of others that quote them.
struct RefusalLog: Sendable {
    /// The file's name in the state directory.
    static let fileName = "audit.log"
    private static let longestText = 300

    private let file: AuditFile

    init(stateDirectory: String) { file = AuditFile(path: "\(stateDirectory)/\(Self.fileName)") }

    /// True for answers that are refusals: of who asks, of what is asked, or of how.
    static func covers(_ status: Int) -> Bool {
        switch status {
        case 400, 401, 403, 413, 415, 421, 429, 431: true
        default: false
        }
    }

    /// Writes a refused request.
    func record(_ request: HTTPRequest, user: UserIdentity?, address: String?, response: HTTPResponse) {
        guard Self.covers(response.status) else { return }
        let isOurReason = [401, 403, 421, 429].contains(response.status)
        write(
            method: request.method, target: request.target, status: response.status, id: request.id, user: user,
            address: address, agent: request.headers.first(name: "user-agent"),
            reason: isOurReason ? Self.reason(response) : nil)
    }

    /// Writes a request that the server refused before anything looked at it.
    func record(_ refused: RefusedRequest) {
        write(
            method: refused.method, target: refused.target, status: refused.status, id: nil, user: nil,
            address: refused.address, agent: nil, reason: refused.message)
    }

    /// Writes what is in memory.
    func finish() { file.finish() }

    private func write(
        method: String, target: String, status: Int, id: String?, user: UserIdentity?, address: String?,
        agent: String?, reason: String?
    ) {
        var entry: JSON = ["time": .string(Timestamp.now.text)]
        func add(_ key: String, _ text: String?) {
            guard let text, !text.isEmpty else { return }
            entry[key] = .string(String(text.prefix(Self.longestText)))
        }
        add("id", id)
        entry["user"] = .string(user?.user ?? "system:anonymous")
        if let groups = user?.groups, !groups.isEmpty { entry["groups"] = .array(groups.map(JSON.string)) }
        add("verb", method.lowercased())
        add("path", String(target.prefix { $0 != "?" }))
        entry["decision"] = "forbid"
        entry["code"] = .int(Int64(status))
        add("address", address)
        add("agent", agent)
        add("reason", reason)
        file.append(entry)
    }

    /// The sentence of an answer: of a `Status`, of the dashboard's and the web apps' failures, or plain text.
    private static func reason(_ response: HTTPResponse) -> String? {
        guard case .bytes(let body) = response.body, body.readableBytes < 16 << 10 else { return nil }
        let type = response.headers.first(name: "content-type") ?? ""
        if type.hasPrefix("text/plain") { return String(buffer: body) }
        guard type.hasPrefix("application/json"), let json = try? JSON(parsing: body.readableBytesView) else {
            return nil
        }
        return json["message"]?.string ?? json["error"]?.string ?? json["log"]?.string
    }
}
