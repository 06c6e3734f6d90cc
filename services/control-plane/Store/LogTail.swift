import Glibc

/// What the bytes behind the last valid frame of the last segment mean.
enum LogTail: Equatable {
    /// Nothing was written there: the log can go on at this place.
    case clean
    /// A write was interrupted before it was acknowledged; it is dropped.
    case torn
    /// Something that had been written completely is damaged.
    case corrupt(String)

    /// A disk writes sectors of this size completely or not at all; what it did not write is still zero, because
    /// segments are filled with zeros first.
    static let sectorSize = 512

    /// Judges the bytes from `offset` on, where no valid frame begins.
    ///
    /// Only one frame is ever on its way to the disk. So if a valid one lies behind the damage, the damaged one had been
    /// complete. Otherwise it was interrupted if a part of it is missing: behind the end of the file, or a sector of
    /// zeros, which JSON text never contains.
    static func judge(_ bytes: UnsafeRawBufferPointer, from offset: Int) -> LogTail {
        if bytes.isZero(offset..<bytes.count) { return .clean }
        if let later = firstFrame(bytes, after: offset) {
            return .corrupt("the record does not match its checksum, while a valid one follows at byte \(later)")
        }
        guard bytes.count - offset >= Frame.headerSize else { return .torn }
        guard let frame = Frame.readHeader(bytes, at: offset) else {
            let header = offset..<offset + Frame.headerSize
            let isTorn = hasEmptySector(bytes, header) || bytes.isZero(header.upperBound..<bytes.count)
            return isTorn ? .torn : .corrupt("the header of the record does not match its checksum")
        }
        guard bytes.count - offset >= frame.size else { return .torn }
        if bytes[offset + frame.size - 1] == 0 || hasEmptySector(bytes, offset..<offset + frame.size) { return .torn }
        return .corrupt("the record does not match its checksum")
    }

    /// Offset of the first intact header behind `offset`. It cannot be part of an object: JSON text has no zero bytes.
    private static func firstFrame(_ bytes: UnsafeRawBufferPointer, after offset: Int) -> Int? {
        var start = offset + 1
        while let candidate = nextHeader(bytes, from: start) {
            if Frame.readHeader(bytes, at: candidate) != nil { return candidate }
            start = candidate + 1
        }
        return nil
    }

    /// The first place from `offset` on where a header may begin.
    static func nextHeader(_ bytes: UnsafeRawBufferPointer, from offset: Int) -> Int? {
        guard let base = bytes.baseAddress, offset + Frame.headerSize <= bytes.count else { return nil }
        let magic = Int32(Frame.magic & 0xFF)
        // The library looks at many bytes at once.
        guard let found = memchr(base + offset, magic, bytes.count - offset - Frame.headerSize + 1) else { return nil }
        return base.distance(to: UnsafeRawPointer(found))
    }

    private static func hasEmptySector(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min((start / sectorSize + 1) * sectorSize, range.upperBound)
            if bytes.isZero(start..<end) { return true }
            start = end
        }
        return false
    }
}
