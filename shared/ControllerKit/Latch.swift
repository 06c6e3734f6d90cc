import Synchronization

/// Something that becomes true once; any number of tasks wait for it.
public final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var ids: UInt64 = 0
    }

    private let state = Mutex(State())

    /// A closed latch.
    public init() {}

    /// True once open.
    public var isOpen: Bool { state.withLock(\.isOpen) }

    /// Lets everybody go, now and later.
    public func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns once open; throws `CancellationError` when the task is cancelled before.
    public func wait() async throws {
        let id = state.withLock {
            $0.ids += 1
            return $0.ids
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let answer: Result<Void, any Error>? = state.withLock {
                    if $0.isOpen { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    $0.waiters[id] = continuation
                    return nil
                }
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }
}
