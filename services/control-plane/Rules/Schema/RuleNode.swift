import CEL
import KubeModel

/// The rules of a schema, level by level; levels without rules at or below them are left out.
final class RuleNode: Sendable {
    let schema: SchemaNode
    let shape: JSONShape
    let rules: [CompiledRule]
    let properties: [String: RuleNode]
    let additional: RuleNode?
    let items: RuleNode?
    let allOf: [RuleNode]

    private init(
        schema: SchemaNode, shape: JSONShape, rules: [CompiledRule], properties: [String: RuleNode],
        additional: RuleNode?, items: RuleNode?, allOf: [RuleNode]
    ) {
        (self.schema, self.shape, self.rules, self.properties) = (schema, shape, rules, properties)
        (self.additional, self.items, self.allOf) = (additional, items, allOf)
    }

    /// The rules of a schema.
    ///
    /// - Parameters:
    ///   - source: where the rules are written: the schema itself, or a part of its `allOf`.
    ///   - schema: what the rules are about.
    ///   - isResource: true for the root and for embedded resources.
    /// - Returns: nil when there are no rules.
    static func make(_ source: SchemaNode, _ schema: SchemaNode, isResource: Bool) -> RuleNode? {
        let shape = RuleShape.make(schema, "selfType", isResource: isResource)?.shape ?? .dynamic
        var properties: [String: RuleNode] = [:]
        for (name, child) in source.properties {
            guard let node = schema.properties[name] else { continue }
            properties[name] = make(child, node, isResource: node.isEmbeddedResource)
        }
        var additional: RuleNode?
        if case .schema(let child) = source.additional, case .schema(let node) = schema.additional {
            additional = make(child, node, isResource: node.isEmbeddedResource)
        }
        var items: RuleNode?
        if let child = source.items, let node = schema.items {
            items = make(child, node, isResource: node.isEmbeddedResource)
        }
        let allOf = source.allOf.compactMap { make($0, schema, isResource: isResource) }
        var rules: [CompiledRule] = []
        if !source.rules.isEmpty {
            let environments = CompiledRule.Environments(shape)
            rules = source.rules.map { CompiledRule($0, schema, environments) }
        }
        if rules.isEmpty, properties.isEmpty, additional == nil, items == nil, allOf.isEmpty { return nil }
        return RuleNode(
            schema: schema, shape: shape, rules: rules, properties: properties, additional: additional, items: items,
            allOf: allOf)
    }
}

/// How a value of an object goes together with the stored object.
struct RuleCorrelation {
    private struct Pair {
        let new: JSON
        let old: JSON
        let schema: SchemaNode
    }

    /// The value and what it was; nil where the two cannot be compared.
    private var current: Pair?
    /// The nearest value above that can.
    private var parent: Pair?

    init(_ new: JSON, _ old: JSON?, _ schema: SchemaNode) {
        current = old.map { Pair(new: new, old: $0, schema: schema) }
    }

    private init() {}

    /// True when nothing has changed here.
    var isUnchanged: Bool {
        guard let pair = current ?? parent else { return false }
        return pair.schema.isSame(pair.new, pair.old)
    }

    /// Not itself comparable, as parts of `allOf`.
    var withoutCurrent: RuleCorrelation {
        var other = self
        other.current = nil
        return other
    }

    func member(_ key: String, _ schema: SchemaNode) -> RuleCorrelation {
        guard let current else { return self }
        if parent == nil, key == "apiVersion" || key == "kind" { return RuleCorrelation() }
        var child = RuleCorrelation()
        child.parent = current
        if let new = current.new[key], let old = current.old[key] {
            child.current = Pair(new: new, old: old, schema: schema)
        }
        return child
    }

    func element(_ new: JSON, _ old: JSON?, _ schema: SchemaNode) -> RuleCorrelation {
        guard let current else { return self }
        var child = RuleCorrelation()
        child.parent = current
        child.current = old.map { Pair(new: new, old: $0, schema: schema) }
        return child
    }
}

extension SchemaNode {
    /// True when two values mean the same: elements of a list that are known by keys may stand in any order.
    func isSame(_ new: JSON, _ old: JSON) -> Bool {
        if new == old { return true }
        switch (new, old) {
        case (.object(let new), .object(let old)):
            guard new.count == old.count else { return false }
            for (key, value) in new {
                guard let before = old[key], child(key)?.isSame(value, before) ?? (value == before) else {
                    return false
                }
            }
            return true
        case (.array(let new), .array(let old)):
            guard new.count == old.count, let items, case .map = listType else { return false }
            let before = OldElements(old, self)
            return new.allSatisfy { element in before.match(element).map { items.isSame(element, $0) } ?? false }
        default: return false
        }
    }
}

/// The elements that a list had, where they are known by keys.
struct OldElements {
    private var byKeys: [String: JSON] = [:]
    private var keys: [String] = []
    private let items: SchemaNode?

    init(_ old: [JSON]?, _ schema: SchemaNode) {
        items = schema.items
        guard case .map(let keys) = schema.listType, let old, !old.isEmpty else { return }
        self.keys = keys
        for element in old { byKeys[identity(element)] = element }
    }

    /// The old element with the same keys, nil without one.
    func match(_ element: JSON) -> JSON? { byKeys.isEmpty ? nil : byKeys[identity(element)] }

    private func identity(_ element: JSON) -> String {
        let values = keys.map { element[$0] ?? items?.properties[$0]?.defaultValue ?? .null }
        return JSON.array(values).text
    }
}

extension FieldIssue {
    /// True when rules would only repeat in other words what is wrong.
    var blocksRules: Bool {
        switch reason {
        case .notSupported, .required, .tooLong, .tooMany, .typeInvalid: true
        default: false
        }
    }
}
