import ClusterStore
import KubeModel

/// A field selector: `metadata.name=a,status.phase!=Running`.
struct FieldSelection: Sendable, Equatable {
    struct Term: Sendable, Equatable {
        let path: String
        let keys: [String]
        let value: String
        let isNegated: Bool
    }

    var terms: [Term] = []
    var selectsEverything: Bool { terms.isEmpty }

    /// True when the key alone tells; then nothing needs to be parsed.
    var needsOnlyKey: Bool { terms.allSatisfy { $0.path == "metadata.name" || $0.path == "metadata.namespace" } }

    /// The one name that can match.
    var pinnedName: String? { terms.first { $0.path == "metadata.name" && !$0.isNegated }?.value }
    /// The one namespace that can match.
    var pinnedNamespace: String? { terms.first { $0.path == "metadata.namespace" && !$0.isNegated }?.value }

    init() {}

    init(text: String, kind: ServedKind) throws(APIError) {
        for part in text.split(separator: ",") where !part.isEmpty {
            let separator = part.contains("!=") ? "!=" : part.contains("==") ? "==" : "="
            let sides = part.split(separator: separator, maxSplits: 1)
            guard part.contains("="), !sides.isEmpty else {
                throw APIError(.badRequest, "invalid selector: '\(text)'; can't understand '\(part)'")
            }
            let path = String(sides[0])
            guard kind.selectableFields.contains(path) else {
                throw APIError(.badRequest, "field label not supported: \(path)")
            }
            let value = sides.count > 1 ? String(sides[1]) : ""
            terms.append(
                Term(
                    path: path, keys: path.split(separator: ".").map(String.init), value: value,
                    isNegated: separator == "!="))
        }
    }

    func matches(_ key: ObjectKey) -> Bool {
        terms.allSatisfy { term in
            switch term.path {
            case "metadata.name": (key.name == term.value) != term.isNegated
            case "metadata.namespace": (key.namespace == term.value) != term.isNegated
            default: true
            }
        }
    }

    func matches(_ json: JSON) -> Bool {
        terms.allSatisfy { term in
            let found = json.value(at: term.keys)
            let text: String =
                switch found {
                case .string(let text): text
                case .bool(let flag): flag ? "true" : "false"
                case .int(let number): String(number)
                default: Self.absent[term.path] ?? ""
                }
            return (text == term.value) != term.isNegated
        }
    }

    /// What an absent field counts as where that is not the empty string.
    private static let absent = [
        "spec.unschedulable": "false", "spec.hostNetwork": "false", "status.successful": "0", "status.replicas": "0",
    ]
}

/// Both selectors of a collection request.
struct Selection: Sendable {
    var labels: LabelSelector?
    var fields = FieldSelection()

    init(query: Query, kind: ServedKind) throws(APIError) {
        if let text = query["labelSelector"], !text.isEmpty { labels = try LabelSelector(parsing: text) }
        if let text = query["fieldSelector"], !text.isEmpty { fields = try FieldSelection(text: text, kind: kind) }
    }

    var selectsEverything: Bool { labels == nil && fields.selectsEverything }

    func matches(_ object: StoredObject) -> Bool {
        if let labels, !labels.matches(object.labels) { return false }
        guard !fields.selectsEverything else { return true }
        guard fields.matches(object.key) else { return false }
        if fields.needsOnlyKey { return true }
        guard let json = try? object.json() else { return false }
        return fields.matches(json)
    }
}
