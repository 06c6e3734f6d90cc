@testable import ClusterStore

/// A disk as POSIX promises it, no better: what was written is only sure after a sync of the file, and a name only after
/// a sync of its folder.
struct SimulatedDisk {
    /// How the machine ends.
    enum Ending: Sendable {
        /// The process is killed: the system goes on and writes everything.
        case kill
        /// The power goes before anything that was not synced reached the disk.
        case powerLoss
        /// The same, but some of it had reached the disk, sector by sector.
        case powerLossAtRandom(UInt64)

        static let all: [Ending] = [.kill, .powerLoss, .powerLossAtRandom(1), .powerLossAtRandom(2)]
    }

    private struct File {
        var durable: [UInt8] = []
        var current: [UInt8] = []
        /// Places of writes since the last sync.
        var unsynced: [Range<Int>] = []
    }

    private static let sector = 512

    private var inodes: [File] = []
    private var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    /// The names after each change since the last sync of the folder.
    private var laterNames: [[String: Int]] = []

    init(_ files: [String: [UInt8]] = [:]) {
        for (path, bytes) in files {
            names[path] = inodes.count
            inodes.append(File(durable: bytes, current: bytes))
        }
        durableNames = names
    }

    mutating func apply(_ step: FileStep) {
        switch step {
        case .create(let path):
            names[path] = inodes.count
            inodes.append(File())
            laterNames.append(names)
        case .fill(let path, let size):
            change(path) {
                $0 = File(durable: .init(repeating: 0, count: size), current: .init(repeating: 0, count: size))
            }
        case .write(let path, let offset, let bytes):
            change(path) { file in
                if file.current.count < offset + bytes.count {
                    file.current += [UInt8](repeating: 0, count: offset + bytes.count - file.current.count)
                }
                file.current.replaceSubrange(offset..<offset + bytes.count, with: bytes)
                file.unsynced.append(offset..<offset + bytes.count)
            }
        case .sync(let path): change(path) { ($0.durable, $0.unsynced) = ($0.current, []) }
        case .truncate(let path, let size):
            change(path) { file in
                file.current = Array(file.current.prefix(size))
                file.unsynced.removeAll { $0.lowerBound >= size }
            }
        case .rename(let old, let new):
            names[new] = names[old]
            names[old] = nil
            laterNames.append(names)
        case .remove(let path):
            guard names[path] != nil else { return }
            names[path] = nil
            laterNames.append(names)
        case .syncDirectory(let folder):
            // Of this folder; the others stay as uncertain as they were.
            let isInside = { (path: String) in
                path.hasPrefix(folder + "/") && !path.dropFirst(folder.utf8.count + 1).contains("/")
            }
            durableNames = durableNames.filter { !isInside($0.key) }
            for (path, inode) in names where isInside(path) { durableNames[path] = inode }
            laterNames = names == durableNames ? [] : [names]
        }
    }

    private mutating func change(_ path: String, _ change: (inout File) -> Void) {
        if let inode = names[path] { change(&inodes[inode]) }
    }

    /// What is there after the end.
    func files(after ending: Ending) -> [String: [UInt8]] {
        switch ending {
        case .kill: return names.mapValues { inodes[$0].current }
        case .powerLoss: return durableNames.mapValues { inodes[$0].durable }
        case .powerLossAtRandom(let seed):
            var generator = SeededGenerator(state: (seed &+ UInt64(inodes.count)) &* 0x9E37_79B9 | 1)
            for _ in 0..<4 { _ = generator.next() }
            let known = [durableNames] + laterNames
            return known[Int(generator.next() % UInt64(known.count))].mapValues { partly(inodes[$0], &generator) }
        }
    }

    private func partly(_ file: File, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = file.durable
        for range in file.unsynced {
            var start = range.lowerBound
            while start < min(range.upperBound, file.current.count) {
                let end = min((start / Self.sector + 1) * Self.sector, range.upperBound, file.current.count)
                if generator.next() % 2 == 0 {
                    if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
                    bytes.replaceSubrange(start..<end, with: file.current[start..<end])
                }
                start = end
            }
        }
        // A file that was cut may still be as long as before, or already be short.
        if file.current.count < bytes.count, generator.next() % 2 == 0 {
            bytes = Array(bytes.prefix(file.current.count))
        }
        return bytes
    }
}
