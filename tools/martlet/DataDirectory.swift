import Foundation
import KubeModel

/// The folder that holds one instance of the platform, and who is using it.
struct DataDirectory: Sendable {
    let path: String

    init(path: String) {
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path
    }

    static var defaultPath: String {
        let environment = ProcessInfo.processInfo.environment
        if let base = environment["XDG_DATA_HOME"], !base.isEmpty { return base + "/martlet" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.local/share/martlet"
    }

    var kubeconfig: String { path + "/kubeconfig" }
    var runFile: String { path + "/run.json" }
    var logs: String { path + "/logs" }
    var gatewayState: String { path + "/gateway" }
    /// The node agent's identity.
    var nodeKubeconfig: String { path + "/kubeconfigs/node-agent" }
    /// Where the node agent listens.
    var nodeSocket: String { path + "/run/node-agent.sock" }
    private var formatFile: String { path + "/format.json" }
    private var lockFile: String { path + "/martlet.lock" }

    /// Format of the folder that this version writes; a higher one comes from a later Martlet.
    static let format: Int64 = 1
    /// File that is there while a restore is under way, or after it was interrupted.
    static let unfinishedRestore = "restore-unfinished"

    /// The format of the folder, which this version can use.
    @discardableResult
    func checkFormat() throws -> Int64 {
        guard let data = FileManager.default.contents(atPath: formatFile),
            let found = (try? JSON(parsing: [UInt8](data)))?["format"]?.int
        else { return Self.format }
        guard found <= Self.format else {
            throw Complaint(
                "the data directory \(path) was written by a newer Martlet (format \(found), this one reads up to "
                    + "\(Self.format)). Use that version, or another --data-dir.")
        }
        return found
    }

    /// Makes the folder where it is missing and checks that this version may use it.
    func prepare() throws {
        let files = FileManager.default
        do {
            for folder in [path, logs, path + "/run", path + "/kubeconfigs", gatewayState] {
                try files.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
        } catch {
            throw Complaint(
                "the data directory \(path) cannot be made: \(Complaint.reason(error)). Choose another with --data-dir."
            )
        }
        // Pods' volumes lie below, so other users of the machine may pass through but see nothing. The folder of a platform
        // that runs stays as it is: this start will be refused.
        if runningProcess == nil { chmod(path, 0o711) }
        guard !files.fileExists(atPath: path + "/" + Self.unfinishedRestore) else {
            throw Complaint(
                "a restore into \(path) did not finish, so it is not complete; remove it with "
                    + "`martlet reset --data-dir \(path)` and restore again")
        }
        if files.fileExists(atPath: formatFile) {
            try checkFormat()
        } else {
            let json: JSON = ["format": .int(Self.format), "version": .string(Martlet.version)]
            try write(json.bytes, to: formatFile)
        }
    }

    /// What the last backup was, for `martlet doctor`.
    var lastBackup: JSON? {
        FileManager.default.contents(atPath: path + "/last-backup.json").flatMap { try? JSON(parsing: [UInt8]($0)) }
    }

    func noteBackup(_ file: String, _ manifest: BackupManifest) throws {
        let note: JSON = [
            "file": .string(file), "created": .string(manifest.created), "volumes": .bool(manifest.hasVolumes),
        ]
        try write(note.bytes, to: path + "/last-backup.json")
    }

    /// Takes the folder for this process, for as long as the lock lives.
    func lock() throws -> InstanceLock {
        try InstanceLock(path: lockFile)
            ?? {
                throw Complaint(
                    "another martlet\(runningProcess.map { " (process \($0))" } ?? "") uses \(path). Stop it with "
                        + "`martlet down --data-dir \(path)`, or choose another --data-dir.")
            }()
    }

    /// The process that holds the folder, or nil when none does.
    var runningProcess: Int32? {
        let descriptor = open(lockFile, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return nil }
        guard let text = try? String(contentsOfFile: lockFile, encoding: .utf8) else { return nil }
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// What the running instance wrote about itself once it was ready.
    var runInformation: JSON? {
        FileManager.default.contents(atPath: runFile).flatMap { try? JSON(parsing: [UInt8]($0)) }
    }

    /// Writes a private file whole or not at all.
    func write(_ bytes: [UInt8], to file: String) throws {
        let temporary = file + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw Complaint("\(temporary) cannot be written: \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: bytes)
            try handle.synchronize()
        } catch {
            throw Complaint("\(temporary) cannot be written: \(Complaint.reason(error))")
        }
        guard rename(temporary, file) == 0 else {
            throw Complaint("\(file) cannot be replaced: \(String(cString: strerror(errno)))")
        }
    }
}

/// An advisory lock that the system drops when the process ends, however it ends.
final class InstanceLock: Sendable {
    private let descriptor: Int32

    /// Nil when another process has it.
    init?(path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            throw Complaint(
                "\(path) cannot be written: \(String(cString: strerror(errno))). Choose another --data-dir.")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        let text = "\(getpid())\n"
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.utf8.count, 0) == text.utf8.count else {
            throw Complaint("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }
}

/// What went wrong and what to do, in one sentence for the person at the terminal.
struct Complaint: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// The reason of a system error, without Foundation's wrapping.
    static func reason(_ error: any Error) -> String {
        let failure = error as NSError
        if let underlying = failure.userInfo[NSUnderlyingErrorKey] as? NSError, underlying.domain == NSPOSIXErrorDomain
        {
            return String(cString: strerror(Int32(underlying.code)))
        }
        return failure.localizedDescription
    }
}
