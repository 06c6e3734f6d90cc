import Glibc

/// The beginning of a log segment or of a snapshot.
///
///     magic 8 | version u32 | size u32 | first u64 | second u64 | third u64 | checksum of all before u64
struct FileHeader: Equatable {
    enum Kind: String { case segment = "MARTLETL", snapshot = "MARTLETS" }

    static let size = 48
    /// Format written and understood by this version.
    static let version: UInt32 = 1

    var kind: Kind
    /// Segment: its number. Snapshot: its revision.
    var first: UInt64
    /// Segment: where the segment before ends. Snapshot: number of the first segment that may hold later changes.
    var second: UInt64
    /// Segment: the revision before its first change. Snapshot: how many objects it holds.
    var third: UInt64

    enum Reading: Equatable {
        case valid(FileHeader)
        case newer(UInt32)
        case invalid
    }

    var bytes: [UInt8] {
        var bytes = Array(kind.rawValue.utf8)
        bytes.append(Self.version)
        bytes.append(UInt32(Self.size))
        for field in [first, second, third] { bytes.append(field) }
        bytes.append(bytes.withUnsafeBytes(Checksum.of))
        return bytes
    }

    static func read(_ kind: Kind, _ bytes: UnsafeRawBufferPointer) -> Reading {
        guard bytes.count >= size, bytes.prefix(8).elementsEqual(kind.rawValue.utf8) else { return .invalid }
        let version: UInt32 = bytes.number(at: 8)
        // A newer format may have another header: only its first 12 bytes are promised.
        if version > Self.version { return .newer(version) }
        let checksum = Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[..<(size - 8)]))
        guard checksum == bytes.number(at: size - 8) else { return .invalid }
        return .valid(
            FileHeader(
                kind: kind, first: bytes.number(at: 16), second: bytes.number(at: 24),
                third: bytes.number(at: 32)))
    }
}

/// Records that were written together, and are valid together or not at all.
///
///     magic u32 | payload size u32 | record count u32 | segment number (low half) u32 |
///     revision before u64 | last revision u64 | checksum of the payload u64 | checksum of the header u64 |
///     payload | 0xA5
///
/// The last byte is never zero: where it is, the write did not reach the end.
struct Frame: Equatable {
    static let headerSize = 48
    static let magic: UInt32 = 0x4752_464D
    static let trailer: UInt8 = 0xA5

    var payloadSize: Int
    var recordCount: Int
    var segment: UInt32
    var revisionBefore: UInt64
    var lastRevision: UInt64
    var payloadChecksum: UInt64

    /// Header, payload and last byte.
    var size: Int { Self.headerSize + payloadSize + 1 }

    /// Appends a frame around `records` to `bytes`.
    static func write(
        _ records: RecordWriter, segment: UInt64, revisionBefore: UInt64, lastRevision: UInt64,
        into bytes: inout [UInt8]
    ) {
        let start = bytes.count
        bytes.append(magic)
        bytes.append(UInt32(records.bytes.count))
        bytes.append(UInt32(records.recordCount))
        bytes.append(UInt32(truncatingIfNeeded: segment))
        bytes.append(revisionBefore)
        bytes.append(lastRevision)
        bytes.append(records.bytes.withUnsafeBytes(Checksum.of))
        bytes.append(bytes.withUnsafeBytes { Checksum.of(UnsafeRawBufferPointer(rebasing: $0[start...])) })
        bytes.append(contentsOf: records.bytes)
        bytes.append(trailer)
    }

    /// The header at `offset`, or nil where there is none.
    static func readHeader(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Frame? {
        guard bytes.count - offset >= headerSize, bytes.number(at: offset) == magic else { return nil }
        let header = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + headerSize - 8])
        guard Checksum.of(header) == bytes.number(at: offset + headerSize - 8) else { return nil }
        return Frame(
            payloadSize: Int(bytes.number(at: offset + 4) as UInt32),
            recordCount: Int(bytes.number(at: offset + 8) as UInt32), segment: bytes.number(at: offset + 12),
            revisionBefore: bytes.number(at: offset + 16), lastRevision: bytes.number(at: offset + 24),
            payloadChecksum: bytes.number(at: offset + 32))
    }

    /// The payload of the frame at `offset`, or nil when it is incomplete or damaged.
    func payload(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UnsafeRawBufferPointer? {
        guard bytes.count - offset >= size, bytes[offset + size - 1] == Self.trailer else { return nil }
        let start = offset + Self.headerSize
        let payload = UnsafeRawBufferPointer(rebasing: bytes[start..<start + payloadSize])
        return Checksum.of(payload) == payloadChecksum ? payload : nil
    }
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger>(_ value: Number) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

extension UnsafeRawBufferPointer {
    func number<Number: FixedWidthInteger>(at offset: Int) -> Number {
        Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    /// True when every byte of the range that exists is zero.
    func isZero(_ range: Range<Int>) -> Bool {
        let end = Swift.min(range.upperBound, count)
        guard let base = baseAddress, end > range.lowerBound else { return true }
        // Zero at the beginning, and every byte equal to the next: the library compares many at once.
        let start = base + range.lowerBound
        return self[range.lowerBound] == 0 && memcmp(start, start + 1, end - range.lowerBound - 1) == 0
    }
}
