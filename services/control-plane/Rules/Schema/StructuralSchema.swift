public import KubeModel

/// The schema of a custom resource's version: validates objects, fills in defaults, and drops what it does not specify.
public struct StructuralSchema: Sendable {
    /// The schema as written.
    public let json: JSON
    let root: SchemaNode
    private let preservesUnknown: Bool
    /// The rules of the schema; nil without any.
    private let rules: RuleNode?

    /// Prepares a schema.
    ///
    /// - Parameters:
    ///   - openAPIV3Schema: `spec.versions[].schema.openAPIV3Schema` of the CustomResourceDefinition.
    ///   - preserveUnknown: true to keep what is not specified (`spec.preserveUnknownFields`).
    /// - Throws: ``APIError`` with `invalid` for what is no schema, or holds a regular expression that is none.
    public init(_ openAPIV3Schema: JSON, preserveUnknown: Bool = false) throws(APIError) {
        json = openAPIV3Schema
        root = try SchemaNode(openAPIV3Schema)
        preservesUnknown = preserveUnknown
        rules = root.hasRules ? RuleNode.make(root, root, isResource: true) : nil
    }

    // MARK: Pruning

    /// Drops all fields that the schema does not specify.
    ///
    /// - Returns: the paths of the fields that were dropped.
    @discardableResult
    public func prune(_ object: inout JSON) -> [String] {
        guard !preservesUnknown else { return [] }
        var dropped: [String] = []
        var path: [String] = []
        Self.prune(&object, root, isResource: true, &path, &dropped)
        return dropped
    }

    private static let resourceFields: Set<String> = ["apiVersion", "kind", "metadata"]

    /// Drops what a level of a schema does not specify from a value of that level.
    static func prune(_ value: inout JSON, _ node: SchemaNode) {
        var (path, dropped): ([String], [String]) = ([], [])
        prune(&value, node, isResource: node.isEmbeddedResource, &path, &dropped)
    }

    private static func prune(
        _ value: inout JSON, _ node: SchemaNode, isResource: Bool, _ path: inout [String], _ dropped: inout [String]
    ) {
        switch value {
        case .object(var object):
            value = .null
            let keepsAll: Bool
            if case .all = node.additional { keepsAll = true } else { keepsAll = node.preservesUnknown }
            for key in object.keys {
                if isResource, resourceFields.contains(key) { continue }
                path.append(path.isEmpty ? key : ".\(key)")
                if let child = node.child(key), var member = object[key] {
                    object[key] = .null
                    prune(&member, child, isResource: child.isEmbeddedResource, &path, &dropped)
                    object[key] = member
                } else if !keepsAll {
                    object[key] = nil
                    dropped.append(path.joined())
                }
                path.removeLast()
            }
            value = .object(object)
        case .array(var elements):
            guard let items = node.items else { return }
            value = .null
            for index in elements.indices {
                path.append("[\(index)]")
                prune(&elements[index], items, isResource: items.isEmbeddedResource, &path, &dropped)
                path.removeLast()
            }
            value = .array(elements)
        default: return
        }
    }

    // MARK: Defaults

    /// Fills in the defaults of fields that are missing, or null where null is not allowed.
    public func applyDefaults(_ object: inout JSON) { Self.applyDefaults(&object, root) }

    private static func applyDefaults(_ value: inout JSON, _ node: SchemaNode) {
        switch value {
        case .object(var object):
            value = .null
            for (name, child) in node.properties {
                guard let fallback = child.defaultValue else { continue }
                let current = object[name]
                if current == nil || (current == .null && !child.isNullable) { object[name] = fallback }
            }
            for key in object.keys {
                guard let child = node.child(key), var member = object[key], child.hasDefaultsBelow else { continue }
                object[key] = .null
                applyDefaults(&member, child)
                object[key] = member
            }
            value = .object(object)
        case .array(var elements):
            guard let items = node.items, items.hasDefaultsBelow else { return }
            value = .null
            for index in elements.indices { applyDefaults(&elements[index], items) }
            value = .array(elements)
        default: return
        }
    }

    // MARK: Validation

    /// Finds what is wrong with an object; its metadata is checked by ``MetadataRules``.
    ///
    /// - Parameters:
    ///   - object: the new state.
    ///   - old: the stored state; parts that are as they were are not looked at again.
    /// - Returns: what is wrong, without what rules (``checkRules(_:old:issues:)``) say.
    public func validate(_ object: JSON, old: JSON? = nil) -> [FieldIssue] {
        var validation = SchemaValidation()
        validation.check(object, root, isResource: true, old: old)
        return validation.issues
    }

    /// Adds what the rules (`x-kubernetes-validations`) say of an object that may already have other issues.
    ///
    /// Rules are only asked about objects without grave issues; `isBlocked` says that there is one already.
    public func checkRules(_ object: JSON, old: JSON?, isBlocked: Bool = false, issues: inout [FieldIssue]) {
        guard let rules else { return }
        if isBlocked || issues.contains(where: \.blocksRules) {
            issues.append(
                FieldIssue(
                    field: "<nil>", reason: .invalid,
                    detail: "some validation rules were not checked because the object was invalid; "
                        + "correct the existing errors to complete validation"))
            return
        }
        var run = RuleRun()
        run.check(object, old: old, rules, correlation: RuleCorrelation(object, old, root))
        issues += run.issues
    }
}

extension SchemaNode {
    /// True where filling in defaults has anything to do; walking large objects in vain is saved.
    var hasDefaultsBelow: Bool {
        if properties.values.contains(where: { $0.defaultValue != nil || $0.hasDefaultsBelow }) { return true }
        if let items, items.hasDefaultsBelow { return true }
        if case .schema(let schema) = additional { return schema.hasDefaultsBelow }
        return false
    }
}
