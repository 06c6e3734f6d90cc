import Synchronization

/// Which endpoint a caller is sent to where rules of the kernel do not choose: any, or the one it was sent to last.
final class BackendChoice: Sendable {
    private struct Memory: Sendable {
        var backend: ServiceRules.Backend
        var end: ContinuousClock.Instant
    }

    private struct State: Sendable {
        var backends: [ServiceRules.Backend]
        var affinitySeconds: Int
        var memories: [Address4: Memory] = [:]
    }

    /// With more callers than this, those whose time is over are forgotten.
    private static let manyCallers = 4096
    private let state: Mutex<State>

    /// - Parameters:
    ///   - backends: the endpoints.
    ///   - affinitySeconds: for how long a caller keeps its endpoint; 0: any endpoint each time.
    init(_ backends: [ServiceRules.Backend], affinitySeconds: Int = 0) {
        state = Mutex(State(backends: backends, affinitySeconds: affinitySeconds))
    }

    /// Replaces the endpoints; callers keep those that are still there.
    func set(_ backends: [ServiceRules.Backend], affinitySeconds: Int) {
        state.withLock { state in
            (state.backends, state.affinitySeconds) = (backends, affinitySeconds)
            state.memories = state.memories.filter { backends.contains($1.backend) && affinitySeconds > 0 }
        }
    }

    func contains(_ backend: ServiceRules.Backend) -> Bool { state.withLock { $0.backends.contains(backend) } }

    /// - Returns: an endpoint; nil when there is none.
    func choose(for caller: Address4, now: ContinuousClock.Instant = .now) -> ServiceRules.Backend? {
        state.withLock { state in
            guard state.affinitySeconds > 0 else { return state.backends.randomElement() }
            let known = state.memories[caller].flatMap { $0.end > now ? $0.backend : nil }
            guard let backend = known ?? state.backends.randomElement() else { return nil }
            if state.memories.count > Self.manyCallers { state.memories = state.memories.filter { $1.end > now } }
            state.memories[caller] = Memory(backend: backend, end: now.advanced(by: .seconds(state.affinitySeconds)))
            return backend
        }
    }
}
