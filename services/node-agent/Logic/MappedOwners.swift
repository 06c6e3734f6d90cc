import CNode
import Synchronization

/// Which file systems can show their files under other owners.
///
/// Many can, an overlay cannot: the `/usr` of a container, for one, and memory only since Linux 6.3. Files of such a file
/// system belong to nobody (65534) in a container with users of its own, so that it may do with them what everybody may.
enum MappedOwners {
    private struct FileSystem: Hashable {
        let kind: UInt64
        let device: UInt64
    }

    private static let tmpfs: UInt64 = 0x0102_1994
    private static let known = Mutex<[FileSystem: Bool]>([:])

    /// True when the file system of a path can; the kernel is asked once for each.
    static func areOffered(at path: String) -> Bool {
        var kind: UInt64 = 0
        var device: UInt64 = 0
        guard node_file_system(path, &kind, &device) == 0 else { return false }
        // Pods mount memory again and again, and all of it is alike.
        let system = FileSystem(kind: kind, device: kind == tmpfs ? 0 : device)
        if let answer = known.withLock({ $0[system] }) { return answer }
        let answer = node_can_shift(path) == 0
        known.withLock { $0[system] = answer }
        return answer
    }
}
