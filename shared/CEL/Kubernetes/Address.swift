/// An IP address, read and written as Go's `netip` does it.
struct Address: Sendable, Hashable {
    /// 4 or 16 of them.
    let bytes: [UInt8]

    struct Malformed: Error { let message: String }

    var isV4: Bool { bytes.count == 4 }
    var bitCount: Int { bytes.count * 8 }

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads an address without zone.
    init(_ text: String) throws(Malformed) {
        func failed(_ message: String, at rest: Substring? = nil) -> Malformed {
            let place = rest.map { $0.isEmpty ? "" : " (at \(QuotedText.go(String($0))))" } ?? ""
            return Malformed(message: "ParseAddr(\(QuotedText.go(text))): \(message)\(place)")
        }
        do throws(Reason) {
            switch text.first(where: { $0 == "." || $0 == ":" || $0 == "%" }) {
            case ".": bytes = try Self.parseV4(Substring(text))
            case ":":
                // A zone is read, so that the caller can refuse it by name.
                let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2, parts[1].isEmpty { throw Reason("zone must be a non-empty string") }
                bytes = try Self.parseV6(parts[0])
            case "%": throw Reason("missing IPv6 address")
            default: throw Reason("unable to parse IP")
            }
        } catch {
            throw failed(error.message, at: error.rest)
        }
    }

    private struct Reason: Error {
        let message: String
        let rest: Substring?
        init(_ message: String, at rest: Substring? = nil) { (self.message, self.rest) = (message, rest) }
    }

    private static func parseV4(_ text: Substring) throws(Reason) -> [UInt8] {
        var fields: [UInt8] = []
        var value = 0
        var digits = 0
        var previous: Character?
        for index in text.indices {
            let character = text[index]
            if character.isASCII, let digit = character.wholeNumberValue {
                if digits == 1, value == 0 { throw Reason("IPv4 field has octet with leading zero") }
                value = value * 10 + digit
                digits += 1
                if value > 255 { throw Reason("IPv4 field has value >255") }
            } else if character == "." {
                if previous == nil || previous == "." || text.index(after: index) == text.endIndex {
                    throw Reason("IPv4 field must have at least one digit", at: text[index...])
                }
                if fields.count == 3 { throw Reason("IPv4 address too long") }
                fields.append(UInt8(value))
                (value, digits) = (0, 0)
            } else {
                throw Reason("unexpected character", at: text[index...])
            }
            previous = character
        }
        if fields.count < 3 { throw Reason("IPv4 address too short") }
        return fields + [UInt8(value)]
    }

    private static func parseV6(_ text: Substring) throws(Reason) -> [UInt8] {
        var rest = text
        var bytes: [UInt8] = []
        var ellipsis: Int?
        if rest.hasPrefix("::") {
            ellipsis = 0
            rest = rest.dropFirst(2)
            if rest.isEmpty { return [UInt8](repeating: 0, count: 16) }
        }
        while bytes.count < 16 {
            var value = 0
            var digits = 0
            for character in rest {
                guard character.isASCII, let digit = character.hexDigitValue else { break }
                value = value << 4 + digit
                if digits > 3 { throw Reason("each group must have 4 or less digits", at: rest) }
                digits += 1
            }
            if digits == 0 {
                throw Reason("each colon-separated field must have at least one digit", at: rest)
            }
            let after = rest.dropFirst(digits)
            if after.first == "." {
                if ellipsis == nil, bytes.count != 12 {
                    throw Reason("embedded IPv4 address must replace the final 2 fields of the address", at: rest)
                }
                if bytes.count + 4 > 16 {
                    throw Reason(
                        "too many hex fields to fit an embedded IPv4 at the end of the address", at: rest)
                }
                bytes += try parseV4(rest)
                rest = ""
                break
            }
            bytes += [UInt8(value >> 8), UInt8(value & 255)]
            rest = after
            if rest.isEmpty { break }
            if rest.first != ":" { throw Reason("unexpected character, want colon", at: rest) }
            if rest.count == 1 { throw Reason("colon must be followed by more characters", at: rest) }
            rest = rest.dropFirst()
            if rest.first == ":" {
                if ellipsis != nil { throw Reason("multiple :: in address", at: rest) }
                ellipsis = bytes.count
                rest = rest.dropFirst()
                if rest.isEmpty { break }
            }
        }
        if !rest.isEmpty { throw Reason("trailing garbage after address", at: rest) }
        if bytes.count < 16 {
            guard let ellipsis else { throw Reason("address string too short") }
            bytes.insert(contentsOf: [UInt8](repeating: 0, count: 16 - bytes.count), at: ellipsis)
        } else if ellipsis != nil {
            throw Reason("the :: must expand to at least one field of zeros")
        }
        return bytes
    }

    /// True for `::ffff:1.2.3.4`.
    var isMappedV4: Bool {
        !isV4 && bytes[0..<10].allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
    }

    /// The canonical text.
    var text: String {
        if isV4 { return bytes.map(String.init).joined(separator: ".") }
        let fields = stride(from: 0, to: 16, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
        var best = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, fields[end] == 0 { end += 1 }
            if end - index >= 2, end - index > best.count { best = index..<end }
            index = max(end, index + 1)
        }
        func hex(_ fields: ArraySlice<Int>) -> String {
            fields.map { String($0, radix: 16) }.joined(separator: ":")
        }
        if best.isEmpty { return hex(fields[...]) }
        return hex(fields[..<best.lowerBound]) + "::" + hex(fields[best.upperBound...])
    }

    var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }
    var isLoopback: Bool { isV4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1 }
    var isMulticast: Bool { isV4 ? bytes[0] & 0xf0 == 0xe0 : bytes[0] == 0xff }
    var isLinkLocalMulticast: Bool {
        isV4 ? bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0 : bytes[0] == 0xff && bytes[1] & 0x0f == 0x02
    }
    var isLinkLocalUnicast: Bool {
        isV4 ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80
    }
    var isGlobalUnicast: Bool {
        if isV4, isUnspecified || bytes.allSatisfy({ $0 == 255 }) { return false }
        return !isUnspecified && !isLoopback && !isMulticast && !isLinkLocalUnicast
    }

    /// The address with all bits behind `count` cleared.
    func masked(_ count: Int) -> Address {
        var bytes = bytes
        for index in bytes.indices {
            let kept = min(8, max(0, count - index * 8))
            bytes[index] &= UInt8(truncatingIfNeeded: 0xff00 >> kept)
        }
        return Address(bytes: bytes)
    }
}

/// An address as a value.
struct AddressValue: ObjectValue {
    let address: Address
    var type: CELType { KubernetesTypes.ip }
    var size: UInt64 { UInt64(address.bytes.count) }
    func isEqual(to other: any ObjectValue) -> Bool { (other as? AddressValue)?.address == address }
}

/// A range of addresses, which keeps the address that it was written with.
struct NetworkValue: ObjectValue {
    let address: Address
    let length: Int

    var type: CELType { KubernetesTypes.cidr }
    var size: UInt64 { UInt64((length + 7) / 8) }
    var text: String { "\(address.text)/\(length)" }

    func isEqual(to other: any ObjectValue) -> Bool {
        guard let other = other as? NetworkValue else { return false }
        return other.address == address && other.length == length
    }

    func contains(_ other: Address) -> Bool {
        other.isV4 == address.isV4 && other.masked(length) == address.masked(length)
    }

    /// Reads `10.0.0.0/8`.
    init(_ text: String) throws(EvaluationError) {
        func failed(_ message: String) -> EvaluationError {
            EvaluationError(
                "network address parse error during conversion from string: "
                    + "network address parse error during conversion from string: "
                    + "netip.ParsePrefix(\(QuotedText.go(text))): \(message)")
        }
        guard let slash = text.lastIndex(of: "/") else { throw failed("no '/'") }
        let bits = text[text.index(after: slash)...]
        do throws(Address.Malformed) {
            address = try Address(String(text[..<slash]))
        } catch {
            throw failed(error.message)
        }
        if text[..<slash].contains("%") { throw failed("IPv6 zones cannot be present in a prefix") }
        guard let length = Int(bits), bits.allSatisfy(\.isASCII), !bits.hasPrefix("+"), !bits.hasPrefix("-"),
            bits == "0" || !bits.hasPrefix("0")
        else { throw failed("bad bits after slash: \(QuotedText.go(String(bits)))") }
        guard length <= address.bitCount else { throw failed("prefix length out of range") }
        self.length = length
        if address.isMappedV4 {
            throw EvaluationError(
                "network address parse error during conversion from string: "
                    + "IPv4-mapped IPv6 address \(QuotedText.go(text)) is not allowed")
        }
    }

    init(address: Address, length: Int) { (self.address, self.length) = (address, length) }
}
