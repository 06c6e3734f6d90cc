import Synchronization

/// Locks by name, held across suspension points; whoever comes first is served first.
final class KeyedLocks: Sendable {
    private struct State {
        /// Those who wait for a lock that is held; a lock that is free has no entry.
        var waiters: [String: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = Mutex(State())

    /// Runs `body` while the locks are held. Names are taken in order, so that two callers cannot wait for each other.
    func withLocks<Answer>(_ names: [String], _ body: () async throws -> Answer) async rethrows -> Answer {
        guard !names.isEmpty else { return try await body() }
        let sorted = Set(names).sorted()
        for name in sorted { await acquire(name) }
        defer { for name in sorted { release(name) } }
        return try await body()
    }

    private func acquire(_ name: String) async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.waiters[name] != nil else {
                    state.waiters[name] = []
                    return true
                }
                state.waiters[name]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func release(_ name: String) {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard let waiting = state.waiters[name], !waiting.isEmpty else {
                state.waiters[name] = nil
                return nil
            }
            return state.waiters[name]?.removeFirst()
        }
        next?.resume()
    }
}
