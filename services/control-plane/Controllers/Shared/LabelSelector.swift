import KubeModel

/// `LabelSelector` (meta/v1): all of its requirements must hold. An absent selector takes nothing, an empty one all.
struct LabelSelector: Sendable, Equatable {
    let matchLabels: [String: String]
    let expressions: [Expression]
    private let isAbsent: Bool

    struct Expression: Sendable, Equatable {
        let key: String
        let `operator`: String
        let values: [String]
    }

    /// The namespace that objects must lie in; nil for any.
    private let namespace: String?

    /// With a namespace it only takes objects of that one.
    init(_ json: JSON?, namespace: String? = nil) {
        self.namespace = namespace
        isAbsent = json?.object == nil
        matchLabels = json?["matchLabels"]?.stringMap ?? [:]
        expressions = Self.expressions(json?["matchExpressions"])
    }

    /// A plain map, as Services and ReplicationControllers have it.
    init(labels: [String: String]) { (matchLabels, expressions, isAbsent, namespace) = (labels, [], false, nil) }

    /// The selector of a workload; that of a ReplicationController is a plain map.
    static func ofWorkload(_ object: KubeObject) -> LabelSelector {
        let selector = object.spec["selector"]
        guard object.kind == "ReplicationController" else { return LabelSelector(selector) }
        return LabelSelector(labels: selector?.stringMap ?? [:])
    }

    static func expressions(_ json: JSON?) -> [Expression] {
        (json?.array ?? []).map {
            Expression(
                key: $0["key"]?.string ?? "", operator: $0["operator"]?.string ?? "",
                values: $0["values"]?.array?.compactMap(\.string) ?? [])
        }
    }

    /// The form of queries: `app=web,tier in (a,b)`.
    var text: String {
        let parts = expressions.sorted { $0.key < $1.key }.map { part in
            switch part.operator {
            case "Exists": part.key
            case "DoesNotExist": "!\(part.key)"
            default: "\(part.key) \(part.operator.lowercased()) (\(part.values.sorted().joined(separator: ",")))"
            }
        }
        return (matchLabels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } + parts)
            .joined(separator: ",")
    }

    /// Takes nothing, or everything.
    var isEmpty: Bool { matchLabels.isEmpty && expressions.isEmpty }

    /// Whether it takes an object, by its labels.
    func matches(object: KubeObject) -> Bool {
        guard !isAbsent, namespace == nil || namespace == object.namespace else { return false }
        let labels = object.metadata["labels"]
        return matchLabels.allSatisfy { labels?[$0.key]?.string == $0.value }
            && expressions.allSatisfy { $0.matches(labels?[$0.key]?.string) }
    }

    func matches(_ labels: [String: String]) -> Bool {
        !isAbsent && matchLabels.allSatisfy { labels[$0.key] == $0.value }
            && expressions.allSatisfy { $0.matches(labels[$0.key]) }
    }
}

extension LabelSelector.Expression {
    /// Whether the value of the key satisfies the requirement; `Gt` and `Lt` are those of node selectors.
    func matches(_ value: String?) -> Bool {
        switch `operator` {
        case "In": value.map(values.contains) ?? false
        case "NotIn": value.map { !values.contains($0) } ?? true
        case "Exists": value != nil
        case "DoesNotExist": value == nil
        case "Gt": compare(value, >)
        case "Lt": compare(value, <)
        default: false
        }
    }

    private func compare(_ value: String?, _ relation: (Int64, Int64) -> Bool) -> Bool {
        guard let value = value.flatMap({ Int64($0) }), let bound = values.first.flatMap({ Int64($0) }) else {
            return false
        }
        return relation(value, bound)
    }
}
