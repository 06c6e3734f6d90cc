import ClusterStore
import Foundation
import Glibc
import KubeModel
import Testing

@testable import ClusterStore

@Suite("Store failures")
struct FailureTests {
    @Test("what is not durable is not shown: readers wait, and conflicts too")
    func pendingIsHidden() async throws {
        let disk = TestDisk()
        let store = try StoreFolder().open { $0.layer = disk.layer }
        try await store.create("a", value: "1")
        disk.hold()
        async let update = store.put(.configMap("a"), .configMap("a", value: "2"), expecting: .any)
        while store.peek(.configMap("a"))?.revision != 3 { await Task.yield() }
        #expect(store.revision == 2)
        async let value = store.value(of: "a")
        async let list = store.list(resource: "configmaps", namespace: nil)
        async let conflict: Void = expect(conflictWith: 3) { try await store.create("a") }
        #expect(try await store.list(resource: "pods", namespace: nil).revision == 2)
        disk.release()
        #expect(try await update.revision == 3)
        #expect(try await value == "2")
        #expect(try await list.revision == 3)
        await conflict
        await store.close()
    }

    @Test("a full disk refuses changes, keeps what was there, and recovers by itself")
    func full() async throws {
        let folder = StoreFolder()
        let disk = TestDisk()
        let store = try folder.open { $0.layer = disk.layer }
        try await store.create("a", value: "1")
        let watch = try store.watch(resource: "configmaps", namespace: nil, from: 2)
        disk.fail(.create, .fill, .write, .sync, code: ENOSPC)
        for _ in 0..<3 {
            await expect(isFull: true) {
                try await store.put(.configMap("a"), .configMap("a", value: "2"), expecting: .any)
            }
            await expect(isFull: true) { try await store.create("b") }
            await expect(isFull: true) { try await store.remove(.configMap("a"), expecting: .any) }
        }
        #expect(try await store.value(of: "a") == "1")
        #expect(try await store.list(resource: "configmaps", namespace: nil).items.count == 1)
        #expect(store.statistics.failure != nil)
        #expect(store.revision == 2)
        disk.recover()
        let created = try await store.create("b", value: "3")
        #expect(created.revision > 2)
        #expect(store.statistics.failure == nil)
        var iterator = watch.makeAsyncIterator()
        #expect(try await iterator.next()?.events.map(\.revision) == [created.revision])
        await store.close()
        let again = try folder.open()
        #expect(try await again.value(of: "a") == "1")
        #expect(try await again.value(of: "b") == "3")
        #expect(again.revision == created.revision)
        await again.close()
    }

    @Test("what waits for a change that fails sees the state before it")
    func rolledBack() async throws {
        let disk = TestDisk()
        let store = try StoreFolder().open { $0.layer = disk.layer }
        try await store.create("a", value: "1")
        disk.hold()
        async let removal: Void = expect(isFull: false) { try await store.remove(.configMap("a"), expecting: .any) }
        while store.peek(.configMap("a")) != nil { await Task.yield() }
        async let value = store.value(of: "a")
        // Refused only by the removal that fails: it finds the object again, which is a conflict.
        async let creation: Void = expect(conflictWith: 2) {
            try await store.put(.configMap("a"), .configMap("a"), expecting: .revision(1))
        }
        while store.waitingReaders < 2 { await Task.yield() }
        disk.fail(.sync, .create, code: EIO)
        disk.release()
        await removal
        #expect(try await value == "1")
        await creation
        await store.close()
    }

    @Test(
        "after a failed sync or write the change goes to a new segment, and is there once",
        arguments: [FileOperation.sync, .write])
    func failedSync(operation: FileOperation) async throws {
        let folder = StoreFolder()
        let disk = TestDisk()
        let store = try folder.open { $0.layer = disk.layer }
        try await store.create("a")
        disk.fail(operation, code: EIO, times: 1)
        #expect(try await store.create("b").revision == 3)
        #expect(try await store.create("c").revision == 4)
        await store.close()
        #expect(try folder.names.filter { $0.hasPrefix("log-") }.count == 2)
        let outcome = try folder.recover()
        #expect((outcome.tables.count, outcome.revision) == (3, 4))
        #expect(outcome.damage == nil)
    }

    @Test("what a failed write left on the disk does not come back")
    func abandonedWrite() async throws {
        let folder = StoreFolder()
        let disk = TestDisk()
        let store = try folder.open { $0.layer = disk.layer }
        try await store.create("a")
        // Written, but not synced, not cut off, and no other segment either.
        disk.fail(.sync, .truncate, .create, .rename, code: EIO)
        await expect(isFull: false) { try await store.create("b") }
        disk.recover()
        let created = try await store.create("c")
        await store.close()
        let outcome = try folder.recover()
        #expect(outcome.tables[.configMap("b")] == nil)
        #expect((outcome.tables.count, outcome.revision) == (2, created.revision))
    }

    @Test("a snapshot that fails leaves everything as it was")
    func failedSnapshot() async throws {
        let folder = StoreFolder()
        let disk = TestDisk()
        let store = try folder.open { $0.layer = disk.layer }
        try await store.create("a")
        disk.fail(.rename, code: ENOSPC)
        await #expect(throws: StoreError.self) { try await store.snapshot() }
        disk.recover()
        #expect(try folder.names.allSatisfy { !$0.hasPrefix("snapshot") })
        try await store.snapshot()
        await store.close()
        #expect(try folder.recover().tables.count == 1)
    }

    @Test("a disk that is really full", .enabled(if: geteuid() == 0))
    func realDisk() async throws {
        let folder = StoreFolder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        // Where mounting is not permitted, the tests above have to do.
        guard mount("tmpfs", folder.path, "tmpfs", 0, "size=4m") == 0 else { return }
        defer { umount2(folder.path, 2) }
        let store = try folder.open { $0.snapshotLogBytes = 1 << 30 }
        let value = String(repeating: "x", count: 20_000)
        var written = 0
        await expect(isFull: true) {
            while true {
                try await store.create("\(written)", value: value)
                written += 1
            }
        }
        #expect(written > 20)
        #expect(try await store.list(resource: "configmaps", namespace: nil).items.count == written)
        // The snapshot finds no room either; a larger disk helps.
        #expect(mount("tmpfs", folder.path, "tmpfs", UInt(MS_REMOUNT), "size=16m") == 0)
        for number in written..<written + 20 { try await store.create("\(number)", value: value) }
        await store.close()
        #expect(try folder.recover().tables.count == written + 20)
    }

    @Test("a folder can be open once")
    func lock() async throws {
        let folder = StoreFolder()
        let store = try folder.open()
        guard case .locked(let message)? = failure({ _ = try folder.open() }) else {
            Issue.record("opened twice")
            return
        }
        #expect(message.contains("process \(getpid())") && message.contains(folder.path))
        await store.close()
        let again = try folder.open()
        await again.close()
    }

    @Test("files are for their owner only")
    func permissions() async throws {
        let folder = StoreFolder()
        let store = try folder.open()
        try await store.create("a")
        try await store.snapshot()
        #expect(try mode(of: folder.path) == 0o700)
        for name in try folder.names { #expect(try mode(of: "\(folder.path)/\(name)") == 0o600, "\(name)") }
        await store.close()
    }

    @Test("data of a newer version are refused", arguments: ["log", "snapshot"])
    func newerFormat(kind: String) async throws {
        let folder = StoreFolder()
        let store = try folder.open()
        try await store.create("a")
        try await store.snapshot()
        await store.close()
        let name = try #require(try folder.names.first { $0.hasPrefix("\(kind)-") })
        var bytes = try folder.read(name)
        bytes[8] = 2
        try folder.write(name, bytes)
        guard case .newerFormat(let message)? = failure({ _ = try folder.open() }) else {
            Issue.record("opened")
            return
        }
        #expect(message.contains(name) && message.contains("format 2"))
    }

    @Test("a folder that cannot be made is named")
    func unwritable() throws {
        guard case .unwritable(let message)? = failure({ _ = try Store.open(directory: "/proc/martlet-store") }) else {
            Issue.record("opened")
            return
        }
        #expect(message.contains("/proc/martlet-store"))
    }

    @Test("a repair keeps what lies before the damage and uses no revision twice")
    func repair() async throws {
        let folder = StoreFolder()
        var store = try folder.open()
        for number in 0..<150 { try await store.create("\(number)", value: String(repeating: "x", count: 1000)) }
        await store.close()
        #expect(try Store.repair(directory: folder.path).damage == nil)
        let name = "log-00000000000000000002"
        var bytes = try folder.read(name)
        bytes[bytes.count / 2] ^= 1
        try folder.write(name, bytes)
        guard case .corrupt(let file, let offset, _)? = failure({ _ = try folder.open() }) else {
            Issue.record("opened")
            return
        }
        #expect(file == "\(folder.path)/\(name)")
        #expect(offset > 0 && offset <= bytes.count / 2)
        let report = try Store.repair(directory: folder.path)
        #expect(report.objects > 10 && report.objects < 150)
        #expect(report.keptRevision == UInt64(report.objects + 1))
        let aside = try #require(report.movedTo)
        #expect(FileManager.default.fileExists(atPath: "\(aside)/\(name)"))
        store = try folder.open()
        let items = try await store.list(resource: "configmaps", namespace: nil).items
        #expect(items.count == report.objects)
        #expect(store.revision > 151)
        #expect(try await store.create("new").revision > 151)
        await store.close()
        store = try folder.open()
        #expect(try await store.get(.configMap("new")) != nil)
        await store.close()
    }

    private func mode(of path: String) throws -> Int {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? 0
    }
}

/// Expects a change to be refused because the disk is full, or because it fails.
private func expect(
    isFull: Bool, at location: SourceLocation = #_sourceLocation, _ body: () async throws -> StoredObject
) async {
    do {
        _ = try await body()
        Issue.record("it was done", sourceLocation: location)
    } catch StoreError.full {
        #expect(isFull, sourceLocation: location)
    } catch StoreError.unwritable {
        #expect(!isFull, sourceLocation: location)
    } catch {
        Issue.record("\(error)", sourceLocation: location)
    }
}
