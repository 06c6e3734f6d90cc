/// How changes lie in logs and snapshots: little-endian numbers, and byte strings after their length.
///
///     kind u8 | revision u64 | offset of the revision in the text u32 |
///     resource, namespace, name, uid: length u32, UTF-8 | labels: count u32, (key, value)... | text: length u32, JSON
struct RecordWriter {
    private(set) var bytes: [UInt8] = []
    private(set) var recordCount = 0

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        recordCount = 0
    }

    mutating func append(_ kind: StoreEvent.Kind, _ object: StoredObject) {
        recordCount += 1
        bytes.append(kind.rawValue)
        number(object.revision)
        number(UInt32(object.revisionOffset))
        text(object.key.resource)
        text(object.key.namespace)
        text(object.key.name)
        text(object.uid)
        number(UInt32(object.labels.count))
        for (key, value) in object.labels {
            text(key)
            text(value)
        }
        number(UInt32(object.bytes.count))
        bytes.append(contentsOf: object.bytes)
    }

    private mutating func number<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func text(_ value: String) {
        number(UInt32(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }
}

/// Reads what ``RecordWriter`` wrote.
struct RecordReader {
    /// A record says that it is longer than what holds it.
    struct Malformed: Error { let offset: Int }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    /// Resource of the record before: nearly always the same again, and then kept once.
    private var resource = ""
    private let indexed: IndexedPaths
    private let strings: StringPool?

    /// Reads records; `strings` keeps what many objects say once.
    init(_ bytes: UnsafeRawBufferPointer, indexed: IndexedPaths = IndexedPaths(), strings: StringPool? = nil) {
        (self.bytes, self.indexed, self.strings) = (bytes, indexed, strings)
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func next() throws(Malformed) -> (kind: StoreEvent.Kind, object: StoredObject) {
        let start = position
        guard let kind = StoreEvent.Kind(rawValue: try number(UInt8.self)) else { throw Malformed(offset: start) }
        let revision = try number(UInt64.self)
        let revisionOffset = Int(try number(UInt32.self))
        let resource = try text()
        if resource != self.resource { self.resource = resource }
        let key = ObjectKey(resource: self.resource, namespace: try sharedText(), name: try text())
        let uid = try text()
        var labels: [String: String] = [:]
        for _ in 0..<(try number(UInt32.self)) {
            let label = try sharedText()
            labels[label] = try sharedText()
        }
        let content = Array(try slice())
        guard revisionOffset <= content.count else { throw Malformed(offset: start) }
        let object = StoredObject(
            key: key, revision: revision, bytes: content, revisionOffset: revisionOffset, uid: uid, labels: labels,
            owners: IndexedPaths.owners(in: content).map(shared), fields: indexed.fields(of: self.resource, in: content)
        )
        return (kind, object)
    }

    private func shared(_ text: String) -> String { strings?.shared(text) ?? text }

    private mutating func sharedText() throws(Malformed) -> String { shared(try text()) }

    private mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws(Malformed) -> Number {
        let size = MemoryLayout<Number>.size
        guard bytes.count - position >= size else { throw Malformed(offset: position) }
        defer { position += size }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
    }

    private mutating func slice() throws(Malformed) -> UnsafeRawBufferPointer {
        let count = Int(try number(UInt32.self))
        guard bytes.count - position >= count else { throw Malformed(offset: position) }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    private mutating func text() throws(Malformed) -> String { String(decoding: try slice(), as: UTF8.self) }
}

/// Keeps one copy of each text, for as long as objects are read from the disk.
final class StringPool {
    private var texts: Set<String> = []

    /// The same text, in memory that others with it use too.
    func shared(_ text: String) -> String {
        // Short texts need no memory of their own.
        text.utf8.count <= 15 ? text : texts.insert(text).memberAfterInsert
    }
}
