import CNode
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Writes the members of a layer below a root, which no name and no link leaves.
///
/// Blocks; used on a thread of its own.
struct LayerUnpacker {
    private let root: Int32
    /// Where the files of this layer alone lie, when `root` shows those of the layers below, too.
    private let upper: String?
    private let limits: ImageLimits
    /// Bytes of the files of the layers below.
    private let below: Int64
    private var parent: (path: String, descriptor: Int32)?
    /// Bytes of files written so far.
    private(set) var bytes: Int64 = 0
    private var entries = 0
    private var unchecked: Int64 = 0
    private var buffer = [UInt8](repeating: 0, count: 128 << 10)

    init(root: Int32, upper: String?, limits: ImageLimits, below: Int64 = 0) {
        (self.root, self.upper, self.limits, self.below) = (root, upper, limits, below)
    }

    /// Writes all members.
    ///
    /// - Throws: ``ImageError`` when the layer is broken, leaves its root or is too large, and when the disk is full;
    ///   what the reader's source throws.
    mutating func unpack(_ reader: inout TarReader) throws {
        defer { forgetParent() }
        while let member = try reader.next() {
            entries += 1
            guard entries <= limits.entries else {
                throw ImageError("a layer has more than \(limits.entries) files")
            }
            let parts = member.name.split(separator: "/").filter { $0 != "." }
            guard !parts.contains(".."), !member.name.utf8.contains(0) else {
                throw ImageError("a layer has a member whose name leaves the image: \(member.name)")
            }
            guard let name = parts.last.map(String.init) else {
                if member.kind == .folder { try setFacts(of: root, member, "") }
                continue
            }
            let folder = parts.dropLast().joined(separator: "/")
            guard name.utf8.count <= 255 else { throw ImageError("a layer has a name that is too long: \(name)") }
            if name.hasPrefix(".wh.") {
                try whiteOut(String(name.dropFirst(4)), in: folder)
            } else {
                try write(member, name, in: try open(folder), &reader)
            }
        }
    }

    // MARK: - Members

    private mutating func write(_ member: TarReader.Member, _ name: String, in folder: Int32, _ reader: inout TarReader)
        throws
    {
        var old = stat()
        if fstatat(folder, name, &old, AT_SYMLINK_NOFOLLOW) == 0 {
            let staysFolder = old.st_mode & S_IFMT == S_IFDIR && member.kind == .folder
            if !staysFolder { try remove(name, in: folder) }
        }
        switch member.kind {
        case .file:
            let file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard file >= 0 else { throw failure(member.name) }
            defer { close(file) }
            try copy(from: &reader, to: file, member.name)
            try setFacts(of: file, member, name)
            try setAttributes(member, name, folder)
            var times = [Self.time(member), Self.time(member)]
            futimens(file, &times)
        case .folder:
            guard mkdirat(folder, name, 0o700) == 0 || errno == EEXIST else { throw failure(member.name) }
            let made = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard made >= 0 else { throw failure(member.name) }
            defer { close(made) }
            try setFacts(of: made, member, name)
            try setAttributes(member, name, folder)
        case .symbolicLink:
            guard symlinkat(member.target, folder, name) == 0 else { throw failure(member.name) }
            guard
                fchownat(
                    folder, name, Self.owner(member.uid), Self.owner(member.gid), AT_SYMLINK_NOFOLLOW) == 0
            else {
                throw failure(member.name)
            }
            var times = [Self.time(member), Self.time(member)]
            utimensat(folder, name, &times, AT_SYMLINK_NOFOLLOW)
        case .hardLink:
            let parts = member.target.split(separator: "/").filter { $0 != "." }
            guard let last = parts.last, !parts.contains("..") else {
                throw ImageError("a layer has a link that leaves the image: \(member.name) -> \(member.target)")
            }
            let other = node_open_in_root(root, parts.dropLast().joined(separator: "/").orDot, O_RDONLY | O_DIRECTORY)
            guard other >= 0 else { throw failure(member.name, -other) }
            defer { close(other) }
            guard linkat(other, String(last), folder, name, 0) == 0 else { throw failure(member.name) }
        case .pipe:
            guard mknodat(folder, name, S_IFIFO | 0o600, 0) == 0,
                fchownat(folder, name, Self.owner(member.uid), Self.owner(member.gid), AT_SYMLINK_NOFOLLOW) == 0,
                fchmodat(folder, name, member.mode, 0) == 0
            else { throw failure(member.name) }
        case .device: break  // containers have devices of their own
        }
    }

    private mutating func copy(from reader: inout TarReader, to file: Int32, _ name: String) throws {
        while true {
            let size = try buffer.withUnsafeMutableBytes { try reader.read(into: $0) }
            if size == 0 { return }
            bytes += Int64(size)
            guard below + bytes <= limits.unpacked else {
                throw ImageError("the files of the image are larger than \(limits.unpacked) bytes")
            }
            unchecked += Int64(size)
            if unchecked >= 16 << 20 {
                unchecked = 0
                var free: UInt64 = 0
                var total: UInt64 = 0
                if node_statfs("/proc/self/fd/\(file)", &total, &free) == 0, free < limits.reserve {
                    throw ImageError("the disk is full")
                }
            }
            var done = 0
            while done < size {
                let count = buffer.withUnsafeBytes {
                    Glibc.write(file, $0.baseAddress?.advanced(by: done), size - done)
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw failure(name) }
                done += count
            }
        }
    }

    /// Owner, then mode, because a change of the owner takes setuid away.
    private func setFacts(of file: Int32, _ member: TarReader.Member, _ name: String) throws {
        guard fchown(file, Self.owner(member.uid), Self.owner(member.gid)) == 0, fchmod(file, member.mode) == 0 else {
            throw failure(member.name)
        }
    }

    /// Of attributes only those that mean something to programs; overlays have their own in other name spaces.
    private func setAttributes(_ member: TarReader.Member, _ name: String, _ folder: Int32) throws {
        for (key, value) in member.attributes
        where key == "security.capability" || (key.hasPrefix("user.") && !key.hasPrefix("user.overlay.")) {
            let result = value.withUnsafeBytes { node_set_attribute(folder, name, key, $0.baseAddress, $0.count) }
            // Not every file system has them, and images work without mostly, as with container engines.
            guard result == 0 || result == -ENOTSUP else { throw failure(member.name, -result) }
        }
    }

    // MARK: - Whiteouts

    /// `.wh.NAME` hides NAME of the layers below; `.wh..wh..opq` all that they have in the folder.
    private mutating func whiteOut(_ name: String, in path: String) throws {
        let folder = try open(path)
        if name == ".wh..opq" {
            if let upper { try clear(folder, upper: path.isEmpty ? upper : "\(upper)/\(path)") }
            return
        }
        // Others with this prefix are notes of a storage driver.
        guard !name.hasPrefix(".wh."), !name.isEmpty, name != "." else { return }
        guard name != ".." else { throw ImageError("a layer hides what is outside of the image") }
        try remove(name, in: folder)
    }

    /// Removes what is not of this layer.
    private func clear(_ folder: Int32, upper: String) throws {
        for name in FileTools.names(in: "/proc/self/fd/\(folder)") {
            var info = stat()
            guard lstat("\(upper)/\(name)", &info) == 0 else {
                try remove(name, in: folder)
                continue
            }
            guard info.st_mode & S_IFMT == S_IFDIR else { continue }
            let inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard inner >= 0 else { continue }
            defer { close(inner) }
            try clear(inner, upper: "\(upper)/\(name)")
        }
    }

    private func remove(_ name: String, in folder: Int32) throws {
        var info = stat()
        guard fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        if info.st_mode & S_IFMT == S_IFDIR {
            FileTools.remove("/proc/self/fd/\(folder)/\(name)")
        } else if unlinkat(folder, name, 0) != 0 {
            throw failure(name)
        }
    }

    // MARK: - Folders

    /// The folder at a path, made when missing.
    private mutating func open(_ path: String) throws -> Int32 {
        if let parent, parent.path == path { return parent.descriptor }
        forgetParent()
        var descriptor = node_open_in_root(root, path.orDot, O_RDONLY | O_DIRECTORY)
        if descriptor == -ENOENT {
            try make(path, links: 0)
            descriptor = node_open_in_root(root, path.orDot, O_RDONLY | O_DIRECTORY)
        }
        guard descriptor >= 0 else { throw failure(path, -descriptor) }
        parent = (path, descriptor)
        return descriptor
    }

    /// Makes a folder and those above it. Where a link leads to nothing, that is made, inside of the root.
    private func make(_ path: String, links: Int) throws {
        guard links < 40 else { throw failure(path, ELOOP) }
        var folder = dup(root)
        defer { close(folder) }
        var done = ""
        for part in path.split(separator: "/") {
            done += done.isEmpty ? String(part) : "/\(part)"
            var next = node_open_in_root(root, done, O_RDONLY | O_DIRECTORY)
            if next == -ENOENT {
                var target = [CChar](repeating: 0, count: 4096)
                if mkdirat(folder, String(part), 0o755) == 0 {
                    fchmodat(folder, String(part), 0o755, 0)  // regardless of the umask
                } else if errno == EEXIST, case let size = readlinkat(folder, String(part), &target, target.count),
                    size > 0
                {
                    let text = String(decoding: target[..<size].map { UInt8(bitPattern: $0) }, as: UTF8.self)
                    try make(Self.target(of: done, text), links: links + 1)
                } else {
                    throw failure(done)
                }
                next = node_open_in_root(root, done, O_RDONLY | O_DIRECTORY)
            }
            guard next >= 0 else { throw failure(done, -next) }
            close(folder)
            folder = next
        }
    }

    /// Where a link leads, as a path below the root.
    static func target(of link: String, _ text: String) -> String {
        let start = text.hasPrefix("/") ? [] : link.split(separator: "/").dropLast()
        var parts: [Substring] = []
        for part in start + text.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }

    private mutating func forgetParent() {
        if let parent { close(parent.descriptor) }
        parent = nil
    }

    /// The owner on disk. In an ordinary user's namespace there are no numbers beyond those of containers; such files are
    /// nobody's there, as for any container.
    private static func owner(_ number: UInt32) -> UInt32 {
        UserNamespace.isOfMachine || number < UserShift.count ? number : 65534
    }

    private static func time(_ member: TarReader.Member) -> timespec {
        timespec(tv_sec: member.changed.seconds, tv_nsec: member.changed.nanoseconds)
    }

    private func failure(_ name: String, _ code: Int32 = errno) -> ImageError {
        if code == ENOSPC || code == EDQUOT { return ImageError("the disk is full") }
        return ImageError("a layer's member cannot be written: \(name): \(String(cString: strerror(code)))")
    }
}

extension String {
    fileprivate var orDot: String { isEmpty ? "." : self }
}
