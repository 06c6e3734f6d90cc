import Foundation

/// Counts what containers use by looking at their processes, for agents that may not use control groups.
///
/// All processes with the process numbers of a container's first one are its own. What a process used is counted as that of
/// its parent once that has waited for it; the time of others is lost with them.
struct ProcessReader: Sendable {
    /// Folder of all pods.
    let pods: String

    init(_ pods: String) { self.pods = pods }

    /// Counters of the container whose control group would be `path`, `/INSTANCE/POD/CONTAINER-NUMBER`.
    func read(_ path: String) -> CgroupCounters? {
        let parts = path.split(separator: "/")
        guard parts.count == 3, let dash = parts[2].lastIndex(of: "-") else { return nil }
        let number = parts[2][parts[2].index(after: dash)...]
        let file = "\(pods)/\(parts[1])/containers/\(parts[2][..<dash])/\(number)/pid"
        guard let first = FileTools.text(file)?.trimmed(), let wanted = Self.namespace(first) else { return nil }
        var counters = CgroupCounters(
            processorNanoseconds: 0, memoryBytes: 0, workingSetBytes: 0, anonymousBytes: 0, pageFaults: 0,
            majorPageFaults: 0)
        for name in FileTools.names(in: "/proc")
        where name.first?.isNumber == true && Self.namespace(name) == wanted { Self.add(name, to: &counters) }
        return counters
    }

    private static func namespace(_ process: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/pid")
    }

    private static func add(_ process: String, to counters: inout CgroupCounters) {
        guard let stat = FileTools.text("/proc/\(process)/stat"), let bracket = stat.lastIndex(of: ")") else { return }
        // From the third field of proc(5) on: faults are 10 to 13, times in ticks of 10 ms 14 to 17, with those of children.
        let fields = stat[stat.index(after: bracket)...].split(separator: " ").map { UInt64($0) ?? 0 }
        guard fields.count > 15 else { return }
        counters.processorNanoseconds += fields[11...14].reduce(0, +) * 10_000_000
        counters.pageFaults += fields[7]
        counters.majorPageFaults += fields[9]
        var sizes: [Substring: UInt64] = [:]
        for line in (FileTools.text("/proc/\(process)/status") ?? "").split(separator: "\n") where line.hasPrefix("Rss")
        {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count > 1 { sizes[words[0]] = (UInt64(words[1]) ?? 0) * 1024 }
        }
        // Files that are mapped are shared with others mostly, so that they do not count as its own.
        let own = (sizes["RssAnon:"] ?? 0) + (sizes["RssShmem:"] ?? 0)
        counters.memoryBytes += own + (sizes["RssFile:"] ?? 0)
        counters.workingSetBytes += own
        counters.anonymousBytes += sizes["RssAnon:"] ?? 0
    }
}
