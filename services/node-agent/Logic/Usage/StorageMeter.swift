import CNode
import KubeModel
import NIOPosix
import Synchronization

/// Measures how much of the disk Pods use: their emptyDirs, the layers above their images, and their logs.
final class StorageMeter: Sendable {
    /// What of a Pod is on disk, bytes.
    struct Use: Sendable, Equatable {
        /// By volume: emptyDirs.
        var volumes: [String: UInt64] = [:]
        /// By container: what it has written outside of volumes, and its logs.
        var containers: [String: UInt64] = [:]
        /// What of the volumes is in memory, and takes none of the disk.
        var inMemory: UInt64 = 0
        var total: UInt64 { volumes.values.reduce(0, +) + containers.values.reduce(0, +) }
    }

    private let uses = Mutex<[String: Use]>([:])

    /// Bytes that a Pod used when it was last measured.
    func used(by pod: String) -> UInt64? { uses.withLock { $0[pod]?.total } }

    /// Walks the folders of a Pod, on a thread that may block.
    func measure(_ pod: PodSpec, in directory: String) async -> Use {
        let volumes = (pod.object.spec["volumes"]?.array ?? []).filter { $0["emptyDir"] != nil }
        let names = volumes.compactMap { $0["name"]?.string }
        let inMemory = Set(
            volumes.filter { $0["emptyDir"]?["medium"] == "Memory" }.compactMap { $0["name"]?.string })
        let containers = pod.all.map(\.name)
        let use = try? await NIOThreadPool.singleton.runIfActive {
            var use = Use()
            for name in names { use.volumes[name] = node_disk_usage("\(directory)/volumes/\(name)") }
            for name in containers { use.containers[name] = node_disk_usage("\(directory)/containers/\(name)") }
            use.inMemory = use.volumes.filter { inMemory.contains($0.key) }.values.reduce(0, +)
            return use
        }
        guard let use else { return Use() }
        uses.withLock { $0[pod.uid] = use }
        return use
    }

    /// Forgets a Pod.
    func forget(_ pod: String) { uses.withLock { _ = $0.removeValue(forKey: pod) } }
}
