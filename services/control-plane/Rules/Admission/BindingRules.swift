import KubeModel

/// Rules of ValidatingAdmissionPolicyBindings and MutatingAdmissionPolicyBindings.
enum BindingRules {
    private static let actions = ["Audit", "Deny", "Warn"]
    private static let notFoundActions = ["Deny", "Allow"]

    /// A whole binding.
    static func check(_ object: JSON, isMutating: Bool, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        issues.requiredName("spec.policyName", spec.text("policyName"), NameRules.subdomain)
        if spec.has("paramRef") { check(paramRef: spec["paramRef"] ?? [:], "spec.paramRef", &issues) }
        if spec.has("matchResources"), let match = spec["matchResources"] {
            MatchRules.check(resources: match, "spec.matchResources", &issues)
            if isMutating { PolicyRules.check(mutable: match, "spec.matchResources", &issues) }
        }
        if !isMutating { check(actions: spec.list("validationActions"), "spec.validationActions", &issues) }
    }

    private static func check(paramRef: JSON, _ path: String, _ issues: inout Issues) {
        let name = paramRef.text("name")
        let hasSelector = paramRef.has("selector")
        let exclusive = "name and selector are mutually exclusive"
        issues.name("\(path).name", name, NameRules.pathSegment)
        if !name.isEmpty, hasSelector { issues.forbidden("\(path).name", exclusive) }
        if hasSelector { SelectorRules.check(paramRef["selector"], "\(path).selector", &issues) }
        if !name.isEmpty, hasSelector { issues.forbidden("\(path).selector", exclusive) }
        if name.isEmpty, !hasSelector { issues.required(path, "one of name or selector must be specified") }
        issues.supported(
            "\(path).parameterNotFoundAction", paramRef["parameterNotFoundAction"], notFoundActions, isRequired: true)
    }

    private static func check(actions given: [JSON], _ path: String, _ issues: inout Issues) {
        guard !given.isEmpty else { return issues.required(path, "at least one validation action is required") }
        var seen: Set<String> = []
        for (index, action) in given.enumerated() {
            let text = action.string ?? ""
            issues.supported("\(path)[\(index)]", action, actions)
            if !seen.insert(text).inserted { issues.duplicate("\(path)[\(index)]", action) }
        }
        if seen.contains("Deny"), seen.contains("Warn") {
            issues.invalid(
                path, .array(given),
                "must not contain both Deny and Warn (repeating the same validation failure information in the API "
                    + "response and headers serves no purpose)")
        }
    }
}
