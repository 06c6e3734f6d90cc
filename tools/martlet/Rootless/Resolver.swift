/// What /etc/resolv.conf says.
struct Resolver {
    let text: String

    /// The same without resolvers on loopback; nil when no other is left.
    var reachable: String? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter { !Self.isLoopback($0) }
        guard kept.contains(where: { $0.hasPrefix("nameserver") }) || kept.count == lines.count else { return nil }
        return kept.joined(separator: "\n")
    }

    private static func isLoopback(_ line: Substring) -> Bool {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.first == "nameserver", words.count > 1 else { return false }
        return words[1].hasPrefix("127.") || words[1] == "::1"
    }
}
