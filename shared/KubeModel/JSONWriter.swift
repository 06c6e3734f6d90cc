/// Writes JSON text into a buffer that grows, without white space.
struct JSONWriter: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var count = 0
    private var capacity = 2048

    init() { base = .allocate(capacity: capacity) }

    deinit { base.deallocate() }

    /// What was written so far; valid until the next change.
    var written: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    mutating func write(_ value: borrowing JSON) {
        switch value {
        case .null: literal("null")
        case .bool(let value): if value { literal("true") } else { literal("false") }
        case .int(let value): integer(value)
        case .double(let value): double(value)
        case .string(let value): string(value)
        case .array(let elements):
            byte(UInt8(ascii: "["))
            elements.withUnsafeBufferPointer { elements in
                for position in elements.indices {
                    if position > 0 { byte(UInt8(ascii: ",")) }
                    write(elements[position])
                }
            }
            byte(UInt8(ascii: "]"))
        case .object(let object):
            byte(UInt8(ascii: "{"))
            object.members.withUnsafeBufferPointer { members in
                for position in members.indices {
                    if position > 0 { byte(UInt8(ascii: ",")) }
                    string(members[position].key)
                    byte(UInt8(ascii: ":"))
                    write(members[position].value)
                }
            }
            byte(UInt8(ascii: "}"))
        }
    }

    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        moved.moveInitialize(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = larger
    }

    @inline(__always)
    private mutating func byte(_ value: UInt8) {
        reserve(1)
        base[count] = value
        count += 1
    }

    @inline(__always)
    private mutating func literal(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        (base + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    private mutating func integer(_ value: Int64) {
        reserve(20)
        var magnitude = value.magnitude
        if value < 0 { byte(UInt8(ascii: "-")) }
        var digits = 1
        var bound: UInt64 = 10
        while digits < 19, magnitude >= bound {
            digits += 1
            bound &*= 10
        }
        var position = count + digits
        count = position
        repeat {
            position -= 1
            base[position] = UInt8(truncatingIfNeeded: magnitude % 10) + 0x30
            magnitude /= 10
        } while magnitude > 0
    }

    /// The shortest text that reads back as the same number. Whole numbers are written without a fraction, as Go does:
    /// a client that expects an integer does not read `3.0`.
    private mutating func double(_ value: Double) {
        guard value.isFinite else { return literal("null") }
        var text = value.description
        if text.hasSuffix(".0") { text.removeLast(2) }
        ascii(text)
    }

    private mutating func ascii(_ text: String) {
        for value in text.utf8 { byte(value) }
    }

    private mutating func string(_ value: borrowing String) {
        let isWritten: Void? = value.utf8.withContiguousStorageIfAvailable { bytes in
            // Most strings have no escapes: room for those is only made when one comes.
            reserve(bytes.count + 2)
            base[count] = UInt8(ascii: "\"")
            count += 1
            if let start = bytes.baseAddress { text(start, bytes.count) }
            byte(UInt8(ascii: "\""))
        }
        if isWritten == nil {
            var native = copy value
            native.makeContiguousUTF8()
            string(native)
        }
    }

    @inline(__always)
    private mutating func text(_ start: UnsafePointer<UInt8>, _ length: Int) {
        let raw = UnsafeRawPointer(start)
        var position = 0
        while length - position >= 8 {
            let word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            guard JSONScan.specialBytes(of: UInt64(littleEndian: word)) == 0 else { break }
            UnsafeMutableRawPointer(base + count).storeBytes(of: word, as: UInt64.self)
            position += 8
            count += 8
        }
        while position < length {
            let value = start[position]
            if value < 0x20 || value == UInt8(ascii: "\"") || value == UInt8(ascii: "\\") {
                escape(value, remaining: length - position)
            } else {
                base[count] = value
                count += 1
            }
            position += 1
        }
    }

    @inline(never)
    private mutating func escape(_ value: UInt8, remaining: Int) {
        reserve(remaining + 7)
        switch value {
        case UInt8(ascii: "\""): literal("\\\"")
        case UInt8(ascii: "\\"): literal("\\\\")
        case 0x08: literal("\\b")
        case 0x0C: literal("\\f")
        case 0x0A: literal("\\n")
        case 0x0D: literal("\\r")
        case 0x09: literal("\\t")
        default:
            literal("\\u00")
            byte(value >> 4 + 0x30)
            byte(value & 0x0F < 10 ? value & 0x0F + 0x30 : value & 0x0F + 0x57)
        }
        reserve(remaining + 1)
    }
}
