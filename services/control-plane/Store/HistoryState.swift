/// What the history knows, under one lock.
struct HistoryState: Sendable {
    struct Limits: Sendable {
        let maximumCount: Int
        let maximumCost: Int
        let maximumAge: Duration
    }

    struct Watcher: Sendable {
        let topic: History.Topic
        /// Next event to look at. Stale while parked: then everything up to now was seen.
        var position: Int
        /// Events up to this revision are not wanted.
        let after: UInt64
        var parked: HistoryWaiter?
        /// Who wants to know when the watcher has fallen out of the history.
        var overtakenWaiter: HistoryWaiter?
        var wantsProgress = false
        var isCancelled = false
    }

    /// Events before a position had come by a time.
    private struct Mark: Sendable {
        let time: ContinuousClock.Instant
        var position: Int
    }

    private(set) var all = EventRing(floor: 1)
    private var byResource: [String: EventRing] = [:]
    /// Floor of resources without events.
    private var floor: UInt64 = 1
    private(set) var durable: UInt64 = 1
    private(set) var cost = 0
    private var marks: [Mark] = []
    var watchers: [UInt64: Watcher] = [:]
    private(set) var parked: [History.Topic: [UInt64]] = [:]
    /// How many watchers are parked under terms about a subject, by resource: an event looks for no others.
    private var parkedSubjects: [String: [StoreTerm.Subject: Int]] = [:]
    private var lastWatcher: UInt64 = 0
    private(set) var isClosed = false
    private let limits: Limits

    /// A batch has about this much at most.
    private static let batchLimit = 128
    private static let batchBytes = 256 << 10
    /// How many events are looked at before others get the lock.
    private static let scanLimit = 4096

    init(limits: Limits) { self.limits = limits }

    mutating func begin(at revision: UInt64) {
        (floor, durable) = (revision, revision)
        (all, byResource, cost, marks) = (EventRing(floor: revision), [:], 0, [])
    }

    // MARK: Events

    mutating func publish(
        _ events: [StoreEvent], durable: UInt64, at now: ContinuousClock.Instant
    ) -> [HistoryWaiter] {
        var woken: [HistoryWaiter] = []
        for event in events {
            let key = event.object.key
            let positionOfAll = all.end
            all.append(event)
            let position = append(event)
            cost += event.cost
            guard !parked.isEmpty else { continue }
            unpark(.init(resource: key.resource, namespace: key.namespace), position, &woken)
            unpark(.init(resource: key.resource), position, &woken)
            unpark(.init(), positionOfAll, &woken)
            guard let subjects = parkedSubjects[key.resource] else { continue }
            for subject in subjects.keys {
                for object in [event.object, event.previous] {
                    guard let object else { continue }
                    for term in StoreTerm.met(by: object, about: subject) {
                        unpark(.init(resource: key.resource, namespace: key.namespace, term: term), position, &woken)
                        unpark(.init(resource: key.resource, term: term), position, &woken)
                    }
                }
            }
        }
        self.durable = durable
        mark(now)
        trim(at: now)
        return woken
    }

    private mutating func append(_ event: StoreEvent) -> Int {
        let resource = event.object.key.resource
        byResource[resource, default: EventRing(floor: floor)].append(event)
        return (byResource[resource]?.end ?? 1) - 1
    }

    /// Remembers how far the history had come, once in a while.
    private mutating func mark(_ now: ContinuousClock.Instant) {
        if let last = marks.last, now - last.time < limits.maximumAge / 256 {
            return
        }
        marks.append(Mark(time: now, position: all.end))
    }

    private mutating func trim(at now: ContinuousClock.Instant) {
        var start = all.start
        if let old = marks.lastIndex(where: { now - $0.time >= limits.maximumAge }) {
            start = marks[old].position
            marks.removeFirst(old + 1)
        }
        while let oldest = all.oldest,
            all.start < start || cost > limits.maximumCost || all.end - all.start > limits.maximumCount
        {
            all.removeOldest()
            byResource[oldest.object.key.resource]?.removeOldest()
            cost -= oldest.cost
        }
    }

    /// Forgets what is too old. Returns who waits for having been overtaken, and now is.
    mutating func sweep(at now: ContinuousClock.Instant) -> [HistoryWaiter] {
        // A mark of its own, so that the last events grow old, too.
        if marks.last.map({ $0.position < all.end }) ?? !all.isEmpty { mark(now) }
        trim(at: now)
        var told: [HistoryWaiter] = []
        for (id, watcher) in watchers {
            guard let waiter = watcher.overtakenWaiter, isOvertaken(id) else { continue }
            watchers[id]?.overtakenWaiter = nil
            told.append(waiter)
        }
        return told
    }

    func ring(_ topic: History.Topic) -> EventRing {
        guard let resource = topic.resource else { return all }
        return byResource[resource] ?? EventRing(floor: floor)
    }

    /// True when a watcher has not seen what the history has forgotten. One that is parked has seen everything.
    func isOvertaken(_ id: UInt64) -> Bool {
        guard let watcher = watchers[id], watcher.parked == nil else { return false }
        return watcher.position < ring(watcher.topic).start
    }

    // MARK: Watchers

    mutating func subscribe(_ topic: History.Topic, from revision: UInt64) throws(StoreError) -> UInt64 {
        if isClosed { throw .closed }
        let ring = ring(topic)
        if revision < ring.floor { throw .gone(oldest: ring.floor) }
        lastWatcher += 1
        watchers[lastWatcher] = Watcher(topic: topic, position: ring.position(after: revision), after: revision)
        return lastWatcher
    }

    /// Parks a watcher; false when it has something to look at.
    mutating func park(_ id: UInt64, _ waiter: HistoryWaiter) -> Bool {
        guard let watcher = watchers[id], !watcher.isCancelled, !watcher.wantsProgress, !isClosed,
            watcher.position >= ring(watcher.topic).end
        else { return false }
        watchers[id]?.parked = waiter
        // A reader may look again although nobody told it to.
        guard watcher.parked == nil else { return true }
        parked[watcher.topic, default: []].append(id)
        count(watcher.topic, by: 1)
        return true
    }

    /// Takes one watcher out of where it is parked.
    mutating func unpark(_ id: UInt64) -> HistoryWaiter? {
        guard let watcher = watchers[id], let waiter = watcher.parked else { return nil }
        let end = ring(watcher.topic).end
        watchers[id]?.position = end
        watchers[id]?.parked = nil
        parked[watcher.topic]?.removeAll { $0 == id }
        if parked[watcher.topic]?.isEmpty == true { parked[watcher.topic] = nil }
        count(watcher.topic, by: -1)
        return waiter
    }

    private mutating func unpark(
        _ topic: History.Topic, _ position: Int, _ woken: inout [HistoryWaiter]
    ) {
        guard let ids = parked.removeValue(forKey: topic) else { return }
        count(topic, by: -ids.count)
        for id in ids {
            guard let waiter = watchers[id]?.parked else { continue }
            watchers[id]?.parked = nil
            watchers[id]?.position = position
            woken.append(waiter)
        }
    }

    private mutating func count(_ topic: History.Topic, by change: Int) {
        guard let resource = topic.resource, let subject = topic.term?.subject else { return }
        let count = (parkedSubjects[resource]?[subject] ?? 0) + change
        parkedSubjects[resource, default: [:]][subject] = count > 0 ? count : nil
        if parkedSubjects[resource]?.isEmpty == true { parkedSubjects[resource] = nil }
    }

    mutating func read(_ id: UInt64) -> History.Answer {
        guard let watcher = watchers[id], !watcher.isCancelled else { return .finished }
        let ring = ring(watcher.topic)
        if watcher.position < ring.start { return .gone(oldest: ring.floor) }
        var (position, events, bytes) = (watcher.position, [StoreEvent](), 0)
        let end = min(ring.end, position + Self.scanLimit)
        while position < end, events.count < Self.batchLimit, bytes < Self.batchBytes {
            if let event = ring[position], event.revision > watcher.after, watcher.topic.covers(event) {
                events.append(event)
                bytes += event.object.bytes.count
            }
            position += 1
        }
        watchers[id]?.position = position
        if events.isEmpty {
            if position < ring.end { return .again }
            if isClosed { return .finished }
            guard watcher.wantsProgress else { return .nothing }
        }
        watchers[id]?.wantsProgress = false
        let seen = position == ring.end ? durable : events.last?.revision ?? durable
        return .batch(StoreWatch.Batch(events: events, revision: max(seen, watcher.after)))
    }

    /// Ends everything. Returns who has to be told.
    mutating func close() -> [HistoryWaiter] {
        isClosed = true
        (parked, parkedSubjects) = ([:], [:])
        var told: [HistoryWaiter] = []
        for id in Array(watchers.keys) {
            if let waiter = watchers[id]?.parked { told.append(waiter) }
            if let waiter = watchers[id]?.overtakenWaiter { told.append(waiter) }
            watchers[id]?.parked = nil
            watchers[id]?.overtakenWaiter = nil
        }
        return told
    }
}

extension History.Topic {
    /// True when an event of the topic's resource is one that a watcher of it wants to see.
    func covers(_ event: StoreEvent) -> Bool {
        if let namespace, namespace != event.object.key.namespace { return false }
        guard let term else { return true }
        return term.matches(event.object) || (event.previous.map(term.matches) ?? false)
    }
}
