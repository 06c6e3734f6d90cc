import Foundation

/// Counters of a control group, read from version 1 or 2 of the kernel's interface.
struct CgroupCounters: Sendable, Equatable {
    /// Processor time used since the group was made, nanoseconds.
    var processorNanoseconds: UInt64
    /// Memory charged to the group, bytes.
    var memoryBytes: UInt64
    /// The part of it that cannot be given back at once, bytes: without the file cache that was not used lately.
    var workingSetBytes: UInt64
    /// Anonymous memory, bytes.
    var anonymousBytes: UInt64
    var pageFaults: UInt64
    var majorPageFaults: UInt64
}

/// Reads counters of control groups.
struct CgroupReader: Sendable {
    let root: String
    /// True where the memory controller is one of version 2.
    let isUnified: Bool
    /// Where control groups cannot be used: what counts the processes of containers instead.
    private let processes: ProcessReader?

    init(root: String = "/sys/fs/cgroup", pods: String? = nil) {
        self.root = root
        processes = ControlGroups.areUsable ? nil : pods.map(ProcessReader.init)
        isUnified = (FileTools.text("\(root)/cgroup.controllers") ?? "").split(whereSeparator: \.isWhitespace)
            .contains("memory")
    }

    /// Counters of the group at `path` below the root; nil when there is no such group (any more).
    func read(_ path: String) -> CgroupCounters? {
        if let processes { return processes.read(path) }
        if isUnified {
            guard let time = fields("\(root)\(path)/cpu.stat")["usage_usec"],
                let memory = number("\(root)\(path)/memory.current")
            else { return nil }
            return counters(time * 1000, memory, fields("\(root)\(path)/memory.stat"), prefix: "", rss: "anon")
        }
        guard let time = number("\(root)/cpuacct\(path)/cpuacct.usage"),
            let memory = number("\(root)/memory\(path)/memory.usage_in_bytes")
        else { return nil }
        return counters(
            time, memory, fields("\(root)/memory\(path)/memory.stat"), prefix: "total_", rss: "total_rss")
    }

    private func counters(
        _ time: UInt64, _ memory: UInt64, _ stat: [Substring: UInt64], prefix: String, rss: Substring
    ) -> CgroupCounters {
        let inactive = stat[Substring(prefix + "inactive_file")] ?? 0
        return CgroupCounters(
            processorNanoseconds: time, memoryBytes: memory, workingSetBytes: memory > inactive ? memory - inactive : 0,
            anonymousBytes: stat[rss] ?? 0, pageFaults: stat[Substring(prefix + "pgfault")] ?? 0,
            majorPageFaults: stat[Substring(prefix + "pgmajfault")] ?? 0)
    }

    /// Counters of the whole machine.
    func machine() -> CgroupCounters {
        let memory = fields("/proc/meminfo")
        func bytes(_ name: Substring) -> UInt64 { (memory[name] ?? 0) * 1024 }
        let used = bytes("MemTotal:") - min(bytes("MemTotal:"), bytes("MemFree:"))
        let inactive = bytes("Inactive(file):")
        // user, nice, system, irq, softirq and steal; the kernel counts guests in user time. A tick is 10 ms.
        let line = (FileTools.text("/proc/stat") ?? "").prefix { $0 != "\n" }
        let ticks = line.split(separator: " ").dropFirst().map { UInt64($0) ?? 0 }
        let busy = [0, 1, 2, 5, 6, 7].reduce(UInt64(0)) { $0 + (ticks.indices.contains($1) ? ticks[$1] : 0) }
        return CgroupCounters(
            processorNanoseconds: busy * 10_000_000, memoryBytes: used,
            workingSetBytes: used > inactive ? used - inactive : 0, anonymousBytes: bytes("AnonPages:"), pageFaults: 0,
            majorPageFaults: 0)
    }

    private func number(_ path: String) -> UInt64? { FileTools.text(path).flatMap { UInt64($0.trimmed()) } }

    private func fields(_ path: String) -> [Substring: UInt64] {
        var fields: [Substring: UInt64] = [:]
        for line in (FileTools.text(path) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            if words.count >= 2 { fields[words[0]] = UInt64(words[1]) }
        }
        return fields
    }
}
