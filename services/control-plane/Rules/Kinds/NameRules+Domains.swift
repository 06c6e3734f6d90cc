import KubeModel

extension NameRules {
    /// A domain and a path below it, `acme.io/foo`.
    static func domainPrefixedPath(_ text: String) -> [String] {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            return ["must be a domain-prefixed path (such as \"acme.io/foo\")"]
        }
        var problems = subdomain(String(parts[0]))
        let isPath = parts[1].utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/-._~%!$&'()*+,;=:".utf8.contains(byte)
            }
        }
        if !isPath { problems.append("Invalid path (e.g. 'my.domain/path')") }
        return problems
    }
}
