import ClusterStore
import Foundation
import KubeModel
import Testing

@testable import ClusterStore

@Suite("Store exports")
struct ExportTests {
    @Test("an export of a store that is being written is the state at one revision, and changes nothing on the disk")
    func consistent() async throws {
        let folder = StoreFolder()
        let store = try folder.open { $0.snapshotLogBytes = 40 << 10 }
        // Two objects that are changed in turns: in every state the first is level with the second, or one ahead.
        try await store.create("a", value: "0")
        try await store.create("b", value: "0")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var round = 1
                while !Task.isCancelled {
                    for name in ["a", "b"] {
                        try await store.put(.configMap(name), .configMap(name, value: "\(round)"), expecting: .any)
                    }
                    round += 1
                }
            }
            for _ in 0..<40 {
                let before = store.revision
                let export = try StoreExport(readingFrom: folder.path)
                #expect(export.revision >= before)
                var values: [Int] = []
                var copy = export
                try copy.change("configmaps") { object in
                    values.append(Int(object.value(at: "data", "value")?.string ?? "") ?? -1)
                    return nil
                }
                #expect(values.count == 2 && (0...1).contains(values[0] - values[1]), "\(values)")
            }
            group.cancelAll()
        }
        await store.close()
    }

    @Test("a store made of an export has its objects, goes on far ahead, and older versions are gone for watchers")
    func install() async throws {
        let (folder, copy) = (StoreFolder(), StoreFolder())
        var store = try folder.open()
        for number in 0..<50 { try await store.create("object-\(number)", value: "value-\(number)") }
        try await store.remove(.configMap("object-7"), expecting: .any)
        await store.close()
        let names = try folder.names
        let export = try StoreExport(readingFrom: folder.path)
        #expect(try folder.names == names)
        #expect((export.count, export.revision) == (49, 52))
        var bytes: [UInt8] = []
        export.forEachPart { bytes += $0 }
        var read = try StoreExport(bytes: bytes, name: "backup")
        try read.change("configmaps") { object in
            object.value(at: "metadata", "name") == "object-3" ? .configMap("object-3", value: "changed") : nil
        }
        let first = try read.install(in: copy.path)
        #expect(first >= 1_000_000_052)
        #expect(failure { try read.install(in: copy.path) } != nil)
        for round in 0..<3 {
            store = try copy.open()
            #expect(store.revision >= first)
            let items = try await store.list(resource: "configmaps", namespace: nil).items
            #expect(items.count == 49 + round)
            #expect(try await store.value(of: "object-3") == "changed")
            #expect(try await store.value(of: "object-4") == "value-4")
            #expect(throws: StoreError.self) { try store.watch(resource: "configmaps", namespace: nil, from: 52) }
            #expect(throws: StoreError.self) { try store.watch(resource: "pods", namespace: nil, from: first - 1) }
            #expect(try await store.create("new-\(round)").revision > first)
            if round == 1 { try await store.snapshot() }
            await store.close()
        }
        // Restored once more, later: ahead of everything that came in between.
        let again = StoreFolder()
        #expect(try read.install(in: again.path) > first + 3)
    }

    @Test("damage in the bytes of an export is told with its place")
    func damagedBytes() async throws {
        let folder = StoreFolder()
        let store = try folder.open()
        for number in 0..<5 { try await store.create("\(number)") }
        await store.close()
        var bytes: [UInt8] = []
        try StoreExport(readingFrom: folder.path).forEachPart { bytes += $0 }
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= 2
            #expect(failure { _ = try StoreExport(bytes: damaged, name: "backup") } != nil, "byte \(position)")
        }
        for count in 0..<bytes.count {
            #expect(failure { _ = try StoreExport(bytes: Array(bytes[..<count]), name: "backup") } != nil, "\(count)")
        }
    }

    @Test("damage in the files is told, also while they are only read")
    func damagedFiles() async throws {
        let folder = StoreFolder()
        let store = try folder.open()
        for number in 0..<20 { try await store.create("\(number)") }
        await store.close()
        var bytes = try folder.read(RecoveryTests.segment)
        bytes[2000] ^= 1
        try folder.write(RecoveryTests.segment, bytes)
        guard case .corrupt? = failure({ _ = try StoreExport(readingFrom: folder.path) }) else {
            Issue.record("the damage went unnoticed")
            return
        }
        #expect(failure { _ = try StoreExport(readingFrom: "\(folder.path)/none") } != nil)
    }
}
