import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// What a hostPath volume wants to find at its path, or to have made there.
enum HostPathType {
    private static let kinds: [String: (bits: mode_t, name: String)] = [
        "Directory": (S_IFDIR, "directory"), "File": (S_IFREG, "file"), "Socket": (S_IFSOCK, "socket file"),
        "CharDevice": (S_IFCHR, "character device"), "BlockDevice": (S_IFBLK, "block device"),
    ]

    /// Makes what may be made, and checks what is there; links are followed.
    ///
    /// - Parameters:
    ///   - type: the volume's `type`; empty for anything that exists.
    ///   - path: the path on this machine.
    /// - Throws: ``NodeError`` in a kubelet's words where something else is there, or nothing.
    static func check(_ type: String, _ path: String) throws {
        var info = stat()
        let isMissing = stat(path, &info) != 0
        if isMissing, type == "DirectoryOrCreate" { try FileTools.makeDirectory(path) }
        if isMissing, type == "FileOrCreate" { try FileTools.create([], at: path) }
        guard let kind = kinds[type.replacingOccurrences(of: "OrCreate", with: "")] else {
            guard !isMissing else { throw NodeError("hostPath \(path) does not exist") }
            return
        }
        guard stat(path, &info) == 0, info.st_mode & S_IFMT == kind.bits else {
            throw NodeError("hostPath type check failed: \(path) is not a \(kind.name)")
        }
    }
}
