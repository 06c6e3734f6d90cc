import Dispatch
public import KubeModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// A file of lines that only its owner may read, written behind the answers by a queue of its own: what audit logs are.
///
/// A full file is put aside, and the oldest goes. When the disk cannot keep up, is full or cannot be written, lines are counted
/// instead of kept, and a line tells how many.
public final class AuditFile: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var lost = 0
        var isScheduled = false
        var file: Int32 = -1
        var size = 0
    }

    private static let waitingLimit = 8 << 20
    /// Lines of this long are written together: a thread that woke up for every line would cost more than the line.
    private static let gatheringTime = DispatchTimeInterval.milliseconds(20)
    private let path: String
    private let fileLimit: Int
    private let keptFiles: Int
    private let queue = DispatchQueue(label: "audit-log")
    private let state = Mutex(State())

    /// Writes to a file.
    ///
    /// - Parameters:
    ///   - path: the file; made with mode 0600 if need be.
    ///   - fileLimit: bytes after which the file is put aside, as `<path>.1`.
    ///   - keptFiles: how many files that were put aside are kept.
    public init(path: String, fileLimit: Int = 32 << 20, keptFiles: Int = 4) {
        (self.path, self.fileLimit, self.keptFiles) = (path, fileLimit, keptFiles)
    }

    /// Adds a line, soon.
    public func append(_ entry: JSON) { entry.withBytes { append($0) } }

    private func append(_ line: UnsafeRawBufferPointer) {
        let mustSchedule = state.withLock { state in
            guard state.waiting.count < Self.waitingLimit else {
                state.lost += 1
                return false
            }
            state.waiting.append(contentsOf: line)
            state.waiting.append(0x0A)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if mustSchedule { queue.asyncAfter(deadline: .now() + Self.gatheringTime) { self.flush() } }
    }

    /// Writes what waits. Called on the queue.
    private func flush() {
        let (bytes, lost) = state.withLock { state in
            defer { (state.waiting, state.lost, state.isScheduled) = ([], 0, false) }
            return (state.waiting, state.lost)
        }
        let missing = lost + write(bytes)
        guard missing > 0 else { return }
        let note: JSON = ["time": .string(Timestamp.now.text), "lost": .int(Int64(missing))]
        if write(note.bytes + [0x0A]) > 0 { state.withLock { $0.lost += missing } }
    }

    /// Writes lines; returns how many of them could not be written whole.
    private func write(_ lines: [UInt8]) -> Int {
        // Lines that came together may fill several files.
        var rest = lines[...]
        while !rest.isEmpty {
            let file = openFile()
            guard file >= 0 else { break }
            let room = max(1, fileLimit - state.withLock(\.size))
            let end = rest.dropFirst(room - 1).firstIndex(of: 0x0A).map { $0 + 1 } ?? rest.endIndex
            let count = Self.write(rest[..<end], to: file)
            rest = rest.dropFirst(count)
            guard rest.startIndex == end else {
                closeFile()  // the next one who opens it ends the line that was cut
                break
            }
            let isFull = state.withLock { state in
                state.size += count
                return state.size >= fileLimit
            }
            if isFull { rotate() }
        }
        return rest.count { $0 == 0x0A }
    }

    /// Writes as much as is possible; returns how many bytes that are.
    private static func write(_ bytes: ArraySlice<UInt8>, to file: Int32) -> Int {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                break
            }
            rest = rest.dropFirst(count)
        }
        return bytes.count - rest.count
    }

    private func openFile() -> Int32 {
        let known = state.withLock(\.file)
        if known >= 0 { return known }
        let file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return file }
        var size = Int(lseek(file, 0, SEEK_END))
        // A line that a full disk or a crash cut must not spoil the next one.
        var last: UInt8 = 0
        if size > 0, pread(file, &last, 1, off_t(size - 1)) == 1, last != 0x0A {
            guard Self.write([0x0A], to: file) == 1 else {
                close(file)
                return -1
            }
            size += 1
        }
        state.withLock { ($0.file, $0.size) = (file, size) }
        return file
    }

    private func closeFile() {
        let file = state.withLock { state in
            defer { state.file = -1 }
            return state.file
        }
        if file >= 0 { close(file) }
    }

    private func rotate() {
        closeFile()
        unlink("\(path).\(keptFiles)")
        for number in stride(from: keptFiles - 1, through: 1, by: -1) {
            rename("\(path).\(number)", "\(path).\(number + 1)")
        }
        rename(path, "\(path).1")
    }

    /// Writes what waits and closes the file.
    public func finish() {
        queue.sync {
            flush()
            closeFile()
        }
    }
}
