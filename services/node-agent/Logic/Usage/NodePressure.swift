import CNode

/// What the machine is short of, by a kubelet's thresholds.
struct NodePressure: Sendable, Equatable {
    var isOfMemory = false
    var isOfDisk = false
    var isOfProcesses = false

    /// Bytes of memory below which the machine is short of it.
    static let leastMemory: UInt64 = 100 << 20

    /// Bytes that must be free on a disk of that many.
    static func leastDisk(of total: UInt64) -> UInt64 { min(total / 10, 5 << 30) }

    /// - Parameters:
    ///   - availableMemory: what can be had without taking from working sets, bytes; a kubelet wants 100 MiB.
    ///   - disk: bytes of the file system and of it free. A kubelet wants 10 %; of a large disk that is more than Pods
    ///     need, so that 5 GiB are enough here.
    ///   - processes: how many there are and may be; a tenth is left for the system.
    init(
        availableMemory: UInt64 = .max, disk: (total: UInt64, free: UInt64) = (0, 0),
        processes: (count: Int, limit: Int) = (0, 0)
    ) {
        isOfMemory = availableMemory < Self.leastMemory
        isOfDisk = disk.total > 0 && disk.free < Self.leastDisk(of: disk.total)
        isOfProcesses = processes.limit > 0 && processes.count > processes.limit / 10 * 9
    }

    static func measure(_ directory: String) -> NodePressure {
        var total: UInt64 = 0
        for line in (FileTools.text("/proc/meminfo") ?? "").split(separator: "\n") where line.hasPrefix("MemTotal:") {
            total = line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { $0 * 1024 } ?? 0
        }
        let used = CgroupReader().machine().workingSetBytes
        var size: UInt64 = 0
        var free: UInt64 = 0
        _ = node_statfs(directory, &size, &free)
        // The fourth field is `running/all`.
        let load = (FileTools.text("/proc/loadavg") ?? "").split(separator: " ")
        let count = load.count > 3 ? load[3].split(separator: "/").last.flatMap { Int($0) } ?? 0 : 0
        let limit = FileTools.text("/proc/sys/kernel/pid_max").flatMap { Int($0.trimmed()) } ?? 0
        return NodePressure(
            availableMemory: total > 0 ? total - min(total, used) : .max, disk: (size, free), processes: (count, limit))
    }
}
