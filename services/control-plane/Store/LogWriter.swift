import Synchronization

/// Appends frames to the log, segment by segment.
///
/// Used by the thread of the log alone, except for the spare segment, which is made in the background and handed over
/// under a lock; hence unchecked.
final class LogWriter: @unchecked Sendable {
    private let directory: StoreDirectory
    private let segmentSize: Int
    private let spare = Mutex<(file: WritableFile?, size: Int)>((nil, 0))

    private var file: WritableFile?
    private var fileSize = 0
    private var buffer: [UInt8] = []
    /// End of what is durable in the current segment.
    private var end: Int

    /// Number of the current segment; 0 before the first one.
    private(set) var segment: UInt64
    /// How much was appended, by this process and, after a start, by those before.
    private(set) var written: Int

    init(directory: StoreDirectory, segmentSize: Int, position: LogPosition) {
        (self.directory, self.segmentSize) = (directory, segmentSize)
        (segment, end, written) = (position.segment, position.end, position.written)
        (file, fileSize) = (position.file, position.fileSize)
    }

    /// Writes records and returns when they are durable. After a failure nothing of them is.
    func append(_ records: RecordWriter, after revisionBefore: UInt64, last: UInt64) throws(FileFailure) {
        let size = Frame.headerSize + records.bytes.count + 1
        if let file, end + size <= fileSize {
            buffer.removeAll(keepingCapacity: true)
            Frame.write(records, segment: segment, revisionBefore: revisionBefore, lastRevision: last, into: &buffer)
            do {
                try file.write(buffer, at: end)
                try file.sync()
                end += size
                written += size
                return
            } catch {
                // After a failed sync nobody knows what is on the disk, and asking again would lie. The next segment
                // says where this one ends; cutting it helps should there be no next one.
                try? file.truncate(to: end)
                self.file = nil
            }
        }
        try startSegment(records, after: revisionBefore, last: last)
        written += size
        if buffer.capacity > segmentSize { buffer = [] }
    }

    /// The records become the first frame of a new segment.
    private func startSegment(_ records: RecordWriter, after revision: UInt64, last: UInt64) throws(FileFailure) {
        let number = segment + 1
        let header = FileHeader(kind: .segment, first: number, second: UInt64(end), third: revision)
        buffer = header.bytes
        Frame.write(records, segment: number, revisionBefore: revision, lastRevision: last, into: &buffer)
        let path = directory.segmentPath(number)
        let (next, size) = try makeSegment(path, atLeast: buffer.count)
        do {
            try next.write(buffer, at: 0)
            try next.sync()
            try directory.sync()
        } catch {
            try? directory.layer.remove(path)
            throw error
        }
        (file, fileSize, segment, end) = (next, size, number, buffer.count)
    }

    /// A file full of zeros: the spare, else a smaller one made now, on a nearly full disk just large enough.
    private func makeSegment(_ path: String, atLeast needed: Int) throws(FileFailure) -> (WritableFile, Int) {
        let ready = spare.withLock { spare in
            defer { spare = (nil, 0) }
            return (file: spare.file, size: spare.size)
        }
        if let file = ready.file {
            if ready.size >= needed, (try? file.rename(to: path)) != nil {
                return (file, ready.size)
            }
            try? directory.layer.remove(directory.sparePath)
        }
        var failure: FileFailure?
        for size in [max(needed, min(segmentSize, 1 << 20)), needed] {
            do throws(FileFailure) {
                let file = try WritableFile(creating: path, layer: directory.layer)
                try file.fill(size)
                return (file, size)
            } catch {
                try? directory.layer.remove(path)
                guard error.isOutOfSpace else { throw error }
                failure = error
            }
        }
        throw failure ?? FileFailure(.create, path, code: 0)
    }

    /// True when there is no segment in reserve.
    var needsSpare: Bool { spare.withLock { $0.file == nil } }

    /// Makes the segment in reserve; for the background. Failing does no harm: the log makes its own when it must.
    func prepareSpare() throws(FileFailure) {
        guard needsSpare else { return }
        let unfinished = directory.unfinishedSparePath
        try directory.layer.remove(unfinished)
        do {
            let file = try WritableFile(creating: unfinished, layer: directory.layer)
            try file.fill(segmentSize)
            try file.rename(to: directory.sparePath)
            spare.withLock { $0 = (file, segmentSize) }
        } catch {
            try? directory.layer.remove(unfinished)
            throw error
        }
    }
}

/// Where the log goes on after a start.
struct LogPosition {
    /// Number of the last segment, 0 when there is none.
    var segment: UInt64 = 0
    /// End of the last valid frame in it.
    var end = 0
    /// The segment itself, when it may be continued.
    var file: WritableFile?
    var fileSize = 0
    /// Bytes of log that a start had to read.
    var written = 0
}
