import Synchronization

/// The last durable changes, and everyone who waits for the next.
///
/// A watcher is a position in the history. It holds no events: one that is slow falls out of the history and is told so,
/// and neither holds up writers nor makes memory grow. While it has nothing to read it is parked under its topic, and
/// costs nothing until an event of just that topic comes.
final class History: Sendable {
    /// What a watcher wants to see; nil is all.
    struct Topic: Hashable, Sendable {
        var resource: String?
        var namespace: String?
        var term: StoreTerm?
    }

    /// What a watcher gets when it asks.
    enum Answer: Sendable {
        case batch(StoreWatch.Batch)
        case gone(oldest: UInt64)
        case finished
        /// Nothing yet, and there is more to look at.
        case again
        case nothing
    }

    private let state: Mutex<HistoryState>
    private let wakeUps = WakeUps()
    private let now: @Sendable () -> ContinuousClock.Instant

    init(
        maximumCount: Int, maximumCost: Int, maximumAge: Duration = .seconds(300),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.now = now
        state = Mutex(
            HistoryState(
                limits: .init(maximumCount: maximumCount, maximumCost: maximumCost, maximumAge: maximumAge)))
    }

    /// Starts empty at a revision.
    func begin(at revision: UInt64) { state.withLock { $0.begin(at: revision) } }

    /// Adds durable changes, in order, and wakes whoever waits for them.
    func publish(_ events: [StoreEvent], durable: UInt64) {
        wakeUps.wake(state.withLock { $0.publish(events, durable: durable, at: now()) })
    }

    /// Forgets what is too old, and tells watchers that were overtaken while they were busy.
    func sweep() { wakeUps.wake(state.withLock { $0.sweep(at: now()) }) }

    /// The last durable revision.
    var durable: UInt64 { state.withLock { $0.durable } }

    /// How many watchers there are, and how many of them wait for news.
    var watcherCount: Int { state.withLock { $0.watchers.count } }
    var parkedCount: Int { state.withLock { state in state.parked.values.reduce(0) { $0 + $1.count } } }

    /// How many changes are kept, and the memory that they may keep alive.
    var size: (count: Int, cost: Int) { state.withLock { ($0.all.end - $0.all.start, $0.cost) } }

    /// Durable changes of a resource after a revision, oldest first.
    func events(resource: String, after revision: UInt64) throws(StoreError) -> [StoreEvent] {
        try state.withLock { state throws(StoreError) in
            let ring = state.ring(Topic(resource: resource))
            if revision < ring.floor { throw .gone(oldest: ring.floor) }
            return (ring.position(after: revision)..<ring.end).compactMap { ring[$0] }
        }
    }

    // MARK: Watchers

    func subscribe(_ topic: Topic, from revision: UInt64) throws(StoreError) -> UInt64 {
        try state.withLock { state throws(StoreError) in try state.subscribe(topic, from: revision) }
    }

    func unsubscribe(_ id: UInt64) { change(id) { $0.watchers[id] = nil } }

    /// Ends the iteration of a watcher.
    func cancel(_ id: UInt64) { change(id) { $0.watchers[id]?.isCancelled = true } }

    /// Makes a watcher return soon, if need be without events.
    func requestProgress(_ id: UInt64) { change(id) { $0.watchers[id]?.wantsProgress = true } }

    /// The next events of a watcher, nil after the end.
    func next(_ id: UInt64) async throws(StoreError) -> StoreWatch.Batch? {
        while true {
            if Task.isCancelled { cancel(id) }
            switch state.withLock({ $0.read(id) }) {
            case .batch(let batch): return batch
            case .gone(let oldest): throw .gone(oldest: oldest)
            case .finished: return nil
            case .again: continue
            case .nothing: await park(id)
            }
        }
    }

    /// Waits until a watcher has fallen out of the history, or ends. For a reader that may be held up elsewhere.
    /// - Returns: the oldest revision to start from, nil when it ended otherwise.
    func overtaken(_ id: UInt64) async -> UInt64? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDecided = state.withLock { state in
                    if Task.isCancelled || state.isClosed || state.watchers[id] == nil || state.isOvertaken(id) {
                        return true
                    }
                    state.watchers[id]?.overtakenWaiter = .task(continuation)
                    return false
                }
                if isDecided { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.watchers[id]?.overtakenWaiter = nil }
                return state.watchers[id]?.overtakenWaiter
            }
            waiter?.wake()
        }
        return state.withLock { state in
            guard let watcher = state.watchers[id], state.isOvertaken(id) else { return nil }
            return state.ring(watcher.topic).floor
        }
    }

    /// The next events of a watcher that has no task; `reader` is told when there are some, if there are none now.
    func read(_ id: UInt64, telling reader: any WatchReader) -> Answer {
        while true {
            let answer = state.withLock { state in
                let answer = state.read(id)
                guard case .nothing = answer, !state.park(id, .reader(reader)) else { return answer }
                return .again
            }
            if case .again = answer { continue }
            return answer
        }
    }

    /// Tells `reader` when its watcher has fallen out of the history, should that happen.
    ///
    /// - Returns: false when it has already.
    func tellWhenOvertaken(_ id: UInt64, _ reader: any WatchReader) -> Bool {
        state.withLock { state in
            if state.isOvertaken(id) { return false }
            state.watchers[id]?.overtakenWaiter = .reader(reader)
            return true
        }
    }

    /// True when a watcher has fallen out of the history.
    func isOvertaken(_ id: UInt64) -> Bool { state.withLock { $0.isOvertaken(id) } }

    /// Ends all iterations.
    func close() {
        for watcher in state.withLock({ $0.close() }) { watcher.wake() }
    }

    private func park(_ id: UInt64) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if !state.withLock({ $0.park(id, .task(continuation)) }) { continuation.resume() }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Changes a watcher and lets it look again if it is parked.
    private func change(_ id: UInt64, _ change: (inout HistoryState) -> Void) {
        let woken = state.withLock { state in
            let parked = state.unpark(id)
            let waiter = state.watchers[id]?.overtakenWaiter
            change(&state)
            return (parked, state.watchers[id] == nil ? waiter : nil)
        }
        woken.0?.wake()
        woken.1?.wake()
    }
}
