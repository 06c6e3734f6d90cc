/// What the store holds in memory, under one lock: the objects, and the changes on their way to the disk.
struct StoreState: Sendable {
    /// A change that was made in memory and is not durable yet.
    struct Change: Sendable {
        let kind: StoreEvent.Kind
        let object: StoredObject
        let previous: StoredObject?
        let writer: CheckedContinuation<Submission, Never>
    }

    /// A change that is asked for.
    enum Request: Sendable {
        case put(ObjectKey, ObjectDraft, Expectation)
        case remove(ObjectKey, ObjectDraft?, Expectation)
    }

    /// What became of a request.
    enum Submission: Sendable {
        case done(StoredObject)
        case failed(StoreError)
        /// Refused because of a state that is only final once `until` is durable.
        case refused(StoreError, until: UInt64, epoch: UInt64)
    }

    /// Someone who waits for a revision; told false when it was taken back.
    struct Waiter: Sendable {
        let revision: UInt64
        let resume: @Sendable (Bool) -> Void
    }

    var tables: ObjectTables
    /// The last revision given to a change. Never goes back.
    var revision: UInt64
    var durable: UInt64
    /// Counts how often changes were taken back.
    var epoch: UInt64 = 0
    var pending: [Change] = []
    /// What the log is writing now.
    var inFlight: [Change] = []
    var pendingRemovals: [ObjectKey: UInt64] = [:]
    var waiters: [Waiter] = []
    /// Number of the log's current segment.
    var segment: UInt64
    var isClosed = false
    var isLogEnded = false
    var endWaiters: [CheckedContinuation<Void, Never>] = []
    var commits = 0
    var failure: StoreError?

    init(_ outcome: Recovery.Outcome) {
        (tables, revision, durable) = (outcome.tables, outcome.revision, outcome.revision)
        segment = outcome.position.segment
    }

    /// Makes a change in memory and queues it for the log, or says why not.
    mutating func submit(
        _ request: Request, _ writer: CheckedContinuation<Submission, Never>
    ) -> Submission? {
        if isClosed { return .failed(.closed) }
        let (key, expectation) =
            switch request {
            case .put(let key, _, let expectation), .remove(let key, _, let expectation): (key, expectation)
            }
        let current = tables[key]
        if let refusal = refusal(of: expectation, key, current) { return refusal }
        let next = revision + 1
        let (kind, object): (StoreEvent.Kind, StoredObject)
        switch request {
        case .put(_, let draft, _):
            (kind, object) = (current == nil ? .added : .modified, draft.numbered(next, key: key))
        case .remove(_, let final, _):
            guard let current else { return refused(.conflict(current: nil), until: pendingRemovals[key] ?? 0) }
            (kind, object) = (.deleted, final?.numbered(next, key: key) ?? current.renumbered(next))
        }
        revision = next
        tables.apply(kind, object)
        pendingRemovals[key] = kind == .deleted ? next : nil
        pending.append(Change(kind: kind, object: object, previous: current, writer: writer))
        return nil
    }

    private func refusal(of expectation: Expectation, _ key: ObjectKey, _ current: StoredObject?) -> Submission? {
        switch expectation {
        case .any: return nil
        case .absent: if current == nil { return nil }
        case .revision(let revision): if current?.revision == revision { return nil }
        }
        return refused(.conflict(current: current), until: current?.revision ?? pendingRemovals[key] ?? 0)
    }

    private func refused(_ error: StoreError, until revision: UInt64) -> Submission {
        revision > durable ? .refused(error, until: revision, epoch: epoch) : .failed(error)
    }

    /// Whether a revision that was read in an epoch is durable; nil while that is open.
    func fate(of revision: UInt64, epoch: UInt64) -> Bool? {
        if revision <= durable { return true }
        return epoch == self.epoch ? nil : false
    }

    /// True when every change is durable.
    var isSettled: Bool { pending.isEmpty && inFlight.isEmpty }

    /// Takes the next changes for the log, about up to a size.
    mutating func takeGroup(maximumBytes: Int) -> [Change] {
        var bytes = 0
        let count = pending.firstIndex { change in
            defer { bytes += change.object.bytes.count }
            return bytes > maximumBytes
        }
        if let count {
            inFlight = Array(pending[..<count])
            pending.removeFirst(count)
        } else {
            (inFlight, pending) = (pending, [])
        }
        return inFlight
    }

    /// The group in flight is durable. Returns who waited for it, apart from its writers.
    mutating func finishGroup(segment: UInt64) -> [Waiter] {
        durable = inFlight.last?.object.revision ?? durable
        for change in inFlight where change.kind == .deleted {
            if pendingRemovals[change.object.key] == change.object.revision { pendingRemovals[change.object.key] = nil }
        }
        inFlight = []
        commits += 1
        (self.segment, failure) = (segment, nil)
        if waiters.isEmpty { return [] }
        let ready = waiters.filter { $0.revision <= durable }
        waiters.removeAll { $0.revision <= durable }
        return ready
    }

    /// Takes back everything that is not durable. Returns who has to be told.
    mutating func rollBack(_ error: StoreError) -> (changes: [Change], waiters: [Waiter]) {
        let changes = inFlight + pending
        for change in changes.reversed() {
            tables.undo(change.object, previous: change.previous, durable: durable)
        }
        let told = waiters
        (inFlight, pending, pendingRemovals, waiters) = ([], [], [:], [])
        epoch += 1
        failure = error
        return (changes, told)
    }
}
