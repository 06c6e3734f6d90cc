import Foundation

/// Whose the parts of a data directory are when root starts the platform.
///
/// The folder itself is root's, with a group of its own that may add files and, as the folder is sticky, change no others:
/// so a platform that was broken into cannot put a link where the node agent, which is root, writes. What the node agent
/// keeps is root's, all else the platform's.
extension DataDirectory {
    /// Folders of the node agent, with their modes.
    private static let agentFolders: [(name: String, mode: mode_t)] = [
        ("pods", 0o700), ("volumes", 0o700), ("run", 0o711), ("run/crun", 0o700), ("seccomp", 0o755),
        ("environments", 0o755), ("uv-cache", 0o755), ("images", 0o700),
    ]

    /// Gives all files to those who use them, in a directory of any age and owner.
    ///
    /// - Throws: ``Complaint`` when something is in the way.
    func give(to user: PlatformUser) throws {
        // First nobody but root may change names here.
        try set(path, user: 0, group: PlatformUser.directoryGroup, mode: 0o1771)
        try set(logs, user: 0, group: PlatformUser.directoryGroup, mode: 0o1771)
        for folder in Self.agentFolders {
            let place = "\(path)/\(folder.name)"
            if mkdir(place, folder.mode) != 0, errno != EEXIST {
                throw Complaint("\(place) cannot be made: \(String(cString: strerror(errno)))")
            }
            try set(place, user: 0, group: 0, mode: folder.mode)
        }
        let theirs = Set(Self.agentFolders.map(\.name) + ["logs"])
        for name in try names(in: path) where !theirs.contains(name) { try giveAll("\(path)/\(name)", to: user) }
        for name in try names(in: logs) where !name.hasPrefix("node-agent.log") {
            try giveAll("\(logs)/\(name)", to: user)
        }
    }

    /// Opens the node agent's log, which the platform may read.
    func openAgentLog(readableTo group: UInt32) throws -> Int32 {
        let file = "\(logs)/node-agent.log"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o640)
        var info = stat()
        guard descriptor >= 0, fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_nlink == 1,
            fchown(descriptor, 0, group) == 0, fchmod(descriptor, 0o640) == 0
        else {
            throw Complaint("\(file) cannot be written: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    private func names(in folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw Complaint("\(folder) cannot be read: \(Complaint.reason(error))")
        }
    }

    /// Sets owner and mode of what must be a folder, not a link to one.
    private func set(_ folder: String, user: UInt32, group: UInt32, mode: mode_t) throws {
        // The way to the directory itself is the choice of who starts the platform.
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (folder == path ? 0 : O_NOFOLLOW))
        guard descriptor >= 0 else {
            throw Complaint("\(folder) must be a folder: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        guard fchown(descriptor, user, group) == 0, fchmod(descriptor, mode) == 0 else {
            throw Complaint("the owner of \(folder) cannot be changed: \(String(cString: strerror(errno)))")
        }
    }

    /// Changes the owner of everything from `place` down, through descriptors, so that no link leads out.
    private func giveAll(_ place: String, to user: PlatformUser) throws {
        let descriptor = open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ELOOP || errno == ENXIO || errno == ENOENT { return }  // a link or a socket
            throw Complaint("\(place) cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { return }
        let isFolder = info.st_mode & S_IFMT == S_IFDIR
        guard isFolder || info.st_mode & S_IFMT == S_IFREG else { return }
        // A second name of a file may be a file of somebody else.
        if info.st_uid != user.user || info.st_gid != user.group, isFolder || info.st_nlink == 1 {
            guard fchown(descriptor, user.user, user.group) == 0 else {
                throw Complaint(
                    "the owner of \(place) cannot be changed: \(String(cString: strerror(errno))). Give it to yourself with "
                        + "`sudo chown`, or choose another --data-dir")
            }
        }
        guard isFolder else { return }
        let opened = "/proc/self/fd/\(descriptor)"
        for name in try names(in: opened) { try giveAll("\(opened)/\(name)", to: user) }
    }

    /// For commands of root that write what the platform reads: becomes the user whose files these are, for good.
    func actAsOwner() throws {
        guard geteuid() == 0, let owner = PlatformUser.owner(of: self) else { return }
        try Powers.giveUp(for: owner, keeping: [Powers.Place(path: path)])
    }
}
