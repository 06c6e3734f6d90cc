import ClusterStore
import KubeModel
import Synchronization
import Testing

@testable import ClusterStore

@Suite("Store crashes")
struct CrashTests {
    /// What happened to the disk and what the writer was told, in one order.
    private enum Event: Sendable {
        case step(FileStep)
        /// So many changes were acknowledged.
        case acknowledged(Int)
    }

    /// A store that was used, and all that happened meanwhile.
    private struct Run {
        let folder: StoreFolder
        var events: [Event]
        /// The objects after each change: name and value.
        var states: [[String: String]]
    }

    private static func record(
        _ folder: StoreFolder, states: [[String: String]] = [[:]], disk: SimulatedDisk? = nil, changes: Int,
        seed: UInt64
    ) async throws -> Run {
        let events = Mutex<[Event]>([])
        let layer = FileLayer(observer: { step in events.withLock { $0.append(.step(step)) } })
        let store = try folder.open { options in
            (options.layer, options.segmentBytes) = (layer, 8 << 10)
        }
        var states = states
        var generator = SeededGenerator(state: seed)
        for number in 0..<changes {
            var state = states.last ?? [:]
            let name = "object-\(generator.next() % 8)"
            if state[name] != nil, generator.next() % 4 == 0 {
                try await store.remove(.configMap(name), expecting: .any)
                state[name] = nil
            } else {
                let value = "\(number)-" + String(repeating: "x", count: Int(generator.next() % 1500))
                try await store.put(.configMap(name), .configMap(name, value: value), expecting: .any)
                state[name] = value
            }
            states.append(state)
            let count = states.count - 1
            events.withLock { $0.append(.acknowledged(count)) }
            if number % 13 == 12 { try await store.snapshot() }
        }
        await store.close()
        return Run(folder: folder, events: events.withLock { $0 }, states: states)
    }

    /// What a start finds on a disk; nil when it finds damage.
    private func recovered(_ files: [String: [UInt8]], as folder: StoreFolder) throws -> [String: String]? {
        let copy = StoreFolder()
        for (path, bytes) in files { try copy.write(String(path.dropFirst(folder.path.utf8.count + 1)), bytes) }
        if files.isEmpty { try copy.write("lock", []) }
        let outcome = try copy.recover()
        guard outcome.damage == nil else { return nil }
        let items = outcome.tables.tables["configmaps"]?.objects.list(namespace: nil) ?? []
        return try items.reduce(into: [:]) { $0[$1.key.name] = try $1.json().value(at: "data", "value")?.string }
    }

    /// Lets the machine end after every step, in every way, and looks at what is there.
    private func expectSafety(of run: Run, from disk: SimulatedDisk = SimulatedDisk(), told: Int = 0) throws {
        var (disk, acknowledged) = (disk, told)
        for (position, event) in run.events.enumerated() {
            switch event {
            case .step(let step): disk.apply(step)
            case .acknowledged(let count): acknowledged = count
            }
            for ending in SimulatedDisk.Ending.all {
                let found = try recovered(disk.files(after: ending), as: run.folder)
                let fits = run.states.indices.contains { index in
                    // The change under way may be there; nothing that comes later, and nothing less.
                    (acknowledged...acknowledged + 1).contains(index) && run.states[index] == found
                }
                #expect(fits, "step \(position) \(ending): \(event), \(acknowledged) acknowledged")
                if !fits { return }
            }
        }
    }

    @Test("whenever the machine ends, between any two steps, all that was acknowledged is there")
    func everyStep() async throws {
        let run = try await Self.record(StoreFolder(), changes: 45, seed: 5)
        #expect(run.events.count > 150)
        try expectSafety(of: run)
    }

    @Test("a start after a crash may be interrupted by another crash at any step")
    func crashAfterCrash() async throws {
        let first = try await Self.record(StoreFolder(), changes: 20, seed: 6)
        var disk = SimulatedDisk()
        var acknowledged = 0
        for (position, event) in first.events.enumerated() {
            switch event {
            case .step(let step): disk.apply(step)
            case .acknowledged(let count): acknowledged = count
            }
            guard position % 6 == 5 else { continue }
            let folder = StoreFolder()
            let files = disk.files(after: .powerLossAtRandom(UInt64(position)))
            for (path, bytes) in files {
                try folder.write(String(path.dropFirst(first.folder.path.utf8.count + 1)), bytes)
            }
            let found = try #require(try recovered(files, as: first.folder))
            let start = SimulatedDisk(
                files.reduce(into: [:]) { $0[folder.path + $1.key.dropFirst(first.folder.path.utf8.count)] = $1.value })
            let second = try await Self.record(folder, states: [found], changes: 3, seed: UInt64(position))
            try expectSafety(of: second, from: start)
        }
        #expect(acknowledged == 20)
    }

    @Test("nothing is acknowledged before it was synced, and no name is relied on before its folder was")
    func order() async throws {
        let run = try await Self.record(StoreFolder(), changes: 60, seed: 7)
        var unsynced: Set<String> = []
        var isFolderSynced = true
        var (renames, acknowledgements) = (0, 0)
        for event in run.events {
            switch event {
            case .step(.write(let path, _, _)), .step(.truncate(let path, _)): unsynced.insert(path)
            case .step(.sync(let path)), .step(.fill(let path, _)): unsynced.remove(path)
            case .step(.rename(let old, let new)):
                #expect(!unsynced.contains(old), "\(old) was renamed before it was synced")
                if !new.hasSuffix("spare") { isFolderSynced = false }
                renames += 1
            case .step(.remove(let path)):
                if path.contains("/log-") || path.contains("/snapshot-0") {
                    #expect(isFolderSynced, "\(path) was removed before what replaces it was durable")
                }
            case .step(.syncDirectory): isFolderSynced = true
            case .step(.create): break
            case .acknowledged:
                #expect(unsynced.allSatisfy { !$0.contains("/log-") } && isFolderSynced)
                acknowledgements += 1
            }
        }
        #expect(renames > 4 && acknowledgements == 60)
    }

    @Test("a repair that is interrupted at any step can be repeated, or is complete")
    func repair() async throws {
        let folder = StoreFolder()
        let store = try folder.open { $0.segmentBytes = 4 << 10 }
        for number in 0..<30 { try await store.create("\(number)", value: String(repeating: "x", count: 300)) }
        try await store.snapshot()
        for number in 30..<60 { try await store.create("\(number)", value: String(repeating: "x", count: 300)) }
        await store.close()
        let name = try #require(try folder.names.filter { $0.hasPrefix("log-") }.dropLast().last)
        var bytes = try folder.read(name)
        bytes[bytes.count / 3] ^= 1
        try folder.write(name, bytes)
        let before = SimulatedDisk(
            try folder.names.reduce(into: [:]) { $0["\(folder.path)/\($1)"] = try folder.read($1) })
        let steps = Mutex<[FileStep]>([])
        let layer = FileLayer(observer: { step in steps.withLock { $0.append(step) } })
        let report = try Store.repair(StoreDirectory(path: folder.path, layer: layer))
        #expect(report.damage != nil && report.objects > 30)
        var disk = before
        let all = steps.withLock { $0 }
        #expect(all.count > 8)
        for (position, step) in all.enumerated() {
            disk.apply(step)
            for ending in SimulatedDisk.Ending.all {
                let copy = StoreFolder()
                for (path, bytes) in disk.files(after: ending) {
                    try copy.write(String(path.dropFirst(folder.path.utf8.count + 1)), bytes)
                }
                _ = try Store.repair(directory: copy.path)
                let outcome = try copy.recover()
                #expect(outcome.damage == nil, "step \(position) \(ending)")
                #expect(outcome.tables.count == report.objects, "step \(position) \(ending)")
                #expect(outcome.revision >= report.keptRevision)
            }
        }
    }
}
