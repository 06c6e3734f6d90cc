import CNode
import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// The files of a configMap, secret, downwardAPI or projected volume.
struct VolumePayload: Sendable, Equatable {
    struct File: Sendable, Equatable {
        var path: String
        var bytes: [UInt8]
        var mode: UInt32
        /// Whose it is; nil: root's.
        var owner: UInt32?
    }

    var files: [File] = []

    /// Adds the keys of a ConfigMap or Secret: all, or those that `items` chooses.
    mutating func add(
        _ data: [String: [UInt8]], items: [JSON]?, mode: UInt32, isOptional: Bool, source: String
    ) throws {
        guard let items else {
            for key in data.keys.sorted() { try add(path: key, data[key] ?? [], mode: mode) }
            return
        }
        for item in items {
            guard let key = item["key"]?.string, let path = item["path"]?.string else { continue }
            guard let bytes = data[key] else {
                if isOptional { continue }
                throw NodeError("\(source) has no key \"\(key)\"")
            }
            try add(path: path, bytes, mode: item["mode"]?.int.map { UInt32($0) } ?? mode)
        }
    }

    /// Adds one file.
    ///
    /// - Throws: ``NodeError`` when the path would leave the volume.
    mutating func add(path: String, _ bytes: [UInt8], mode: UInt32, owner: UInt32? = nil) throws {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.isEmpty, !parts.contains(where: { $0.isEmpty || $0 == ".." || $0 == "." }), !path.hasPrefix("..")
        else {
            throw NodeError("\"\(path)\" is not a path inside of a volume")
        }
        files.removeAll { $0.path == path }
        files.append(File(path: path, bytes: bytes, mode: mode, owner: owner))
    }

    /// Writes the files so that readers see all of the old or all of the new ones: a folder with a name of its own,
    /// and a link `..data` to it that is replaced in one step. Owners that ``UserShift/ready(_:base:)`` gave stay.
    func write(to directory: String, group: UInt32?) throws {
        let link = "\(directory)/..data"
        let name = "..\(Timestamps.precise().filter { $0.isNumber })"
        let folder = "\(directory)/\(name)"
        try FileTools.makeDirectory(folder)
        if let group { chown(folder, .max, group) }
        for file in files {
            let path = "\(folder)/\(file.path)"
            if let slash = path.lastIndex(of: "/") { try FileTools.makeDirectory(String(path[..<slash])) }
            let mode = group == nil ? file.mode : file.mode | 0o440
            try FileTools.write(file.bytes, to: path, mode: mode_t(mode), uid: file.owner, gid: group)
        }
        var info = stat()
        if stat(link, &info) == 0, info.st_uid >= UserShift.count {
            try UserShift.check(node_shift_owners(folder, info.st_uid))
        }
        let old = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        unlink("\(directory)/..data_new")
        guard symlink(name, "\(directory)/..data_new") == 0, rename("\(directory)/..data_new", link) == 0 else {
            throw FileTools.failure("cannot publish", link)
        }
        let tops = Set(files.compactMap { $0.path.split(separator: "/").first.map(String.init) })
        for top in tops where !isLink("\(directory)/\(top)") {
            guard symlink("..data/\(top)", "\(directory)/\(top)") == 0 else {
                throw FileTools.failure("cannot publish", "\(directory)/\(top)")
            }
        }
        for entry in FileTools.names(in: directory) where !entry.hasPrefix("..") && !tops.contains(entry) {
            unlink("\(directory)/\(entry)")
        }
        if let old, old != name, old.hasPrefix("..") { FileTools.remove("\(directory)/\(old)") }
    }

    private func isLink(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFLNK
    }
}

/// Finds what a subPath names, without leaving the volume.
enum SubPath {
    /// Checks the words of a subPath.
    static func isSafe(_ path: String) -> Bool {
        !path.hasPrefix("/") && !path.split(separator: "/").contains("..")
    }
}
