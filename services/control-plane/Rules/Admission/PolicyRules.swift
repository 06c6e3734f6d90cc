public import CEL
import KubeModel

/// Rules of ValidatingAdmissionPolicies and MutatingAdmissionPolicies.
enum PolicyRules {
    private static let failurePolicies = ["Fail", "Ignore"]
    private static let reasons = ["Forbidden", "Invalid", "RequestEntityTooLarge"]
    private static let reinvocationPolicies = ["IfNeeded", "Never"]
    private static let mutableOperations = ["*", "CONNECT", "CREATE", "UPDATE"]
    private static let reserved: Set<String> = [
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
        "let", "loop", "package", "namespace", "return", "var", "void", "while",
    ]
    private static let mostAnnotations = 20
    private static let longestAnnotation = 5 * 1024

    /// A whole policy; match conditions that did not change are not looked at again.
    static func check(_ object: JSON, old: JSON?, isMutating: Bool, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        let hasParams = spec.has("paramKind")
        if spec.has("failurePolicy") {
            issues.supported("spec.failurePolicy", spec["failurePolicy"], failurePolicies)
        } else {
            issues.required("spec.failurePolicy")
        }
        if hasParams { check(paramKind: spec["paramKind"] ?? [:], "spec.paramKind", &issues) }
        check(constraints: spec, isMutating: isMutating, &issues)
        let before = old?["spec"]
        if before == nil || before?["paramKind"] != spec["paramKind"]
            || before?["matchConditions"] != spec["matchConditions"]
        {
            MatchRules.check(
                conditions: spec.list("matchConditions"), hasParams: hasParams, "spec.matchConditions", &issues)
        }
        let variables = spec.list("variables")
        var environment = AdmissionEnvironment(
            hasParams: hasParams, hasVariables: isMutating || !variables.isEmpty)
        for (index, variable) in variables.enumerated() {
            check(variable: variable, "spec.variables[\(index)]", &environment, &issues)
        }
        if isMutating {
            check(mutations: spec, environment, &issues)
        } else {
            check(validations: spec, name: object.value(at: "metadata", "name")?.string ?? "", environment, &issues)
        }
    }

    private static func check(constraints spec: JSON, isMutating: Bool, _ issues: inout Issues) {
        guard spec.has("matchConstraints"), let match = spec["matchConstraints"] else {
            return issues.required("spec.matchConstraints")
        }
        MatchRules.check(resources: match, "spec.matchConstraints", &issues)
        if match.list("resourceRules").isEmpty { issues.required("spec.matchConstraints.resourceRules") }
        if isMutating { check(mutable: match, "spec.matchConstraints", &issues) }
    }

    /// What is deleted cannot be changed on the way.
    static func check(mutable match: JSON, _ path: String, _ issues: inout Issues) {
        for rule in match.list("resourceRules") {
            for operation in rule.list("operations").compactMap(\.string) where !mutableOperations.contains(operation) {
                issues.notSupported("\(path).resourceRules.operations", .string(operation), mutableOperations)
            }
        }
    }

    private static func check(paramKind: JSON, _ path: String, _ issues: inout Issues) {
        let apiVersion = paramKind.text("apiVersion")
        let parts = apiVersion.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if apiVersion.isEmpty {
            issues.required("\(path).apiVersion")
        } else if parts.count > 2 {
            issues.invalid(
                "\(path).apiVersion", .string(apiVersion), "unexpected GroupVersion string: \(apiVersion)")
        } else {
            let (group, version) =
                apiVersion == "/" ? ("", "") : (parts.count == 2 ? parts[0] : "", parts[parts.count - 1])
            join("\(path).apiVersion", group, group.isEmpty ? [] : NameRules.subdomain(group), &issues)
            if version.isEmpty {
                issues.invalid("\(path).apiVersion", .string(apiVersion), "version must be specified")
            } else {
                join("\(path).apiVersion", version, NameRules.label1035(version), &issues)
            }
        }
        let kind = paramKind.text("kind")
        guard !kind.isEmpty else { return issues.required("\(path).kind") }
        let problems = NameRules.label1035(kind.lowercased())
        if !problems.isEmpty {
            issues.invalid(
                "\(path).kind", .string(kind),
                "may have mixed case, but should otherwise match: \(problems.joined(separator: ","))")
        }
    }

    private static func join(_ field: String, _ value: String, _ problems: [String], _ issues: inout Issues) {
        if !problems.isEmpty { issues.invalid(field, .string(value), problems.joined(separator: ",")) }
    }

    private static func check(
        variable: JSON, _ path: String, _ environment: inout AdmissionEnvironment, _ issues: inout Issues
    ) {
        let (name, text) = (variable.text("name"), variable.text("expression"))
        if name.trimmingBlanks.isEmpty {
            issues.required("\(path).name", "name is not specified")
        } else if !isIdentifier(name) {
            issues.invalid("\(path).name", .string(name), "must be a valid CEL identifier")
        }
        guard !text.trimmingBlanks.isEmpty else {
            return issues.required("\(path).expression", "expression is not specified")
        }
        if let issue = environment.declare(name, text).issue("\(path).expression") { issues.add(issue) }
    }

    private static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first), !reserved.contains(name) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            byte == 0x5F || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
    }

    // MARK: Validating

    private static func check(
        validations spec: JSON, name: String, _ environment: AdmissionEnvironment, _ issues: inout Issues
    ) {
        let (validations, annotations) = (spec.list("validations"), spec.list("auditAnnotations"))
        guard !validations.isEmpty || !annotations.isEmpty else {
            let detail = "validations or auditAnnotations must contain at least one item"
            issues.required("spec.validations", detail)
            return issues.required("spec.auditAnnotations", detail)
        }
        let scope = environment.environment(hasAuthorizer: true)
        let messageScope = environment.environment(hasAuthorizer: false)
        for (index, validation) in validations.enumerated() {
            check(validation: validation, "spec.validations[\(index)]", scope, messageScope, &issues)
        }
        if annotations.count > mostAnnotations {
            issues.invalid(
                "spec.auditAnnotations",
                .array(annotations.map { ["Key": $0["key"] ?? "", "ValueExpression": $0["valueExpression"] ?? ""] }),
                "must not have more than \(mostAnnotations) auditAnnotations")
        }
        var keys: Set<String> = []
        for (index, annotation) in annotations.enumerated() {
            let path = "spec.auditAnnotations[\(index)]"
            check(annotation: annotation, policy: name, path, scope, &issues)
            let key = annotation.text("key")
            if !keys.insert(key).inserted { issues.duplicate("\(path).key", .string(key)) }
        }
    }

    private static func check(
        validation: JSON, _ path: String, _ scope: Environment, _ messageScope: Environment, _ issues: inout Issues
    ) {
        let text = validation.text("expression")
        if text.trimmingBlanks.isEmpty {
            issues.required("\(path).expression", "expression is not specified")
        } else if let issue = AdmissionExpression(text, [.bool], in: scope).issue("\(path).expression") {
            issues.add(issue)
        }
        let messageText = validation.text("messageExpression")
        if messageText.trimmingBlanks.isEmpty {
            if !messageText.isEmpty {
                issues.invalid(
                    "\(path).messageExpression", .string(messageText), "must be non-empty if specified")
            }
        } else if let issue = AdmissionExpression(messageText, [.string], in: messageScope)
            .issue("\(path).messageExpression")
        {
            issues.add(issue)
        }
        let message = validation.text("message")
        let trimmed = message.trimmingBlanks
        if !message.isEmpty, trimmed.isEmpty {
            issues.invalid("\(path).message", .string(message), "must be non-empty if specified")
        } else if trimmed.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
            issues.invalid("\(path).message", .string(message), "must not contain line breaks")
        }
        if validation.has("reason") {
            issues.supported("\(path).reason", validation["reason"], reasons)
        }
    }

    private static func check(
        annotation: JSON, policy name: String, _ path: String, _ scope: Environment, _ issues: inout Issues
    ) {
        let key = annotation.text("key")
        if name.isEmpty {
            issues.invalid("\(path).key", .string(key), "requires metadata.name be non-empty")
        } else {
            let qualified = "\(name)/\(key)"
            issues.invalid("\(path).key", qualified, NameRules.qualifiedName(qualified))
        }
        let written = annotation.text("valueExpression")
        let text = written.trimmingBlanks
        let field = "\(path).valueExpression"
        if text.isEmpty {
            issues.required(field, "valueExpression is not specified")
        } else if text.utf8.count > longestAnnotation {
            issues.required(field, "must not exceed \(longestAnnotation) bytes in length")
        } else if let issue = AdmissionExpression(text, [.string, .null], in: scope).issue(field, as: written) {
            issues.add(issue)
        }
    }

    // MARK: Mutating

    private static func check(mutations spec: JSON, _ environment: AdmissionEnvironment, _ issues: inout Issues) {
        let mutations = spec.list("mutations")
        if mutations.isEmpty { issues.required("spec.mutations", "mutations must contain at least one item") }
        let scope = environment.patchEnvironment
        for (index, mutation) in mutations.enumerated() {
            check(mutation: mutation, "spec.mutations[\(index)]", scope, &issues)
        }
        issues.supported(
            "spec.reinvocationPolicy", spec["reinvocationPolicy"], reinvocationPolicies, isRequired: true)
    }

    private static func check(mutation: JSON, _ path: String, _ scope: Environment, _ issues: inout Issues) {
        let type = mutation.text("patchType")
        guard !type.isEmpty else { return issues.required("\(path).patchType") }
        guard let patch = PatchType(rawValue: type) else {
            return issues.notSupported(
                "\(path).patchType", .string(type), [PatchType.applyConfiguration, .jsonPatch].map(\.rawValue))
        }
        let (own, other) =
            patch == .jsonPatch ? ("jsonPatch", "applyConfiguration") : ("applyConfiguration", "jsonPatch")
        if mutation.has(own) {
            let text = mutation[own]?.text("expression").trimmingBlanks ?? ""
            let field = "\(path).\(own).expression"
            if text.isEmpty {
                issues.required(field)
            } else if let issue = AdmissionExpression(text, [patch.result], in: scope).issue(field) {
                issues.add(issue)
            }
        } else {
            issues.required("\(path).\(own)", "must be specified when patchType is \(type)")
        }
        if mutation.has(other) {
            issues.invalid(
                "\(path).\(other)", .string("{\(other)}"), "must not be specified when patchType is \(type)")
        }
    }
}

/// How a mutation says what it changes.
public enum PatchType: String, Sendable {
    /// An object that is merged as server-side apply does it.
    case applyConfiguration = "ApplyConfiguration"
    /// A list of operations.
    case jsonPatch = "JSONPatch"

    /// The type of the expression's value.
    public var result: CELType {
        switch self {
        case .applyConfiguration: .structure("Object")
        case .jsonPatch: .list(.structure("JSONPatch"))
        }
    }
}
