import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Small file operations that say which file failed and why.
enum FileTools {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes a directory and those above it; `mode` holds for new ones.
    static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws {
        if mkdir(path, mode) == 0 {
            chmod(path, mode)  // regardless of the umask
            return
        }
        if errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw failure("cannot make the directory", path)
        }
        try makeDirectory(String(path[..<slash]), mode: 0o755)
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw failure("cannot make the directory", path) }
        chmod(path, mode)
    }

    static func read(_ path: String, limit: Int = 16 << 20) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while bytes.count < limit {
            let size = Glibc.read(descriptor, &chunk, chunk.count)
            if size < 0 && errno == EINTR { continue }
            guard size > 0 else { break }
            bytes += chunk[..<size]
        }
        return bytes
    }

    /// The first bytes of a file.
    static func start(_ path: String, _ count: Int) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        return Array(bytes[..<max(0, Glibc.read(descriptor, &bytes, count))])
    }

    static func text(_ path: String) -> String? { read(path).map { String(decoding: $0, as: UTF8.self) } }

    /// Writes a whole file so that readers see the old or the new one.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644, uid: UInt32? = nil, gid: UInt32? = nil)
        throws
    {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw failure("cannot write", path) }
        var done = 0
        while done < bytes.count {
            let size = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done)
            }
            if size < 0 {
                if errno == EINTR { continue }
                let problem = failure("cannot write", path)
                close(descriptor)
                unlink(temporary)
                throw problem
            }
            done += size
        }
        fchmod(descriptor, mode)
        if uid != nil || gid != nil { fchown(descriptor, uid ?? .max, gid ?? .max) }
        close(descriptor)
        guard rename(temporary, path) == 0 else { throw failure("cannot write", path) }
    }

    /// Writes a new file into a folder that nobody looks into yet, which needs no second name.
    static func create(_ bytes: [UInt8], at path: String, mode: mode_t = 0o644) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw failure("cannot write", path) }
        defer { close(descriptor) }
        fchmod(descriptor, mode)  // regardless of the umask
        var rest = bytes[...]
        while !rest.isEmpty {
            let size = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if size < 0 {
                if errno == EINTR { continue }
                throw failure("cannot write", path)
            }
            rest = rest.dropFirst(size)
        }
    }

    static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    /// Writes to a file of the kernel's, which is there and takes all at once.
    static func tell(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw failure("write", path) }
    }

    static func names(in directory: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
    }

    /// Removes a file or a directory with all in it; symlinks are removed, not followed.
    static func remove(_ path: String) {
        // Foundation leaves directories alone that their owner may not read; root may.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Sets owner, group and modes below a directory so that a group may use it, as fsGroup asks.
    static func giveToGroup(_ directory: String, _ gid: UInt32) {
        var info = stat()
        guard lstat(directory, &info) == 0 else { return }
        let isFolder = info.st_mode & S_IFMT == S_IFDIR
        guard info.st_mode & S_IFMT != S_IFLNK else { return }
        if info.st_gid != gid { lchown(directory, .max, gid) }
        var mode = info.st_mode & 0o7777 | (info.st_mode & 0o400 != 0 ? 0o660 : 0)
        if isFolder { mode |= 0o2770 }
        if mode != info.st_mode & 0o7777 { chmod(directory, mode) }
        guard isFolder else { return }
        for name in names(in: directory) { giveToGroup("\(directory)/\(name)", gid) }
    }

    static func failure(_ what: String, _ path: String) -> NodeError {
        let code = errno
        if code == ENOSPC { return NodeError("\(what) \(path): the disk is full") }
        return NodeError("\(what) \(path): \(String(cString: strerror(code)))")
    }
}

/// Times as Kubernetes writes them.
enum Timestamps {
    static func text(_ date: Date = Date()) -> String {
        date.formatted(.iso8601)
    }

    /// With microseconds, for Leases.
    static func precise(_ date: Date = Date()) -> String {
        var seconds = time_t(date.timeIntervalSince1970)
        let micros = Int((date.timeIntervalSince1970 - Double(seconds)) * 1e6)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return String(
            format: "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
            parts.tm_hour, parts.tm_min, parts.tm_sec, micros)
    }

    /// Reads RFC 3339 with or without a fraction.
    static func date(_ text: String) -> Date? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20 else { return nil }
        func number(_ from: Int, _ count: Int) -> Int? {
            Int(String(decoding: bytes[from..<from + count], as: UTF8.self))
        }
        guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
            let minute = number(14, 2), let second = number(17, 2)
        else { return nil }
        var parts = tm()
        parts.tm_year = Int32(year - 1900)
        parts.tm_mon = Int32(month - 1)
        parts.tm_mday = Int32(day)
        parts.tm_hour = Int32(hour)
        parts.tm_min = Int32(minute)
        parts.tm_sec = Int32(second)
        let whole = Double(timegm(&parts))
        var fraction = 0.0
        var at = 19
        if bytes[19] == UInt8(ascii: ".") {
            var scale = 0.1
            at = 20
            while at < bytes.count, (48...57).contains(bytes[at]) {
                fraction += Double(bytes[at] - 48) * scale
                scale /= 10
                at += 1
            }
        }
        var offset = 0.0
        if at + 5 < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-"),
            let hours = number(at + 1, 2), let minutes = number(at + 4, 2)
        {
            offset = Double(hours * 3600 + minutes * 60) * (bytes[at] == UInt8(ascii: "+") ? 1 : -1)
        }
        return Date(timeIntervalSince1970: whole + fraction - offset)
    }
}
