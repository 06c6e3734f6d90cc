import CEL
import KubeModel

/// Rules of what admission webhooks and policies say about the requests that they are for.
enum MatchRules {
    private static let operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]
    private static let scopes = ["*", "Cluster", "Namespaced"]

    /// `operations`, `apiGroups`, `apiVersions`, `resources` and `scope`.
    static func check(rule: JSON, _ path: String, _ issues: inout Issues) {
        let wanted = texts(rule, "operations")
        nonEmpty(wanted, "\(path).operations", "operations", &issues)
        for (index, operation) in wanted.enumerated() where !operations.contains(operation) {
            issues.notSupported("\(path).operations[\(index)]", .string(operation), operations)
        }
        nonEmpty(texts(rule, "apiGroups"), "\(path).apiGroups", "API groups", &issues)
        let versions = texts(rule, "apiVersions")
        nonEmpty(versions, "\(path).apiVersions", "API versions", &issues)
        for (index, version) in versions.enumerated() where version.isEmpty {
            issues.required("\(path).apiVersions[\(index)]")
        }
        check(resources: texts(rule, "resources"), "\(path).resources", &issues)
        if let scope = rule["scope"]?.string, !scopes.contains(scope) {
            issues.notSupported("\(path).scope", .string(scope), scopes)
        }
    }

    private static func texts(_ json: JSON, _ key: String) -> [String] { json.list(key).map { $0.string ?? "" } }

    private static func nonEmpty(_ texts: [String], _ path: String, _ name: String, _ issues: inout Issues) {
        if texts.isEmpty { issues.required(path) }
        if texts.count > 1, texts.contains("*") {
            issues.invalid(path, json(texts), "if '*' is present, must not specify other \(name)")
        }
    }

    private static func json(_ texts: [String]) -> JSON { .array(texts.map(JSON.string)) }

    private static func check(resources: [String], _ path: String, _ issues: inout Issues) {
        if resources.isEmpty { issues.required(path) }
        var whole: Set<Substring> = []
        var everywhere: Set<Substring> = []
        var isPlain = false
        for (index, resource) in resources.enumerated() {
            let place = "\(path)[\(index)]"
            if resource.isEmpty {
                issues.required(place)
                continue
            }
            let parts = resource.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                isPlain = resource != "*"
                continue
            }
            if whole.contains(parts[0]) {
                issues.invalid(
                    place, .string(resource), "if '\(parts[0])/*' is present, must not specify \(resource)")
            }
            if everywhere.contains(parts[1]) {
                issues.invalid(
                    place, .string(resource), "if '*/\(parts[1])' is present, must not specify \(resource)")
            }
            if parts[1] == "*" { whole.insert(parts[0]) }
            if parts[0] == "*" { everywhere.insert(parts[1]) }
        }
        if resources.count > 1, resources.contains("*/*") {
            issues.invalid(path, json(resources), "if '*/*' is present, must not specify other resources")
        }
        if resources.contains("*"), isPlain {
            issues.invalid(
                path, json(resources), "if '*' is present, must not specify other resources without subresources")
        }
    }

    /// `matchConstraints` and `matchResources` of policies.
    static func check(resources match: JSON, _ path: String, _ issues: inout Issues) {
        if match.has("matchPolicy") {
            issues.supported("\(path).matchPolicy", match["matchPolicy"], ["Equivalent", "Exact"])
        } else {
            issues.required("\(path).matchPolicy")
        }
        for field in ["namespaceSelector", "objectSelector"] {
            if match.has(field) {
                SelectorRules.check(match[field], "\(path).\(field)", &issues)
            } else {
                issues.required("\(path).\(field)")
            }
        }
        for field in ["resourceRules", "excludeResourceRules"] {
            for (index, rule) in match.list(field).enumerated() {
                let place = "\(path).\(field)[\(index)]"
                var names: Set<String> = []
                for (position, name) in texts(rule, "resourceNames").enumerated() {
                    let field = "\(place).resourceNames[\(position)]"
                    issues.invalid(field, name, NameRules.pathSegment(name))
                    if !names.insert(name).inserted { issues.duplicate(field, .string(name)) }
                }
                check(rule: rule, place, &issues)
            }
        }
    }

    /// `matchConditions`.
    static func check(conditions: [JSON], hasParams: Bool, _ path: String, _ issues: inout Issues) {
        if conditions.count > 64 { issues.tooMany(path, conditions.count, 64) }
        var names: Set<String> = []
        let environment = AdmissionEnvironment(hasParams: hasParams).environment(hasAuthorizer: true)
        for (index, condition) in conditions.enumerated() {
            let place = "\(path)[\(index)]"
            let text = condition.text("expression").trimmingBlanks
            if text.isEmpty {
                issues.required("\(place).expression")
            } else if let issue = AdmissionExpression(text, [.bool], in: environment).issue("\(place).expression") {
                issues.add(issue)
            }
            let name = condition.text("name")
            issues.requiredName("\(place).name", name, NameRules.qualifiedName)
            if !name.isEmpty, !names.insert(name).inserted { issues.duplicate("\(place).name", .string(name)) }
        }
    }
}
