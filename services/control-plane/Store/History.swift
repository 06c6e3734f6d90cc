import Dispatch
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
    }

    private struct Watcher: Sendable {
        let topic: Topic
        /// Next event to look at. Stale while parked: then everything up to now was seen.
        var position: Int
        /// Events up to this revision are not wanted.
        let after: UInt64
        var parked: CheckedContinuation<Void, Never>?
        var wantsProgress = false
        var isCancelled = false
    }

    private struct State: Sendable {
        var all: EventRing
        var byResource: [String: EventRing] = [:]
        /// Floor of resources without events.
        var floor: UInt64
        var durable: UInt64
        var cost = 0
        var watchers: [UInt64: Watcher] = [:]
        var parked: [Topic: [UInt64]] = [:]
        var lastWatcher: UInt64 = 0
        var isClosed = false
    }

    /// What a watcher gets when it asks.
    private enum Answer: Sendable {
        case batch(StoreWatch.Batch)
        case gone(oldest: UInt64)
        case finished
        case nothing
    }

    static let batchLimit = 512
    /// Up to this many watchers are woken by the writer itself.
    private static let inlineWakeUps = 4

    private let state: Mutex<State>
    private let maximumCount: Int
    private let maximumCost: Int
    private let queue = DispatchQueue(label: "store.watchers")

    init(maximumCount: Int, maximumCost: Int) {
        (self.maximumCount, self.maximumCost) = (maximumCount, maximumCost)
        state = Mutex(State(all: EventRing(floor: 1), floor: 1, durable: 1))
    }

    /// Starts empty at a revision.
    func begin(at revision: UInt64) {
        state.withLock {
            ($0.floor, $0.durable) = (revision, revision)
            ($0.all, $0.byResource, $0.cost) = (EventRing(floor: revision), [:], 0)
        }
    }

    /// Adds durable changes, in order, and wakes whoever waits for them.
    func publish(_ events: [StoreEvent], durable: UInt64) {
        let woken = state.withLock { state in
            var woken: [CheckedContinuation<Void, Never>] = []
            for event in events {
                let key = event.object.key
                let positionOfAll = state.all.end
                state.all.append(event)
                let floor = state.floor
                let position = Self.append(event, to: &state.byResource[key.resource, default: EventRing(floor: floor)])
                state.cost += event.cost
                if !state.parked.isEmpty {
                    Self.unpark(&state, Topic(resource: key.resource, namespace: key.namespace), position, &woken)
                    Self.unpark(&state, Topic(resource: key.resource), position, &woken)
                    Self.unpark(&state, Topic(), positionOfAll, &woken)
                }
            }
            state.durable = durable
            trim(&state)
            return woken
        }
        if woken.count <= Self.inlineWakeUps {
            for watcher in woken { watcher.resume() }
        } else {
            queue.async { for watcher in woken { watcher.resume() } }
        }
    }

    private static func append(_ event: StoreEvent, to ring: inout EventRing) -> Int {
        ring.append(event)
        return ring.end - 1
    }

    private static func unpark(
        _ state: inout State, _ topic: Topic, _ position: Int, _ woken: inout [CheckedContinuation<Void, Never>]
    ) {
        guard let parked = state.parked.removeValue(forKey: topic) else { return }
        for id in parked {
            guard let continuation = state.watchers[id]?.parked else { continue }
            state.watchers[id]?.parked = nil
            state.watchers[id]?.position = position
            woken.append(continuation)
        }
    }

    private func trim(_ state: inout State) {
        while let oldest = state.all.oldest, state.cost > maximumCost || state.all.end - state.all.start > maximumCount
        {
            state.all.removeOldest()
            state.byResource[oldest.object.key.resource]?.removeOldest()
            state.cost -= oldest.cost
        }
    }

    /// The last durable revision.
    var durable: UInt64 { state.withLock { $0.durable } }

    /// How many watchers there are, and how many of them wait for news.
    var watcherCount: Int { state.withLock { $0.watchers.count } }
    var parkedCount: Int { state.withLock { state in state.parked.values.reduce(0) { $0 + $1.count } } }

    /// Durable changes of a resource after a revision, oldest first.
    func events(resource: String, after revision: UInt64) throws(StoreError) -> [StoreEvent] {
        try state.withLock { state throws(StoreError) in
            guard let ring = state.byResource[resource] else {
                if revision < state.floor { throw .gone(oldest: state.floor) }
                return []
            }
            if revision < ring.floor { throw .gone(oldest: ring.floor) }
            return (ring.position(after: revision)..<ring.end).compactMap { ring[$0] }
        }
    }

    // MARK: Watchers

    func subscribe(_ topic: Topic, from revision: UInt64) throws(StoreError) -> UInt64 {
        try state.withLock { state throws(StoreError) in
            if state.isClosed { throw .closed }
            let ring = Self.ring(&state, topic)
            if revision < ring.floor { throw .gone(oldest: ring.floor) }
            state.lastWatcher += 1
            state.watchers[state.lastWatcher] = Watcher(
                topic: topic, position: ring.position(after: revision), after: revision)
            return state.lastWatcher
        }
    }

    func unsubscribe(_ id: UInt64) { wake(id) { $0.watchers[id] = nil } }

    /// Ends the iteration of a watcher.
    func cancel(_ id: UInt64) { wake(id) { $0.watchers[id]?.isCancelled = true } }

    /// Makes a watcher return soon, if need be without events.
    func requestProgress(_ id: UInt64) { wake(id) { $0.watchers[id]?.wantsProgress = true } }

    /// The next events of a watcher, nil after the end.
    func next(_ id: UInt64) async throws(StoreError) -> StoreWatch.Batch? {
        while true {
            if Task.isCancelled { cancel(id) }
            switch state.withLock({ Self.read(&$0, id) }) {
            case .batch(let batch): return batch
            case .gone(let oldest): throw .gone(oldest: oldest)
            case .finished: return nil
            case .nothing: await park(id)
            }
        }
    }

    /// Ends all iterations.
    func close() {
        let parked = state.withLock { state in
            state.isClosed = true
            state.parked = [:]
            var parked: [CheckedContinuation<Void, Never>] = []
            for id in Array(state.watchers.keys) {
                if let continuation = state.watchers[id]?.parked { parked.append(continuation) }
                state.watchers[id]?.parked = nil
            }
            return parked
        }
        for watcher in parked { watcher.resume() }
    }

    private func park(_ id: UInt64) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let hasNews = state.withLock { state in
                    guard let watcher = state.watchers[id], !watcher.isCancelled, !watcher.wantsProgress,
                        !state.isClosed,
                        watcher.position >= Self.ring(&state, watcher.topic).end
                    else { return true }
                    state.watchers[id]?.parked = continuation
                    state.parked[watcher.topic, default: []].append(id)
                    return false
                }
                if hasNews { continuation.resume() }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Changes a watcher and lets it look again if it is parked.
    private func wake(_ id: UInt64, _ change: (inout State) -> Void) {
        let continuation = state.withLock { state in
            let watcher = state.watchers[id]
            if let watcher, watcher.parked != nil {
                let end = Self.ring(&state, watcher.topic).end
                state.watchers[id]?.position = end
                state.watchers[id]?.parked = nil
                state.parked[watcher.topic]?.removeAll { $0 == id }
                if state.parked[watcher.topic]?.isEmpty == true { state.parked[watcher.topic] = nil }
            }
            change(&state)
            return watcher?.parked
        }
        continuation?.resume()
    }

    private static func ring(_ state: inout State, _ topic: Topic) -> EventRing {
        guard let resource = topic.resource else { return state.all }
        return state.byResource[resource] ?? EventRing(floor: state.floor)
    }

    private static func read(_ state: inout State, _ id: UInt64) -> Answer {
        guard let watcher = state.watchers[id], !watcher.isCancelled else { return .finished }
        let ring = ring(&state, watcher.topic)
        if watcher.position < ring.start { return .gone(oldest: ring.floor) }
        var (position, events) = (watcher.position, [StoreEvent]())
        while position < ring.end, events.count < batchLimit {
            if let event = ring[position], event.revision > watcher.after,
                watcher.topic.namespace == nil || watcher.topic.namespace == event.object.key.namespace
            {
                events.append(event)
            }
            position += 1
        }
        state.watchers[id]?.position = position
        if events.isEmpty {
            if state.isClosed { return .finished }
            guard watcher.wantsProgress else { return .nothing }
        }
        state.watchers[id]?.wantsProgress = false
        let seen = position == ring.end ? state.durable : events.last?.revision ?? state.durable
        return .batch(StoreWatch.Batch(events: events, revision: max(seen, watcher.after)))
    }
}
