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
        let magic = UInt8(truncatingIfNeeded: Frame.magic)
        var position = offset + 1
        while position + Frame.headerSize <= bytes.count {
            if bytes[position] == magic, Frame.readHeader(bytes, at: position) != nil { return position }
            position += 1
        }
        return nil
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
