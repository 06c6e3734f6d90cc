import Glibc
public import KubeModel

/// All objects of a store at one revision, on their way into a backup or out of one.
public struct StoreExport: Sendable {
    private var content: SnapshotContent

    /// The revision at which everything was so.
    public var revision: UInt64 { content.revision }
    /// How many objects there are.
    public var count: Int { content.count }

    private init(_ content: SnapshotContent) { self.content = content }

    /// How often files that are being written are looked at again, and after how long.
    private static let attempts = 50
    private static let pauseMicroseconds: UInt32 = 20_000

    /// Reads the files of a store, which may be open in another process: its last durable changes are there or not,
    /// nothing is in between. Nothing on the disk is changed.
    /// - Parameters:
    ///   - path: the folder of the store.
    ///   - isInUse: false when nobody has the store open, so that what looks like damage is damage.
    /// - Throws: ``StoreError/corrupt(file:offset:_:)`` for damaged files, ``StoreError/unwritable(_:)`` when there are
    ///   none.
    public init(readingFrom path: String, isInUse: Bool = true) throws(StoreError) {
        let directory = StoreDirectory(path: path, layer: FileLayer())
        for attempt in 1... {
            do throws(StoreError) {
                let outcome = try Recovery.run(
                    directory, History(maximumCount: 1, maximumCost: 1), isReading: true)
                if let damage = outcome.damage { throw damage.error }
                self.init(
                    SnapshotContent(
                        revision: outcome.revision, firstSegment: 2, tables: outcome.tables.tables.mapValues(\.objects))
                )
                return
            } catch {
                // A write that is seen halfway, or a segment that a snapshot just replaced, looks like damage once.
                guard isInUse, attempt < Self.attempts else { throw error }
                usleep(Self.pauseMicroseconds)
            }
        }
        throw .closed
    }

    /// Reads what ``forEachPart(_:)`` gave away; `name` stands for it in messages.
    /// - Throws: ``StoreError/corrupt(file:offset:_:)``, ``StoreError/newerFormat(_:)``.
    public init(bytes: [UInt8], name: String) throws(StoreError) {
        var tables = ObjectTables()
        let read = bytes.withUnsafeBytes { bytes in
            Result { () throws(StoreError) in
                try SnapshotContent.read(bytes, name, IndexedPaths(), StringPool()) { tables.apply(.added, $0) }
            }
        }
        let header = try read.get()
        self.init(
            SnapshotContent(
                revision: header.revision, firstSegment: 2, tables: tables.tables.mapValues(\.objects)))
    }

    /// Gives away all of it as bytes, a megabyte at a time.
    public func forEachPart<Failure: Error>(_ use: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        try content.forEachPart(use)
    }

    /// Changes objects of a resource; those that `change` returns nil for stay as they are. Their versions stay, too.
    public mutating func change(_ resource: String, _ change: (JSON) -> JSON?) throws {
        for object in content.tables[resource]?.list(namespace: nil) ?? [] {
            guard let changed = change(try object.json()) else { continue }
            content.tables[resource]?.set(ObjectDraft(changed).numbered(object.revision, key: object.key))
        }
    }

    /// Makes a store of it in a folder that is empty or not there.
    ///
    /// It begins at a revision that no life of the store has reached before: a thousand million ahead, as etcd's
    /// documentation advises, and at least the time in microseconds, so that it may happen again from the same backup.
    /// Watches from older revisions learn that these are gone.
    /// - Returns: the revision at which it begins.
    @discardableResult
    public func install(in path: String) throws(StoreError) -> UInt64 {
        let directory = StoreDirectory(path: path, layer: FileLayer())
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let microseconds = UInt64(max(0, time.tv_sec)) * 1_000_000 + UInt64(max(0, time.tv_nsec) / 1000)
        var content = content
        content.revision = max(content.revision + 1_000_000_000, microseconds)
        do throws(FileFailure) {
            try directory.make()
            let listing = try directory.list()
            guard listing.segments.isEmpty, listing.snapshots.isEmpty else {
                throw FileFailure(.create, path, code: EEXIST)
            }
            try content.write(to: directory)
        } catch {
            throw StoreError(error)
        }
        return content.revision
    }
}
