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
                checkRoot(schema, place, hasStatus: version.value(at: "subresources", "status") != nil, &issues)
                check(schema, place, &issues)
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

    /// Keys that the root may have when the status is written apart; the others would be lost for it.
    private static let rootKeys: Set<String> = [
        "description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
        "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "required", "items",
        "properties", "externalDocs", "example", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
    ]

    private static func checkRoot(_ schema: JSON, _ path: String, hasStatus: Bool, _ issues: inout Issues) {
        if hasStatus {
            let type = schema.text("type")
            if !type.isEmpty, type != "object" {
                issues.invalid(
                    "\(path).type", .string(type),
                    "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled"
                )
            } else if (schema.object ?? [:]).contains(where: { !rootKeys.contains($0.key) && !$0.value.isUnset }) {
                issues.invalid(
                    path, schema,
                    "only some fields are allowed at the root of the schema if the status subresource is enabled")
            }
        }
        if schema.flag("nullable") { issues.forbidden("\(path).nullable", "nullable cannot be true at the root") }
    }

    /// Defaults are looked at when the structure is right, and rules when defaults are, too.
    private static func check(_ schema: JSON, _ path: String, _ issues: inout Issues) {
        let before = issues.all.count
        let isReadable = !StructureRules.hasUnsupportedParts(schema)
        var node: SchemaNode?
        if isReadable {
            issues.add(StructureRules.check(schema, path))
            if issues.all.count == before { node = try? SchemaNode(schema) }
        }
        if let made = node {
            let found = SchemaDefaultRules.check(made, path)
            issues.add(found)
            if !found.isEmpty { node = nil }
        }
        issues.add(SchemaPartRules.check(schema, path))
        if let node {
            issues.add(RuleChecks.check(node, path, known: issues.all))
        } else if issues.all.count == before {
            issues.invalid(path, "", "the schema cannot be read")
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
}
