/// Reads what is on the disk: a snapshot, and the log from there on.
struct Recovery {
    /// The state that was found.
    struct Outcome {
        var tables = ObjectTables()
        var revision: UInt64 = 1
        var position = LogPosition()
        /// Snapshots that a start can begin with, oldest first.
        var snapshots: [SnapshotMark] = []
        /// Damage in acknowledged data; everything here is from before it.
        var damage: Damage?
    }

    /// Damage, and where the log ends because of it.
    struct Damage {
        let error: StoreError
        let segment: UInt64
    }

    private let directory: StoreDirectory
    private let history: History
    private let indexed: IndexedPaths
    /// True when nothing on the disk is changed, because the files may be someone else's who is writing them.
    private let isReading: Bool
    private let strings = StringPool()
    private var listing: StoreDirectory.Listing
    private var outcome = Outcome()
    /// Revision of the last change in the log so far; each frame says what it follows.
    private var logRevision: UInt64?

    static func run(
        _ directory: StoreDirectory, _ history: History, indexed: IndexedPaths = IndexedPaths(),
        isReading: Bool = false
    ) throws(StoreError) -> Outcome {
        let listing: StoreDirectory.Listing
        do throws(FileFailure) {
            listing = try directory.list()
            for leftover in isReading ? [] : listing.leftovers { try directory.layer.remove(leftover) }
        } catch {
            throw StoreError(error)
        }
        var recovery = Recovery(
            directory: directory, history: history, indexed: indexed, isReading: isReading, listing: listing)
        try recovery.run()
        return recovery.outcome
    }

    private init(
        directory: StoreDirectory, history: History, indexed: IndexedPaths, isReading: Bool,
        listing: StoreDirectory.Listing
    ) {
        (self.directory, self.history, self.indexed, self.listing) = (directory, history, indexed, listing)
        self.isReading = isReading
    }

    private mutating func run() throws(StoreError) {
        try removeUnusedSegment()
        let marks = try snapshotMarks()
        try loadSnapshot(of: marks)
        try replay()
        if outcome.damage == nil, let newest = marks.last, outcome.revision < newest.revision {
            // The log before the newest snapshot does not reach it: left over from an interrupted repair.
            (outcome, logRevision) = (Outcome(), nil)
            try loadSnapshot(of: [newest])
            try replay()
        }
    }

    /// A segment that was made, but whose first write never ended, holds nothing.
    private mutating func removeUnusedSegment() throws(StoreError) {
        guard let last = listing.segments.last else { return }
        let path = directory.segmentPath(last)
        let bytes = try read(path)
        guard try header(of: last, bytes.bytes) == nil else { return }
        if case .corrupt = LogTail.judge(bytes.bytes, from: 0) {
            throw .corrupt(file: path, offset: 0, "the header of the segment does not match its checksum")
        }
        if !isReading {
            do { try directory.layer.remove(path) } catch { throw StoreError(error) }
        }
        listing.segments.removeLast()
    }

    /// The snapshots with a valid header whose following segments are all here. Before the first snapshot there is
    /// nothing at all, which is as good a start as long as the log is complete.
    private mutating func snapshotMarks() throws(StoreError) -> [SnapshotMark] {
        var marks: [SnapshotMark] = []
        if listing.segments.first == 1 || (listing.segments.isEmpty && listing.snapshots.isEmpty) {
            marks.append(SnapshotMark(revision: 1, firstSegment: 1, isEmpty: true))
        }
        for revision in listing.snapshots {
            guard let header = try SnapshotContent.readHeader(directory.snapshotPath(revision)) else { continue }
            marks.append(SnapshotMark(revision: header.first, firstSegment: header.second, isEmpty: false))
        }
        guard !marks.isEmpty else {
            if let snapshot = listing.snapshots.last {
                let path = directory.snapshotPath(snapshot)
                throw .corrupt(file: path, offset: 0, "this is not the header of a snapshot")
            }
            throw .corrupt(file: directory.segmentPath(1), offset: 0, "the segment is missing")
        }
        let last = listing.segments.last ?? 0
        let usable = marks.filter { mark in
            mark.firstSegment > last || (mark.firstSegment...last).allSatisfy(listing.segments.contains)
        }
        guard usable.isEmpty, let mark = marks.last else { return usable }
        let missing = (mark.firstSegment...last).first { !listing.segments.contains($0) } ?? last
        throw .corrupt(file: directory.segmentPath(missing), offset: 0, "the segment is missing")
    }

    /// Loads the oldest snapshot that is intact: the log after it becomes the history from which watches can go on.
    private mutating func loadSnapshot(of marks: [SnapshotMark]) throws(StoreError) {
        var firstDamage: StoreError?
        for (position, mark) in marks.enumerated() {
            outcome.tables = ObjectTables()
            if !mark.isEmpty {
                do throws(StoreError) {
                    let path = directory.snapshotPath(mark.revision)
                    var tables = ObjectTables()
                    _ = try SnapshotContent.read(path, indexed, strings) { tables.apply(.added, $0) }
                    outcome.tables = tables
                } catch {
                    guard case .corrupt = error else { throw error }
                    firstDamage = firstDamage ?? error
                    continue
                }
            }
            outcome.revision = mark.revision
            outcome.snapshots = Array(marks[position...])
            history.begin(at: mark.revision)
            return
        }
        throw firstDamage ?? .corrupt(file: directory.path, offset: 0, "there is no snapshot")
    }

    private mutating func replay() throws(StoreError) {
        let first = outcome.snapshots.first?.firstSegment ?? 1
        let segments = listing.segments.filter { $0 >= first }
        outcome.position.segment = max(first, 1) - 1
        guard var number = segments.first else { return }
        var content = try read(directory.segmentPath(number))
        for next in segments.dropFirst() {
            let following = try read(directory.segmentPath(next))
            guard let header = try header(of: next, following.bytes) else {
                outcome.damage = damage(next, 0, "the header of the segment does not match its checksum")
                return
            }
            guard try replay(number, content.bytes, until: Int(header.second)) else { return }
            (number, content) = (next, following)
        }
        guard try replay(number, content.bytes, until: nil) else { return }
        try continueLog(number, content.bytes)
    }

    /// Applies the frames of a segment; false where damage ends everything. Without a known end the segment is the last.
    private mutating func replay(
        _ number: UInt64, _ bytes: UnsafeRawBufferPointer, until end: Int?
    ) throws(StoreError) -> Bool {
        guard let header = try header(of: number, bytes) else {
            outcome.damage = damage(number, 0, "the header of the segment does not match its checksum")
            return false
        }
        let expected = logRevision ?? min(header.third, outcome.revision)
        guard header.third == expected else {
            outcome.damage = damage(number, 0, "the segment follows revision \(header.third), not \(expected)")
            return false
        }
        logRevision = expected
        var offset = FileHeader.size
        while offset < end ?? .max {
            guard let frame = Frame.readHeader(bytes, at: offset), let payload = frame.payload(bytes, at: offset) else {
                break
            }
            guard frame.segment == UInt32(truncatingIfNeeded: number), frame.revisionBefore == logRevision else {
                outcome.damage = damage(number, offset, "the record does not follow the one before")
                return false
            }
            guard apply(payload) else {
                outcome.damage = damage(number, offset, "the record is malformed")
                return false
            }
            logRevision = frame.lastRevision
            if frame.lastRevision > outcome.snapshots.last?.revision ?? 1 { outcome.position.written += frame.size }
            offset += frame.size
        }
        (outcome.position.segment, outcome.position.end) = (number, offset)
        if let end, offset != end {
            outcome.damage = damage(number, offset, "the record does not match its checksum")
            return false
        }
        return true
    }

    private mutating func apply(_ payload: UnsafeRawBufferPointer) -> Bool {
        var records = RecordReader(payload, indexed: indexed, strings: strings)
        var events: [StoreEvent] = []
        while !records.isAtEnd {
            guard let (kind, object) = try? records.next() else { return false }
            guard object.revision > outcome.revision else { continue }
            let previous = outcome.tables.apply(kind, object)
            outcome.revision = object.revision
            events.append(StoreEvent(kind: kind, object: object, previous: previous))
        }
        if !events.isEmpty { history.publish(events, durable: outcome.revision) }
        return true
    }

    /// Decides what follows the last frame, and makes the log ready to go on there.
    private mutating func continueLog(_ number: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        let end = outcome.position.end
        let tail = LogTail.judge(bytes, from: end)
        if case .corrupt(let what) = tail {
            outcome.damage = damage(number, end, what)
            return
        }
        if isReading { return }
        do throws(FileFailure) {
            let file = try WritableFile(opening: directory.segmentPath(number), layer: directory.layer)
            if tail == .torn { try file.truncate(to: end) }
            // What a killed process wrote may be in the page cache only: from now on it counts as acknowledged.
            try file.sync()
            (outcome.position.file, outcome.position.fileSize) = (file, tail == .torn ? end : bytes.count)
        } catch {
            throw StoreError(error)
        }
    }

    private func damage(_ segment: UInt64, _ offset: Int, _ what: String) -> Damage {
        Damage(error: .corrupt(file: directory.segmentPath(segment), offset: offset, what), segment: segment)
    }

    private func read(_ path: String) throws(StoreError) -> FileContent {
        do { return try FileContent(path) } catch { throw StoreError(error) }
    }

    private func header(of segment: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StoreError) -> FileHeader? {
        switch FileHeader.read(.segment, bytes) {
        case .valid(let header): return header.first == segment ? header : nil
        case .newer(let version): throw .newerFormat(newerFormatMessage(directory.segmentPath(segment), version))
        case .invalid: return nil
        }
    }
}

/// A snapshot from which a start can begin.
struct SnapshotMark: Sendable {
    var revision: UInt64
    var firstSegment: UInt64
    /// The state before everything, which needs no file.
    var isEmpty: Bool
}
