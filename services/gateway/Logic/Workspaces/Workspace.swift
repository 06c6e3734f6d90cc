import HTTPKit
import Identity
import KubeModel

/// What a person opens below a path of its own and what has a server of its own: a notebook, a Tensorboard, a viewer of a volume.
struct Workspace: Sendable, Equatable {
    let kind: Kind
    let namespace: String
    let name: String

    /// Length of the part of ``label`` that tells workspaces apart: 100 bits, so that nobody finds two names with the same.
    static let tagLength = 20
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
    private static let longestLabel = 63

    init(_ kind: Kind, namespace: String, name: String) {
        (self.kind, self.namespace, self.name) = (kind, namespace, name)
    }

    /// The workspace that a path, with or without a query, lies in: at its `/` or below it.
    init?(path: String) {
        let segments = path.prefix { $0 != "?" && $0 != "#" }
            .split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false).map(String.init)
        guard segments.count >= 4, segments[0].isEmpty, let kind = Kind(rawValue: segments[1]),
            NameRules.label(segments[2]).isEmpty, NameRules.subdomain(segments[3]).isEmpty
        else { return nil }
        self.init(kind, namespace: segments[2], name: segments[3])
    }

    /// A path that somebody wants to go to, and the workspace that it lies in.
    ///
    /// - Throws: ``APIError`` where it lies in none.
    static func place(_ next: String?) throws -> (Workspace, String) {
        guard let next, ReturnPath.checked(next) == next, let workspace = Workspace(path: next),
            next.hasPrefix(workspace.prefix) || next == String(workspace.prefix.dropLast())
        else { throw APIError(.badRequest, "that is not the path of a workspace") }
        return (workspace, next)
    }

    /// `/notebook/{namespace}/{name}/`
    var prefix: String { "/\(kind.rawValue)/\(namespace)/\(name)/" }

    /// What stands for it in host names: words for people, then a digest of its path, so that no two are the same whatever
    /// their names are made of. No two hyphens follow each other: browsers read labels such as `xn--a` in another way.
    var label: String {
        let tag = Secrets.digest(prefix.utf8).prefix(Self.tagLength).map { Self.alphabet[Int($0 & 31)] }
        var words = ""
        for character in "\(name)-\(namespace)".prefix(Self.longestLabel - Self.tagLength - 1) {
            let next: Character = character == "." ? "-" : character
            if next != "-" || words.last != "-" { words.append(next) }
        }
        return words + (words.last == "-" ? "" : "-") + String(tag)
    }

    /// True for what ``label`` could have made.
    static func isLabel(_ text: some StringProtocol) -> Bool {
        guard let hyphen = text.lastIndex(of: "-"), hyphen > text.startIndex else { return false }
        let tag = text[text.index(after: hyphen)...]
        return tag.utf8.count == tagLength && tag.allSatisfy(alphabet.contains) && text.utf8.count <= longestLabel
    }
}
