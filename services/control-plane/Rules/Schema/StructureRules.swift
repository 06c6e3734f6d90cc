import Foundation
import KubeModel

/// Whether a schema is structural: its types say of every part what it is, and what stands below `allOf` and its like
/// only restricts that.
struct StructureRules {
    private enum Level {
        case root, item, field

        var subject: String {
            switch self {
            case .root: "at the root"
            case .item: "for specified array items"
            case .field: "for specified object fields"
            }
        }
    }

    private var issues = Issues()

    /// What is wrong with the structure of a version's schema at `path`.
    static func check(_ schema: JSON, _ path: String) -> [FieldIssue] {
        var rules = StructureRules()
        rules.check(schema, .root, path, depth: 0)
        rules.complete(junctors: schema, schema, path, path, depth: 0)
        return rules.issues.all
    }

    /// Parts of JSON Schema that nobody can tell the structure of.
    static func hasUnsupportedParts(_ schema: JSON) -> Bool {
        ["id", "$schema", "$ref"].contains { !schema.text($0).isEmpty }
            || ["patternProperties", "dependencies", "definitions"].contains {
                schema[$0]?.object?.isEmpty == false
            } || schema["x-kubernetes-preserve-unknown-fields"]?.bool == false || schema.has("additionalItems")
            || schema.list("items").isEmpty == false
            || children(of: schema).contains(where: hasUnsupportedParts)
    }

    /// All schemas one level below, whatever they are for.
    private static func children(of schema: JSON) -> [JSON] {
        var found = Array((schema["properties"]?.object ?? [:]).map(\.value))
        for key in ["items", "additionalProperties", "not"] {
            if let child = schema[key], child.object != nil { found.append(child) }
        }
        for key in ["allOf", "anyOf", "oneOf"] { found += schema.list(key) }
        return found
    }

    // MARK: Invariants

    private mutating func check(_ schema: JSON, _ level: Level, _ path: String, depth: Int) {
        guard depth < JSON.maximumDepth else { return }
        let type = schema.text("type")
        if type == "array", schema["items"]?.object == nil { issues.required("\(path).items", "must be specified") }
        if let items = schema["items"], items.object != nil { check(items, .item, "\(path).items", depth: depth + 1) }
        let properties = schema["properties"]?.object ?? [:]
        for (name, child) in properties { check(child, .field, "\(path).properties[\(name)]", depth: depth + 1) }
        let additional = schema["additionalProperties"].flatMap { $0.isNull ? nil : $0 }
        if let additional {
            if level == .root { issues.forbidden("\(path).additionalProperties", "must not be used at the root") }
            if additional.object != nil { check(additional, .field, "\(path).additionalProperties", depth: depth + 1) }
        }
        checkFlags(schema, level, path, hasAdditional: additional != nil)
        let pair: [JSON] = [["type": "integer"], ["type": "string"]]
        check(
            junctors: schema, level, path, skipsAnyOf: schema.list("anyOf") == pair,
            skipsFirst: schema.list("allOf").first?.list("anyOf") == pair, depth: depth)
        let isResource = level == .root || schema.flag("x-kubernetes-embedded-resource")
        for name in ["kind", "apiVersion"] where isResource {
            guard let child = properties[name], child.text("type") != "string" else { continue }
            issues.invalid("\(path).properties[\(name)].type", .string(child.text("type")), "must be string")
        }
        if let metadata = properties["metadata"] {
            check(metadata: metadata, isResource: isResource, level, "\(path).properties[metadata]")
        }
    }

    private mutating func checkFlags(_ schema: JSON, _ level: Level, _ path: String, hasAdditional: Bool) {
        let type = schema.text("type")
        let isEmbedded = schema.flag("x-kubernetes-embedded-resource")
        let isIntOrString = schema.flag("x-kubernetes-int-or-string")
        let keepsUnknown = schema.flag("x-kubernetes-preserve-unknown-fields")
        if isIntOrString {
            for (isSet, name) in [(keepsUnknown, "preserve-unknown-fields"), (isEmbedded, "embedded-resource")]
            where isSet {
                issues.invalid(
                    "\(path).x-kubernetes-\(name)", true, "must be false if x-kubernetes-int-or-string is true")
            }
        }
        if isEmbedded, type != "object" {
            let detail = "must be object if x-kubernetes-embedded-resource is true"
            if type.isEmpty {
                issues.required("\(path).type", detail)
            } else {
                issues.invalid("\(path).type", .string(type), detail)
            }
        } else if type.isEmpty, !isIntOrString, !keepsUnknown {
            issues.required("\(path).type", "must not be empty \(level.subject)")
        }
        if isEmbedded, hasAdditional {
            issues.forbidden(
                "\(path).additionalProperties", "must not be used if x-kubernetes-embedded-resource is set")
        }
        if level == .root, !type.isEmpty, type != "object" {
            issues.invalid("\(path).type", .string(type), "must be object at the root")
        }
        if isEmbedded, !keepsUnknown, schema["properties"]?.object?.isEmpty ?? true {
            issues.required(
                "\(path).properties",
                "must not be empty if x-kubernetes-embedded-resource is true without "
                    + "x-kubernetes-preserve-unknown-fields")
        }
    }

    /// Of the metadata of a custom resource only the names may be restricted.
    private mutating func check(metadata: JSON, isResource: Bool, _ level: Level, _ path: String) {
        if isResource, metadata.text("type") != "object" {
            issues.invalid("\(path).type", .string(metadata.text("type")), "must be object")
        }
        guard level == .root else { return }
        let names = Set((metadata["properties"]?.object ?? [:]).keys)
        let others = (metadata.object ?? [:]).contains { key, value in
            switch key {
            case "type", "default": false
            case "properties": !names.isSubset(of: ["name", "generateName"])
            case "items", "additionalProperties": !value.isNull
            default: !value.isUnset
            }
        }
        if others {
            issues.forbidden(
                path,
                "must not specify anything other than name and generateName, but metadata is implicitly specified")
        }
    }

    private mutating func check(
        junctors schema: JSON, _ level: Level, _ path: String, skipsAnyOf: Bool, skipsFirst: Bool, depth: Int
    ) {
        guard depth < JSON.maximumDepth else { return }
        for key in ["anyOf", "allOf", "oneOf"] where !(key == "anyOf" && skipsAnyOf) {
            for (index, part) in schema.list(key).enumerated() {
                let skips = key == "allOf" && index == 0 && skipsFirst
                check(part: part, level, "\(path).\(key)[\(index)]", skipsAnyOf: skips, depth: depth + 1)
            }
        }
        if let part = schema["not"], part.object != nil {
            check(part: part, level, "\(path).not", skipsAnyOf: false, depth: depth + 1)
        }
        let pattern = schema.text("pattern")
        if !pattern.isEmpty, (try? NSRegularExpression(pattern: pattern)) == nil {
            issues.invalid(
                "\(path).pattern", .string(pattern),
                "must be a valid regular expression, but isn't: error parsing regexp")
        }
    }

    /// What must not stand below a junctor, with the reason.
    private static let forbidden: [(key: String, detail: String)] = [
        ("type", "must be empty"), ("additionalProperties", "must be undefined"), ("default", "must be undefined"),
        ("title", "must be empty"), ("description", "must be empty"), ("nullable", "must be false"),
        ("x-kubernetes-preserve-unknown-fields", "must be false"), ("x-kubernetes-embedded-resource", "must be false"),
        ("x-kubernetes-int-or-string", "must be false"), ("x-kubernetes-list-map-keys", "must be empty"),
        ("x-kubernetes-list-type", "must be undefined"), ("x-kubernetes-map-type", "must be undefined"),
        ("x-kubernetes-validations", "must be empty"),
    ]

    private mutating func check(part: JSON, _ level: Level, _ path: String, skipsAnyOf: Bool, depth: Int) {
        guard depth < JSON.maximumDepth else { return }
        check(junctors: part, level, path, skipsAnyOf: skipsAnyOf, skipsFirst: false, depth: depth)
        if let items = part["items"], items.object != nil {
            check(part: items, level, "\(path).items", skipsAnyOf: false, depth: depth + 1)
        }
        let properties = part["properties"]?.object ?? [:]
        for (name, child) in properties {
            check(part: child, .field, "\(path).properties[\(name)]", skipsAnyOf: false, depth: depth + 1)
        }
        for (key, detail) in Self.forbidden {
            guard let value = part[key],
                ["additionalProperties", "default"].contains(key) ? !value.isNull : !value.isUnset
            else {
                continue
            }
            issues.forbidden("\(path).\(key)", "\(detail) to be structural")
        }
        if properties["metadata"] != nil {
            issues.forbidden("\(path).properties[metadata]", "must not be specified in a nested context")
        }
    }

    // MARK: Completeness

    /// What a junctor speaks of must be there outside of it.
    private mutating func complete(
        junctors part: JSON, _ schema: JSON?, _ path: String, _ place: String, depth: Int
    ) {
        guard depth < JSON.maximumDepth else { return }
        guard let schema else { return issues.required(path, "because it is defined in \(place)") }
        if let child = part["not"], child.object != nil {
            complete(part: child, schema, path, "\(place).not", depth: depth + 1)
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for (index, child) in part.list(key).enumerated() {
                complete(part: child, schema, path, "\(place).\(key)[\(index)]", depth: depth + 1)
            }
        }
    }

    private mutating func complete(part: JSON, _ schema: JSON?, _ path: String, _ place: String, depth: Int) {
        guard depth < JSON.maximumDepth else { return }
        guard let schema else { return issues.required(path, "because it is defined in \(place)") }
        complete(junctors: part, schema, path, place, depth: depth)
        if let items = part["items"], items.object != nil {
            let own = schema["items"].flatMap { $0.object == nil ? nil : $0 }
            complete(part: items, own, "\(path).items", "\(place).items", depth: depth + 1)
        }
        for (name, child) in part["properties"]?.object ?? [:] {
            let (own, there) = ("\(path).properties[\(name)]", "\(place).properties[\(name)]")
            guard let property = schema.value(at: "properties", name) else {
                issues.required(own, "because it is defined in \(there)")
                continue
            }
            complete(part: child, property, own, there, depth: depth + 1)
        }
    }
}

extension JSON {
    /// True for a flag that is set.
    func flag(_ key: String) -> Bool { self[key]?.bool == true }
}
