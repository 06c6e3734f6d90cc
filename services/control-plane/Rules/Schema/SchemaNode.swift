import Foundation
import KubeModel

/// One level of an OpenAPI v3 schema, prepared for use.
final class SchemaNode: Sendable {
    /// What values are allowed that `properties` and `items` say nothing about.
    enum Additional: Sendable {
        case unspecified
        case all
        case none
        case schema(SchemaNode)
    }

    enum ListType: Sendable, Equatable {
        case atomic
        case set
        case map(keys: [String])
    }

    let type: String?
    let properties: [String: SchemaNode]
    let additional: Additional
    let items: SchemaNode?
    let required: [String]
    let allowed: [JSON]
    let pattern: NSRegularExpression?
    let patternText: String
    let format: String?
    let minimum: Double?
    let maximum: Double?
    let excludesMinimum: Bool
    let excludesMaximum: Bool
    let multipleOf: Double?
    let lengths: (minimum: Int64?, maximum: Int64?)
    let itemCounts: (minimum: Int64?, maximum: Int64?)
    let propertyCounts: (minimum: Int64?, maximum: Int64?)
    let hasUniqueItems: Bool
    let isNullable: Bool
    let defaultValue: JSON?
    let preservesUnknown: Bool
    let isEmbeddedResource: Bool
    /// True when members or elements at any depth are resources of their own.
    let hasResourcesBelow: Bool
    let isIntOrString: Bool
    /// Rules of this level.
    let rules: [RuleText]
    /// True when rules are at this level or below.
    let hasRules: Bool
    let listType: ListType
    let allOf: [SchemaNode]
    let anyOf: [SchemaNode]
    let oneOf: [SchemaNode]
    let not: SchemaNode?

    init(_ json: JSON, path: String = "openAPIV3Schema", depth: Int = 0) throws(APIError) {
        guard case .object(let schema) = json else {
            throw APIError(.invalid, "\(path) must be an object")
        }
        guard depth < JSON.maximumDepth else { throw APIError(.invalid, "\(path) is nested too deep") }
        type = schema["type"]?.string
        var properties: [String: SchemaNode] = [:]
        for (name, child) in schema["properties"]?.object ?? [:] {
            properties[name] = try SchemaNode(child, path: "\(path).properties[\(name)]", depth: depth + 1)
        }
        self.properties = properties
        switch schema["additionalProperties"] {
        case .bool(let isAllowed): additional = isAllowed ? .all : .none
        case .some(let child) where child.object != nil:
            additional = .schema(try SchemaNode(child, path: "\(path).additionalProperties", depth: depth + 1))
        default: additional = .unspecified
        }
        if let items = schema["items"], items.object != nil {
            self.items = try SchemaNode(items, path: "\(path).items", depth: depth + 1)
        } else {
            items = nil
        }
        required = schema["required"]?.array?.compactMap(\.string) ?? []
        allowed = schema["enum"]?.array ?? []
        patternText = schema["pattern"]?.string ?? ""
        if patternText.isEmpty {
            pattern = nil
        } else {
            guard let expression = try? NSRegularExpression(pattern: patternText) else {
                throw APIError(.invalid, "\(path).pattern: the regular expression '\(patternText)' is not valid")
            }
            pattern = expression
        }
        format = schema["format"]?.string
        minimum = schema["minimum"]?.double
        maximum = schema["maximum"]?.double
        excludesMinimum = schema["exclusiveMinimum"]?.bool ?? false
        excludesMaximum = schema["exclusiveMaximum"]?.bool ?? false
        multipleOf = schema["multipleOf"]?.double
        lengths = (schema["minLength"]?.int, schema["maxLength"]?.int)
        itemCounts = (schema["minItems"]?.int, schema["maxItems"]?.int)
        propertyCounts = (schema["minProperties"]?.int, schema["maxProperties"]?.int)
        hasUniqueItems = schema["uniqueItems"]?.bool ?? false
        isNullable = schema["nullable"]?.bool ?? false
        defaultValue = schema["default"]
        preservesUnknown = schema["x-kubernetes-preserve-unknown-fields"]?.bool ?? false
        isEmbeddedResource = schema["x-kubernetes-embedded-resource"]?.bool ?? false
        var children = Array(properties.values)
        if let items { children.append(items) }
        if case .schema(let child) = additional { children.append(child) }
        hasResourcesBelow = children.contains { $0.isEmbeddedResource || $0.hasResourcesBelow }
        isIntOrString = schema["x-kubernetes-int-or-string"]?.bool ?? false
        rules = (schema["x-kubernetes-validations"]?.array ?? []).map(RuleText.init)
        hasRules = !rules.isEmpty || children.contains(where: \.hasRules)
        switch schema["x-kubernetes-list-type"]?.string {
        case "set": listType = .set
        case "map":
            listType = .map(keys: schema["x-kubernetes-list-map-keys"]?.array?.compactMap(\.string) ?? [])
        default: listType = .atomic
        }
        allOf = try Self.nodes(schema, "allOf", path, depth)
        anyOf = try Self.nodes(schema, "anyOf", path, depth)
        oneOf = try Self.nodes(schema, "oneOf", path, depth)
        if let schema = schema["not"], schema.object != nil {
            not = try SchemaNode(schema, path: "\(path).not", depth: depth + 1)
        } else {
            not = nil
        }
    }

    private static func nodes(
        _ schema: JSONObject, _ key: String, _ path: String, _ depth: Int
    ) throws(APIError) -> [SchemaNode] {
        var nodes: [SchemaNode] = []
        for (index, child) in (schema[key]?.array ?? []).enumerated() {
            nodes.append(try SchemaNode(child, path: "\(path).\(key)[\(index)]", depth: depth + 1))
        }
        return nodes
    }

    /// The schema of a member; nil when nothing is said about it.
    func child(_ name: String) -> SchemaNode? {
        if let property = properties[name] { return property }
        if case .schema(let schema) = additional { return schema }
        return nil
    }
}
