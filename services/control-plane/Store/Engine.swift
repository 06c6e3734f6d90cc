import Dispatch
import Glibc
import Synchronization

/// What makes a store run: the state, the thread that writes the log, and the queue that writes snapshots.
final class Engine: Sendable {
    let history: History
    let state: Mutex<StoreState>
    let indexed: IndexedPaths

    private let options: Store.Options
    private let directory: StoreDirectory
    private let log: LogWriter
    private let lock: Mutex<StoreLock?>
    private let wakeUp = DispatchSemaphore(value: 0)
    /// For work that takes long and waits for the disk.
    private let background = DispatchQueue(label: "store.background")
    private let keeping: Mutex<Keeping>
    /// Lets the history forget what is old while nothing is written.
    private let timer: SweepTimer

    /// What is known about snapshots.
    private struct Keeping: Sendable {
        var marks: [SnapshotMark]
        var isRunning = false
        var isMakingSpare = false
        /// Size of the log when the next snapshot is due at the earliest.
        var baseline: Int
        var written: Int
    }

    /// Changes that are written at once, at most about this much.
    private static let groupBytes = 4 << 20
    /// How often the history is looked through for what is too old, and for watchers that fell behind.
    private static let sweepSeconds = 2.0

    init(directory path: String, options: Store.Options) throws(StoreError) {
        self.options = options
        directory = StoreDirectory(path: path, layer: options.layer)
        do throws(FileFailure) { try directory.make() } catch { throw StoreError(error) }
        lock = Mutex(try StoreLock(directory))
        indexed = IndexedPaths(options.indexedFields)
        history = History(
            maximumCount: options.historyEvents, maximumCost: options.historyBytes, maximumAge: options.historyAge,
            now: options.now)
        let outcome = try Recovery.run(directory, history, indexed: indexed)
        if let damage = outcome.damage { throw damage.error }
        log = LogWriter(directory: directory, segmentSize: options.segmentBytes, position: outcome.position)
        keeping = Mutex(Keeping(marks: outcome.snapshots, baseline: 0, written: outcome.position.written))
        state = Mutex(StoreState(outcome))
        timer = SweepTimer(on: background)
        guard startThread({ self.writeLog() }) else {
            throw .unwritable("no thread can be started for the log: \(String(cString: strerror(errno)))")
        }
        timer.start(every: Self.sweepSeconds) { [weak self, history] in
            history.sweep()
            self?.probe()
        }
        background.async { self.prepareSpare() }
    }

    var statistics: StoreStatistics {
        let logBytes = keeping.withLock { $0.written - $0.baseline }
        return state.withLock { state in
            StoreStatistics(
                objects: state.tables.count, objectBytes: state.tables.bytes, logBytes: logBytes,
                commits: state.commits, failure: state.failure)
        }
    }

    // MARK: Changes

    /// Makes a change and returns once it is durable.
    func submit(_ request: StoreState.Request) async throws(StoreError) -> StoredObject {
        while true {
            let outcome = await withCheckedContinuation { writer in
                if let refusal = state.withLock({ $0.submit(request, writer) }) {
                    writer.resume(returning: refusal)
                } else if !options.afterRound({ [wakeUp] in wakeUp.signal() }) {
                    wakeUp.signal()
                }
            }
            switch outcome {
            case .done(let object): return object
            case .failed(let error): throw error
            case .refused(let error, let revision, let epoch):
                // The state that refuses may still be lost; then the change is tried on what is left.
                if await becomesDurable(revision, epoch: epoch) { throw error }
            }
        }
    }

    /// Waits until a revision that was read in an epoch is durable; false when it was taken back.
    func becomesDurable(_ revision: UInt64, epoch: UInt64) async -> Bool {
        // Mostly it is durable, and then nothing is waited for.
        let known = state.withLock { state in state.fate(of: revision, epoch: epoch) }
        if let known { return known }
        return await withCheckedContinuation { continuation in
            whenDurable(revision, epoch: epoch) { continuation.resume(returning: $0) }
        }
    }

    private func whenDurable(_ revision: UInt64, epoch: UInt64, _ resume: @escaping @Sendable (Bool) -> Void) {
        let known: Bool? = state.withLock { state in
            if let known = state.fate(of: revision, epoch: epoch) { return known }
            state.waiters.append(StoreState.Waiter(revision: revision, resume: resume))
            return nil
        }
        if let known { resume(known) }
    }

    // MARK: The log

    /// The thread of the log: each time it is told that changes came, it writes all that are pending as one group. What
    /// comes while it writes waits until its own round of work is over, or groups would be small and many.
    private func writeLog() {
        // Woken by the disk, it should run at once even when all processors are busy: writers wait for it, and it
        // computes little. Not permitted for everyone, and not needed.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -10)
        var records = RecordWriter()
        var durable = state.withLock { $0.durable }
        var hasMore = false
        while true {
            if !hasMore { wakeUp.wait() }
            let (group, isEnd) = state.withLock { state in
                let group = state.takeGroup(maximumBytes: Self.groupBytes)
                hasMore = !state.pending.isEmpty || state.isClosed
                return (group, group.isEmpty && state.isClosed)
            }
            guard let last = group.last?.object.revision else {
                if isEnd { break }
                continue
            }
            records.removeAll()
            for change in group { records.append(change.kind, change.object) }
            do throws(FileFailure) {
                try log.append(records, after: durable, last: last)
                durable = last
                finish(group, durable)
            } catch {
                fail(StoreError(error))
            }
            keep()
        }
        background.async { self.end() }
    }

    private func finish(_ group: [StoreState.Change], _ durable: UInt64) {
        // Watches first: whoever sees the change can watch from it.
        history.publish(
            group.map { StoreEvent(kind: $0.kind, object: $0.object, previous: $0.previous) }, durable: durable)
        let (waiters, hadFailed) = state.withLock { state in
            let hadFailed = state.failure != nil
            return (state.finishGroup(segment: log.segment), hadFailed)
        }
        if hadFailed { options.onFailure(nil) }
        for change in group { change.writer.resume(returning: .done(change.object)) }
        for waiter in waiters { waiter.resume(true) }
    }

    private func fail(_ error: StoreError) {
        let (changes, waiters, isNew) = state.withLock { state in
            let isNew = state.failure == nil
            let undone = state.rollBack(error)
            return (undone.changes, undone.waiters, isNew)
        }
        if isNew { options.onFailure(error) }
        for change in changes { change.writer.resume(returning: .failed(error)) }
        for waiter in waiters { waiter.resume(false) }
    }

    /// After a group: has the background make what is due.
    private func keep() {
        let (written, needsSpare) = (log.written, log.needsSpare)
        let objectBytes = state.withLock { $0.tables.bytes }
        let (isDue, makesSpare) = keeping.withLock { keeping in
            keeping.written = written
            let isDue = written - keeping.baseline > max(options.snapshotLogBytes, objectBytes) && !keeping.isRunning
            if isDue { keeping.isRunning = true }
            let makesSpare = needsSpare && !keeping.isMakingSpare
            if makesSpare { keeping.isMakingSpare = true }
            return (isDue, makesSpare)
        }
        if isDue {
            capture { capture in
                self.background.async { _ = self.write(capture) }
            }
        }
        if makesSpare { background.async { self.prepareSpare() } }
    }

    // MARK: Snapshots

    /// Writes a snapshot and returns why that failed.
    func takeSnapshot() async -> StoreError? {
        keeping.withLock { $0.isRunning = true }
        return await withCheckedContinuation { continuation in
            capture { capture in
                self.background.async { continuation.resume(returning: self.write(capture)) }
            }
        }
    }

    /// Takes hold of all objects, and gives them to `use` once they are durable; nil when they were taken back.
    private func capture(_ use: @escaping @Sendable (SnapshotContent?) -> Void) {
        let (content, isSettled, epoch) = state.withLock { state in
            let isSettled = state.isSettled
            let content = SnapshotContent(
                revision: isSettled ? state.durable : state.revision, firstSegment: max(1, state.segment),
                tables: state.tables.tables.mapValues(\.objects))
            return (content, isSettled, state.epoch)
        }
        if isSettled { return use(content) }
        whenDurable(content.revision, epoch: epoch) { use($0 ? content : nil) }
    }

    private func write(_ content: SnapshotContent?) -> StoreError? {
        let written = keeping.withLock { $0.written }
        defer {
            keeping.withLock { keeping in
                keeping.isRunning = false
                // After a failure not again before as much was written once more.
                keeping.baseline = written
            }
        }
        guard let content else { return state.withLock { $0.failure } }
        do throws(FileFailure) {
            try content.write(to: directory)
            let mark = SnapshotMark(
                revision: content.revision, firstSegment: content.firstSegment, isEmpty: false)
            let kept = keeping.withLock { keeping in
                keeping.marks.removeAll { $0.revision >= mark.revision }
                // The one before stays too: the log since then is the history that watches can resume from after a start.
                keeping.marks = keeping.marks.suffix(1) + [mark]
                return keeping.marks
            }
            try removeFiles(before: kept)
            return nil
        } catch {
            return StoreError(error)
        }
    }

    private func removeFiles(before kept: [SnapshotMark]) throws(FileFailure) {
        guard let oldest = kept.first else { return }
        let listing = try directory.list()
        for revision in listing.snapshots where !kept.contains(where: { $0.revision == revision && !$0.isEmpty }) {
            try directory.layer.remove(directory.snapshotPath(revision))
        }
        // Oldest first: what is left has no gap.
        for segment in listing.segments where segment < oldest.firstSegment {
            try directory.layer.remove(directory.segmentPath(segment))
        }
        try directory.sync()
    }

    private func prepareSpare() {
        // Without a spare the log makes segments itself; the next group tries again.
        try? log.prepareSpare()
        keeping.withLock { $0.isMakingSpare = false }
    }

    /// After a failure: finds out whether writing works again, should nobody try.
    func probe() {
        guard state.withLock({ $0.failure != nil && $0.isSettled && !$0.isClosed }) else { return }
        do throws(FileFailure) {
            try directory.probe()
            let hadFailed = state.withLock { state in
                defer { state.failure = nil }
                return state.failure != nil
            }
            if hadFailed { options.onFailure(nil) }
        } catch {
            state.withLock { state in
                if state.failure != nil { state.failure = StoreError(error) }
            }
        }
    }

    // MARK: The end

    /// Refuses further changes and has the log end after those it has.
    func stop() {
        state.withLock { $0.isClosed = true }
        wakeUp.signal()
    }

    func close() async {
        stop()
        await withCheckedContinuation { continuation in
            let isEnded = state.withLock { state in
                if !state.isLogEnded { state.endWaiters.append(continuation) }
                return state.isLogEnded
            }
            if isEnded { continuation.resume() }
        }
    }

    /// Runs last in the background, when all other work is done.
    private func end() {
        timer.cancel()
        history.close()
        try? directory.layer.remove(directory.sparePath)
        lock.withLock { $0 = nil }
        let waiting = state.withLock { state in
            state.isLogEnded = true
            defer { state.endWaiters = [] }
            return state.endWaiters
        }
        for continuation in waiting { continuation.resume() }
    }
}
