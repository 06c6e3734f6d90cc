import KubeModel

/// Turns schemas of OpenAPI v3 into what OpenAPI v2 can say.
enum SwaggerSchema {
    /// What a v2 schema may hold besides extensions and the members that hold further schemas.
    private static let kept: Set<String> = [
        "$ref", "description", "title", "type", "format", "required", "default", "enum", "pattern", "minimum",
        "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
        "uniqueItems", "minProperties", "maxProperties", "multipleOf",
    ]
    /// Members without which a schema that v2 cannot describe says nothing about the value.
    private static let structural = ["type", "format", "items", "properties", "additionalProperties", "required"]

    /// The schema with everything left out that v2 clients would misread: they know neither `nullable` nor
    /// alternatives, and take a value that has properties for one that has no others.
    static func converted(_ schema: JSON) -> JSON {
        guard let members = schema.object else { return schema }
        let isOpen = members["x-kubernetes-preserve-unknown-fields"]?.bool == true
        let isLoose = members["nullable"]?.bool == true || members["x-kubernetes-int-or-string"]?.bool == true
        var result = JSONObject()
        for (key, value) in members {
            if isLoose, structural.contains(key) { continue }
            switch key {
            case "properties":
                guard !isOpen else { continue }
                var properties = JSONObject()
                for (name, property) in value.object ?? [:] { properties[name] = converted(property) }
                result[key] = .object(properties)
            case "items" where value.object != nil, "additionalProperties" where value.object != nil:
                if !isOpen { result[key] = converted(value) }
            case "additionalProperties": if !isOpen { result[key] = value }
            case "allOf":
                let parts = (value.array ?? []).filter { $0["$ref"] != nil }
                if !parts.isEmpty { result[key] = .array(parts.map(converted)) }
            case "required" where isOpen, "x-kubernetes-validations": continue
            default: if kept.contains(key) || key.hasPrefix("x-kubernetes-") { result[key] = value }
            }
        }
        return .object(result)
    }
}
