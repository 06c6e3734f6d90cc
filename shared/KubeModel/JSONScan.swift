/// Looks at eight bytes of text at once.
enum JSONScan {
    static let highBits: UInt64 = 0x8080_8080_8080_8080
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// The high bit of every byte that is a quote, a backslash or a control character.
    ///
    /// Bits above the first hit may be wrong (a borrow runs upwards), so only the lowest one counts.
    @inline(__always)
    static func specialBytes(of word: UInt64) -> UInt64 {
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let quotes = (quote &- ones) & ~quote
        let backslashes = (backslash &- ones) & ~backslash
        let controls = (word &- ones &* 0x20) & ~word
        return (quotes | backslashes | controls) & highBits
    }

    /// A number that is equal for equal texts and almost always different for different ones.
    @inline(__always)
    static func fingerprint(_ text: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
        let raw = UnsafeRawPointer(text)
        let head: UInt64
        let tail: UInt64
        if count >= 8 {
            head = raw.loadUnaligned(as: UInt64.self)
            tail = raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        } else if count >= 4 {
            head = UInt64(raw.loadUnaligned(as: UInt32.self))
            tail = UInt64(raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        } else if count > 0 {
            head = UInt64(text[0]) | UInt64(text[count >> 1]) << 8
            tail = UInt64(text[count - 1])
        } else {
            (head, tail) = (0, 0)
        }
        var mixed = (head ^ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
        mixed ^= mixed >> 29
        mixed = (mixed ^ tail) &* 0xBF58_476D_1CE4_E5B9
        return mixed ^ mixed >> 32
    }

    /// Offset of the first byte that no valid UTF-8 text has there.
    static func firstInvalidUTF8(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        var decoder = UTF8.ForwardParser()
        var bytes = text.makeIterator()
        var offset = 0
        while true {
            switch decoder.parseScalar(from: &bytes) {
            case .valid(let scalar): offset += scalar.count
            case .error, .emptyInput: return min(offset, text.count)
            }
        }
    }
}
