/// Which names somebody may have who signs in: none that Kubernetes keeps for itself, none that means several things.
enum IdentityRules {
    private static let longest = 256

    /// What is wrong with a user's name; nil for nothing.
    static func problem(user: String) -> String? {
        user.contains(" ") ? "a user's name has no blanks" : problem(user, "a user's name")
    }

    /// What is wrong with a group's name; nil for nothing.
    static func problem(group: String) -> String? { problem(group, "a group's name") }

    /// The groups that may be used; the others are left out, since who claims them gets nothing by it.
    static func usable(_ groups: [String]) -> [String] {
        var seen: Set<String> = []
        return groups.filter { problem(group: $0) == nil && seen.insert($0).inserted }
    }

    private static func problem(_ name: String, _ what: String) -> String? {
        guard (1...longest).contains(name.utf8.count) else { return "\(what) has 1 to \(longest) bytes" }
        // `*` is a wildcard to Istio, a comma divides lists in headers; look-alikes are told apart by nobody.
        guard name.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "*") }),
            name.first != " ", name.last != " "
        else {
            return "\(what) is of ASCII letters, digits and signs, without commas, asterisks and blanks at its ends"
        }
        guard !name.lowercased().hasPrefix("system:") else { return "names with `system:` belong to Kubernetes" }
        return nil
    }
}
