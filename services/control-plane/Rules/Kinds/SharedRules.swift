import KubeModel

/// Label selectors in their object form.
enum SelectorRules {
    /// True when the selector says something: its keys, values and operators are all right.
    static func isReadable(_ selector: JSON) -> Bool {
        var issues = Issues()
        check(selector, "", &issues)
        return issues.all.isEmpty
    }

    static func check(_ selector: JSON?, _ path: String, _ issues: inout Issues) {
        guard let selector, !selector.isNull else { return }
        issues.add(MetadataRules.labels(selector["matchLabels"], "\(path).matchLabels"))
        for (index, part) in selector.list("matchExpressions").enumerated() {
            let place = "\(path).matchExpressions[\(index)]"
            switch part.text("operator") {
            case "In", "NotIn":
                if part.list("values").isEmpty {
                    issues.required("\(place).values", "must be specified when `operator` is 'In' or 'NotIn'")
                }
            case "Exists", "DoesNotExist":
                if !part.list("values").isEmpty {
                    issues.forbidden(
                        "\(place).values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
                }
            default: issues.invalid("\(place).operator", part["operator"] ?? "", "not a valid selector operator")
            }
            let key = part.text("key")
            issues.invalid("\(place).key", key, NameRules.qualifiedName(key))
            for (position, value) in part.list("values").enumerated() {
                let text = value.string ?? ""
                issues.invalid("\(place).values[\(position)]", text, NameRules.labelValue(text))
            }
        }
    }
}
