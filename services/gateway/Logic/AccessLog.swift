import HTTPKit
import KubeModel
import NIOCore

/// A line of JSON for every request, once its answer has ended. Without queries, which may hold secrets.
final class AccessLog: Sendable {
    struct Line: Sendable {
        let id: String
        let user: String?
        let address: String?
        let method: String
        let target: String
        let status: Int
        let began: NIODeadline
    }

    private static let longestText = 300
    private let file: AuditFile

    init(path: String) { file = AuditFile(path: path) }

    /// Writes a line, with the bytes of the answer's body that were sent, and whether they were all.
    func write(_ line: Line, bytes: Int, isWhole: Bool) {
        let path = line.target.prefix { $0 != "?" }
        var entry: JSON = [
            "time": .string(Timestamp.now.text), "id": .string(line.id), "user": .string(line.user ?? ""),
            "address": .string(line.address ?? ""), "method": .string(String(line.method.prefix(32))),
            "path": .string(String(path.prefix(Self.longestText))), "route": .string(Self.route(path)),
            "status": .int(Int64(line.status)), "bytes": .int(Int64(bytes)),
            "ms": .double((Double((NIODeadline.now() - line.began).nanoseconds) / 1e4).rounded() / 100),
        ]
        if !isWhole { entry["broken"] = true }
        file.append(entry)
    }

    /// The same for a request that the relay passed on.
    func write(
        _ request: ByteBuffer, _ passage: Passage, id: ByteBuffer, status: Int, _ began: NIODeadline, bytes: Int,
        isWhole: Bool
    ) {
        // Method and target, up to the spaces behind them.
        let start = request.readableBytesView.split(separator: 0x20, maxSplits: 2).prefix(2)
            .map { String(decoding: $0, as: UTF8.self) }
        let line = Line(
            id: String(buffer: id), user: passage.user, address: passage.source, method: start.first ?? "",
            target: start.last ?? "", status: status, began: began)
        write(line, bytes: bytes, isWhole: isWhole)
    }

    /// Writes what is in memory.
    func finish() { file.finish() }

    /// The workspace or the part of the gateway that answered.
    private static func route(_ path: Substring) -> String {
        let segments = path.split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false)
        guard segments.count > 1 else { return "" }
        if segments.count > 3, Workspace.Kind(rawValue: String(segments[1])) != nil {
            return segments[1...3].joined(separator: "/")
        }
        return ["api", "jupyter", "kfam", "login", "logout"].contains(segments[1]) ? String(segments[1]) : "page"
    }
}
