import ClusterStore
import Foundation
import KubeModel
import Synchronization
import Testing

@testable import ClusterStore

@Suite("Store recovery")
struct RecoveryTests {
    static let segment = "log-00000000000000000001"

    /// A log of one segment with some changes, each a frame of its own, and where the frames begin.
    private static func log(changes: Int) async throws -> (bytes: [UInt8], frames: [Int]) {
        let folder = StoreFolder()
        let store = try folder.open()
        for number in 0..<changes { try await store.create("object-\(number)", value: "value-\(number)") }
        await store.close()
        let bytes = try folder.read(segment)
        var frames = [FileHeader.size]
        bytes.withUnsafeBytes { bytes in
            while let last = frames.last, let frame = Frame.readHeader(bytes, at: last) {
                frames.append(last + frame.size)
            }
        }
        return (bytes, frames)
    }

    private func expectFirst(_ count: Int, in outcome: Recovery.Outcome, _ context: String) {
        let items = outcome.tables.tables["configmaps"]?.objects.list(namespace: nil) ?? []
        #expect(items.count == count && outcome.revision == UInt64(count + 1), "\(context)")
        let isIntact = items.allSatisfy { object in
            let number = object.revision - 2
            return (try? object.json().value(at: "data", "value")) == .string("value-\(number)")
        }
        #expect(isIntact, "\(context)")
    }

    @Test("everything is there after a new start, and revisions go on")
    func restart() async throws {
        let folder = StoreFolder()
        var store = try folder.open()
        try await store.create("a", value: "1")
        try await store.create("b")
        try await store.remove(.configMap("b"), expecting: .any)
        for round in 0..<3 {
            await store.close()
            store = try folder.open()
            #expect(try await store.value(of: "a") == "1")
            #expect(try await store.get(.configMap("b")) == nil)
            #expect(store.revision == UInt64(4 + round))
            try await store.create("c\(round)")
        }
        await store.close()
        #expect(try folder.names == ["lock", Self.segment])
    }

    @Test("a log cut at any of its last bytes keeps every complete change", arguments: [false, true])
    func truncation(fillsWithZeros: Bool) async throws {
        let (bytes, frames) = try await Self.log(changes: 16)
        let end = try #require(frames.last)
        #expect(end > 4096 + FileHeader.size)
        for length in (end - 4096)...end {
            let folder = StoreFolder()
            let cut = Array(bytes[..<length])
            try folder.write(
                Self.segment, fillsWithZeros ? cut + [UInt8](repeating: 0, count: 12 << 10) : cut)
            let outcome = try folder.recover()
            #expect(outcome.damage == nil, "\(length)")
            expectFirst(frames.filter { $0 <= length }.count - 1, in: outcome, "cut at \(length)")
            // What was dropped is gone for good, and a second start finds the same.
            expectFirst(frames.filter { $0 <= length }.count - 1, in: try folder.recover(), "again at \(length)")
        }
    }

    @Test("a log of many writers, cut at any of its last 4 KiB, keeps every complete group")
    func truncatedGroups() async throws {
        let folder = StoreFolder()
        let disk = TestDisk()
        let store = try folder.open { $0.layer = disk.layer }
        try await store.create("first")
        disk.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            // All wait for the disk at first, so that there are groups of several changes.
            group.addTask {
                while (0..<16).contains(where: { store.peek(.configMap("\($0)-0")) == nil }) { await Task.yield() }
                disk.release()
            }
            for writer in 0..<16 {
                group.addTask {
                    for round in 0..<6 {
                        let name = "\(writer)-\(round % 4)"
                        try await store.put(.configMap(name), .configMap(name, value: "\(round)"), expecting: .any)
                        if round % 4 == 3 { try await store.remove(.configMap(name), expecting: .any) }
                    }
                }
            }
            try await group.waitForAll()
        }
        await store.close()
        let bytes = try folder.read(Self.segment)
        // What the groups say, read without the code that recovers.
        var states: [(end: Int, objects: [String: [UInt8]])] = [(FileHeader.size, [:])]
        try bytes.withUnsafeBytes { bytes in
            while let last = states.last, let frame = Frame.readHeader(bytes, at: last.end) {
                var records = RecordReader(try #require(frame.payload(bytes, at: last.end)))
                var objects = last.objects
                while !records.isAtEnd {
                    let (kind, object) = try records.next()
                    objects[object.path] = kind == .deleted ? nil : object.bytes
                }
                states.append((last.end + frame.size, objects))
            }
        }
        let end = try #require(states.last).end
        #expect(end > 4096 + FileHeader.size && states.count < 114, "\(states.count) groups")
        for length in (end - 4096)...end {
            let copy = StoreFolder()
            try copy.write(Self.segment, bytes[..<length])
            let outcome = try copy.recover()
            let objects = outcome.tables.tables["configmaps"]?.objects.list(namespace: nil) ?? []
            let found = Dictionary(uniqueKeysWithValues: objects.map { ($0.path, $0.bytes) })
            #expect(outcome.damage == nil && found == states.last { $0.end <= length }?.objects, "cut at \(length)")
        }
    }

    @Test("a log cut within its first bytes is a new one")
    func truncatedHeader() async throws {
        let (bytes, _) = try await Self.log(changes: 1)
        for length in 0..<FileHeader.size {
            let folder = StoreFolder()
            try folder.write(Self.segment, bytes[..<length])
            #expect(try folder.recover().revision == 1)
        }
    }

    @Test("a sector that was not written ends the log when it is the last write, and is damage before")
    func missingSectors() async throws {
        let (bytes, frames) = try await Self.log(changes: 16)
        let last = frames[frames.count - 2]
        for sector in 1..<(frames[frames.count - 1] / 512) {
            let folder = StoreFolder()
            var damaged = bytes
            let range = sector * 512..<(sector + 1) * 512
            damaged.replaceSubrange(range, with: [UInt8](repeating: 0, count: 512))
            try folder.write(Self.segment, damaged)
            let outcome = try folder.recover()
            let first = frames.lastIndex { $0 <= range.lowerBound } ?? 0
            expectFirst(first, in: outcome, "sector \(sector)")
            #expect((outcome.damage == nil) == (range.lowerBound >= last), "sector \(sector)")
        }
    }

    @Test("a flipped bit is found wherever it is, with file and offset, and what lies before is kept")
    func flippedBits() async throws {
        let (bytes, frames) = try await Self.log(changes: 10)
        let end = try #require(frames.last)
        for position in FileHeader.size..<end {
            let folder = StoreFolder()
            var damaged = bytes
            damaged[position] ^= 1 << UInt8(position % 8)
            try folder.write(Self.segment, damaged)
            let outcome = try folder.recover()
            let frame = frames.lastIndex { $0 <= position } ?? 0
            expectFirst(frame, in: outcome, "byte \(position)")
            guard case .corrupt(let file, let offset, _)? = outcome.damage?.error else {
                Issue.record("byte \(position) went unnoticed")
                continue
            }
            #expect(file == "\(folder.path)/\(Self.segment)" && offset == frames[frame], "byte \(position)")
        }
    }

    @Test("a flipped bit in the header of a segment is found")
    func flippedHeader() async throws {
        let (bytes, _) = try await Self.log(changes: 3)
        for position in 0..<FileHeader.size {
            let folder = StoreFolder()
            var damaged = bytes
            damaged[position] ^= 1 << UInt8(position % 8)
            try folder.write(Self.segment, damaged)
            #expect(throws: StoreError.self, "byte \(position)") { _ = try folder.recover() }
        }
    }

    @Test("no damage whatever makes recovery crash or invent objects")
    func fuzz() async throws {
        let (bytes, frames) = try await Self.log(changes: 12)
        let end = try #require(frames.last)
        var generator = SeededGenerator(state: 42)
        for _ in 0..<2000 {
            let folder = StoreFolder()
            var damaged = Array(bytes[..<(end + 1024)])
            for _ in 0...(generator.next() % 4) {
                let place = Int(generator.next() % UInt64(damaged.count))
                switch generator.next() % 4 {
                case 0: damaged[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: damaged.removeSubrange(place..<min(damaged.count, place + 7))
                case 2: damaged.insert(contentsOf: damaged.prefix(Int(generator.next() % 600)), at: place)
                default: damaged.removeSubrange(place...)
                }
                if damaged.isEmpty { damaged = [0] }
            }
            try folder.write(Self.segment, damaged)
            guard let outcome = try? folder.recover() else { continue }
            expectFirst(outcome.tables.count, in: outcome, "fuzz")
        }
    }

    @Test("snapshots and log together give the same as the log alone")
    func snapshots() async throws {
        let folder = StoreFolder()
        var store = try folder.open()
        var expected: [String: String] = [:]
        for round in 0..<5 {
            for number in 0..<30 {
                let (name, value) = ("object-\(number % (7 + round * 5))", "\(round)-\(number)")
                try await store.put(.configMap(name), .configMap(name, value: value), expecting: .any)
                expected[name] = value
            }
            try await store.remove(.configMap("object-\(round)"), expecting: .any)
            expected["object-\(round)"] = nil
            if round != 3 { try await store.snapshot() }
            await store.close()
            store = try folder.open()
            let items = try await store.list(resource: "configmaps", namespace: nil).items
            let found = try items.map { ($0.key.name, try $0.json().value(at: "data", "value")?.string ?? "") }
            #expect(Dictionary(uniqueKeysWithValues: found) == expected)
            #expect(store.revision == UInt64(1 + (round + 1) * 31))
        }
        #expect(try folder.names.filter { $0.hasPrefix("snapshot-") }.count == 2)
        await store.close()
    }

    @Test("a growing log is followed by snapshots, and old files go away")
    func compaction() async throws {
        let folder = StoreFolder()
        let store = try folder.open { $0.snapshotLogBytes = 100 << 10 }
        let value = String(repeating: "x", count: 2000)
        for number in 0..<600 {
            let name = "object-\(number % 10)"
            try await store.put(.configMap(name), .configMap(name, value: value), expecting: .any)
        }
        try await store.snapshot()
        try await store.create("last")
        try await store.snapshot()
        #expect(try folder.names.filter { $0.hasPrefix("log-") }.count <= 2)
        #expect(try folder.names.filter { $0.hasPrefix("snapshot-") }.count <= 2)
        await store.close()
        let outcome = try folder.recover()
        #expect((outcome.tables.count, outcome.revision) == (11, 602))
    }

    @Test("a damaged snapshot is passed over as long as the log makes up for it")
    func damagedSnapshot() async throws {
        let folder = StoreFolder()
        let store = try folder.open()
        for number in 0..<20 { try await store.create("object-\(number)", value: "value-\(number)") }
        try await store.snapshot()
        try await store.create("object-20", value: "value-20")
        await store.close()
        let name = try #require(try folder.names.first { $0.hasPrefix("snapshot-") })
        var bytes = try folder.read(name)
        bytes[bytes.count / 2] ^= 4
        try folder.write(name, bytes)
        expectFirst(21, in: try folder.recover(), "whole log")
        try FileManager.default.removeItem(atPath: "\(folder.path)/\(Self.segment)")
        guard case .corrupt(let file, _, _)? = failure({ _ = try folder.recover() }) else {
            Issue.record("the damage went unnoticed")
            return
        }
        #expect(file == "\(folder.path)/\(name)")
    }

    @Test("a segment that is missing is named")
    func missingSegment() async throws {
        let folder = StoreFolder()
        let store = try folder.open()
        for number in 0..<200 { try await store.create("\(number)", value: String(repeating: "x", count: 2000)) }
        await store.close()
        #expect(try folder.names.filter { $0.hasPrefix("log-") }.count > 3)
        let missing = "\(folder.path)/log-00000000000000000002"
        try FileManager.default.removeItem(atPath: missing)
        guard case .corrupt(let file, _, _)? = failure({ _ = try folder.recover() }) else {
            Issue.record("the gap went unnoticed")
            return
        }
        #expect(file == missing)
    }

    @Test("whenever the process ends, what was acknowledged is there, as it was")
    func killedAtAnyTime() async throws {
        let folder = StoreFolder()
        let store = try folder.open { $0.snapshotLogBytes = 60 << 10 }
        let progress = Progress()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    var round = 0
                    while !progress.isDone.load(ordering: .relaxed) {
                        let name = "\(writer)-\(round % 50)"
                        let object = try await store.put(
                            .configMap(name), .configMap(name, value: "\(round)"), expecting: .any)
                        progress.acknowledged.withLock { $0[name] = object.revision }
                        round += 1
                    }
                }
            }
            defer { progress.isDone.store(true, ordering: .relaxed) }
            for round in UInt64(1)...25 {
                while store.revision < round * 100 { await Task.yield() }
                let before = progress.acknowledged.withLock { $0 }
                let copy = try folder.copyWhileRunning()
                let outcome = try copy.recover()
                #expect(outcome.damage == nil)
                #expect(outcome.revision >= before.values.max() ?? 0)
                for (name, revision) in before {
                    #expect(outcome.tables[.configMap(name)]?.revision ?? 0 >= revision, "\(name)")
                }
            }
        }
        await store.close()
    }
}

/// What writers were told, while they go on.
private final class Progress: Sendable {
    let acknowledged = Mutex<[String: UInt64]>([:])
    let isDone = Atomic(false)
}
