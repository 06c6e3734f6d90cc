import ClusterStore
import Foundation
import KubeModel
import Synchronization
import Testing

@testable import ClusterStore

/// A folder for one test, removed when it goes away.
final class StoreFolder: Sendable {
    let path: String

    init() {
        // In memory where there is such a place: these tests are about bytes, not about the disk.
        let root = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        path = "\(root)/store-test-\(UUID().uuidString)"
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var directory: StoreDirectory { StoreDirectory(path: path, layer: FileLayer()) }

    func open(_ change: (inout Store.Options) -> Void = { _ in }) throws(StoreError) -> Store {
        var options = Store.Options.small(change)
        let layer = options.layer
        // The store keeps its folder, so that a test need not.
        options.layer.failure = { [self] operation, path in
            withExtendedLifetime(self) { layer.failure(operation, path) }
        }
        return try Store.open(directory: path, options: options)
    }

    func read(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
    }

    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws {
        let file = URL(fileURLWithPath: "\(path)/\(name)")
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }

    /// What a start would find, without starting.
    func recover() throws(StoreError) -> Recovery.Outcome {
        try Recovery.run(directory, History(maximumCount: 1000, maximumCost: 1 << 20))
    }

    /// A copy of the files as they are now, possibly in the middle of writes. Newer segments first, as if the process
    /// had ended when the first of them was read: what the older ones have by then, they had before that as well.
    func copyWhileRunning() throws -> StoreFolder {
        let copy = StoreFolder()
        try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
        // A segment that is gone by now was replaced by a snapshot, which is copied after it.
        for name in try names.reversed() where name.hasPrefix("log-") { _ = try? copy.write(name, try read(name)) }
        for _ in 0..<1000 {
            let snapshots = try names.filter { $0.hasPrefix("snapshot-") }
            guard (try? snapshots.forEach { try copy.write($0, try read($0)) }) == nil else { return copy }
        }
        throw StoreError.unwritable("the snapshots changed faster than they could be copied")
    }
}

extension Store.Options {
    static func small(_ change: (inout Store.Options) -> Void = { _ in }) -> Store.Options {
        var options = Store.Options()
        options.segmentBytes = 64 << 10
        change(&options)
        return options
    }
}

extension ObjectKey {
    static func configMap(_ name: String, in namespace: String = "default") -> ObjectKey {
        ObjectKey(resource: "configmaps", namespace: namespace, name: name)
    }
}

extension JSON {
    static func configMap(_ name: String, value: String = "", labels: [String: String] = [:]) -> JSON {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": .string(name), "uid": .string("uid-\(name)"), "labels": JSON(labels)],
            "data": ["value": .string(value)],
        ]
    }
}

extension Store {
    @discardableResult
    func create(_ name: String, in namespace: String = "default", value: String = "") async throws -> StoredObject {
        try await put(
            .configMap(name, in: namespace), .configMap(name, value: value, labels: ["n": name]), expecting: .absent)
    }

    func value(of name: String) async throws -> String? {
        try await get(.configMap(name))?.json().value(at: "data", "value")?.string
    }
}

/// A way to the disk on which a test decides what happens.
final class TestDisk: Sendable {
    private struct State {
        var failing: [FileOperation: Int32] = [:]
        var remaining = 0
        var isHeld = false
    }

    private let state = Mutex(State())
    private let condition = NSCondition()

    var layer: FileLayer {
        FileLayer(failure: { [self] operation, path in
            if operation == .sync, path.contains("/log-") { waitWhileHeld() }
            return state.withLock { state in
                guard state.remaining > 0, let code = state.failing[operation] else { return nil }
                state.remaining -= 1
                return code
            }
        })
    }

    /// Lets operations fail, the next few or until ``recover()``.
    func fail(_ operations: FileOperation..., code: Int32, times: Int = .max) {
        state.withLock { state in
            for operation in operations { state.failing[operation] = code }
            state.remaining = times
        }
    }

    func recover() { state.withLock { ($0.failing, $0.remaining) = ([:], 0) } }

    /// Keeps what is written next from becoming durable until ``release()``.
    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        condition.lock()
        state.withLock { $0.isHeld = false }
        condition.broadcast()
        condition.unlock()
    }

    private func waitWhileHeld() {
        condition.lock()
        while state.withLock({ $0.isHeld }) { condition.wait() }
        condition.unlock()
    }
}

/// A time that goes on when a test says so.
final class TestTime: Sendable {
    private let state = Mutex(ContinuousClock.now)

    var now: ContinuousClock.Instant { state.withLock { $0 } }

    func advance(by duration: Duration) { state.withLock { $0 += duration } }
}

extension Store {
    /// How many watchers wait for news.
    var parkedWatchers: Int { engine.history.parkedCount }
    /// How many watchers there are.
    var watchers: Int { engine.history.watcherCount }
    /// How many readers wait for something to become durable.
    var waitingReaders: Int { engine.state.withLock { $0.waiters.count } }
}

/// How something fails, nil when it does not.
func failure(_ body: () throws -> Void) -> StoreError? {
    do {
        try body()
        return nil
    } catch {
        return error as? StoreError
    }
}
