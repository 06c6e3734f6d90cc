import KubeModel
import Synchronization
import Testing

@testable import ClusterStore

@Suite("Watches read without a task")
struct WatchReaderTests {
    @Test("a reader is told of changes once it has read what there was, and of the end")
    func changes() async throws {
        let store = try StoreFolder().open()
        let lane = StreamLane()
        let watch = try store.watch(resource: "configmaps", namespace: nil, from: 1)
        let reader = Reader(watch, lane)
        var told = lane.told.makeAsyncIterator()
        reader.read()
        #expect(reader.names == [])
        try await store.create("a")
        _ = await told.next()
        // Not told again before it has read.
        try await store.create("b")
        reader.read()
        #expect(reader.names == ["a", "b"])
        try await store.create("c")
        _ = await told.next()
        reader.read()
        #expect(reader.names == ["a", "b", "c"])
        watch.end()
        _ = await told.next()
        reader.read()
        #expect(reader.isFinished)
        await store.close()
    }

    @Test("a reader that looks without being told is still told once, and leaves nothing behind")
    func looksAgain() async throws {
        let store = try StoreFolder().open()
        let lane = StreamLane()
        let reader = Reader(try store.watch(resource: "configmaps", namespace: nil, from: 1), lane)
        for _ in 0..<3 { reader.read() }
        let parked = store.engine.history.parkedCount
        #expect(parked == 1)
        try await store.create("a")
        var told = lane.told.makeAsyncIterator()
        _ = await told.next()
        #expect(store.engine.history.parkedCount == 0)
        reader.read()
        #expect(reader.names == ["a"])
        await store.close()
    }

    @Test("many readers all get every change")
    func many() async throws {
        let store = try StoreFolder().open()
        let lane = StreamLane()
        let readers = try (0..<50).map { _ in
            Reader(try store.watch(resource: "configmaps", namespace: nil, from: 1), lane)
        }
        for reader in readers { reader.read() }
        for number in 0..<20 { try await store.create("\(number)") }
        for await reader in lane.told {
            reader.read()
            if readers.allSatisfy({ $0.names.count == 20 }) { break }
        }
        #expect(readers.allSatisfy { $0.names == readers[0].names })
        await store.close()
    }

    @Test("a reader that is held up learns that it was overtaken")
    func overtaken() async throws {
        let store = try StoreFolder().open { $0.historyEvents = 3 }
        let lane = StreamLane()
        let watch = try store.watch(resource: "configmaps", namespace: nil, from: 1)
        let reader = Reader(watch, lane)
        #expect(watch.tellWhenOvertaken(reader))
        for number in 0..<4 { try await store.create("\(number)") }
        store.engine.history.sweep()
        var told = lane.told.makeAsyncIterator()
        _ = await told.next()
        #expect(watch.isOvertaken)
        #expect(!watch.tellWhenOvertaken(reader))
        reader.read()
        #expect(reader.oldest == 2)
        await store.close()
    }

    @Test("a reader that is told of nothing goes with its watch")
    func forgotten() async throws {
        let store = try StoreFolder().open()
        let lane = StreamLane()
        try {
            let reader = Reader(try store.watch(resource: "configmaps", namespace: nil, from: 1), lane)
            reader.read()
            #expect(store.parkedWatchers == 1)
            reader.watch.end()
        }()
        #expect(store.parkedWatchers == 0)
        await store.close()
    }
}

/// Passes on who is told.
private final class StreamLane: WatchLane {
    let told: AsyncStream<Reader>
    private let continuation: AsyncStream<Reader>.Continuation

    init() { (told, continuation) = AsyncStream.makeStream() }

    func schedule(_ readers: [any WatchReader]) {
        for case let reader as Reader in readers { continuation.yield(reader) }
    }
}

/// Notes what it reads, when the test lets it.
private final class Reader: WatchReader {
    private struct State {
        var names: [String] = []
        var oldest: UInt64?
        var isFinished = false
    }

    let watch: StoreWatch
    let lane: any WatchLane
    private let state = Mutex(State())

    init(_ watch: StoreWatch, _ lane: StreamLane) { (self.watch, self.lane) = (watch, lane) }

    var names: [String] { state.withLock(\.names) }
    var oldest: UInt64? { state.withLock(\.oldest) }
    var isFinished: Bool { state.withLock(\.isFinished) }

    func ready() {}

    /// Reads all there is.
    func read() {
        while true {
            switch watch.read(telling: self) {
            case .batch(let batch): state.withLock { $0.names += batch.events.map(\.object.key.name) }
            case .nothing: return
            case .gone(let oldest): return state.withLock { $0.oldest = oldest }
            case .finished: return state.withLock { $0.isFinished = true }
            }
        }
    }
}
