import Foundation
import Identity

/// A folder of small secret files: mode 0700, files 0600, each written whole or not at all.
struct PrivateFolder: Sendable {
    let path: String

    init(_ path: String) throws {
        self.path = path
        let isNew = access(path, F_OK) != 0
        defer { if isNew { Self.handOver(path, like: (path as NSString).deletingLastPathComponent) } }
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// The contents of a file, nil when it does not exist.
    func read(_ name: String) throws -> [UInt8]? {
        let file = path + "/" + name
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
    }

    /// Writes a file and makes it durable before it appears under its name.
    func write(_ name: String, _ bytes: [UInt8]) throws {
        let temporary = path + "/.\(name)." + Base64URL.encode(Secrets.random(6))
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(temporary) }
        Self.handOver(temporary, like: path)
        let isWritten = bytes.withUnsafeBytes { buffer in
            Glibc.write(descriptor, buffer.baseAddress, buffer.count) == buffer.count && fsync(descriptor) == 0
        }
        close(descriptor)
        guard isWritten, rename(temporary, path + "/" + name) == 0 else {
            let error = Self.failure(temporary)
            unlink(temporary)
            throw error
        }
    }

    /// Writes a file anew, unless it was removed meanwhile, by whichever process; false then.
    func replace(_ name: String, _ bytes: [UInt8]) throws -> Bool { try change(name) { _ in bytes } }

    /// Makes a file's contents of those that it has; nobody else changes or removes it in between. False when there is none,
    /// or nothing is to be written.
    func change(_ name: String, _ body: ([UInt8]) throws -> [UInt8]?) throws -> Bool {
        try locked {
            guard let old = try read(name), let new = try body(old) else { return false }
            try write(name, new)
            return true
        }
    }

    /// Removes a file; true for the one caller that did.
    func remove(_ name: String) -> Bool { locked { unlink(path + "/" + name) == 0 } }

    /// True when there is such a file.
    func contains(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }

    /// The names of the files.
    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }
    }

    /// Nobody else removes or replaces meanwhile.
    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
        return try body()
    }

    /// What root makes belongs to whom the folder belongs to: the gateway, which need not be root.
    private static func handOver(_ path: String, like folder: String) {
        var information = stat()
        guard geteuid() == 0, stat(folder, &information) == 0 else { return }
        _ = lchown(path, information.st_uid, information.st_gid)
    }

    private static func failure(_ file: String) -> CocoaError {
        CocoaError(
            .fileWriteUnknown,
            userInfo: [NSFilePathErrorKey: file, NSLocalizedDescriptionKey: String(cString: strerror(errno))])
    }
}
