import ClusterStore
import KubeModel
import Testing

@testable import ClusterStore

@Suite("Store")
struct StoreTests {
    @Test("a new store is empty at revision 1, and the first change is 2")
    func firstRevision() async throws {
        let store = try StoreFolder().open()
        #expect(store.revision == 1)
        #expect(try await store.list(resource: "configmaps", namespace: nil).items.isEmpty)
        #expect(try await store.create("a").revision == 2)
        #expect(store.revision == 2)
        await store.close()
    }

    @Test("an object comes back with its revision, uid and labels")
    func roundTrip() async throws {
        let store = try StoreFolder().open()
        var json = JSON.configMap("a", value: "\u{1}\"ä\\", labels: ["app": "x"])
        json["metadata"]?["resourceVersion"] = "999"
        let stored = try await store.put(.configMap("a"), json, expecting: .absent)
        let found = try #require(try await store.get(.configMap("a")))
        #expect(found === stored)
        #expect((found.uid, found.labels) == ("uid-a", ["app": "x"]))
        json["metadata"]?["resourceVersion"] = "2"
        #expect(try found.json() == json)
        await store.close()
    }

    @Test("an object without metadata gets some", arguments: [[:], ["metadata": [:]], ["metadata": "x"]] as [JSON])
    func noMetadata(json: JSON) async throws {
        let store = try StoreFolder().open()
        let stored = try await store.put(.configMap("a"), json, expecting: .any)
        #expect(try stored.json() == ["metadata": ["resourceVersion": "2"]])
        await store.close()
    }

    @Test("a change of an object in another state than expected is a conflict")
    func conflicts() async throws {
        let store = try StoreFolder().open()
        let first = try await store.create("a")
        await expect(conflictWith: first.revision) { try await store.create("a") }
        await expect(conflictWith: first.revision) {
            try await store.put(.configMap("a"), .configMap("a"), expecting: .revision(77))
        }
        await expect(conflictWith: first.revision) { try await store.remove(.configMap("a"), expecting: .revision(77)) }
        await expect(conflictWith: nil) {
            try await store.put(.configMap("b"), .configMap("b"), expecting: .revision(2))
        }
        await expect(conflictWith: nil) { try await store.remove(.configMap("b"), expecting: .any) }
        let second = try await store.put(
            .configMap("a"), .configMap("a", value: "2"), expecting: .revision(first.revision))
        #expect(second.revision == 3)
        await store.close()
    }

    @Test("a removed object is reported with the revision of the removal, in its last or a given state")
    func removal() async throws {
        let store = try StoreFolder().open()
        for number in 0..<8 { try await store.create("\(number)") }
        try await store.create("a", value: "kept")
        try await store.create("b")
        let removed = try await store.remove(.configMap("a"), expecting: .any)
        #expect(removed.revision == 12)
        #expect(try removed.json().value(at: "metadata", "resourceVersion") == "12")
        #expect(try removed.json().value(at: "data", "value") == "kept")
        let final = try await store.remove(.configMap("b"), expecting: .any, finalState: .configMap("b", value: "end"))
        #expect(try final.json().value(at: "data", "value") == "end")
        #expect(try final.json().value(at: "metadata", "resourceVersion") == "13")
        #expect(try await store.get(.configMap("a")) == nil)
        #expect(try await store.create("a").revision == 14)
        await store.close()
    }

    @Test("lists are ordered as the keys of a real cluster are, and separate resources and namespaces")
    func order() async throws {
        let store = try StoreFolder().open()
        for (namespace, name) in [("a", "z"), ("a-b", "y"), ("a", "b"), ("ab", "c"), ("a.c", "d")] {
            try await store.create(name, in: namespace)
        }
        try await store.put(ObjectKey(resource: "nodes", name: "n"), ["kind": "Node"], expecting: .absent)
        let all = try await store.list(resource: "configmaps", namespace: nil)
        #expect(all.items.map(\.key.path) == ["a-b/y", "a.c/d", "a/b", "a/z", "ab/c"])
        #expect(all.revision == 7)
        #expect(try await store.list(resource: "configmaps", namespace: "a").items.map(\.key.name) == ["b", "z"])
        #expect(try await store.list(resource: "configmaps", namespace: "a-").items.isEmpty)
        #expect(try await store.list(resource: "nodes", namespace: nil).items.map(\.key.name) == ["n"])
        await store.close()
    }

    @Test("a list can be had as it was at an earlier revision")
    func listAtRevision() async throws {
        let store = try StoreFolder().open { $0.historyEvents = 6 }
        try await store.create("a", value: "1")
        try await store.create("b")
        try await store.create("c")
        let then = try await store.list(resource: "configmaps", namespace: nil)
        try await store.put(.configMap("a"), .configMap("a", value: "2"), expecting: .any)
        try await store.remove(.configMap("b"), expecting: .any)
        try await store.create("d")
        let again = try await store.list(resource: "configmaps", namespace: nil, at: then.revision)
        #expect(again.elementsEqual(then.items, by: ===))
        try await store.create("e")
        try await store.create("f")
        try await store.create("g")
        try await store.create("h")
        await #expect(throws: StoreError.self) {
            try await store.list(resource: "configmaps", namespace: nil, at: then.revision)
        }
        await store.close()
    }

    @Test("of many writers of one object exactly one wins each revision")
    func concurrentUpdates() async throws {
        let folder = StoreFolder()
        let store = try folder.open()
        try await store.create("counter", value: "0")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<20 { try await increment(store) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.value(of: "counter") == "160")
        #expect(store.revision == 162)
        await store.close()
        let again = try folder.open()
        #expect(try await again.value(of: "counter") == "160")
        await again.close()
    }

    @Test("changes after the end are refused, reads go on")
    func closed() async throws {
        let store = try StoreFolder().open()
        try await store.create("a")
        await store.close()
        await store.close()
        await #expect(throws: StoreError.self) { try await store.create("b") }
        #expect(try await store.get(.configMap("a")) != nil)
    }
}

/// Adds one to the object `counter`, again and again until no one else came in between.
private func increment(_ store: Store) async throws {
    while true {
        let current = try #require(try await store.get(.configMap("counter")))
        let value = try #require(Int(try current.json().value(at: "data", "value")?.string ?? ""))
        do {
            try await store.put(
                .configMap("counter"), .configMap("counter", value: "\(value + 1)"),
                expecting: .revision(current.revision))
            return
        } catch StoreError.conflict { continue }
    }
}

/// Expects a conflict that names the current revision.
func expect(
    conflictWith revision: UInt64?, at location: SourceLocation = #_sourceLocation,
    _ body: () async throws -> StoredObject
) async {
    do {
        _ = try await body()
        Issue.record("no conflict", sourceLocation: location)
    } catch StoreError.conflict(let current) {
        #expect(current?.revision == revision, sourceLocation: location)
    } catch {
        Issue.record("\(error)", sourceLocation: location)
    }
}
