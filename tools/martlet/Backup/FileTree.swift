import Foundation

/// Files as a backup takes them: with owner, permissions and links, and never across another file system.
enum FileTree {
    /// Counts of what was taken, and of what could not be.
    struct Count {
        var files = 0
        var bytes = 0
        /// Sockets, devices and the like, which only mean something to running processes.
        var skipped = 0
    }

    /// Adds everything below a folder, sorted by name, the folder itself first.
    static func add(_ name: String, in root: String, to writer: BackupWriter, _ count: inout Count) throws {
        var status = stat()
        guard lstat("\(root)/\(name)", &status) == 0 else { return }
        try add(name, in: root, device: status.st_dev, to: writer, &count)
    }

    private static func add(
        _ name: String, in root: String, device: dev_t, to writer: BackupWriter, _ count: inout Count
    ) throws {
        let path = "\(root)/\(name)"
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }  // removed meanwhile
            throw Complaint("\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        guard status.st_dev == device else {
            count.skipped += 1
            return
        }
        func entry(_ kind: BackupEntry.Kind, target: String = "") -> BackupEntry {
            BackupEntry(
                path: name, kind: kind, mode: status.st_mode & 0o7777, user: status.st_uid, group: status.st_gid,
                modified: Int64(status.st_mtim.tv_sec), target: target)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            try writer.add(entry(.directory))
            for child in try FileManager.default.contentsOfDirectory(atPath: path).sorted() {
                try add("\(name)/\(child)", in: root, device: device, to: writer, &count)
            }
        case S_IFREG:
            try writer.add(entry(.file))
            count.bytes += try addContent(path, to: writer)
            count.files += 1
        case S_IFLNK:
            try writer.add(
                entry(.link, target: try FileManager.default.destinationOfSymbolicLink(atPath: path)))
            count.files += 1
        default: count.skipped += 1
        }
    }

    private static func addContent(_ path: String, to writer: BackupWriter) throws -> Int {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Complaint("\(path) cannot be read: \(String(cString: strerror(errno)))") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var size = 0
        while let piece = try handle.read(upToCount: BackupFormat.blockSize), !piece.isEmpty {
            try writer.add(.data, piece)
            size += piece.count
        }
        return size
    }

    /// Makes a folder's entries durable.
    static func sync(_ folder: String) throws {
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Complaint("\(folder) cannot be read: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw Complaint("\(folder) cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}
