/// Writes one message of the protobuf wire format.
///
/// `string`, `bool`, `integer` and `double` leave out empty texts, zeros and `false`, as proto3 has it; `element`,
/// `number` and `message` do not.
struct ProtobufWriter {
    private(set) var bytes: [UInt8]

    /// Begins behind bytes that are there already.
    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Starts a field of a wire type: 0 for numbers, 1 for eight bytes, 2 for anything with a length.
    private mutating func tag(_ number: Int, _ wire: UInt64) { varint(UInt64(number) << 3 | wire) }

    mutating func string(_ number: Int, _ text: String?) {
        guard let text, !text.isEmpty else { return }
        element(number, text)
    }

    mutating func bool(_ number: Int, _ value: Bool?) {
        guard value == true else { return }
        self.number(number, 1)
    }

    mutating func integer(_ number: Int, _ value: Int64?) {
        guard let value, value != 0 else { return }
        self.number(number, value)
    }

    mutating func double(_ number: Int, _ value: Double?) {
        guard let value, value != 0 else { return }
        element(number, value)
    }

    /// A text, which counts even when it is empty.
    mutating func element(_ number: Int, _ text: String) {
        tag(number, 2)
        varint(UInt64(text.utf8.count))
        bytes += text.utf8
    }

    /// Bytes, which count even when there are none.
    mutating func element(_ number: Int, _ content: some Collection<UInt8>) {
        tag(number, 2)
        varint(UInt64(content.count))
        bytes += content
    }

    /// A number, which counts even when it is zero.
    mutating func number(_ number: Int, _ value: Int64) {
        tag(number, 0)
        varint(UInt64(bitPattern: value))
    }

    /// A number, which counts even when it is zero.
    mutating func element(_ number: Int, _ value: Double) {
        tag(number, 1)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
    }

    /// A message within the message, present even when it is empty.
    mutating func message(_ number: Int, _ fill: (inout ProtobufWriter) throws -> Void) rethrows {
        tag(number, 2)
        // Nearly all lengths fit into one byte; longer ones move what was written.
        let start = bytes.count
        bytes.append(0)
        try fill(&self)
        var length = bytes.count - start - 1
        guard length >= 0x80 else {
            bytes[start] = UInt8(length)
            return
        }
        bytes[start] = UInt8(truncatingIfNeeded: length) | 0x80
        var more: [UInt8] = []
        length >>= 7
        while length >= 0x80 {
            more.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        more.append(UInt8(length))
        bytes.insert(contentsOf: more, at: start + 1)
    }
}
