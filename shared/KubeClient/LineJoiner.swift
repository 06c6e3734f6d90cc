import KubeModel
import NIOCore

/// Cuts a stream of chunks into lines, wherever the borders of the chunks lie.
struct LineJoiner {
    private var pending: [UInt8] = []
    /// Where the next line begins in `pending`.
    private var start = 0
    /// Up to where `pending` is known to have no line end.
    private var searched = 0

    /// The longest line that is accepted.
    static let limit = 64 << 20

    /// Takes the next chunk.
    ///
    /// - Throws: ``APIError`` when a line grows beyond the limit.
    mutating func add(_ chunk: ByteBuffer) throws {
        if start > 0 {
            pending.removeFirst(start)
            searched -= start
            start = 0
        }
        guard pending.count + chunk.readableBytes <= Self.limit else {
            throw APIError(.requestEntityTooLarge, "the API server sent a line of more than \(Self.limit) bytes")
        }
        pending.append(contentsOf: chunk.readableBytesView)
    }

    /// The next whole line without its end, nil when more has to come; empty lines are left out.
    mutating func next() -> [UInt8]? {
        while let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = pending[start..<end]
            searched = end + 1
            start = searched
            if !line.isEmpty { return Array(line) }
        }
        searched = pending.count
        return nil
    }
}
