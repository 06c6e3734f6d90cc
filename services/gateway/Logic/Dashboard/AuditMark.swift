import Identity
import KubeModel

/// A line of an audit log: what it says, and where it is.
struct AuditLine: Sendable {
    let entry: JSON
    /// Where it begins in its file, in bytes.
    let offset: UInt64
    let bytes: [UInt8]

    var mark: AuditMark { AuditMark(offset: offset, length: bytes.count, digest: AuditMark.digest(bytes)) }
}

/// A line's place in its file, with a digest by which the file is known again after it was put aside.
struct AuditMark: Sendable, Equatable {
    /// Longer lines are not written.
    private static let longestLine = 16 << 20

    let offset: UInt64
    let length: Int
    let digest: String

    static func digest(_ line: some Collection<UInt8>) -> String { Base64URL.encode(Secrets.digest(line).prefix(12)) }

    /// `<offset>.<length>.<digest>`
    var text: String { "\(offset).\(length).\(digest)" }
}

extension AuditMark {
    /// Reads what ``text`` gave; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let offset = UInt64(parts[0]), offset < UInt64(Int64.max), let length = Int(parts[1]),
            (1...Self.longestLine).contains(length), parts[2].utf8.count == 16
        else { return nil }
        self.init(offset: offset, length: length, digest: String(parts[2]))
    }
}
