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

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func next() throws(Malformed) -> (kind: StoreEvent.Kind, object: StoredObject) {
        let start = position
        guard let kind = StoreEvent.Kind(rawValue: try number(UInt8.self)) else { throw Malformed(offset: start) }
        let revision = try number(UInt64.self)
        let revisionOffset = Int(try number(UInt32.self))
        let resource = try text()
        if resource != self.resource { self.resource = resource }
        let key = ObjectKey(resource: self.resource, namespace: try text(), name: try text())
        let uid = try text()
        var labels: [String: String] = [:]
        for _ in 0..<(try number(UInt32.self)) {
            let label = try text()
            labels[label] = try text()
        }
        let content = Array(try slice())
        guard revisionOffset <= content.count else { throw Malformed(offset: start) }
        let object = StoredObject(
            key: key, revision: revision, bytes: content, revisionOffset: revisionOffset, uid: uid, labels: labels)
        return (kind, object)
    }

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
