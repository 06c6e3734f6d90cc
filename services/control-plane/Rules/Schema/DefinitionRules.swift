import KubeModel

/// Rules of CustomResourceDefinitions.
enum DefinitionRules {
    @Sendable static func validate(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        let names = spec["names"] ?? [:]
        let group = spec.text("group")
        let wanted = "\(names.text("plural")).\(group)"
        let name = object.value(at: "metadata", "name")?.string ?? ""
        if name != wanted, old == nil {
            issues.invalid("metadata.name", .string(name), "must be spec.names.plural+\".\"+spec.group")
        }
        if group.isEmpty {
            issues.required("spec.group")
        } else {
            issues.invalid("spec.group", group, NameRules.subdomain(group))
            if !group.contains(".") {
                issues.invalid("spec.group", .string(group), "should be a domain with at least one dot")
            }
        }
        issues.oneOf("spec.scope", spec["scope"], ["Cluster", "Namespaced"], isRequired: true)
        check(names, &issues)
        check(versions: spec.list("versions"), spec, &issues)
        checkConversion(spec["conversion"] ?? [:], &issues)
        if spec["preserveUnknownFields"]?.bool == true {
            issues.invalid(
                "spec.preserveUnknownFields", true,
                "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
            )
        }
        let stored = spec.list("versions").filter { $0["storage"]?.bool == true }.map { $0.text("name") }
        if stored.isEmpty, old?["status"]?.list("storedVersions").isEmpty ?? true {
            issues.invalid("status.storedVersions", [], "must have at least one stored version")
        }
        if stored.count > 1 {
            issues.invalid("status.storedVersions", [], "must have the storage version \(stored[stored.count - 1])")
        }
        guard let before = old?["spec"] else { return }
        issues.immutable("spec.group", spec["group"], before["group"])
        issues.immutable("spec.scope", spec["scope"], before["scope"])
        issues.immutable("spec.names.plural", names["plural"], before.value(at: "names", "plural"))
        if Conditions(old?.value(at: "status", "conditions")).isTrue("Established") {
            issues.immutable("spec.names.kind", names["kind"], before.value(at: "names", "kind"))
        }
        let known = Set(spec.list("versions").map { $0.text("name") })
        for (index, stored) in (old?["status"]?.list("storedVersions") ?? []).compactMap(\.string).enumerated()
        where !known.contains(stored) {
            issues.invalid(
                "status.storedVersions[\(index)]", .string(stored),
                "missing from spec.versions; \(stored) was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in \(stored) and removes \(stored) from status.storedVersions"
            )
        }
    }

    private static func checkConversion(_ conversion: JSON, _ issues: inout Issues) {
        let strategy = conversion.text("strategy")
        issues.oneOf("spec.conversion.strategy", .string(strategy), ["None", "Webhook"], isRequired: true)
        let webhook = conversion["webhook"].flatMap { $0.isNull ? nil : $0 }
        if strategy == "Webhook" {
            let client = webhook?["clientConfig"].flatMap { $0.isNull ? nil : $0 }
            if let client {
                WebhookRules.check(client: client, "spec.conversion.webhookClientConfig", &issues)
            } else {
                issues.required(
                    "spec.conversion.webhookClientConfig", "required when strategy is set to Webhook")
            }
            let versions = (webhook?.list("conversionReviewVersions") ?? []).compactMap(\.string)
            let field = "spec.conversion.conversionReviewVersions"
            if versions.isEmpty {
                issues.required(field)
            } else if Set(versions).isDisjoint(with: ["v1", "v1beta1"]) {
                issues.invalid(field, .array(versions.map(JSON.string)), "must include at least one of v1, v1beta1")
            }
        } else if webhook != nil {
            issues.forbidden(
                "spec.conversion.webhookClientConfig", "should not be set when strategy is not set to Webhook")
        }
    }

    private static func check(_ names: JSON, _ issues: inout Issues) {
        for field in ["plural", "singular"] {
            let text = names.text(field)
            if text.isEmpty { issues.required("spec.names.\(field)") }
            if !text.isEmpty { issues.invalid("spec.names.\(field)", text, NameRules.label1035(text)) }
        }
        for field in ["kind", "listKind"] {
            let text = names.text(field)
            if text.isEmpty {
                issues.required("spec.names.\(field)")
            } else {
                issues.invalid("spec.names.\(field)", text, NameRules.label1035(text.lowercased()))
            }
        }
        if !names.text("kind").isEmpty, names["kind"] == names["listKind"] {
            issues.invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")
        }
        for list in ["shortNames", "categories"] {
            for (index, text) in names.list(list).compactMap(\.string).enumerated() {
                issues.invalid("spec.names.\(list)[\(index)]", text, NameRules.label1035(text))
            }
        }
    }

    private static func check(versions: [JSON], _ spec: JSON, _ issues: inout Issues) {
        if versions.isEmpty {
            issues.invalid("spec.versions", .array(versions), "must have exactly one version marked as storage version")
            return
        }
        var names: Set<String> = []
        // What is the same in all versions is checked once, under the name that it had when there was one version.
        func isShared(_ part: String) -> Bool {
            versions.allSatisfy { ($0[part] ?? .null) == (versions[0][part] ?? .null) }
        }
        let sharesSchema = isShared("schema") && versions[0].value(at: "schema", "openAPIV3Schema")?.object != nil
        let sharesColumns = isShared("additionalPrinterColumns")
        for (index, version) in versions.enumerated() {
            let path = "spec.versions[\(index)]"
            let name = version.text("name")
            let problems = NameRules.label1035(name)
            issues.invalid("\(path).name", name, problems)
            // The first version is looked at once more, under the name that it had when there was one.
            if index == 0, !name.isEmpty { issues.invalid("spec.version", name, problems) }
            if !names.insert(name).inserted {
                issues.invalid("spec.versions", .array(versions), "must contain unique version names")
            }
            if let schema = version.value(at: "schema", "openAPIV3Schema"), schema.object != nil {
                if sharesSchema, index > 0 { continue }
                let place = sharesSchema ? "spec.validation.openAPIV3Schema" : "\(path).schema.openAPIV3Schema"
                check(schema, place, isRoot: true, &issues)
                do {
                    issues.add(RuleChecks.check(try SchemaNode(schema), place, known: issues.all))
                } catch {
                    // Where a part is known to be wrong, that says more.
                    let isKnown = issues.all.contains { $0.field.hasPrefix(place) }
                    if !isKnown { issues.invalid(place, "", error.message) }
                }
            } else {
                issues.required("\(path).schema.openAPIV3Schema", "schemas are required")
            }
        }
        DefinitionVersionRules.check(versions, &issues)
        for (index, version) in versions.enumerated() where !sharesColumns || index == 0 {
            let path = sharesColumns ? "spec" : "spec.versions[\(index)]"
            for (place, column) in version.list("additionalPrinterColumns").enumerated() {
                check(column: column, "\(path).additionalPrinterColumns[\(place)]", &issues)
            }
        }
        if versions.count(where: { $0["storage"]?.bool == true }) != 1 {
            issues.invalid("spec.versions", .array(versions), "must have exactly one version marked as storage version")
        }
    }

    private static func check(column: JSON, _ path: String, _ issues: inout Issues) {
        if column.text("name").isEmpty { issues.required("\(path).name") }
        issues.oneOf(
            "\(path).type", column["type"], ["boolean", "date", "integer", "number", "string"], isRequired: true)
        let jsonPath = column.text("jsonPath")
        if jsonPath.isEmpty {
            issues.required("\(path).JSONPath")
        } else if !jsonPath.hasPrefix(".") {
            issues.invalid("\(path).JSONPath", .string(jsonPath), "must be a simple json path starting with .")
        }
    }

    private static let types = ["array", "boolean", "integer", "number", "object", "string"]

    /// Schemas have to be structural: every level says its type outside of `allOf` and its like.
    private static func check(
        _ schema: JSON, _ path: String, isRoot: Bool = false, depth: Int = 0, _ issues: inout Issues
    ) {
        guard depth < JSON.maximumDepth else { return }
        let isFree =
            schema["x-kubernetes-int-or-string"]?.bool == true
            || schema["x-kubernetes-preserve-unknown-fields"]?.bool == true
        let type = schema.text("type")
        if isRoot, type != "object" {
            if type.isEmpty {
                if !isFree { issues.required("\(path).type", "must not be empty at the root") }
            } else {
                issues.invalid("\(path).type", .string(type), "must be object at the root")
            }
        } else if type.isEmpty {
            if !isFree {
                issues.required(
                    "\(path).type", "must not be empty for specified \(depth == 0 ? "root" : "object fields")")
            }
        } else {
            issues.oneOf("\(path).type", schema["type"], types)
        }
        if schema["x-kubernetes-preserve-unknown-fields"]?.bool == false {
            issues.invalid("\(path).x-kubernetes-preserve-unknown-fields", false, "must be true or undefined")
        }
        if type == "array", schema["items"]?.object == nil { issues.required("\(path).items", "must be specified") }
        if let properties = schema["properties"]?.object, !properties.isEmpty,
            schema["additionalProperties"]?.object != nil || schema["additionalProperties"]?.bool == false
        {
            issues.forbidden("\(path).additionalProperties", "additionalProperties and properties are mutual exclusive")
        }
        if schema["uniqueItems"]?.bool == true {
            issues.forbidden(
                "\(path).uniqueItems",
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic")
        }
        if schema.has("$ref") { issues.forbidden("\(path).$ref", "$ref is not supported") }
        switch schema["x-kubernetes-list-type"]?.string {
        case "map":
            if schema.list("x-kubernetes-list-map-keys").isEmpty {
                issues.required(
                    "\(path).x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
            }
        case "atomic", "set", nil: break
        case .some(let other):
            issues.oneOf("\(path).x-kubernetes-list-type", .string(other), ["atomic", "map", "set"])
        }
        for (name, child) in schema["properties"]?.object ?? [:] {
            check(child, "\(path).properties[\(name)]", depth: depth + 1, &issues)
        }
        if let items = schema["items"], items.object != nil { check(items, "\(path).items", depth: depth + 1, &issues) }
        if let additional = schema["additionalProperties"], additional.object != nil {
            check(additional, "\(path).additionalProperties", depth: depth + 1, &issues)
        }
    }
}
