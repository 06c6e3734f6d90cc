import Foundation
import KubeModel

extension BuiltinKinds {
    static let resourceQuota = kind(
        .resourceQuotas, short: ["quota"], hasStatus: true,
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            QuotaRules.amounts(spec["hard"], "spec.hard", &issues)
            QuotaRules.scopes(spec, &issues)
            QuotaRules.selector(spec, &issues)
            guard let old else { return }
            let before = old["spec"]?.list("scopes") ?? []
            if Set(before.compactMap(\.string)) != Set(spec.list("scopes").compactMap(\.string)) {
                issues.invalid("spec.scopes", spec["scopes"] ?? .null, "field is immutable")
            }
        },
        validateStatus: { object, _, issues in
            QuotaRules.amounts(object.value(at: "status", "hard"), "status.hard", &issues)
            QuotaRules.amounts(object.value(at: "status", "used"), "status.used", &issues)
        },
        warnings: { object, old, subresource in old == nil && subresource.isEmpty ? QuotaRules.warnings(object) : [] },
        columns: [.name, TableColumn("Request"), TableColumn("Limit"), .age],
        cells: { object, now in
            let hard = object.value(at: "status", "hard")?.object ?? [:]
            var requests: [String] = []
            var limits: [String] = []
            for name in hard.keys.sorted() {
                let used = Quantity(object.value(at: "status", "used", name))?.text ?? "0"
                let text = "\(name): \(used)/\(Quantity(hard[name])?.text ?? "0")"
                if name.hasPrefix("limits.") { limits.append(text) } else { requests.append(text) }
            }
            return [
                Cell.name(object), .string(requests.joined(separator: ", ")), .string(limits.joined(separator: ", ")),
                Cell.age(object, now),
            ]
        })

    static let limitRange = kind(
        .limitRanges, short: ["limits"],
        defaults: { object in
            object.edit("spec") { spec in
                spec.editEach("limits") { item in
                    guard item.text("type") == "Container" else { return }
                    // Default limits follow the maximum, default requests the limits, then the minimum.
                    for (name, amount) in item["max"]?.object ?? [:] where item.value(at: "default", name) == nil {
                        item.set(amount, at: "default", name)
                    }
                    for source in ["default", "min"] {
                        for (name, amount) in item[source]?.object ?? [:]
                        where item.value(at: "defaultRequest", name) == nil {
                            item.set(amount, at: "defaultRequest", name)
                        }
                    }
                }
            }
        },
        create: { object in
            let metadata = object["metadata"] ?? [:]
            if metadata.text("name").isEmpty, metadata.text("generateName").isEmpty {
                object.set(.string(UUID().uuidString.lowercased()), at: "metadata", "name")
            }
        },
        validate: { object, _, issues in LimitRules.check(object["spec"]?.list("limits") ?? [], &issues) },
        columns: [.name, .createdAt], cells: { object, _ in [Cell.name(object), Cell.createdAt(object)] })
}

/// What quotas may bound.
enum QuotaRules {
    static func amounts(_ amounts: JSON?, _ path: String, _ issues: inout Issues) {
        for (name, amount) in amounts?.object ?? [:] {
            let field = "\(path)[\(name)]"
            ResourceRules.checkName(name, field, &issues)
            if !name.contains("/"), !ResourceRules.isQuotaStandard(name) {
                issues.invalid(field, .string(name), "must be a standard resource for quota")
            }
            ResourceRules.check(name, amount, field, &issues)
        }
    }

    private static let ofPods: Set<String> = [
        "pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory",
    ]
    private static let boundOnly = ["Terminating", "NotTerminating", "BestEffort", "NotBestEffort"]
    private static let known = Set(
        boundOnly + ["PriorityClass", "VolumeAttributesClass", "CrossNamespacePodAffinity"])

    /// True when a scope can be told of what is counted.
    private static func applies(_ scope: String, to resource: String) -> Bool {
        switch scope {
        case "BestEffort": resource == "pods"
        case "VolumeAttributesClass": ["persistentvolumeclaims", "requests.storage"].contains(resource)
        case _ where known.contains(scope): ofPods.contains(resource)
        default: true
        }
    }

    private static func misfits(_ spec: JSON, _ scope: String) -> Int {
        (spec["hard"]?.object?.keys ?? []).count { ResourceRules.isQuotaStandard($0) && !applies(scope, to: $0) }
    }

    private static func conflicts(_ scopes: Set<String>) -> Bool {
        scopes.isSuperset(of: ["BestEffort", "NotBestEffort"])
            || scopes.isSuperset(of: ["Terminating", "NotTerminating"])
    }

    static func scopes(_ spec: JSON, _ issues: inout Issues) {
        let scopes = spec.list("scopes").map { $0.string ?? "" }
        for scope in scopes {
            if !known.contains(scope) { issues.invalid("spec.scopes", spec["scopes"], "unsupported scope") }
            for _ in 0..<misfits(spec, scope) {
                issues.invalid("spec.scopes", spec["scopes"], "unsupported scope applied to resource")
            }
        }
        if conflicts(Set(scopes)) { issues.invalid("spec.scopes", spec["scopes"], "conflicting scopes") }
    }

    static func selector(_ spec: JSON, _ issues: inout Issues) {
        let path = "spec.scopeSelector.matchExpressions"
        var scopes: Set<String> = []
        for part in spec["scopeSelector"]?.list("matchExpressions") ?? [] {
            let scope = part.text("scopeName")
            if !known.contains(scope) { issues.invalid("\(path).scopeName", .string(scope), "unsupported scope") }
            for _ in 0..<misfits(spec, scope) {
                issues.invalid(path, spec["scopeSelector"], "unsupported scope applied to resource")
            }
            let action = part.text("operator")
            if boundOnly.contains(scope) || scope == "CrossNamespacePodAffinity", action != "Exists" {
                issues.invalid(
                    "\(path).operator", .string(action),
                    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
                )
            }
            switch action {
            case "In", "NotIn":
                if part.list("values").isEmpty {
                    issues.required(
                        "\(path).values",
                        "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector")
                }
            case "Exists", "DoesNotExist":
                if !part.list("values").isEmpty {
                    issues.invalid(
                        "\(path).values", part["values"],
                        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector")
                }
            default: issues.invalid("\(path).operator", .string(action), "not a valid selector operator")
            }
            scopes.insert(scope)
        }
        if conflicts(scopes) { issues.invalid(path, spec["scopes"] ?? .null, "conflicting scopes") }
    }

    static func warnings(_ quota: JSON) -> [String] {
        let hard = quota.value(at: "spec", "hard")?.object ?? [:]
        return ["cpu", "memory", "ephemeral-storage"].compactMap { name in
            let isShort = hard["requests.\(name)"] == nil && name != "ephemeral-storage"
            let request = isShort ? name : "requests.\(name)"
            let limit = "limits.\(name)"
            guard let wanted = Quantity(hard[request]), let most = Quantity(hard[limit]), wanted > most else {
                return nil
            }
            return "ResourceQuota \(request) (\(wanted.text)) should be less than \(limit) (\(most.text))"
        }
    }
}

/// What limits of a namespace may bound.
enum LimitRules {
    static func check(_ limits: [JSON], _ issues: inout Issues) {
        var types: Set<String> = []
        for (index, limit) in limits.enumerated() {
            let path = "spec.limits[\(index)]"
            let type = limit.text("type")
            let problems = NameRules.qualifiedName(type)
            issues.invalid("\(path).type", type, problems)
            if problems.isEmpty, !type.contains("/"), !["Pod", "Container", "PersistentVolumeClaim"].contains(type) {
                issues.invalid("\(path).type", .string(type), "must be a standard limit type or fully qualified")
            }
            if !types.insert(type).inserted { issues.duplicate("\(path).type", .string(type)) }
            var fields = ["max", "min"]
            if type == "Pod" {
                for field in ["default", "defaultRequest"] where !(limit[field]?.isUnset ?? true) {
                    issues.forbidden("\(path).\(field)", "may not be specified when `type` is 'Pod'")
                }
            } else {
                fields += ["default", "defaultRequest"]
            }
            fields.append("maxLimitRequestRatio")
            var amounts: [String: [String: Quantity]] = [:]
            for field in fields {
                for (name, amount) in limit[field]?.object ?? [:] {
                    ResourceRules.checkLimited(name, type: type, "\(path).\(field)[\(name)]", &issues)
                    amounts[name, default: [:]][field] = Quantity(amount)
                }
            }
            if type == "PersistentVolumeClaim", limit.value(at: "min", "storage") == nil,
                limit.value(at: "max", "storage") == nil
            {
                issues.required(
                    "\(path).limits", "either minimum or maximum storage value is required, but neither was provided")
            }
            for name in amounts.keys.sorted() { compare(name, amounts[name] ?? [:], path, &issues) }
        }
    }

    /// Each amount fits to the others of the same resource.
    private static func compare(
        _ name: String, _ amounts: [String: Quantity], _ path: String, _ issues: inout Issues
    ) {
        let (low, high) = (amounts["min"], amounts["max"])
        let (limit, request) = (amounts["default"], amounts["defaultRequest"])
        func refuse(_ field: String, _ value: Quantity, _ detail: String) {
            issues.invalid("\(path).\(field)[\(name)]", .string(value.text), detail)
        }
        if let low, let high, low > high {
            refuse("min", low, "min value \(low.text) is greater than max value \(high.text)")
        }
        if let request {
            if let low, low > request {
                refuse(
                    "defaultRequest", request,
                    "min value \(low.text) is greater than default request value \(request.text)")
            }
            if let high, request > high {
                refuse(
                    "defaultRequest", request,
                    "default request value \(request.text) is greater than max value \(high.text)")
            }
            if let limit, request > limit {
                refuse(
                    "defaultRequest", request,
                    "default request value \(request.text) is greater than default limit value \(limit.text)")
            }
        }
        if let limit {
            if let low, low > limit {
                refuse("default", low, "min value \(low.text) is greater than default value \(limit.text)")
            }
            if let high, limit > high {
                refuse("default", high, "default value \(limit.text) is greater than max value \(high.text)")
            }
        }
        if let ratio = amounts["maxLimitRequestRatio"] {
            if ratio < Quantity(1) { refuse("maxLimitRequestRatio", ratio, "ratio \(ratio.text) is less than 1") }
            if let low, let high, ratio.double > high.double / low.double {
                let most = String(format: "%f", high.double / low.double)
                refuse("maxLimitRequestRatio", ratio, "ratio \(ratio.text) is greater than max/min = \(most)")
            }
        }
        if !ResourceRules.isOvercommitAllowed(name), let limit, let request, limit != request {
            refuse(
                "defaultRequest", request,
                "default value \(limit.text) must equal to defaultRequest value \(request.text) in \(name)")
        }
    }
}
