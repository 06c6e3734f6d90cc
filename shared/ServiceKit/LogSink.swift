internal import Foundation
internal import Synchronization

/// Where log lines go: standard error, or a file that is set aside when it has grown.
public final class LogSink: Sendable {
    private struct State {
        var descriptor: Int32
        var written: Int
    }

    private let path: String?
    private let limit: Int
    private let state: Mutex<State>

    /// Standard error.
    public static let standardError = LogSink()

    private init() {
        (path, limit) = (nil, .max)
        state = Mutex(State(descriptor: STDERR_FILENO, written: 0))
    }

    /// Appends to the file at `path`; past `limit` bytes the file becomes `<path>.1` and a new one begins.
    public init(path: String, limit: Int = 16 << 20) throws {
        self.path = path
        self.limit = limit
        state = Mutex(try Self.open(path))
    }

    /// Writes one line.
    public func write(_ line: String) {
        var line = line
        state.withLock { state in
            if let path, state.written > limit {
                rename(path, path + ".1")
                if let fresh = try? Self.open(path) {
                    close(state.descriptor)
                    state = fresh
                }
            }
            line.withUTF8 { bytes in
                // A log line that cannot be written has nowhere to be reported.
                _ = Foundation.write(state.descriptor, bytes.baseAddress, bytes.count)
                state.written += bytes.count
            }
        }
    }

    private static func open(_ path: String) throws -> State {
        let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path]) }
        return State(descriptor: descriptor, written: Int(lseek(descriptor, 0, SEEK_END)))
    }
}

/// The present moment for log lines: RFC 3339 in UTC with milliseconds.
enum LogTime {
    static func now() -> String {
        var moment = timespec()
        clock_gettime(CLOCK_REALTIME, &moment)
        var seconds = moment.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ value: Int32, _ width: Int = 2) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        let time = "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))"
        return "\(date)T\(time).\(padded(Int32(moment.tv_nsec / 1_000_000), 3))Z"
    }
}
