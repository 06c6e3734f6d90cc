import KubeClient
import KubeModel
import TestSupport
import Testing

@testable import ControllerKit

@Suite("Watch cache")
struct WatchCacheTests {
    private func pod(_ name: String, phase: String = "Pending") -> JSON {
        ["metadata": ["name": .string(name), "namespace": "team"], "status": ["phase": .string(phase)]]
    }

    /// Runs a cache of Pods beside a body, and ends it.
    private func withCache(
        _ cluster: FakeCluster, _ body: (WatchCache, AsyncStream<CacheChange>) async throws -> Void
    ) async throws {
        let cache = WatchCache(client: cluster.client, type: .pods)
        let changes = cache.changes()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await cache.run() }
            defer { group.cancelAll() }
            try await cache.waitUntilSynced()
            try await body(cache, changes)
        }
    }

    private func next(_ changes: AsyncStream<CacheChange>) async -> CacheChange? {
        for await change in changes { return change }
        return nil
    }

    private func text(_ change: CacheChange?) -> String {
        guard let change else { return "end" }
        return "\(change.type) \(change.object.name)"
    }

    @Test("what is listed and what is watched are told in order")
    func order() async throws {
        let cluster = FakeCluster()
        try await cluster.add(.pods, pod("a"))
        try await withCache(cluster) { cache, changes in
            #expect(text(await next(changes)) == "added a")
            try await cluster.add(.pods, pod("b"))
            #expect(text(await next(changes)) == "added b")
            _ = try await cluster.client.patch(
                .pods, "a", namespace: "team", .merge(["status": ["phase": "Running"]]))
            let change = await next(changes)
            #expect(text(change) == "modified a")
            #expect(change?.old?.status["phase"] == "Pending")
            #expect(cache.get("a", namespace: "team")?.status["phase"] == "Running")
            try await cluster.client.delete(.pods, "a", namespace: "team")
            #expect(text(await next(changes)) == "deleted a")
            #expect(cache.all().map(\.name) == ["b"])
            #expect(cache.all(namespace: "other").isEmpty)
        }
    }

    @Test("after a lost connection it goes on from where it was, and tells nothing twice")
    func lostConnection() async throws {
        let cluster = FakeCluster()
        try await cluster.add(.pods, pod("a"))
        try await withCache(cluster) { _, changes in
            #expect(text(await next(changes)) == "added a")
            #expect(try await cluster.eventually { cluster.openWatches == 1 })
            cluster.breakConnections()
            try await cluster.add(.pods, pod("b"))
            #expect(text(await next(changes)) == "added b")
        }
    }

    @Test("after 410 it lists again and finds what it missed, deletions too")
    func expired() async throws {
        let cluster = FakeCluster()
        for name in ["a", "b", "c"] { try await cluster.add(.pods, pod(name)) }
        try await withCache(cluster) { cache, changes in
            for _ in 0..<3 { _ = await next(changes) }
            #expect(try await cluster.eventually { cluster.openWatches == 1 })
            // Nobody can watch while all of this happens.
            cluster.fail { $0.method == "GET" ? APIError(.serviceUnavailable, "no") : nil }
            cluster.breakConnections()
            try await cluster.client.delete(.pods, "a", namespace: "team")
            _ = try await cluster.client.patch(.pods, "b", namespace: "team", .merge(["status": ["phase": "Failed"]]))
            try await cluster.add(.pods, pod("d"))
            cluster.compact()
            cluster.fail { _ in nil }
            var seen: Set<String> = []
            for _ in 0..<3 { seen.insert(text(await next(changes))) }
            #expect(seen == ["deleted a", "modified b", "added d"])
            #expect(cache.all().map(\.name) == ["b", "c", "d"])
        }
    }

    @Test("managed fields are not kept, nor what nobody reads")
    func reduced() async throws {
        let cluster = FakeCluster()
        try await cluster.add(
            .pods,
            [
                "metadata": ["name": "a", "namespace": "team", "managedFields": [["manager": "x"]]],
                "spec": ["nodeName": "n"], "status": ["phase": "Running"],
            ])
        let cache = WatchCache(client: cluster.client, type: .pods) { $0["spec"] = nil }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await cache.run() }
            defer { group.cancelAll() }
            try await cache.waitUntilSynced()
        }
        let pod = try #require(cache.get("a", namespace: "team"))
        #expect(pod.metadata["managedFields"] == nil)
        #expect(pod["spec"] == nil)
        #expect(pod.status["phase"] == "Running")
    }

    @Test("waiting for the first list can be cancelled")
    func cancelledWait() async throws {
        let cache = WatchCache(client: FakeCluster().client, type: .pods)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await cache.waitUntilSynced()) != nil }
            group.cancelAll()
            #expect(await group.next() == false)
        }
    }
}
