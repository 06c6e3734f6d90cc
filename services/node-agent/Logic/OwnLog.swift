import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Keeps the agent's own log bounded where standard error is a file: what is over the limit moves to `FILE.1`.
///
/// The file is emptied in place, because who started the agent holds it open; it is written at its end only (`O_APPEND`).
struct OwnLog: Sendable {
    /// Bytes of the file at which it is moved.
    static let limit: off_t = 8 << 20
    var descriptor: Int32 = STDERR_FILENO

    /// Looks once a minute until cancelled.
    func run() async {
        while (try? await Task.sleep(for: .seconds(60))) != nil { rotate() }
    }

    /// Moves the log if it has grown too long; true when it did.
    @discardableResult
    func rotate(over limit: off_t = OwnLog.limit) -> Bool {
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_size > limit,
            fcntl(descriptor, F_GETFL) & O_APPEND != 0,
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)"),
            let bytes = FileTools.read(path, limit: Int(info.st_size)),
            (try? FileTools.write(bytes, to: path + ".1", mode: info.st_mode & 0o777)) != nil
        else { return false }
        return ftruncate(descriptor, 0) == 0
    }
}
