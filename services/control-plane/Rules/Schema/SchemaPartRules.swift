import KubeModel

/// What every level of a schema may hold, wherever it stands.
struct SchemaPartRules {
    private var issues = Issues()

    /// What is wrong with the parts of a version's schema at `path`.
    static func check(_ schema: JSON, _ path: String) -> [FieldIssue] {
        var rules = SchemaPartRules()
        rules.check(schema, path, Surroundings(), isRoot: true, depth: 0)
        return rules.issues.all
    }

    private struct Surroundings {
        /// Why defaults are forbidden; nil where they are not.
        var noDefaults: String?
        var isInMetadata = false
    }

    private static let types = ["array", "boolean", "integer", "number", "object", "string"]

    private mutating func check(
        _ schema: JSON, _ path: String, _ surroundings: Surroundings, isRoot: Bool = false, depth: Int
    ) {
        guard depth < JSON.maximumDepth else { return }
        checkParts(schema, path, surroundings)
        let properties = schema["properties"]?.object ?? [:]
        let additional = schema["additionalProperties"].flatMap { $0.isNull ? nil : $0 }
        if !properties.isEmpty, let additional, additional.object != nil || additional.bool == false {
            issues.forbidden(
                "\(path).additionalProperties", "additionalProperties and properties are mutual exclusive")
        }
        func down(_ child: JSON?, _ name: String, _ around: Surroundings? = nil) {
            guard let child, child.object != nil else { return }
            check(child, "\(path).\(name)", around ?? surroundings, depth: depth + 1)
        }
        var inside = surroundings
        if surroundings.isInMetadata { inside.noDefaults = "inside additionalProperties applying to object metadata" }
        down(additional, "additionalProperties", inside)
        for (name, child) in properties {
            var around = surroundings
            if isRoot || schema.flag("x-kubernetes-embedded-resource"),
                ["metadata", "kind", "apiVersion"].contains(name)
            {
                around.isInMetadata = true
                if isRoot { around.noDefaults = "in top-level \(name)" }
            }
            down(child, "properties[\(name)]", around)
        }
        down(schema["not"], "not")
        for key in ["allOf", "oneOf", "anyOf"] {
            for (index, child) in schema.list(key).enumerated() { down(child, "\(key)[\(index)]") }
        }
        for (name, child) in schema["definitions"]?.object ?? [:] { down(child, "definitions[\(name)]") }
        down(schema["items"], "items")
        for (index, child) in schema.list("items").enumerated() { down(child, "items[\(index)]") }
        for (name, child) in schema["dependencies"]?.object ?? [:] { down(child, "dependencies[\(name)]") }
        if schema["x-kubernetes-preserve-unknown-fields"]?.bool == false {
            issues.invalid("\(path).x-kubernetes-preserve-unknown-fields", false, "must be true or undefined")
        }
        checkMap(schema, path)
        checkList(schema, path)
    }

    private mutating func checkParts(_ schema: JSON, _ path: String, _ surroundings: Surroundings) {
        let type = schema.text("type")
        if !type.isEmpty { issues.oneOf("\(path).type", .string(type), Self.types) }
        if let reason = surroundings.noDefaults, schema.has("default") {
            issues.forbidden("\(path).default", "must not be set \(reason)")
        }
        func refuse(_ key: String, _ isThere: Bool) {
            if isThere { issues.forbidden("\(path).\(key)", "\(key) is not supported") }
        }
        refuse("id", !schema.text("id").isEmpty)
        refuse("additionalItems", schema.has("additionalItems"))
        refuse("patternProperties", schema["patternProperties"]?.object?.isEmpty == false)
        refuse("definitions", schema["definitions"]?.object?.isEmpty == false)
        refuse("dependencies", schema.has("dependencies"))
        refuse("$ref", schema.has("$ref"))
        if type == "null" {
            issues.forbidden("\(path).type", "type cannot be set to null, use nullable as an alternative")
        }
        if !schema.list("items").isEmpty {
            issues.forbidden("\(path).items", "items must be a schema object and not an array")
        }
        if surroundings.isInMetadata, schema.flag("x-kubernetes-embedded-resource") {
            issues.forbidden("\(path).x-kubernetes-embedded-resource", "must not be used inside of resource meta")
        }
        if schema.flag("uniqueItems") {
            issues.forbidden(
                "\(path).uniqueItems",
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic")
        }
    }

    private mutating func checkType(_ schema: JSON, _ wanted: String, _ key: String, _ path: String) -> Bool {
        let type = schema.text("type")
        guard type != wanted else { return true }
        if type.isEmpty {
            issues.required("\(path).type", "must be \(wanted) if \(key) is specified")
        } else {
            issues.invalid("\(path).type", .string(type), "must be \(wanted) if \(key) is specified")
        }
        return false
    }

    private mutating func checkMap(_ schema: JSON, _ path: String) {
        let key = "x-kubernetes-map-type"
        guard schema.has(key) else { return }
        _ = checkType(schema, "object", key, path)
        issues.oneOf("\(path).\(key)", schema[key], ["atomic", "granular"])
    }

    private mutating func checkList(_ schema: JSON, _ path: String) {
        let key = "x-kubernetes-list-type"
        let kind = schema.has(key) ? schema.text(key) : nil
        let items = schema["items"].flatMap { $0.object == nil ? nil : $0 }
        if let kind {
            if checkType(schema, "array", key, path), kind == "set", let items { checkSet(items, path) }
            issues.supported("\(path).\(key)", .string(kind), ["atomic", "map", "set"])
        }
        let keysField = "\(path).x-kubernetes-list-map-keys"
        let keys = schema.list("x-kubernetes-list-map-keys").compactMap(\.string)
        if !keys.isEmpty, kind != "map" {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty"
            if let kind {
                issues.invalid("\(path).\(key)", .string(kind), detail)
            } else {
                issues.required("\(path).\(key)", detail)
            }
        }
        if kind == "map" {
            if keys.isEmpty { issues.required(keysField, "must not be empty if x-kubernetes-list-type is map") }
            if !schema.has("items") {
                issues.required("\(path).items", "must have a schema if x-kubernetes-list-type is map")
            } else if let items {
                checkMapItems(items, keys, "\(path).items", keysField)
            } else {
                issues.invalid(
                    "\(path).items", schema["items"], "must only have a single schema if x-kubernetes-list-type is map")
            }
        }
        guard let kind, ["set", "map"].contains(kind), let items else { return }
        if items.flag("nullable") {
            issues.forbidden("\(path).items.nullable", "cannot be nullable when x-kubernetes-list-type is \(kind)")
        }
    }

    private mutating func checkSet(_ items: JSON, _ path: String) {
        let detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
        switch items.text("type") {
        case "array":
            let kind = items.text("x-kubernetes-list-type")
            if !["", "atomic"].contains(kind) {
                issues.invalid("\(path).items.x-kubernetes-list-type", .string(kind), detail)
            }
        case "object":
            if items.text("x-kubernetes-map-type") != "atomic" {
                issues.invalid("\(path).items.x-kubernetes-map-type", items["x-kubernetes-list-type"] ?? .null, detail)
            }
        default: break
        }
    }

    private mutating func checkMapItems(_ items: JSON, _ keys: [String], _ path: String, _ keysField: String) {
        guard items.text("type") == "object" else {
            return issues.invalid(
                "\(path).type", .string(items.text("type")),
                "must be object if parent array's x-kubernetes-list-type is map")
        }
        let all = JSON.array(keys.map(JSON.string))
        let required = Set(items.list("required").compactMap(\.string))
        var seen: Set<String> = []
        for key in keys {
            let place = "\(path).properties[\(key)]"
            if !seen.insert(key).inserted { issues.invalid(keysField, all, "must not contain duplicate entries") }
            guard let property = items.value(at: "properties", key) else {
                issues.invalid(keysField, all, "entries must all be names of item properties")
                continue
            }
            if ["array", "object"].contains(property.text("type")) {
                issues.invalid(
                    "\(place).type", .string("object"),
                    "must be a scalar type if parent array's x-kubernetes-list-type is map")
            }
            let reason = "this property is in x-kubernetes-list-map-keys, so it"
            if !required.contains(key), !property.has("default") {
                issues.required("\(place).default", "\(reason) must have a default or be a required property")
            }
            if property.flag("nullable") { issues.forbidden("\(place).nullable", "\(reason) cannot be nullable") }
        }
    }
}
