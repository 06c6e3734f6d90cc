/// Rules of roles as lines of text, which are easier to look through than calls.
///
/// A line has parts with semicolons between: groups (`core` for the one without a name), resources, verbs, and names of
/// resources where the rule is for some only. `read` and `write` stand for the usual verbs. A line that begins with
/// `paths` is about paths that are no resources.
enum RoleText {
    private static let read = ["get", "list", "watch"]
    private static let write = ["create", "delete", "deletecollection", "patch", "update"]

    /// Reads lines; one without the parts that it needs is left out.
    static func rules(_ lines: [String]) -> [PolicyRule] { lines.compactMap(rule) }

    private static func rule(_ line: String) -> PolicyRule? {
        let parts = line.split(separator: "; ").map { $0.split(separator: ", ").map(String.init) }
        guard parts.count >= 3 else { return nil }
        var verbs: [String] = []
        for word in parts[2].flatMap({ $0.split(separator: " ") }) {
            switch word {
            case "read": verbs += read
            case "write": verbs += write
            default: verbs.append(String(word))
            }
        }
        var rule = PolicyRule(verbs: verbs.sorted())
        if parts[0] == ["paths"] {
            rule.nonResourceURLs = parts[1]
        } else {
            rule.apiGroups = parts[0].map { $0 == "core" ? "" : $0 }
            rule.resources = parts[1]
            if parts.count > 3 { rule.resourceNames = parts[3] }
        }
        return rule
    }
}
