import KubeModel

extension PodValidation {
    private static let required = "requiredDuringSchedulingIgnoredDuringExecution"
    private static let preferred = "preferredDuringSchedulingIgnoredDuringExecution"

    mutating func affinity(_ affinity: JSON, _ path: String) {
        if let node = affinity["nodeAffinity"], !node.isNull {
            let place = "\(path).nodeAffinity"
            if let selector = node[Self.required], !selector.isNull {
                NodeSelectorRules.check(selector, "\(place).\(Self.required)", &issues)
            }
            for (index, term) in node.list(Self.preferred).enumerated() {
                let field = "\(place).\(Self.preferred)[\(index)]"
                weight(term, field)
                NodeSelectorRules.term(
                    term["preference"] ?? [:], "\(field).preference", checksValues: false, &issues)
            }
        }
        for kind in ["podAffinity", "podAntiAffinity"] {
            guard let rules = affinity[kind], !rules.isNull else { continue }
            for (index, term) in rules.list(Self.required).enumerated() {
                self.term(term, "\(path).\(kind).\(Self.required)[\(index)]")
            }
            for (index, weighted) in rules.list(Self.preferred).enumerated() {
                let field = "\(path).\(kind).\(Self.preferred)[\(index)]"
                weight(weighted, field)
                term(weighted["podAffinityTerm"] ?? [:], "\(field).podAffinityTerm")
            }
        }
    }

    private mutating func weight(_ term: JSON, _ path: String) {
        let weight = term["weight"]?.int ?? 0
        if !(1...100).contains(weight) {
            issues.invalid("\(path).weight", .int(weight), "must be in the range 1-100")
        }
    }

    private mutating func term(_ term: JSON, _ path: String) {
        SelectorRules.check(term["labelSelector"], "\(path).labelSelector", &issues)
        SelectorRules.check(term["namespaceSelector"], "\(path).namespaceSelector", &issues)
        for name in term.list("namespaces").compactMap(\.string) {
            issues.invalid("\(path).namespace", name, NameRules.label(name))
        }
        labelKeys(term, path)
        let key = term.text("topologyKey")
        if key.isEmpty { issues.required("\(path).topologyKey", "can not be empty") }
        issues.invalid("\(path).topologyKey", key, NameRules.qualifiedName(key))
    }

    /// Keys of labels whose values are those of the Pod.
    private mutating func labelKeys(_ owner: JSON, _ path: String) {
        let selector = owner["labelSelector"] ?? .null
        let matched = owner.list("matchLabelKeys").compactMap(\.string)
        let others = owner.list("mismatchLabelKeys").compactMap(\.string)
        for (field, keys) in [("matchLabelKeys", matched), ("mismatchLabelKeys", others)] where !keys.isEmpty {
            guard !selector.isNull else {
                issues.forbidden("\(path).\(field)", "must not be specified when labelSelector is not set")
                continue
            }
            for (index, key) in keys.enumerated() {
                issues.invalid("\(path).\(field)[\(index)]", key, NameRules.qualifiedName(key))
            }
        }
        var selected = Set(selector["matchLabels"]?.object?.keys ?? [])
        for expression in selector.list("matchExpressions") {
            let key = expression.text("key")
            if let index = matched.lastIndex(of: key), selected.contains(key) {
                issues.invalid(
                    "\(path)[\(index)]", .string(key), "exists in both matchLabelKeys and labelSelector")
            }
            selected.insert(key)
        }
        for (index, key) in matched.enumerated() where others.contains(key) {
            issues.invalid(
                "\(path).matchLabelKeys[\(index)]", .string(key),
                "exists in both matchLabelKeys and mismatchLabelKeys")
        }
    }

    mutating func spread(_ constraints: [JSON], _ path: String) {
        for (index, constraint) in constraints.enumerated() {
            let place = "\(path)[\(index)]"
            issues.positive("\(place).maxSkew", constraint["maxSkew"]?.int ?? 0)
            let key = constraint.text("topologyKey")
            let action = constraint.text("whenUnsatisfiable")
            if key.isEmpty { issues.required("\(place).topologyKey", "can not be empty") }
            issues.supported(
                "\(place).whenUnsatisfiable", constraint["whenUnsatisfiable"], ["DoNotSchedule", "ScheduleAnyway"])
            if constraints[(index + 1)...].contains(where: {
                $0.text("topologyKey") == key && $0.text("whenUnsatisfiable") == action
            }) {
                issues.duplicate("\(place).{topologyKey, whenUnsatisfiable}", .string("{\(key), \(action)}"))
            }
            if let domains = constraint["minDomains"]?.int {
                issues.positive("\(place).minDomains", domains)
                if action != "DoNotSchedule" {
                    issues.invalid(
                        "\(place).minDomains", .int(domains),
                        "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not \(action)")
                }
            }
            for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] where constraint.has(field) {
                issues.supported("\(place).\(field)", constraint[field], ["Honor", "Ignore"])
            }
            labelKeys(constraint, place)
            SelectorRules.check(constraint["labelSelector"], "\(place).labelSelector", &issues)
        }
    }

    mutating func tolerations(_ tolerations: [JSON], _ path: String) {
        Self.tolerations(tolerations, path, &issues)
    }

    static func tolerations(_ tolerations: [JSON], _ path: String, _ issues: inout Issues) {
        for (index, toleration) in tolerations.enumerated() {
            let place = "\(path)[\(index)]"
            let key = toleration.text("key")
            let action = toleration.text("operator")
            let value = toleration.text("value")
            issues.name("\(place).key", key, NameRules.qualifiedName)
            if key.isEmpty, action != "Exists" {
                issues.invalid(
                    "\(place).operator", .string(action),
                    "operator must be Exists when `key` is empty, which means \"match all values and all keys\"")
            }
            if toleration.has("tolerationSeconds"), toleration.text("effect") != "NoExecute" {
                issues.invalid(
                    "\(place).effect", .string(toleration.text("effect")),
                    "effect must be 'NoExecute' when `tolerationSeconds` is set")
            }
            switch action {
            case "Equal", "":
                let problems = NameRules.labelValue(value)
                if !problems.isEmpty {
                    issues.invalid("\(place).operator", .string(value), problems.joined(separator: ";"))
                }
            case "Exists":
                if !value.isEmpty {
                    issues.invalid(
                        "\(place).operator", .string(value), "value must be empty when `operator` is 'Exists'")
                }
            case "Lt", "Gt":
                issues.notSupported("\(place).operator", .string(action), ["Equal", "Exists", "Lt", "Gt"])
            default: issues.notSupported("\(place).operator", .string(action), ["Equal", "Exists"])
            }
            if !toleration.text("effect").isEmpty { taintEffect(toleration["effect"], "\(place).effect", &issues) }
        }
    }

    static func taintEffect(_ effect: JSON?, _ field: String, _ issues: inout Issues) {
        issues.supported(field, effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"])
    }
}

/// Selectors of nodes.
enum NodeSelectorRules {
    static func check(_ selector: JSON, _ path: String, _ issues: inout Issues) {
        let terms = selector.list("nodeSelectorTerms")
        if terms.isEmpty {
            return issues.required("\(path).nodeSelectorTerms", "must have at least one node selector term")
        }
        for (index, term) in terms.enumerated() {
            self.term(term, "\(path).nodeSelectorTerms[\(index)]", checksValues: true, &issues)
        }
    }

    static func term(_ term: JSON, _ path: String, checksValues: Bool, _ issues: inout Issues) {
        for (index, part) in term.list("matchExpressions").enumerated() {
            let place = "\(path).matchExpressions[\(index)]"
            let values = part.list("values")
            switch part.text("operator") {
            case "In", "NotIn":
                if values.isEmpty {
                    issues.required("\(place).values", "must be specified when `operator` is 'In' or 'NotIn'")
                }
            case "Exists", "DoesNotExist":
                if !values.isEmpty {
                    issues.forbidden(
                        "\(place).values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
                }
            case "Gt", "Lt":
                if values.count != 1 {
                    issues.required(
                        "\(place).values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
                }
            default: issues.invalid("\(place).operator", part["operator"] ?? "", "not a valid selector operator")
            }
            let key = part.text("key")
            issues.invalid("\(place).key", key, NameRules.qualifiedName(key))
            guard checksValues else { continue }
            for (position, value) in values.enumerated() {
                let text = value.string ?? ""
                issues.invalid("\(place).values[\(position)]", text, NameRules.labelValue(text))
            }
        }
        for (index, part) in term.list("matchFields").enumerated() {
            let place = "\(path).matchFields[\(index)]"
            let values = part.list("values")
            if !["In", "NotIn"].contains(part.text("operator")) {
                issues.invalid("\(place).operator", part["operator"] ?? "", "not a valid selector operator")
            } else if values.count != 1 {
                issues.required(
                    "\(place).values",
                    "must be only one value when `operator` is 'In' or 'NotIn' for node field selector")
            }
            guard part.text("key") == "metadata.name" else {
                issues.invalid("\(place).key", part["key"] ?? "", "not a valid field selector key")
                continue
            }
            for (position, value) in values.enumerated() {
                let text = value.string ?? ""
                issues.invalid("\(place).values[\(position)]", text, NameRules.subdomain(text))
            }
        }
    }
}
