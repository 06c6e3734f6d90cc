/// Everything at one revision, as it is written to a snapshot file.
struct SnapshotContent: Sendable {
    var revision: UInt64
    /// Number of the first segment that may hold later changes.
    var firstSegment: UInt64
    var tables: [String: SortedObjects]

    var count: Int { tables.values.reduce(0) { $0 + $1.count } }

    private static let payloadSize = 1 << 20
    private static let syncSize = 1 << 20

    /// Writes the snapshot under a temporary name, and gives it its own once it is durable.
    func write(to directory: StoreDirectory) throws(FileFailure) {
        let unfinished = directory.unfinishedSnapshotPath
        try directory.layer.remove(unfinished)
        do {
            try write(to: try WritableFile(creating: unfinished, layer: directory.layer))
            try directory.layer.rename(unfinished, to: directory.snapshotPath(revision))
            try directory.sync()
        } catch {
            try? directory.layer.remove(unfinished)
            throw error
        }
    }

    private func write(to file: WritableFile) throws(FileFailure) {
        var (offset, synced) = (0, 0)
        try forEachPart { part throws(FileFailure) in
            try file.write(part, at: offset)
            offset += part.count
            // Bit by bit, so that the log never waits behind all of it.
            if offset - synced >= Self.syncSize {
                try file.sync()
                synced = offset
            }
        }
        try file.sync()
    }

    /// Gives away the bytes of the snapshot, a megabyte at a time.
    func forEachPart<Failure: Error>(_ use: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        var buffer = FileHeader(kind: .snapshot, first: revision, second: firstSegment, third: UInt64(count)).bytes
        var records = RecordWriter()
        func flush() throws(Failure) {
            Frame.write(records, segment: 0, revisionBefore: revision, lastRevision: revision, into: &buffer)
            try use(buffer)
            buffer.removeAll(keepingCapacity: true)
            records.removeAll()
        }
        for resource in tables.keys.sorted() {
            try tables[resource]?.forEach { object throws(Failure) in
                records.append(.added, object)
                if records.bytes.count >= Self.payloadSize { try flush() }
            }
        }
        try flush()
    }

    /// Reads a snapshot file; every object goes to `add`, in order.
    static func read(
        _ path: String, _ indexed: IndexedPaths = IndexedPaths(), _ strings: StringPool? = nil,
        into add: (StoredObject) -> Void
    ) throws(StoreError) -> (revision: UInt64, firstSegment: UInt64) {
        let content: FileContent
        do { content = try FileContent(path) } catch { throw StoreError(error) }
        return try read(content.bytes, path, indexed, strings, into: add)
    }

    /// Reads the bytes of a snapshot, which are called `path` in messages.
    static func read(
        _ bytes: UnsafeRawBufferPointer, _ path: String, _ indexed: IndexedPaths = IndexedPaths(),
        _ strings: StringPool? = nil, into add: (StoredObject) -> Void
    ) throws(StoreError) -> (revision: UInt64, firstSegment: UInt64) {
        let header: FileHeader
        switch FileHeader.read(.snapshot, bytes) {
        case .valid(let valid): header = valid
        case .newer(let version): throw .newerFormat(newerFormatMessage(path, version))
        case .invalid: throw .corrupt(file: path, offset: 0, "this is not the header of a snapshot")
        }
        var (offset, count) = (FileHeader.size, 0)
        while offset < bytes.count {
            guard let frame = Frame.readHeader(bytes, at: offset), let payload = frame.payload(bytes, at: offset) else {
                throw .corrupt(file: path, offset: offset, "the record does not match its checksum")
            }
            var records = RecordReader(payload, indexed: indexed, strings: strings)
            while !records.isAtEnd {
                do { add(try records.next().object) } catch {
                    throw .corrupt(file: path, offset: offset, "the record is malformed")
                }
                count += 1
            }
            offset += frame.size
        }
        guard count == header.third else {
            throw .corrupt(file: path, offset: offset, "\(count) objects where \(header.third) were written")
        }
        return (header.first, header.second)
    }

    /// The header alone.
    static func readHeader(_ path: String) throws(StoreError) -> FileHeader? {
        let content: FileContent
        do { content = try FileContent(path, limit: FileHeader.size) } catch { throw StoreError(error) }
        switch FileHeader.read(.snapshot, content.bytes) {
        case .valid(let header): return header
        case .newer(let version): throw .newerFormat(newerFormatMessage(path, version))
        case .invalid: return nil
        }
    }
}

func newerFormatMessage(_ path: String, _ version: UInt32) -> String {
    "\(path) has format \(version), written by a newer version; this one reads up to format \(FileHeader.version)"
}
