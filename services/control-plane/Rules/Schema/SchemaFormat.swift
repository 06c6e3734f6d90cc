import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// The `format` keyword of schemas. Formats that are not known accept everything, as the real server does.
enum SchemaFormat {
    static func accepts(_ text: String, _ format: String) -> Bool {
        switch format {
        case "date-time", "datetime": Timestamp(text) != nil
        case "date": text.utf8.count == 10 && Timestamp(text + "T00:00:00Z") != nil
        case "byte": !text.isEmpty && TypedReader.firstIllegalBase64(text) == nil
        case "ipv4": isAddress(text, AF_INET)
        case "ipv6": isAddress(text, AF_INET6)
        case "cidr": isNetwork(text)
        case "hostname": isHostname(text)
        case "uuid", "uuid3", "uuid4", "uuid5": UUID(uuidString: text) != nil
        case "email": isEmail(text)
        case "uri": isURI(text)
        case "mac": isMAC(text)
        case "duration": isDuration(text)
        default: true
        }
    }

    static func isAddress(_ text: String, _ family: Int32) -> Bool {
        var buffer = in6_addr()
        return inet_pton(family, text, &buffer) == 1
    }

    static func isNetwork(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let length = Int(parts[1]), length >= 0, String(length) == parts[1] else {
            return false
        }
        let address = String(parts[0])
        return isAddress(address, AF_INET) && length <= 32 || isAddress(address, AF_INET6) && length <= 128
    }

    /// One label, or several of which the last has two letters at least, and letters only.
    private static func isHostname(_ text: String) -> Bool {
        guard NameRules.subdomain(text.lowercased()).isEmpty else { return false }
        let labels = text.split(separator: ".")
        guard labels.allSatisfy({ $0.utf8.count <= 63 }) else { return false }
        guard labels.count > 1, let last = labels.last else { return true }
        return (2...63).contains(last.count) && last.allSatisfy(\.isLetter)
    }

    private static func isEmail(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty && !text.contains(" ")
    }

    private static func isURI(_ text: String) -> Bool {
        guard !text.contains(" "), let url = URL(string: text) else { return false }
        return url.scheme != nil || text.hasPrefix("/")
    }

    private static func isMAC(_ text: String) -> Bool {
        let parts = text.split(separator: text.contains("-") ? "-" : ":", omittingEmptySubsequences: false)
        return parts.count == 6 && parts.allSatisfy { $0.utf8.count == 2 && UInt8($0, radix: 16) != nil }
    }

    /// Go's durations: `1h30m`, `1.5s`, `-2ms`, `0`.
    static func isDuration(_ text: String) -> Bool {
        var rest = Substring(text)
        if rest.first == "-" || rest.first == "+" { rest = rest.dropFirst() }
        if rest == "0" { return true }
        guard !rest.isEmpty else { return false }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard Double(number) != nil else { return false }
            rest = rest.dropFirst(number.count)
            guard let unit = ["ns", "us", "µs", "ms", "s", "m", "h", "d", "w"].first(where: rest.hasPrefix) else {
                return false
            }
            // "ms" must not be read as "m" and a stray "s".
            rest = rest.dropFirst(unit.count)
        }
        return true
    }
}
