import Glibc

/// The folder of a store: its names, its lock.
///
///     lock                          held with flock by the process that has the store open; holds its pid
///     log-<number>                  segments of the log, without a gap in their numbers
///     snapshot-<revision>           everything at one revision
///     spare                         the next segment, already filled with zeros
///     damaged-<number>/             what a repair moved aside
struct StoreDirectory: Sendable {
    let path: String
    let layer: FileLayer

    /// Segments and snapshots by number, in order.
    struct Listing {
        var segments: [UInt64] = []
        var snapshots: [UInt64] = []
        /// Folders of earlier repairs.
        var damaged: [UInt64] = []
        /// What an interrupted run left unfinished.
        var leftovers: [String] = []
    }

    var lockPath: String { "\(path)/lock" }
    var sparePath: String { "\(path)/spare" }
    var unfinishedSparePath: String { "\(path)/spare.new" }
    var unfinishedSnapshotPath: String { "\(path)/snapshot.new" }
    func segmentPath(_ number: UInt64) -> String { "\(path)/log-\(Self.padded(number))" }
    func snapshotPath(_ revision: UInt64) -> String { "\(path)/snapshot-\(Self.padded(revision))" }
    func damagedPath(_ number: UInt64) -> String { "\(path)/damaged-\(number)" }

    /// Makes the folder and those above it, for its owner only.
    func make() throws(FileFailure) {
        var prefix = ""
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        for (position, part) in parts.enumerated() {
            let parent = prefix.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : prefix
            prefix += (position == 0 && !path.hasPrefix("/")) ? String(part) : "/\(part)"
            if mkdir(prefix, 0o700) == 0 {
                try layer.syncDirectory(parent)
                continue
            }
            if errno == EEXIST { continue }
            // A folder above may exist and be closed to us; only the last one has to be made.
            if position == parts.count - 1 { throw FileFailure(.makeDirectory, path) }
        }
    }

    func list() throws(FileFailure) -> Listing {
        guard let folder = opendir(path) else { throw FileFailure(.read, path) }
        defer { closedir(folder) }
        var listing = Listing()
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let number = Self.number(name, "log-") {
                listing.segments.append(number)
            } else if let number = Self.number(name, "snapshot-") {
                listing.snapshots.append(number)
            } else if let number = Self.number(name, "damaged-") {
                listing.damaged.append(number)
            } else if name.hasSuffix(".new") || name == "spare" {
                listing.leftovers.append("\(path)/\(name)")
            }
        }
        listing.segments.sort()
        listing.snapshots.sort()
        return listing
    }

    /// Writes a little and takes it away again: whether the disk takes anything.
    func probe() throws(FileFailure) {
        let path = "\(path)/probe.new"
        try layer.remove(path)
        do {
            let file = try WritableFile(creating: path, layer: layer)
            try file.fill(4096)
            try file.sync()
        } catch {
            try? layer.remove(path)
            throw error
        }
        try layer.remove(path)
    }

    func sync() throws(FileFailure) { try layer.syncDirectory(path) }

    private static func padded(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits
    }

    private static func number(_ name: String, _ prefix: String) -> UInt64? {
        name.hasPrefix(prefix) ? UInt64(name.dropFirst(prefix.utf8.count)) : nil
    }
}

/// Keeps other processes out of a store until it goes away.
final class StoreLock: Sendable {
    private let descriptor: Int32

    init(_ directory: StoreDirectory) throws(StoreError) {
        let path = directory.lockPath
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError(FileFailure(.open, path)) }
        // A child made between open and exec does not keep the lock: the descriptor closes on exec.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            guard code == EWOULDBLOCK else { throw StoreError(FileFailure(.lock, path, code: code)) }
            var text = [UInt8](repeating: 0, count: 32)
            let count = pread(descriptor, &text, text.count, 0)
            let owner = String(decoding: text.prefix(max(0, count)), as: UTF8.self).filter(\.isNumber)
            throw .locked("\(directory.path) is in use by process \(owner.isEmpty ? "unknown" : owner)")
        }
        let pid = Array("\(getpid())\n".utf8)
        // The pid only helps people to find the owner: where it cannot be written, the lock holds all the same.
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, pid, pid.count, 0) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
