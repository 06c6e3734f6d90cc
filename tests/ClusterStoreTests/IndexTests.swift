import ClusterStore
import Glibc
import KubeModel
import Testing

@testable import ClusterStore

@Suite("Store indexes")
struct IndexTests {
    private static let fields = ["pods": ["spec.nodeName"]]

    /// A Pod that something random is known of.
    private static func pod(_ number: UInt64, _ generator: inout SeededGenerator) -> (ObjectKey, JSON) {
        let key = ObjectKey(resource: "pods", namespace: "n\(generator.next() % 3)", name: "pod-\(number)")
        var json: JSON = [
            "kind": "Pod",
            "metadata": [
                "name": .string(key.name), "uid": .string("uid-\(number)"),
                "annotations": ["trap": "\"ownerReferences\":[{\"uid\":\"owner-0\"}],\\"],
            ],
            "spec": ["containers": [["name": "nodeName", "args": ["spec", "nodeName"]]]],
        ]
        if generator.next() % 4 > 0 {
            json.set(.string("value-\(generator.next() % 30)"), at: "metadata", "labels", "many")
        }
        if generator.next() % 2 > 0 { json.set("x", at: "metadata", "labels", "half") }
        if generator.next() % 3 > 0 { json.set(.string("node-\(generator.next() % 9)"), at: "spec", "nodeName") }
        if generator.next() % 3 > 0 {
            let owners = (0...generator.next() % 2).map {
                JSON.object(["uid": .string("owner-\($0 + generator.next() % 9)")])
            }
            json.set(.array(owners), at: "metadata", "ownerReferences")
        }
        return (key, json)
    }

    private static let terms: [StoreTerm] =
        (0..<30).map { .label("many", "value-\($0)") } + (0..<10).map { .owner("owner-\($0)") }
        + (0..<9).map { .field("spec.nodeName", "node-\($0)") } + [
            .field("spec.nodeName", ""), .label("half", "x"), .label("none", ""), .hasLabel("many"), .hasLabel("none"),
            .labels("many", ["value-1", "value-2", "value-1", "other"]), .name("pod-7"), .name("none"),
        ]

    private func expectIndexes(of store: Store, _ context: String) async throws {
        for namespace in [nil, "n1", "none"] {
            let all = try await store.list(resource: "pods", namespace: namespace).items
            for term in Self.terms {
                let found = try await store.list(resource: "pods", namespace: namespace, meeting: [term]).items
                let expected = all.filter(term.matches)
                #expect(found.filter(term.matches).elementsEqual(expected, by: ===), "\(term) \(context)")
            }
        }
    }

    @Test("what an index finds is what a walk finds, over changes, failures and restarts")
    func sameAsWalk() async throws {
        let folder = StoreFolder()
        let disk = TestDisk()
        var store = try folder.open { ($0.indexedFields, $0.layer) = (Self.fields, disk.layer) }
        var generator = SeededGenerator(state: 11)
        for round in 0..<4 {
            for _ in 0..<300 {
                let (key, json) = Self.pod(generator.next() % 200, &generator)
                if generator.next() % 4 == 0 {
                    _ = try? await store.remove(key, expecting: .any)
                } else {
                    try await store.put(key, json, expecting: .any)
                }
            }
            disk.fail(.write, .create, .rename, code: ENOSPC)
            for _ in 0..<30 {
                let (key, json) = Self.pod(generator.next() % 200, &generator)
                _ = try? await store.put(key, json, expecting: .any)
                _ = try? await store.remove(key, expecting: .any)
            }
            disk.recover()
            try await expectIndexes(of: store, "in round \(round)")
            if round % 2 == 0 { try await store.snapshot() }
            await store.close()
            store = try folder.open { ($0.indexedFields, $0.layer) = (Self.fields, disk.layer) }
            try await expectIndexes(of: store, "after a start")
        }
        await store.close()
    }

    @Test("a list by index can be had as it was at an earlier revision")
    func atRevision() async throws {
        let store = try StoreFolder().open { $0.indexedFields = Self.fields }
        var generator = SeededGenerator(state: 12)
        for number in UInt64(0)..<100 {
            let (key, json) = Self.pod(number, &generator)
            try await store.put(key, json, expecting: .any)
        }
        let (then, revision) = try await store.list(resource: "pods", namespace: nil)
        for number in UInt64(0)..<100 {
            let (key, json) = Self.pod(number, &generator)
            try await store.put(key, json, expecting: .any)
            if number % 3 == 0 { try await store.remove(key, expecting: .any) }
        }
        for term in Self.terms {
            let found = try await store.list(resource: "pods", namespace: nil, meeting: [term], at: revision)
            #expect(found.filter(term.matches).elementsEqual(then.filter(term.matches), by: ===), "\(term)")
        }
        await store.close()
    }

    @Test("a watcher of a term sees the changes of objects that meet it or did before, and sleeps through all others")
    func watch() async throws {
        let store = try StoreFolder().open { $0.indexedFields = Self.fields }
        let watches = try Self.terms.map { try store.watch(resource: "pods", namespace: "n1", meeting: $0, from: 1) }
        let everything = try store.watch(resource: "pods", namespace: "n1", from: 1)
        let seen = try await withThrowingTaskGroup(of: (Int, [UInt64]).self) { group in
            for (number, watch) in watches.enumerated() {
                group.addTask {
                    var seen: [UInt64] = []
                    for try await batch in watch { seen += batch.events.map(\.revision) }
                    return (number, seen)
                }
            }
            while store.parkedWatchers < watches.count { await Task.yield() }
            var generator = SeededGenerator(state: 13)
            for _ in 0..<400 {
                let (key, json) = Self.pod(generator.next() % 40, &generator)
                try await store.put(key, json, expecting: .any)
                if generator.next() % 5 == 0 { try await store.remove(key, expecting: .any) }
            }
            await store.close()
            return try await group.reduce(into: [Int: [UInt64]]()) { $0[$1.0] = $1.1 }
        }
        var events: [StoreEvent] = []
        for try await batch in everything { events += batch.events }
        for (number, term) in Self.terms.enumerated() {
            let met = events.filter { term.matches($0.object) || ($0.previous.map(term.matches) ?? false) }
            let found = seen[number] ?? []
            // A set of values is watched by its key: more may come, never less.
            if case .labels = term {
                #expect(Set(met.map(\.revision)).isSubset(of: found), "\(term)")
            } else {
                #expect(found == met.map(\.revision), "\(term)")
            }
        }
    }

    @Test("a watcher of another term is not woken")
    func notWoken() async throws {
        let store = try StoreFolder().open { $0.indexedFields = Self.fields }
        let watch = try store.watch(resource: "pods", namespace: nil, meeting: .field("spec.nodeName", "a"), from: 1)
        async let names = collectNames(of: watch)
        while store.parkedWatchers == 0 { await Task.yield() }
        for number in 0..<20 {
            let key = ObjectKey(resource: "pods", namespace: "n", name: "pod-\(number)")
            try await store.put(key, ["spec": ["nodeName": "b"]], expecting: .any)
            #expect(store.parkedWatchers == 1)
        }
        let key = ObjectKey(resource: "pods", namespace: "n", name: "mine")
        try await store.put(key, ["spec": ["nodeName": "a"]], expecting: .any)
        await store.close()
        #expect(try await names == ["mine"])
    }

    private func collectNames(of watch: StoreWatch) async throws -> [String] {
        var names: [String] = []
        for try await batch in watch { names += batch.events.map(\.object.key.name) }
        return names
    }

    @Test(
        "a value is found in the text as in the tree, at every path",
        arguments: [
            #"{"a":{"b":1,"c":[{"b":2},{"x":[]},{"b":"}"}],"d":null},"e":"\"a\":{","f":-1.5e3,"g":true,"h":{}}"#, "{}",
            "[]", "1", "", "{", #"{"a":{"#, #"{"a":"\"#, #"{"a":[{"b":"#,
        ])
    func scan(text: String) throws {
        let bytes = Array(text.utf8)
        let tree = try? JSON(parsing: bytes)
        for path in [
            ["a"], ["a", "b"], ["a", "c"], ["a", "d"], ["e"], ["f"], ["g"], ["h"], ["h", "x"], ["x"], ["b"],
        ] {
            let found = FieldScan.range(of: path, in: bytes).flatMap { try? JSON(parsing: bytes[$0]) }
            #expect(found == tree?.value(at: path), "\(path)")
        }
        let values = FieldScan.ranges(of: "b", inArrayAt: ["a", "c"], in: bytes).map { try? JSON(parsing: bytes[$0]) }
        if let elements = tree?.value(at: "a", "c")?.array { #expect(values == elements.compactMap { $0["b"] }) }
    }
}
