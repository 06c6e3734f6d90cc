/// Writes one message of the protobuf wire format.
///
/// As proto3 has it, empty texts, zeros and `false` are left out.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

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

    /// A text of a repeated field, which counts even when it is empty.
    mutating func element(_ number: Int, _ text: String) {
        tag(number, 2)
        varint(UInt64(text.utf8.count))
        bytes += text.utf8
    }

    mutating func bool(_ number: Int, _ value: Bool?) {
        guard value == true else { return }
        tag(number, 0)
        bytes.append(1)
    }

    mutating func integer(_ number: Int, _ value: Int64?) {
        guard let value, value != 0 else { return }
        tag(number, 0)
        varint(UInt64(bitPattern: value))
    }

    mutating func double(_ number: Int, _ value: Double?) {
        guard let value, value != 0 else { return }
        tag(number, 1)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
    }

    /// A message within the message, present even when it is empty.
    mutating func message(_ number: Int, _ fill: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        fill(&inner)
        tag(number, 2)
        varint(UInt64(inner.bytes.count))
        bytes += inner.bytes
    }
}
