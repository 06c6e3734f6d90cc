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
    private var isPast = false

    /// - Throws: what reading a file may throw.
    init(path: String, query: AuditQuery) throws {
        self.query = query
        files = ([path] + (1...9).map { "\(path).\($0)" }).compactMap(FileHandle.init(forReadingAtPath:))
        guard let mark = query.before else { return }
        // When no file has the line any more, what was older has gone with it.
        while let file = files.first, position == nil {
            if try Self.has(mark, file) {
                position = mark.offset
            } else {
                try file.close()
                files.removeFirst()
            }
        }
    }

    private static func has(_ mark: AuditMark, _ file: FileHandle) throws -> Bool {
        guard try file.seekToEnd() >= mark.offset + UInt64(mark.length) else { return false }
        try file.seek(toOffset: mark.offset)
        return AuditMark.digest(try file.read(upToCount: mark.length) ?? Data()) == mark.digest
    }

    /// The wanted entries of the next block, newest first; nil when all was read.
    mutating func next() throws -> [AuditLine]? {
        guard !isPast, let (start, lines) = try nextLines() else { return nil }
        var found: [AuditLine] = []
        for line in lines {
            guard !line.isEmpty, let entry = try? JSON(parsing: line) else { continue }  // a line that is being written
            if query.isPast(entry) {
                isPast = true
                break
            }
            guard query.matches(entry) else { continue }
            // A copy of the line, since a part of the block would keep all of it in memory.
            found.append(AuditLine(entry: entry, offset: start + UInt64(line.startIndex), bytes: Array(line)))
        }
        return found
    }

    /// The lines of one block, newest first; where their first index is in the file.
    private mutating func nextLines() throws -> (start: UInt64, lines: [ArraySlice<UInt8>])? {
        guard let file = files.first else { return nil }
        let end = try position ?? file.seekToEnd()
        let start = end > Self.blockSize ? end - Self.blockSize : 0
        try file.seek(toOffset: start)
        var bytes = ([UInt8](try file.read(upToCount: Int(end - start)) ?? Data()) + rest)[...]
        if start == 0 {
            (rest, position) = ([], nil)
            try file.close()
            files.removeFirst()
        } else {
            let first = bytes.firstIndex(of: 0x0A) ?? bytes.endIndex
            rest = Array(bytes[..<first])
            bytes = bytes[first...]
            position = start
        }
        return (start, bytes.split(separator: 0x0A).reversed())
    }
}
