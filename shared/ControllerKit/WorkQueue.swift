import Synchronization

/// Keys that wait for their run, each at most once, and never two runs of one key at a time.
///
/// A key that is added while it waits is already there; one that is added while it runs gets one more run afterwards.
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
    private struct State {
        var waiting: [Key] = []
        /// Position of the next key in `waiting`; what lies before it was taken.
        var head = 0
        var isWaiting: Set<Key> = []
        var running: Set<Key> = []
        /// Added while running.
        var again: Set<Key> = []
        /// Failures in a row.
        var failures: [Key: Int] = [:]
        /// The ticket of the earliest later run, and when it is due.
        var later: [Key: (ticket: UInt64, due: ContinuousClock.Instant)] = [:]
        var tickets: UInt64 = 0
        var isClosed = false
        var takers: [(id: UInt64, continuation: CheckedContinuation<Key?, Never>)] = []
        var takerIDs: UInt64 = 0

        mutating func enqueue(_ key: Key) -> CheckedContinuation<Key?, Never>? {
            guard !isClosed else { return nil }
            if running.contains(key) {
                again.insert(key)
                return nil
            }
            guard isWaiting.insert(key).inserted else { return nil }
            guard !takers.isEmpty else {
                waiting.append(key)
                return nil
            }
            isWaiting.remove(key)
            running.insert(key)
            return takers.removeFirst().continuation
        }

        mutating func dequeue() -> Key? {
            guard head < waiting.count else { return nil }
            let key = waiting[head]
            head += 1
            if head > 256, head * 2 > waiting.count {
                waiting.removeFirst(head)
                head = 0
            }
            isWaiting.remove(key)
            running.insert(key)
            return key
        }
    }

    private let state = Mutex(State())
    private let initialDelay: Duration
    private let delayLimit: Duration

    /// An empty queue whose failed keys wait between `initialDelay` and `delayLimit`.
    public init(initialDelay: Duration = .milliseconds(20), delayLimit: Duration = .seconds(300)) {
        (self.initialDelay, self.delayLimit) = (initialDelay, delayLimit)
    }

    /// Asks for a run of a key.
    public func add(_ key: Key) {
        state.withLock { $0.enqueue(key) }?.resume(returning: key)
    }

    /// The next key, which from now on runs until ``finish(_:)``; nil once the queue is closed or the task cancelled.
    public func next() async -> Key? {
        let id = state.withLock {
            $0.takerIDs += 1
            return $0.takerIDs
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Key?, Never>) in
                let answer: Key?? = state.withLock {
                    if $0.isClosed || Task.isCancelled { return .some(nil) }
                    if let key = $0.dequeue() { return .some(key) }
                    $0.takers.append((id, continuation))
                    return .none
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let taker = state.withLock { state in
                state.takers.firstIndex { $0.id == id }.map { state.takers.remove(at: $0).continuation }
            }
            taker?.resume(returning: nil)
        }
    }

    /// The run of a key ended.
    public func finish(_ key: Key) {
        let taker = state.withLock { state -> CheckedContinuation<Key?, Never>? in
            state.running.remove(key)
            guard state.again.remove(key) != nil else { return nil }
            return state.enqueue(key)
        }
        taker?.resume(returning: key)
    }

    /// The run of a key failed: how long to wait before the next one.
    public func failed(_ key: Key) -> Duration {
        let failures = state.withLock {
            $0.failures[key, default: 0] += 1
            return $0.failures[key, default: 1]
        }
        return Backoff.delay(initial: initialDelay, limit: delayLimit, failures: failures) * Double.random(in: 0.75...1)
    }

    /// The run of a key succeeded: the next failure waits the initial time again.
    public func succeeded(_ key: Key) {
        state.withLock { _ = $0.failures.removeValue(forKey: key) }
    }

    /// Plans a run for later. Returns the ticket to ``resume(_:ticket:)`` with, or nil when an earlier one is planned.
    func postpone(_ key: Key, for delay: Duration) -> UInt64? {
        let due = ContinuousClock.now + delay
        return state.withLock {
            if let planned = $0.later[key], planned.due <= due { return nil }
            $0.tickets += 1
            $0.later[key] = ($0.tickets, due)
            return $0.tickets
        }
    }

    /// The time of a planned run has come; does nothing when an earlier one took its place.
    func resume(_ key: Key, ticket: UInt64) {
        let taker = state.withLock { state -> CheckedContinuation<Key?, Never>? in
            guard state.later[key]?.ticket == ticket else { return nil }
            state.later[key] = nil
            return state.enqueue(key)
        }
        taker?.resume(returning: key)
    }

    /// No more runs: waiting takers get nil.
    public func close() {
        let takers = state.withLock { state in
            state.isClosed = true
            defer { state.takers = [] }
            return state.takers
        }
        for taker in takers { taker.continuation.resume(returning: nil) }
    }

    /// How many keys wait for a run.
    public var depth: Int { state.withLock { $0.isWaiting.count } }
}
