import CEL
import KubeModel

/// Checks the rules of a new schema: their texts, types and costs.
struct RuleChecks {
    /// What one rule may cost at most, all places together where it is evaluated.
    private static let ruleLimit: UInt64 = 10_000_000
    /// What all rules of a version may cost at most.
    private static let totalLimit: UInt64 = 100_000_000

    private var issues: [FieldIssue] = []
    private var total: UInt64 = 0
    private var expensive: [(path: String, cost: UInt64)] = []
    /// Paths of levels with mistakes that are not about rules.
    private let wrong: [String]

    /// What is wrong with the rules of a schema.
    ///
    /// - Parameters:
    ///   - schema: the root.
    ///   - path: its path.
    ///   - known: issues that were found without looking at rules.
    /// - Returns: what is wrong with them.
    static func check(_ schema: SchemaNode, _ path: String, known: [FieldIssue]) -> [FieldIssue] {
        guard schema.hasRules else { return [] }
        var checks = RuleChecks(wrong: known.map(\.field).filter { $0.hasPrefix(path) })
        checks.check(schema, path, isResource: true, cardinality: 1, uncorrelated: nil)
        checks.checkTotal(path)
        return checks.issues
    }

    private init(wrong: [String]) { self.wrong = wrong }

    /// Checks one level and those below.
    ///
    /// - Parameters:
    ///   - node: the level.
    ///   - path: its path.
    ///   - isResource: true where the objects are whole resources.
    ///   - cardinality: how many values of this level an object can have; nil when nothing limits it.
    ///   - uncorrelated: the path of the list from which on values have no old value to compare with.
    /// - Returns: false when a rule here or below could not be compiled for what it leaves out.
    @discardableResult
    private mutating func check(
        _ node: SchemaNode, _ path: String, isResource: Bool, cardinality: UInt64?, uncorrelated: String?
    ) -> Bool {
        guard node.hasRules else { return true }
        var isWhole = true
        let below = Self.elements(node).flatMap { count in cardinality.map { $0.multiplying(count) } }
        if case .schema(let child) = node.additional {
            isWhole =
                check(
                    child, "\(path).additionalProperties", isResource: child.isEmbeddedResource, cardinality: below,
                    uncorrelated: uncorrelated) && isWhole
        }
        for (name, child) in node.properties.sorted(by: { $0.key < $1.key }) {
            isWhole =
                check(
                    child, "\(path).properties[\(name)]", isResource: child.isEmbeddedResource, cardinality: below,
                    uncorrelated: uncorrelated) && isWhole
        }
        if let items = node.items {
            var place = uncorrelated
            if case .map = node.listType {} else { place = place ?? path }
            isWhole =
                check(
                    items, "\(path).items", isResource: items.isEmbeddedResource, cardinality: below,
                    uncorrelated: place) && isWhole
        }
        let textIssues = node.rules.enumerated().flatMap { index, rule in
            Self.textIssues(rule, "\(path).x-kubernetes-validations[\(index)]", node)
        }
        issues += textIssues
        isWhole = isWhole && textIssues.isEmpty && !wrong.contains { $0.hasPrefix(path) }
        if isWhole, !node.rules.isEmpty {
            compile(node, path, isResource: isResource, cardinality: cardinality, uncorrelated: uncorrelated)
        }
        return isWhole
    }

    /// How many values of the level below one value can hold.
    private static func elements(_ node: SchemaNode) -> UInt64? {
        switch node.type {
        case "object":
            switch node.additional {
            case .unspecified: return 1
            default: return node.propertyCounts.maximum.map { UInt64(max(0, $0)) }
            }
        case "array": return node.itemCounts.maximum.map { UInt64(max(0, $0)) }
        default: return 1
        }
    }

    private static let reasons = [
        "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired",
    ]

    private static func textIssues(_ rule: RuleText, _ path: String, _ node: SchemaNode) -> [FieldIssue] {
        var issues = Issues()
        let text = rule.rule.trimmingBlanks
        let message = rule.message.trimmingBlanks
        if text.isEmpty {
            issues.required("\(path).rule", "rule is not specified")
        } else if !rule.message.isEmpty, message.isEmpty {
            issues.invalid("\(path).message", .string(rule.message), "must be non-empty if specified")
        } else if message.hasLineBreak {
            issues.invalid("\(path).message", .string(rule.message), "must not contain line breaks")
        } else if text.hasLineBreak, message.isEmpty {
            issues.required("\(path).message", "message must be specified if rule contains line breaks")
        }
        if !rule.messageExpression.isEmpty, rule.messageExpression.trimmingBlanks.isEmpty {
            issues.required("\(path).messageExpression", "messageExpression must be non-empty if specified")
        }
        if let reason = rule.reason { issues.oneOf("\(path).reason", .string(reason), reasons) }
        if !rule.fieldPath.isEmpty {
            let value = JSON.string(rule.fieldPath)
            if rule.fieldPath.trimmingBlanks.isEmpty {
                issues.invalid("\(path).fieldPath", value, "must be non-empty if specified")
            }
            if rule.fieldPath.hasLineBreak {
                issues.invalid("\(path).fieldPath", value, "must not contain line breaks")
            }
            if RuleFieldPath.normalize(rule.fieldPath, node) == nil {
                issues.invalid("\(path).fieldPath", value, "must be a valid path")
            }
        }
        return issues.all
    }

    private mutating func compile(
        _ node: SchemaNode, _ path: String, isResource: Bool, cardinality: UInt64?, uncorrelated: String?
    ) {
        guard let made = RuleShape.make(node, "selfType", isResource: isResource) else {
            issues.append(
                FieldIssue(
                    field: "\(path).x-kubernetes-validations", reason: .internalError,
                    detail: "internal error: failed to construct type information for x-kubernetes-validations rules: "
                        + "unable to convert structural schema to CEL declarations"))
            return
        }
        let environments = CompiledRule.Environments(made.shape)
        let count = cardinality ?? (3 * 1024 * 1024) / (made.shortest + 1)
        for (index, text) in node.rules.enumerated() {
            let place = "\(path).x-kubernetes-validations[\(index)]"
            let rule = CompiledRule(text, node, environments)
            let cost = (rule.program?.estimatedCost.maximum ?? 0).multiplying(count)
            observe(cost, "\(place).rule", "estimated rule cost")
            if let problem = rule.problem { invalid("\(place).rule", text.json, problem) }
            if let problem = rule.messageProblem {
                invalid("\(place).messageExpression", text.json, problem)
            } else if let program = rule.messageProgram {
                observe(
                    program.estimatedCost.maximum, "\(place).messageExpression", "estimated messageExpression cost")
            }
            if rule.usesOldSelf {
                if let uncorrelated {
                    invalid(
                        "\(place).rule", .string(text.rule),
                        "oldSelf cannot be used on the uncorrelatable portion of the schema within \(uncorrelated)")
                }
            } else if let optional = text.optionalOldSelf {
                invalid(
                    "\(place).optionalOldSelf", .bool(optional), "may not be set if oldSelf is not used in rule")
            }
        }
    }

    private mutating func invalid(_ field: String, _ value: JSON, _ detail: String) {
        issues.append(FieldIssue(field: field, reason: .invalid, value: value, detail: detail))
    }

    private mutating func forbidden(_ field: String, _ detail: String) {
        issues.append(FieldIssue(field: field, reason: .forbidden, detail: detail))
    }

    // MARK: Costs

    private mutating func observe(_ cost: UInt64, _ path: String, _ name: String) {
        if cost > Self.ruleLimit { forbidden(path, Self.excess(name, cost, Self.ruleLimit)) }
        total = total.adding(cost)
        guard cost >= Self.totalLimit / 100 else { return }
        expensive.append((path, cost))
        expensive.sort { $0.cost > $1.cost }
        if expensive.count > 4 { expensive.removeLast() }
    }

    private mutating func checkTotal(_ path: String) {
        guard total > Self.totalLimit else { return }
        for (place, _) in expensive {
            forbidden(
                place, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema")
        }
        let name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        forbidden(path, Self.excess(name, total, Self.totalLimit))
    }

    private static func excess(_ name: String, _ cost: UInt64, _ limit: UInt64) -> String {
        let factor = Double(cost) / Double(limit)
        let text =
            factor > 100
            ? "more than 100x" : factor < 1.5 ? "\(Self.rounded(factor, 6))x" : "\(Self.rounded(factor, 1))x"
        return "\(name) exceeds budget by factor of \(text) (try simplifying the rule, or adding maxItems, "
            + "maxProperties, and maxLength where arrays, maps, and strings are declared)"
    }

    /// A positive number with so many digits behind the point.
    private static func rounded(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = UInt64((value * scale).rounded(.toNearestOrEven))
        let divisor = UInt64(scale)
        let rest = String(whole % divisor)
        return "\(whole / divisor).\(String(repeating: "0", count: digits - rest.count))\(rest)"
    }
}
