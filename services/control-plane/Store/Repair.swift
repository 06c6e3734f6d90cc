/// What a repair did.
public struct RepairReport: Sendable {
    /// The damage that was found, nil when there was none and nothing was changed.
    public let damage: StoreError?
    /// The last revision whose changes are all there.
    public let keptRevision: UInt64
    /// How many objects there are.
    public let objects: Int
    /// Folder with the files as they were, nil when nothing was changed.
    public let movedTo: String?
}

extension Store {
    /// Makes a store with a damaged log usable again: keeps every change before the damage, and moves the files as they
    /// were into a folder beside them.
    ///
    /// Revisions that were lost are not used again: the next one is well behind the last one found anywhere in the files.
    /// - Throws: ``StoreError/corrupt(file:offset:_:)`` when no snapshot is readable, and nothing can be kept.
    public static func repair(directory path: String) throws(StoreError) -> RepairReport {
        try repair(StoreDirectory(path: path, layer: FileLayer()))
    }

    static func repair(_ directory: StoreDirectory) throws(StoreError) -> RepairReport {
        let lock = try StoreLock(directory)
        defer { withExtendedLifetime(lock) {} }
        let history = History(maximumCount: 1, maximumCost: 1)
        let outcome = try Recovery.run(directory, history)
        guard let damage = outcome.damage else {
            return RepairReport(
                damage: nil, keptRevision: outcome.revision, objects: outcome.tables.count, movedTo: nil)
        }
        do throws(FileFailure) {
            let listing = try directory.list()
            // Behind the snapshot of an earlier attempt, too, which must not be taken for this one.
            var lastRevision = max(outcome.revision, listing.snapshots.last ?? 0)
            for segment in listing.segments where segment >= damage.segment {
                let content = try FileContent(directory.segmentPath(segment))
                lastRevision = max(lastRevision, LogTail.lastRevision(in: content.bytes))
            }
            let aside = directory.damagedPath((listing.damaged.max() ?? 0) + 1)
            try StoreDirectory(path: aside, layer: directory.layer).make()
            let snapshot = SnapshotContent(
                revision: lastRevision + 10_000, firstSegment: (listing.segments.last ?? 0) + 1,
                tables: outcome.tables.tables.mapValues(\.objects))
            // The new snapshot first: interrupted here, the old files are still complete, and damaged as before.
            try snapshot.write(to: directory)
            for segment in listing.segments.reversed() {
                let path = directory.segmentPath(segment)
                try directory.layer.rename(path, to: aside + path.dropFirst(directory.path.utf8.count))
            }
            for revision in listing.snapshots {
                let path = directory.snapshotPath(revision)
                try directory.layer.rename(path, to: aside + path.dropFirst(directory.path.utf8.count))
            }
            try directory.layer.syncDirectory(aside)
            try directory.sync()
            return RepairReport(
                damage: damage.error, keptRevision: outcome.revision, objects: outcome.tables.count, movedTo: aside)
        } catch {
            throw StoreError(error)
        }
    }
}

extension LogTail {
    /// The last revision named by any intact header in a segment.
    static func lastRevision(in bytes: UnsafeRawBufferPointer) -> UInt64 {
        var last: UInt64 = 0
        var start = 0
        while let candidate = nextHeader(bytes, from: start) {
            if let frame = Frame.readHeader(bytes, at: candidate) { last = max(last, frame.lastRevision) }
            start = candidate + 1
        }
        return last
    }
}
