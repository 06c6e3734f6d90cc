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

    /// Selects by the uid of an owner, for every kind; a field that the original does not have.
    static let ownerPath = "metadata.ownerReferences.uid"

    var terms: [Term] = []
    var selectsEverything: Bool { terms.isEmpty }

    /// The one name that can match.
    var pinnedName: String? { terms.first { $0.path == "metadata.name" && !$0.isNegated }?.value }
    /// The one namespace that can match.
    var pinnedNamespace: String? { terms.first { $0.path == "metadata.namespace" && !$0.isNegated }?.value }

    init() {}

    /// Reads the text of a query: terms between commas; a backslash takes `,`, `=` and itself literally.
    init(text: String, kind: ServedKind) throws(APIError) {
        for part in Self.split(text) where !part.isEmpty {
            guard let (given, comparison, written) = Self.sides(part) else {
                throw APIError(.badRequest, "invalid selector: '\(text)'; can't understand '\(part)'")
            }
            let value = try Self.unescaped(written)
            let path = kind.storedPath(given)
            guard kind.selectableFields.contains(given) || path == Self.ownerPath else {
                throw kind.cannotSelect(given)
            }
            terms.append(
                Term(
                    path: path, keys: path.split(separator: ".").map(String.init), value: value,
                    isNegated: comparison == "!="))
        }
    }

    private static func split(_ text: String) -> [Substring] {
        var parts: [Substring] = []
        var (start, isEscaped) = (text.startIndex, false)
        for position in text.indices {
            if isEscaped {
                isEscaped = false
            } else if text[position] == "\\" {
                isEscaped = true
            } else if text[position] == "," {
                parts.append(text[start..<position])
                start = text.index(after: position)
            }
        }
        return parts + [text[start...]]
    }

    private static func sides(_ term: Substring) -> (field: String, comparison: String, value: Substring)? {
        for position in term.indices {
            for comparison in ["!=", "==", "="] where term[position...].hasPrefix(comparison) {
                let end = term.index(position, offsetBy: comparison.count)
                return (String(term[..<position]), comparison, term[end...])
            }
        }
        return nil
    }

    private static func unescaped(_ text: Substring) throws(APIError) -> String {
        var value = ""
        var isEscaped = false
        for character in text {
            if isEscaped {
                guard ["\\", ",", "="].contains(character) else {
                    throw APIError(.badRequest, "invalid field selector: invalid escape sequence: \\\(character)")
                }
                isEscaped = false
                value.append(character)
            } else if character == "\\" {
                isEscaped = true
            } else if character == "=" || character == "," {
                let number = character.unicodeScalars.first?.value ?? 0
                throw APIError(.badRequest, "invalid field selector: unescaped character in value: \(number)")
            } else {
                value.append(character)
            }
        }
        guard !isEscaped else { throw APIError(.badRequest, "invalid field selector: invalid escape sequence: \\") }
        return value
    }

    func matches(_ object: StoredObject) -> Bool {
        terms.allSatisfy { term in
            switch term.path {
            case "metadata.name": (object.key.name == term.value) != term.isNegated
            case "metadata.namespace": (object.key.namespace == term.value) != term.isNegated
            case Self.ownerPath: object.owners.contains(term.value) != term.isNegated
            default: (text(of: term, in: object) == term.value) != term.isNegated
            }
        }
    }

    private func text(of term: Term, in object: StoredObject) -> String {
        if let field = object.fields.first(where: { $0.path == term.path }), !field.value.isEmpty {
            return field.value
        }
        return switch object.value(at: term.keys) {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        default: Self.absent[term.path] ?? ""
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
        return fields.selectsEverything || fields.matches(object)
    }

    /// What an index can answer of it, the narrowest first.
    func terms(for kind: ServedKind) -> [StoreTerm] {
        let indexed = APIServer.indexedFields[kind.storageName] ?? []
        var terms: [StoreTerm] = fields.pinnedName.map { [.name($0)] } ?? []
        for term in fields.terms where !term.isNegated {
            if term.path == FieldSelection.ownerPath { terms.append(.owner(term.value)) }
            if indexed.contains(term.path) { terms.append(.field(term.path, term.value)) }
        }
        for requirement in labels?.requirements ?? [] where requirement.comparison == .isIn {
            terms.append(
                requirement.values.count == 1
                    ? .label(requirement.key, requirement.values[0]) : .labels(requirement.key, requirement.values))
        }
        for requirement in labels?.requirements ?? [] {
            switch requirement.comparison {
            case .exists, .isGreater, .isLess: terms.append(.hasLabel(requirement.key))
            case .isIn, .isNotIn, .doesNotExist: break
            }
        }
        return terms
    }
}

extension APIServer {
    /// Fields by which objects are often selected: the store keeps an index of them.
    public static let indexedFields = [
        "pods": ["spec.nodeName"], "events": ["involvedObject.kind", "involvedObject.name", "involvedObject.uid"],
    ]
}
