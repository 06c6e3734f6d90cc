import Foundation
import KubeModel

/// The folder that a backup is restored into. Until all of it is there, it says so, and nothing starts in it.
struct RestoreTarget {
    private let directory: DataDirectory

    init(_ directory: DataDirectory) { self.directory = directory }

    private var mark: String { "\(directory.path)/\(DataDirectory.unfinishedRestore)" }

    func begin() throws {
        do {
            try FileManager.default.createDirectory(
                atPath: directory.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
        } catch {
            throw Complaint("the data directory \(directory.path) cannot be made: \(Complaint.reason(error))")
        }
        try directory.write([], to: mark)
        try FileTree.sync(directory.path)
    }

    /// Writes all files; the objects are not among them.
    func write(_ reader: BackupReader) throws {
        var open: FileHandle?
        var current: BackupEntry?
        var isSkipped = false
        // What folders look like is set last: a folder without write permission would refuse its own files.
        var folders: [BackupEntry] = []
        while let part = try reader.next() {
            switch part {
            case .data(let data):
                guard !isSkipped else { continue }
                guard let open else { throw Complaint("the backup has data that belong to no file") }
                try writing(directory.path) { try open.write(contentsOf: data) }
            case .entry(let entry):
                try finish(open, current)
                (open, current, isSkipped) = (nil, nil, entry.path == BackupFormat.storeEntry)
                if isSkipped { continue }
                try checkParents(of: entry, in: folders)
                (open, current) = (try make(entry), entry)
                if entry.kind == .directory { folders.append(entry) }
            }
        }
        try finish(open, current)
        for folder in folders.reversed() {
            try FileTree.sync("\(directory.path)/\(folder.path)")
            try setAttributes(of: folder)
        }
    }

    /// The content of a file is complete.
    private func finish(_ file: FileHandle?, _ entry: BackupEntry?) throws {
        guard let file, let entry else { return }
        try setAttributes(of: entry)
        try writing(directory.path) { try file.synchronize() }
    }

    /// Everything is there: the mark goes.
    func finish() throws {
        try FileTree.sync(directory.path)
        guard unlink(mark) == 0 else { throw failure(mark) }
        try FileTree.sync(directory.path)
    }

    /// Every folder above an entry was made before, here: nothing is written through a link.
    private func checkParents(of entry: BackupEntry, in folders: [BackupEntry]) throws {
        let parent = (entry.path as NSString).deletingLastPathComponent
        guard parent.isEmpty || folders.contains(where: { $0.path == parent }) else {
            throw Complaint("the backup has \(entry.path) without the folder it lies in")
        }
    }

    private func make(_ entry: BackupEntry) throws -> FileHandle? {
        let path = "\(directory.path)/\(entry.path)"
        switch entry.kind {
        case .directory:
            guard mkdir(path, 0o700) == 0 else { throw failure(path) }
            return nil
        case .link:
            guard symlink(entry.target, path) == 0 else { throw failure(path) }
            guard geteuid() != 0 || lchown(path, entry.user, entry.group) == 0 else { throw failure(path) }
            return nil
        case .file:
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw failure(path) }
            return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        }
    }

    private func setAttributes(of entry: BackupEntry) throws {
        let path = "\(directory.path)/\(entry.path)"
        // Only root may give files away; everyone else restores what is then their own.
        if geteuid() == 0, chown(path, entry.user, entry.group) != 0 { throw failure(path) }
        guard chmod(path, entry.mode) == 0 else { throw failure(path) }
        var times = [timespec(), timespec()]
        for position in times.indices { times[position].tv_sec = Int(entry.modified) }
        guard utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0 else { throw failure(path) }
    }

    private func failure(_ path: String) -> Complaint {
        Complaint("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }

    private func writing(_ path: String, _ body: () throws -> Void) throws {
        do { try body() } catch { throw Complaint("\(path) cannot be written: \(Complaint.reason(error))") }
    }
}
