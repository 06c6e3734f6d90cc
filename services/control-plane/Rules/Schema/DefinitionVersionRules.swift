import KubeModel

/// What versions of a CustomResourceDefinition say beside their schemas.
enum DefinitionVersionRules {
    static func check(_ versions: [JSON], _ issues: inout Issues) {
        guard let first = versions.first else { return }
        // What is the same in all versions is checked once, under the name that it had when there was one version.
        func isShared(_ part: String) -> Bool {
            first.has(part) && versions.allSatisfy { ($0[part] ?? .null) == first[part] }
        }
        for (index, version) in versions.enumerated() {
            let path = "spec.versions[\(index)]"
            if let warning = version["deprecationWarning"]?.string {
                checkWarning(warning, isDeprecated: version["deprecated"]?.bool == true, path, &issues)
            }
            if !isShared("subresources") || index == 0 {
                check(
                    scale: version.value(at: "subresources", "scale"),
                    "\(isShared("subresources") ? "spec" : path).subresources.scale", &issues)
            }
            if !isShared("selectableFields") || index == 0 {
                check(selectable: version, isShared("selectableFields") ? "spec" : path, &issues)
            }
        }
    }

    private static func checkWarning(
        _ warning: String, isDeprecated: Bool, _ path: String, _ issues: inout Issues
    ) {
        let field = "\(path).deprecationWarning"
        func refuse(_ detail: String) { issues.invalid(field, .string(warning), detail) }
        if !isDeprecated { return refuse("can only be set for deprecated versions") }
        if warning.isEmpty { refuse("must not be an empty string") }
        if warning.utf8.count > 256 { refuse("must be <= 256 characters long") }
        if warning.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            refuse("must only contain printable UTF-8 characters")
        }
    }

    private static func check(scale: JSON?, _ path: String, _ issues: inout Issues) {
        guard let scale, !scale.isNull else { return }
        for (field, root) in [
            ("specReplicasPath", ".spec."), ("statusReplicasPath", ".status."), ("labelSelectorPath", ""),
        ] {
            let text = scale.text(field)
            if text.isEmpty {
                if !root.isEmpty { issues.required("\(path).\(field)") }
                continue
            }
            if text.contains("[") || !text.hasPrefix(".") || text.hasSuffix(".") {
                issues.invalid("\(path).\(field)", .string(text), "must be a simple json path")
            } else if root.isEmpty ? !(text.hasPrefix(".spec.") || text.hasPrefix(".status.")) : !text.hasPrefix(root) {
                issues.invalid(
                    "\(path).\(field)", .string(text),
                    "should be a json path under \(root.isEmpty ? "either .status or .spec" : String(root.dropLast()))")
            }
        }
    }

    private static func check(selectable version: JSON, _ path: String, _ issues: inout Issues) {
        let fields = version.list("selectableFields")
        guard !fields.isEmpty else { return }
        guard let schema = version.value(at: "schema", "openAPIV3Schema"), schema.object != nil else {
            return issues.invalid("\(path).selectableFields", "", "may only be set when a schema is included")
        }
        if fields.count > 8 { issues.tooMany("\(path).selectableFields", fields.count, 8) }
        var seen: Set<String> = []
        for (index, entry) in fields.enumerated() {
            let field = "\(path).selectableFields[\(index)].jsonPath"
            let text = entry.text("jsonPath")
            if text.isEmpty {
                issues.required(field)
                continue
            }
            if !seen.insert(text).inserted { issues.duplicate(field, .string(text)) }
            let names = text.split(separator: ".", omittingEmptySubsequences: false).dropFirst().map(String.init)
            var node: JSON? = schema
            for name in names { node = node?.value(at: "properties", name) }
            let isPlain = text.hasPrefix(".") && !text.contains("[") && names.first != "metadata"
            let type = node?.text("type") ?? ""
            if !isPlain {
                issues.invalid(field, .string(text), "is an invalid path: does not refer to a valid field")
            } else if !["string", "boolean", "integer"].contains(type) {
                issues.invalid(
                    field, .string(text),
                    node == nil
                        ? "is an invalid path: does not refer to a valid field"
                        : "must point to a field of type string, boolean or integer")
            }
        }
    }
}
