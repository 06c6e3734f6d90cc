import Foundation
import KubeModel

#if canImport(Glibc)
    import Glibc
#endif

/// Requests and limits.
enum ResourceRules {
    private static let standard: Set<String> = ["cpu", "memory", "ephemeral-storage", "storage"]

    static func check(_ resources: JSON, _ path: String, _ issues: inout Issues) {
        let limits = resources["limits"]?.object ?? [:]
        for (name, limit) in limits { check(name, limit, "\(path).limits", &issues) }
        for (name, request) in resources["requests"]?.object ?? [:] {
            check(name, request, "\(path).requests", &issues)
            guard let wanted = Quantity(request), let limit = Quantity(limits[name]), wanted > limit else { continue }
            issues.invalid(
                "\(path).requests", .string(wanted.text), "must be less than or equal to \(name) limit of \(limit.text)"
            )
        }
    }

    static func check(_ name: String, _ amount: JSON, _ path: String, _ issues: inout Issues) {
        let field = "\(path)[\(name)]"
        issues.invalid(field, name, NameRules.qualifiedName(name))
        if !name.contains("/"), !standard.contains(name), !name.hasPrefix("hugepages-") {
            issues.invalid(field, .string(name), "must be a standard resource type or fully qualified")
            issues.invalid(field, .string(name), "must be a standard resource for containers")
        }
        guard let quantity = Quantity(amount) else {
            issues.invalid(
                field, amount,
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
            return
        }
        if quantity < .zero {
            issues.invalid(field, .string(quantity.text), "must be greater than or equal to 0")
        }
    }
}

/// Label selectors in their object form.
enum SelectorRules {
    static func check(_ selector: JSON?, _ path: String, _ issues: inout Issues) {
        guard let selector, !selector.isNull else { return }
        for (key, value) in selector["matchLabels"]?.object ?? [:] {
            issues.invalid("\(path).matchLabels", key, NameRules.qualifiedName(key))
            if let text = value.string { issues.invalid("\(path).matchLabels", text, NameRules.labelValue(text)) }
        }
        for (index, part) in selector.list("matchExpressions").enumerated() {
            let place = "\(path).matchExpressions[\(index)]"
            let key = part.text("key")
            issues.invalid("\(place).key", key, NameRules.qualifiedName(key))
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
        }
    }
}

/// Addresses.
enum NetworkRules {
    static func isAddress(_ text: String) -> Bool {
        SchemaFormat.isAddress(text, AF_INET) || SchemaFormat.isAddress(text, AF_INET6)
    }

    static func checkAddress(_ text: String, _ field: String, _ issues: inout Issues) {
        if !isAddress(text) {
            issues.invalid(field, .string(text), "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        }
    }

    static func checkNetwork(_ text: String, _ field: String, _ issues: inout Issues) {
        if !SchemaFormat.isNetwork(text) {
            issues.invalid(field, .string(text), "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
        }
    }
}
