import KubeModel

/// The column of an autoscaler that shows what is measured and what is wanted.
enum AutoscalerCells {
    private static let unknown = "<unknown>"

    /// `cpu: 30%/50%`, `2/5 (avg)`: one metric of the spec, with its present value where it is known.
    static func target(of metric: JSON, now: JSON?) -> String {
        let type = metric.text("type")
        let field = type.prefix(1).lowercased() + type.dropFirst()
        let source = metric[field] ?? [:]
        let wanted = source["target"] ?? [:]
        let current = now?[field]?["current"]
        func amount(_ value: JSON?) -> String { Quantity(value)?.text ?? unknown }
        switch type {
        case "Resource", "ContainerResource":
            let name = source.text("name")
            if wanted.has("averageValue") {
                return "\(name): \(amount(current?["averageValue"]))/\(amount(wanted["averageValue"]))"
            }
            let seen = current?["averageUtilization"]?.int.map { "\($0)%" } ?? unknown
            return "\(name): \(seen)/\(wanted["averageUtilization"]?.int.map { "\($0)%" } ?? "<auto>")"
        case "Pods": return "\(amount(current?["averageValue"]))/\(amount(wanted["averageValue"]))"
        case "Object", "External":
            guard wanted.has("averageValue") else { return "\(amount(current?["value"]))/\(amount(wanted["value"]))" }
            return "\(amount(current?["averageValue"]))/\(amount(wanted["averageValue"])) (avg)"
        default: return "<unknown type>"
        }
    }

    /// The first two of all metrics, and how many more there are.
    static func shortened(_ targets: [String]) -> String {
        if targets.isEmpty { return "<none>" }
        let text = targets.prefix(2).joined(separator: ", ")
        return targets.count > 2 ? "\(text) + \(targets.count - 2) more..." : text
    }
}
