import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// An IP address.
public struct IPAddress {
    /// 4 or 16 bytes; the 4 of an IPv4 address that was written as an IPv6 one.
    let bytes: [UInt8]
    /// True for `::ffff:10.0.0.1`.
    let isMapped: Bool
    /// True when decimal parts begin with zeros, which some programs take for octal.
    public let hasLeadingZeros: Bool

    /// Reads an address; leading zeros of decimal parts are allowed.
    public init?(_ text: String) {
        if !text.contains(":") {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 4 else { return nil }
            var bytes: [UInt8] = []
            for part in parts {
                guard (1...16).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                    let number = UInt64(part), number < 256
                else { return nil }
                bytes.append(UInt8(number))
            }
            self.bytes = bytes
            isMapped = false
            hasLeadingZeros = parts.contains { $0.count > 1 && $0.first == "0" }
            return
        }
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: address) { Array($0) }
        hasLeadingZeros = false
        isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
    }

    /// True for an address of four bytes.
    var isIPv4: Bool { bytes.count == 4 }

    /// The address as it is usually written.
    var text: String {
        if isIPv4 { return bytes.map(String.init).joined(separator: ".") }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let text: String? = bytes.withUnsafeBytes { raw in
            guard inet_ntop(AF_INET6, raw.baseAddress, &buffer, socklen_t(buffer.count)) != nil else { return nil }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return text ?? ""
    }

    /// 0.0.0.0 or ::
    public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    /// 127.0.0.0/8 or ::1
    public var isLoopback: Bool {
        isIPv4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
    }

    /// 169.254.0.0/16 or fe80::/10
    public var isLinkLocal: Bool {
        isIPv4 ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
    }

    /// 224.0.0.0/4 or ff00::/8
    public var isMulticast: Bool { isIPv4 ? bytes[0] & 0xF0 == 0xE0 : bytes[0] == 0xFF }

    /// 255.255.255.255
    public var isBroadcast: Bool { isIPv4 && bytes.allSatisfy { $0 == 0xFF } }

    /// 224.0.0.0/24 or ff02::/16
    var isLinkLocalMulticast: Bool {
        isIPv4 ? bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0 : bytes[0] == 0xFF && bytes[1] & 0x0F == 0x02
    }
}

/// Addresses and networks in fields.
enum NetworkRules {
    static func isAddress(_ text: String) -> Bool { IPAddress(text) != nil }

    static func checkAddress(_ text: String, _ field: String, _ issues: inout Issues) {
        guard let address = IPAddress(text) else {
            return issues.invalid(
                field, .string(text), "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        }
        if address.hasLeadingZeros { issues.invalid(field, .string(text), "must not have leading 0s") }
        if address.isMapped { issues.invalid(field, .string(text), "must not be an IPv4-mapped IPv6 address") }
    }

    /// An address that traffic can be sent to.
    static func checkEndpoint(_ text: String, _ field: String, _ issues: inout Issues) {
        guard let address = IPAddress(text) else {
            return issues.invalid(field, .string(text), "must be a valid IP address")
        }
        func refuse(_ isRefused: Bool, _ detail: String) {
            if isRefused { issues.invalid(field, .string(text), detail) }
        }
        refuse(address.isUnspecified, "may not be unspecified (\(text))")
        refuse(address.isLoopback, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
        refuse(address.isLinkLocal, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
        refuse(
            address.isLinkLocalMulticast, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    }

    static func checkNetwork(_ text: String, _ field: String, _ issues: inout Issues) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = Int(parts[1]), length >= 0,
            length <= address.bytes.count * 8 || address.isMapped && length <= 128
        else {
            return issues.invalid(
                field, .string(text), "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
        }
        if address.hasLeadingZeros || String(length) != parts[1] {
            issues.invalid(field, .string(text), "must not have leading 0s in IP or prefix length")
        } else if address.isMapped {
            issues.invalid(field, .string(text), "must not have an IPv4-mapped IPv6 address")
        } else if !isMasked(address.bytes, length) {
            issues.invalid(field, .string(text), "must not have bits set beyond the prefix length")
        }
    }

    /// True when no bit behind the prefix is set.
    private static func isMasked(_ bytes: [UInt8], _ length: Int) -> Bool {
        for (index, byte) in bytes.enumerated() {
            let kept = min(max(length - index * 8, 0), 8)
            if byte & (kept == 0 ? 0xFF : UInt8(truncatingIfNeeded: 0xFF >> kept)) != 0 { return false }
        }
        return true
    }

    /// What is to be said about an address that is not written as usual.
    static func warnings(_ text: String, _ field: String) -> [String] {
        guard let address = IPAddress(text) else { return [] }
        let (shown, usual) = (FieldIssue.quoted(text), FieldIssue.quoted(address.text))
        if address.hasLeadingZeros || address.isMapped {
            return ["\(field): non-standard IP address \(shown) is invalid: use \(usual)"]
        }
        guard !address.isIPv4, address.text != text else { return [] }
        return ["\(field): IPv6 address \(shown) should be in RFC 5952 canonical format (\(usual))"]
    }
}
