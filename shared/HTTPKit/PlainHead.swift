import Glibc

/// Where the fields of a message's head lie in its bytes, for those who pass messages on without taking them apart.
///
/// Strict: what two servers could read differently is no plain head, and is left to whoever takes it apart.
public struct PlainHead: Sendable {
    /// One field: places of its name and value, counted from the head's first byte.
    public struct Field: Sendable {
        /// The name, in the sender's spelling.
        public let name: Range<Int>
        /// The value, without spaces at its ends.
        public let value: Range<Int>
    }

    /// What a look at bytes found.
    public enum Finding: Sendable, Equatable {
        /// A request without body: all of its head, this long.
        case plain(length: Int)
        /// A request whose head is this long and whose body has this length.
        case withBody(headLength: Int, bodyLength: Int)
        /// The head has not come to its end.
        case partial
        /// Anything else.
        case other
    }

    /// Longer heads are not looked at.
    public static let limit = 16 * 1024

    /// The target of a request.
    public private(set) var target = 0..<0
    /// The method of a request, or the status of a response as its three digits.
    public private(set) var start = 0..<0
    /// All fields, in order.
    public private(set) var fields: [Field] = []
    /// The place of `Host` among the fields of a request.
    public private(set) var host = 0..<0

    /// Nothing.
    public init() {}

    /// Looks at a request, HTTP/1.1 only.
    public mutating func readRequest(_ bytes: UnsafeRawBufferPointer) -> Finding {
        var at = 0
        while at < bytes.count, Self.isToken(bytes[at]) { at += 1 }
        guard at < bytes.count else { return bytes.count < Self.limit ? .partial : .other }
        guard bytes[at] == 0x20, at > 0 else { return .other }
        start = 0..<at
        let begin = at + 1
        at = begin
        while at < bytes.count, bytes[at] > 0x20, bytes[at] < 0x7f { at += 1 }
        guard at < bytes.count else { return bytes.count < Self.limit ? .partial : .other }
        target = begin..<at
        guard bytes[at] == 0x20, at > begin, bytes[begin] == UInt8(ascii: "/") else { return .other }
        guard at + 11 <= bytes.count else { return .partial }
        guard Self.isEqual(bytes, at..<at + 11, " HTTP/1.1\r\n") else { return .other }
        guard let end = readFields(bytes, from: at + 11) else {
            return isBroken || bytes.count >= Self.limit ? .other : .partial
        }
        return judge(bytes, length: end)
    }

    /// Looks at a response's head; its length, or nil when it has not come to its end, or is not plain (``isBroken``).
    public mutating func readResponse(_ bytes: UnsafeRawBufferPointer) -> Int? {
        isBroken = false
        guard bytes.count >= 13 else { return nil }
        guard Self.isEqual(bytes, 0..<7, "HTTP/1."), bytes[7] == 0x30 || bytes[7] == 0x31, bytes[8] == 0x20 else {
            isBroken = true
            return nil
        }
        guard bytes[12] == 0x20 || bytes[12] == 0x0d else {
            isBroken = true  // no status of three digits
            return nil
        }
        start = 9..<12
        var at = 12
        while at < bytes.count, bytes[at] >= 0x20, bytes[at] != 0x7f { at += 1 }
        guard at + 1 < bytes.count else { return nil }
        guard bytes[at] == 0x0d, bytes[at + 1] == 0x0a else {
            isBroken = true
            return nil
        }
        return readFields(bytes, from: at + 2)
    }

    /// True when what was looked at last can never become a plain head.
    public private(set) var isBroken = false

    /// The end of the head; nil when it has not come, or when something is wrong.
    private mutating func readFields(_ bytes: UnsafeRawBufferPointer, from begin: Int) -> Int? {
        fields.removeAll(keepingCapacity: true)
        isBroken = false
        var at = begin
        while at + 1 < bytes.count {
            if bytes[at] == 0x0d {
                isBroken = bytes[at + 1] != 0x0a
                return isBroken ? nil : at + 2
            }
            let nameStart = at
            while at < bytes.count, Self.isToken(bytes[at]) { at += 1 }
            guard at < bytes.count else { return nil }
            let name = nameStart..<at
            guard bytes[at] == UInt8(ascii: ":"), !name.isEmpty else { break }
            at += 1
            while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
            let valueStart = at
            while at < bytes.count, bytes[at] >= 0x20 || bytes[at] == 0x09, bytes[at] != 0x7f { at += 1 }
            guard at + 1 < bytes.count else { return nil }
            guard bytes[at] == 0x0d, bytes[at + 1] == 0x0a else { break }
            var valueEnd = at
            while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 0x09 { valueEnd -= 1 }
            fields.append(Field(name: name, value: valueStart..<valueEnd))
            at += 2
        }
        isBroken = at + 1 < bytes.count
        return nil
    }

    /// What the fields of a request say about what follows it.
    private mutating func judge(_ bytes: UnsafeRawBufferPointer, length: Int) -> Finding {
        guard length <= Self.limit else { return .other }
        var hosts = 0
        var body: Int?
        for field in fields {
            switch field.name.count {
            case 4 where Self.isEqual(bytes, field.name, "host"):
                hosts += 1
                host = field.value
                let isClean = bytes[field.value].allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2c && $0 != 0x40 }
                guard isClean, !field.value.isEmpty else { return .other }
            case 6 where Self.isEqual(bytes, field.name, "expect"): return .other
            case 7 where Self.isEqual(bytes, field.name, "upgrade") || Self.isEqual(bytes, field.name, "trailer"):
                return .other
            case 10 where Self.isEqual(bytes, field.name, "connection"):
                guard Self.isEqual(bytes, field.value, "keep-alive") else { return .other }
            case 14 where Self.isEqual(bytes, field.name, "content-length"):
                guard body == nil, let number = Self.number(bytes, field.value) else { return .other }
                body = number
            case 17 where Self.isEqual(bytes, field.name, "transfer-encoding"): return .other
            default: break
            }
        }
        guard hosts == 1 else { return .other }
        if let body, body > 0 { return .withBody(headLength: length, bodyLength: body) }
        return .plain(length: length)
    }

    // MARK: Bytes

    /// Letters, digits and the signs of RFC 9110, 5.6.2, without `_`, which some servers take for `-`.
    @inline(__always)
    public static func isToken(_ byte: UInt8) -> Bool {
        if (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == UInt8(ascii: "-") { return true }
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            return true
        default: return false
        }
    }

    /// Compares with a text in small letters, whatever the case of letters in the bytes.
    public static func isEqual(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
        range.count == text.utf8CodeUnitCount && hasPrefix(bytes, range, text)
    }

    /// The same for a beginning.
    public static func hasPrefix(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count >= text.utf8CodeUnitCount else { return false }
        let wanted = text.utf8Start
        for position in 0..<text.utf8CodeUnitCount {
            let byte = bytes[range.lowerBound + position]
            let lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
            let other = wanted[position]
            guard lower == (other >= 0x41 && other <= 0x5a ? other | 0x20 : other) else { return false }
        }
        return true
    }

    /// Compares with bytes as they are.
    public static func isSame(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ other: [UInt8]) -> Bool {
        range.count == other.count && hasStart(bytes, range, other)
    }

    /// The same for a beginning.
    public static func hasStart(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ other: [UInt8]) -> Bool {
        guard range.count >= other.count, let base = bytes.baseAddress else { return false }
        return other.withUnsafeBytes { wanted in
            wanted.baseAddress.map { memcmp(base + range.lowerBound, $0, wanted.count) == 0 } ?? true
        }
    }

    /// A decimal number of at most 18 digits.
    public static func number(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        guard (1...18).contains(range.count) else { return nil }
        var number = 0
        for byte in bytes[range] {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            number = number * 10 + Int(byte - 0x30)
        }
        return number
    }
}
