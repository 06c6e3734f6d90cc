import Glibc

/// A network, or one address: `10.0.0.0/8`, `2001:db8::/32`, `127.0.0.1`.
public struct NetworkPrefix: Sendable, Equatable {
    /// Four or sixteen bytes.
    let bytes: [UInt8]
    private let length: Int

    /// Reads the text form; nil when it is none. IPv4 in IPv6 (`::ffff:10.0.0.1`) is taken as IPv4.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var bytes = [UInt8](repeating: 0, count: parts[0].contains(":") ? 16 : 4)
        guard inet_pton(bytes.count == 16 ? AF_INET6 : AF_INET, parts[0], &bytes) == 1 else { return nil }
        var length = bytes.count * 8
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...length).contains(given) else { return nil }
            length = given
        }
        if bytes.count == 16, bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff,
            length >= 96
        {
            bytes.removeFirst(12)
            length -= 96
        }
        (self.bytes, self.length) = (bytes, length)
    }

    /// True when the other one lies within.
    func contains(_ other: NetworkPrefix) -> Bool {
        guard bytes.count == other.bytes.count, other.length >= length else { return false }
        let whole = length / 8
        guard bytes.prefix(whole) == other.bytes.prefix(whole) else { return false }
        guard length % 8 > 0 else { return true }
        let mask = UInt8.max << UInt8(8 - length % 8)
        return bytes[whole] & mask == other.bytes[whole] & mask
    }
}
