import KubeModel

/// Whether the defaults of a schema are what the schema itself allows.
struct SchemaDefaultRules {
    private(set) var issues: [FieldIssue] = []

    /// What is wrong with the defaults of a schema that is structural.
    static func check(_ schema: SchemaNode, _ path: String) -> [FieldIssue] {
        var rules = SchemaDefaultRules()
        rules.check(schema, path, isInMetadata: false)
        return rules.issues
    }

    private mutating func check(_ node: SchemaNode, _ path: String, isInMetadata: Bool) {
        let isInMetadata = isInMetadata && !node.isEmbeddedResource
        if let value = node.defaultValue, !value.isNull { check(value, node, "\(path).default", isInMetadata) }
        if let items = node.items { check(items, "\(path).items", isInMetadata: isInMetadata) }
        for (name, child) in node.properties.sorted(by: { $0.key < $1.key }) {
            let isMetadata = node.isEmbeddedResource && ["metadata", "apiVersion", "kind"].contains(name)
            check(child, "\(path).properties[\(name)]", isInMetadata: isInMetadata || isMetadata)
        }
    }

    /// True for bounds that integers of the format cannot reach.
    private static func isStrange(_ bound: Double?, _ format: String?) -> Bool {
        guard let bound else { return false }
        return bound != bound.rounded() || (format == "int32" && Int32(exactly: bound) == nil)
    }

    private mutating func check(_ value: JSON, _ node: SchemaNode, _ path: String, _ isInMetadata: Bool) {
        if !isInMetadata {
            var pruned = value
            StructuralSchema.prune(&pruned, node)
            if pruned != value {
                issues.append(
                    FieldIssue(field: path, reason: .invalid, value: value, detail: "must not have unknown fields"))
            }
        }
        if value.double != nil, let factor = node.multipleOf, factor <= 0 {
            issues.append(FieldIssue(field: path, reason: .invalid, value: value, detail: "factor must be positive"))
            return
        }
        if node.type == "integer", [node.minimum, node.maximum].contains(where: { Self.isStrange($0, node.format) }) {
            issues.append(
                FieldIssue(
                    field: path, reason: .invalid, value: "",
                    detail: "boundary value must be of type integer (default format) in \(path)"))
            return
        }
        let found = SchemaValidation.issues(of: value, node, at: path)
        issues += found
        guard found.isEmpty, let rules = RuleNode.make(node, node, isResource: false), node.hasRules else { return }
        var run = RuleRun(at: path)
        run.check(value, old: nil, rules, correlation: RuleCorrelation(value, nil, node))
        issues += run.issues
    }
}
