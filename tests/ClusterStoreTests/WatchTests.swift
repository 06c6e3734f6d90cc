import ClusterStore
import KubeModel
import Testing

@testable import ClusterStore

@Suite("Store watches")
struct WatchTests {
    /// The next events, as kind and name.
    private func collect(_ count: Int, _ watch: StoreWatch) async throws -> [String] {
        var seen: [String] = []
        for try await batch in watch {
            seen += batch.events.map { "\($0.kind) \($0.object.key.name) \($0.revision)" }
            if seen.count >= count { break }
        }
        return seen
    }

    @Test("a watch tells what happened since its revision, and what happens from then on")
    func events() async throws {
        let store = try StoreFolder().open()
        try await store.create("a")
        let watch = try store.watch(resource: "configmaps", namespace: nil, from: 2)
        try await store.put(.configMap("a"), .configMap("a", value: "2"), expecting: .any)
        async let seen = collect(4, watch)
        try await store.create("b")
        try await store.put(ObjectKey(resource: "nodes", name: "n"), [:], expecting: .any)
        try await store.remove(.configMap("a"), expecting: .any)
        try await store.create("a")
        #expect(try await seen == ["modified a 3", "added b 4", "deleted a 6", "added a 7"])
        await store.close()
    }

    @Test("an event carries the state before")
    func previous() async throws {
        let store = try StoreFolder().open()
        let first = try await store.create("a")
        let second = try await store.put(.configMap("a"), .configMap("a"), expecting: .any)
        let third = try await store.remove(.configMap("a"), expecting: .any)
        var watch = try store.watch(resource: "configmaps", namespace: nil, from: 1).makeAsyncIterator()
        let events = try #require(try await watch.next()).events
        #expect(events.map(\.previous?.revision) == [nil, first.revision, second.revision])
        #expect(events[2].object === third)
        await store.close()
    }

    @Test("a watch of a namespace sees only that, a watch of everything sees all")
    func filters() async throws {
        let store = try StoreFolder().open()
        let one = try store.watch(resource: "configmaps", namespace: "x", from: 1)
        let all = try store.watchAll(from: 1)
        async let seenOne = collect(2, one)
        async let seenAll = collect(4, all)
        try await store.create("a", in: "x")
        try await store.create("b", in: "y")
        try await store.put(ObjectKey(resource: "nodes", name: "n"), [:], expecting: .any)
        try await store.create("c", in: "x")
        #expect(try await seenOne == ["added a 2", "added c 5"])
        #expect(try await seenAll == ["added a 2", "added b 3", "added n 4", "added c 5"])
        await store.close()
    }

    @Test("a watch goes on after a restart, from every revision since the snapshot before the last")
    func resume() async throws {
        let folder = StoreFolder()
        var store = try folder.open()
        for number in 2...5 { try await store.create("\(number)") }
        try await store.snapshot()
        for number in 6...8 { try await store.create("\(number)") }
        try await store.snapshot()
        try await store.create("9")
        try await store.remove(.configMap("9"), expecting: .any)
        await store.close()
        store = try folder.open()
        for revision in UInt64(5)...9 {
            let watch = try store.watch(resource: "configmaps", namespace: nil, from: revision)
            let expected = (revision + 1...10).map { $0 == 10 ? "deleted 9 10" : "added \($0) \($0)" }
            #expect(try await collect(expected.count, watch) == expected)
        }
        await store.close()
    }

    @Test("a watch from before the history is refused, one of a quiet resource is not")
    func gone() async throws {
        let store = try StoreFolder().open { $0.historyEvents = 3 }
        try await store.put(ObjectKey(resource: "nodes", name: "n"), [:], expecting: .any)
        for number in 0..<3 { try await store.create("\(number)") }
        #expect(oldest { try store.watch(resource: "nodes", namespace: nil, from: 1) } == 2)
        #expect(oldest { try store.watch(resource: "nodes", namespace: nil, from: 2) } == nil)
        #expect(oldest { try store.watch(resource: "configmaps", namespace: nil, from: 1) } == nil)
        try await store.create("x")
        #expect(oldest { try store.watch(resource: "configmaps", namespace: nil, from: 2) } == 3)
        #expect(oldest { try store.watchAll(from: 1) } == 3)
        #expect(oldest { try store.watch(resource: "pods", namespace: nil, from: 1) } == nil)
        await store.close()
    }

    @Test("the history is bounded by memory, too")
    func boundedMemory() async throws {
        let store = try StoreFolder().open { $0.historyBytes = 10_000 }
        for number in 0..<20 { try await store.create("\(number)", value: String(repeating: "x", count: 1000)) }
        let floor = try #require(oldest { try store.watch(resource: "configmaps", namespace: nil, from: 1) })
        #expect(floor > 10 && floor < 20)
        await store.close()
    }

    @Test("a slow watcher is cut off")
    func slow() async throws {
        let store = try StoreFolder().open { $0.historyEvents = 3 }
        var watch = try store.watch(resource: "configmaps", namespace: nil, from: 1).makeAsyncIterator()
        try await store.create("first")
        #expect(try await watch.next()?.events.count == 1)
        for number in 0..<5 { try await store.create("\(number)") }
        await #expect(throws: StoreError.self) { _ = try await watch.next() }
        await store.close()
    }

    @Test("a watcher that is held up elsewhere learns that it was overtaken")
    func overtaken() async throws {
        let store = try StoreFolder().open { $0.historyEvents = 3 }
        let watch = try store.watch(resource: "configmaps", namespace: nil, from: 1)
        async let outcome = whenOvertaken(watch)
        for number in 0..<3 { try await store.create("\(number)") }
        store.engine.history.sweep()
        try await store.create("x")
        store.engine.history.sweep()
        #expect(await outcome == 2)
        let other = try store.watch(resource: "configmaps", namespace: nil, from: 5)
        async let end = whenOvertaken(other)
        await store.close()
        #expect(await end == nil)
    }

    /// The oldest revision that is left when a watch was overtaken, nil when it ended otherwise.
    private func whenOvertaken(_ watch: StoreWatch) async -> UInt64? {
        do throws(StoreError) {
            try await watch.untilOvertaken()
            return nil
        } catch {
            guard case .gone(let oldest) = error else { return nil }
            return oldest
        }
    }

    @Test("the history is bounded by time, too, and a quiet resource keeps the versions it has")
    func boundedTime() async throws {
        let time = TestTime()
        let store = try StoreFolder().open { ($0.historyAge, $0.now) = (.seconds(60), { time.now }) }
        let history = store.engine.history
        try await store.create("a")
        try await store.create("b")
        for _ in 0..<5 {
            time.advance(by: .seconds(10))
            history.sweep()
        }
        #expect(oldest { try store.watch(resource: "configmaps", namespace: nil, from: 1) } == nil)
        try await store.create("c")
        time.advance(by: .seconds(40))
        history.sweep()
        #expect(oldest { try store.watch(resource: "configmaps", namespace: nil, from: 1) } == 3)
        #expect(oldest { try store.watch(resource: "configmaps", namespace: nil, from: 3) } == nil)
        time.advance(by: .seconds(400))
        history.sweep()
        #expect(history.size == (0, 0))
        #expect(oldest { try store.watch(resource: "configmaps", namespace: nil, from: 3) } == 4)
        #expect(oldest { try store.watch(resource: "configmaps", namespace: nil, from: 4) } == nil)
        #expect(oldest { try store.watch(resource: "pods", namespace: nil, from: 1) } == nil)
        await store.close()
    }

    @Test("a batch is bounded by size")
    func batchSize() async throws {
        let store = try StoreFolder().open()
        let value = String(repeating: "x", count: 300_000)
        for number in 0..<9 { try await store.create("\(number)", value: value) }
        var count = 0
        for try await batch in try store.watch(resource: "configmaps", namespace: nil, from: 1) {
            #expect(batch.events.count <= 4)
            count += batch.events.count
            if count == 9 { break }
        }
        await store.close()
    }

    @Test("a watcher without news stays in spite of much else that happens")
    func quiet() async throws {
        let store = try StoreFolder().open { $0.historyEvents = 3 }
        let watch = try store.watch(resource: "configmaps", namespace: "quiet", from: 1)
        var iterator = watch.makeAsyncIterator()
        watch.requestProgress()
        #expect(try await iterator.next()?.revision == 1)
        async let seen = collect(1, watch)
        while store.parkedWatchers == 0 { await Task.yield() }
        for number in 0..<10 { try await store.create("\(number)", in: "busy") }
        try await store.create("news", in: "quiet")
        #expect(try await seen == ["added news 12"])
        await store.close()
    }

    @Test("progress is told on request, and never runs ahead of events")
    func progress() async throws {
        let disk = TestDisk()
        let store = try StoreFolder().open { $0.layer = disk.layer }
        try await store.put(ObjectKey(resource: "nodes", name: "n"), [:], expecting: .any)
        let watch = try store.watch(resource: "configmaps", namespace: nil, from: 1)
        var iterator = watch.makeAsyncIterator()
        watch.requestProgress()
        let idle = try #require(try await iterator.next())
        #expect(idle.events.isEmpty && idle.revision == 2)
        disk.hold()
        async let object = store.create("a")
        while store.peek(.configMap("a")) == nil { await Task.yield() }
        watch.requestProgress()
        let during = try #require(try await iterator.next())
        #expect(during.events.isEmpty && during.revision == 2)
        disk.release()
        #expect(try await object.revision == 3)
        #expect(try await iterator.next()?.revision == 3)
        await store.close()
    }

    @Test("a watch ends with its task, and with the store")
    func ends() async throws {
        let store = try StoreFolder().open()
        let watch = try store.watch(resource: "configmaps", namespace: nil, from: 1)
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for try await _ in watch {} }
            while store.parkedWatchers == 0 { await Task.yield() }
            group.cancelAll()
        }
        #expect(store.parkedWatchers == 0)
        let other = try store.watch(resource: "configmaps", namespace: nil, from: 1)
        try await store.create("a")
        await store.close()
        #expect(try await collect(9, other) == ["added a 2"])
        #expect(throws: StoreError.self) { try store.watch(resource: "configmaps", namespace: nil, from: 1) }
    }

    @Test("a thousand watchers all see everything in order")
    func many() async throws {
        let store = try StoreFolder().open()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<1000 {
                let watch = try store.watch(resource: "configmaps", namespace: "default", from: 1)
                group.addTask {
                    var last: UInt64 = 1
                    for try await batch in watch {
                        for event in batch.events {
                            guard event.revision == last + 1 else { return false }
                            last = event.revision
                        }
                        if last == 101 { break }
                    }
                    return true
                }
            }
            for number in 0..<100 { try await store.create("\(number)") }
            for try await isComplete in group { #expect(isComplete) }
        }
        #expect(store.watchers == 0)
        await store.close()
    }

    /// The revision from which a watch would be possible, nil when it already is.
    private func oldest(_ open: () throws -> StoreWatch) -> UInt64? {
        guard case .gone(let oldest)? = failure({ _ = try open() }) else { return nil }
        return oldest
    }
}
