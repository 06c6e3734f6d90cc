import CNode
import Dispatch
import KubeModel
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Holds claims to their sizes, where the file system of the volumes has quotas of projects (ext4, XFS).
///
/// A claim's folder is a project of its own. The file system keeps its number with the folder, and what is used and
/// permitted with the number, so nothing is noted elsewhere. What is made in the folder belongs to the project, too.
final class ProjectQuotas: Sendable {
    /// Numbers of claims; those of administrators are lower as a rule, and are left alone in any case.
    static let numbers: Range<UInt32> = 1 << 30..<1 << 30 + 1 << 20
    /// Bytes for which a claim may have one file; small claims have ``leastFiles``.
    static let bytesPerFile: UInt64 = 16384
    static let leastFiles: UInt64 = 4096
    /// More than any disk has; the kernel takes no number that is too large.
    static let mostBytes: UInt64 = 1 << 60

    /// True when sizes are held here.
    let areEnforced: Bool
    private let root: String
    private let logger: Logger
    /// One folder after the other, on a thread that may wait for disks.
    private let queue = DispatchQueue(label: "project-quotas")
    private let start: Mutex<UInt32>

    /// Finds out what the file system can.
    ///
    /// - Parameters:
    ///   - root: folder of the volumes, `<root>/<namespace>/<claim>`.
    ///   - logger: where it is told that a size is not enforced.
    init(root: String, logger: Logger) {
        self.root = root
        self.logger = logger
        areEnforced = UserNamespace.isOfMachine && node_projects_are_held(root) == 1
        // Two platforms on one file system do not try the same numbers at the same moment.
        let seed = root.utf8.reduce(UInt32(5381)) { $0 &* 33 &+ UInt32($1) }
        start = Mutex(Self.numbers.lowerBound + seed % UInt32(Self.numbers.count))
    }

    /// Refuses a call that takes files out of projects to this process and all that it starts, where sizes are held; the
    /// filter of each container refuses the other ones, which the agent needs itself. Before the first thread.
    static func refuseLeaving(dataDirectory: String) {
        let volumes = "\(dataDirectory)/volumes"
        guard UserNamespace.isOfMachine,
            node_projects_are_held(FileTools.exists(volumes) ? volumes : dataDirectory) == 1
        else { return }
        _ = node_refuse_attributes()
    }

    /// The next number that nobody has, from one number on and round; nil when all are taken.
    static func free(from start: UInt32, isTaken: (UInt32) -> Bool) -> UInt32? {
        for offset in 0..<UInt32(numbers.count) {
            let number = numbers.lowerBound + (start - numbers.lowerBound + offset) % UInt32(numbers.count)
            if !isTaken(number) { return number }
        }
        return nil
    }

    /// How many files, folders and links a claim may have, so that it does not use up those of the file system.
    static func files(for bytes: UInt64) -> UInt64 { max(leastFiles, bytes / bytesPerFile) }

    /// The folder of a volume, when it is one of a claim below `root`, and its size in bytes.
    static func folder(of volume: KubeObject, below root: String) -> (path: String, bytes: UInt64)? {
        let spec = volume.spec
        guard
            let path = spec.value(at: "hostPath", "path")?.string ?? spec.value(at: "local", "path")?.string,
            path.hasPrefix(root + "/"),
            let size = spec.value(at: "capacity", "storage")?.string.flatMap(ResourceQuantity.value), size >= 1
        else { return nil }
        let parts = path.dropFirst(root.count + 1).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else { return nil }
        return (path, min(mostBytes, UInt64(ResourceQuantity.whole(size))))
    }

    /// Limits a volume's folder to its size; a folder that is not there yet, or is none of a claim's, is left.
    ///
    /// The first time all that lies in it is given to the project, which takes as long as a large folder takes to read.
    func hold(_ volume: KubeObject) async {
        guard areEnforced, let (path, bytes) = Self.folder(of: volume, below: root) else { return }
        let problem = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.limit(path, bytes)) }
        }
        guard problem != 0 else { return }
        logger.warning(
            "the size of a volume is not enforced",
            metadata: ["folder": "\(path)", "error": "\(String(cString: strerror(-problem)))"])
    }

    /// - Returns: 0, or the kernel's number of a problem, negative.
    private func limit(_ path: String, _ bytes: UInt64) -> Int32 {
        guard FileTools.isDirectory(path) else { return 0 }
        var number: UInt32 = 0
        let found = node_project(path, &number)
        guard found == 0 else { return found }
        if number != 0 {
            // A project that somebody else chose is theirs to limit.
            return Self.numbers.contains(number)
                ? node_limit_project(root, number, bytes, Self.files(for: bytes)) : 0
        }
        guard let free = start.withLock({ Self.free(from: $0, isTaken: isTaken) }) else { return -ENOSPC }
        start.withLock { $0 = free }
        // From here on the number is taken, even before a file has it.
        let limited = node_limit_project(root, free, bytes, Self.files(for: bytes))
        return limited == 0 ? node_give_to_project(path, free) : limited
    }

    private func isTaken(_ number: UInt32) -> Bool {
        var quota = node_quota()
        guard node_quota_of_project(root, number, &quota) == 0 else { return true }
        return quota.bytes | quota.files | quota.used_bytes | quota.used_files != 0
    }

    /// The project of a volume's folder that is about to be removed; nil for none of ours.
    static func number(of folder: String) -> UInt32? {
        var number: UInt32 = 0
        return node_project(folder, &number) == 0 && numbers.contains(number) ? number : nil
    }

    /// Forgets the limits of a project whose folder has gone.
    static func release(_ number: UInt32, on root: String) { _ = node_limit_project(root, number, 0, 0) }
}
