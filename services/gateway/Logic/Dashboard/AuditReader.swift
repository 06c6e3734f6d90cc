import Foundation
import KubeModel

/// Reads an audit log backwards, from its newest line: the file, then those that were put aside (`.1`, `.2`, ...).
///
/// The files are opened at the start, so that what is put aside meanwhile is neither missed nor read twice.
struct AuditReader: Sendable {
    private static let blockSize: UInt64 = 256 << 10

    private let query: AuditQuery
    /// Newest first.
    private var files: [FileHandle]
    /// Where the part of the first file ends that was not read yet; nil before it is begun.
    private var position: UInt64?
    /// The end of a line whose beginning comes with the next block.
    private var rest: [UInt8] = []
    private var isBeforeMark: Bool
    private var isPast = false

    init(path: String, query: AuditQuery) {
        self.query = query
        isBeforeMark = query.before != nil
        files = ([path] + (1...9).map { "\(path).\($0)" }).compactMap(FileHandle.init(forReadingAtPath:))
    }

    /// The wanted entries of the next block, newest first; nil when all was read.
    mutating func next() throws -> [JSON]? {
        guard !isPast, let lines = try nextLines() else { return nil }
        var found: [JSON] = []
        for line in lines {
            guard !line.isEmpty, let entry = try? JSON(parsing: line) else { continue }  // a line that is being written
            if isBeforeMark {
                if entry["id"]?.string == query.before { isBeforeMark = false }
                continue
            }
            if query.isPast(entry) {
                isPast = true
                break
            }
            if query.matches(entry) { found.append(entry) }
        }
        return found
    }

    /// The lines of one block, newest first.
    private mutating func nextLines() throws -> [ArraySlice<UInt8>]? {
        guard let file = files.first else { return nil }
        let end = try position ?? file.seekToEnd()
        let start = end > Self.blockSize ? end - Self.blockSize : 0
        try file.seek(toOffset: start)
        var bytes = [UInt8](try file.read(upToCount: Int(end - start)) ?? Data()) + rest
        if start == 0 {
            (rest, position) = ([], nil)
            try file.close()
            files.removeFirst()
        } else {
            let first = bytes.firstIndex(of: 0x0A) ?? bytes.endIndex
            rest = Array(bytes[..<first])
            bytes.removeFirst(first)
            position = start
        }
        return bytes.split(separator: 0x0A).reversed()
    }
}
