/// Makes uids: random UUIDs (version 4), as text.
enum ObjectID {
    private static let digits: StaticString = "0123456789abcdef"

    /// A uid that nothing else has. Random bits come from the system without opening a file, as Foundation's UUID does.
    static func random() -> String {
        let high = UInt64.random(in: 0...UInt64.max) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = UInt64.random(in: 0...UInt64.max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return String(unsafeUninitializedCapacity: 36) { text in
            var position = 0
            func put(_ byte: UInt8) {
                text[position] = byte
                position += 1
            }
            for shift in stride(from: 60, through: 0, by: -4) {
                if shift == 28 || shift == 12 { put(UInt8(ascii: "-")) }
                put(digits.utf8Start[Int(high >> UInt64(shift) & 15)])
            }
            for shift in stride(from: 60, through: 0, by: -4) {
                if shift == 60 || shift == 44 { put(UInt8(ascii: "-")) }
                put(digits.utf8Start[Int(low >> UInt64(shift) & 15)])
            }
            return position
        }
    }
}
