import CEL
import KubeModel

/// One run of a schema's rules over an object.
struct RuleRun {
    private(set) var issues: [FieldIssue] = []
    private var path: [String] = []
    /// What all evaluations together may still cost; below zero nothing is evaluated any more.
    private var budget: Int64 = 10_000_000

    init() {}

    /// A run over a value that stands at a path.
    init(at path: String) { self.path = [path] }

    /// `self` and `oldSelf`.
    private struct Selves: Activation {
        let new: Value
        let old: Value?

        func value(of name: String) throws(EvaluationError) -> Value? {
            switch name {
            case "self": new
            case "oldSelf": old
            default: nil
            }
        }
    }

    /// Issues at the root have no path.
    private var field: String { path.isEmpty ? "<nil>" : path.joined() }

    mutating func check(_ value: JSON, old: JSON?, _ node: RuleNode, correlation: RuleCorrelation) {
        guard !value.isNull, budget >= 0 else { return }
        evaluate(value, old: old, node, correlation)
        for part in node.allOf where budget >= 0 {
            check(value, old: old, part, correlation: correlation.withoutCurrent)
        }
        switch value {
        case .array(let elements): check(elements, old: old?.array, node, correlation)
        case .object(let object): check(object, old: old?.object, node, correlation)
        default: return
        }
    }

    private mutating func check(
        _ elements: [JSON], old: [JSON]?, _ node: RuleNode, _ correlation: RuleCorrelation
    ) {
        guard let items = node.items else { return }
        let before = OldElements(old, node.schema)
        for (index, element) in elements.enumerated() where budget >= 0 {
            let match = before.match(element)
            path.append("[\(index)]")
            check(element, old: match, items, correlation: correlation.element(element, match, items.schema))
            path.removeLast()
        }
    }

    private mutating func check(
        _ object: JSONObject, old: JSONObject?, _ node: RuleNode, _ correlation: RuleCorrelation
    ) {
        guard node.additional != nil || !node.properties.isEmpty else { return }
        for (key, member) in object where budget >= 0 {
            if let additional = node.additional {
                path.append("[\(key)]")
                check(member, old: old?[key], additional, correlation: correlation.member(key, additional.schema))
                path.removeLast()
            } else if let property = node.properties[key] {
                path.append(path.isEmpty ? key : ".\(key)")
                check(member, old: old?[key], property, correlation: correlation.member(key, property.schema))
                path.removeLast()
            }
        }
    }

    // MARK: One level

    private mutating func evaluate(_ value: JSON, old: JSON?, _ node: RuleNode, _ correlation: RuleCorrelation) {
        guard !node.rules.isEmpty else { return }
        let type = JSON.string(node.schema.type ?? "")
        guard budget > 0 else { return stop(type, Self.outOfBudget) }
        let old = old.flatMap { $0.isNull ? nil : $0 }
        let new = Value(value, node.shape)
        let before = old.map { Value($0, node.shape) }
        for rule in node.rules where budget >= 0 {
            if let problem = rule.problem {
                add(.invalid, type, "rule compile error: \(problem)")
                continue
            }
            guard let program = rule.program else { continue }
            let isOptional = rule.text.optionalOldSelf == true
            if rule.usesOldSelf, before == nil, !isOptional { continue }
            let selves = Selves(
                new: new, old: isOptional ? before.map(Value.some) ?? Value.none : before)
            guard let verdict = evaluate(program, selves, rule, type), !verdict else { continue }
            let isTolerated = !rule.usesOldSelf && correlation.isUnchanged
            guard let detail = message(rule, selves, type, isTolerated) else { continue }
            report(rule, value, node, detail, isTolerated)
        }
    }

    private static let outOfBudget =
        "validation failed due to running out of cost budget, no further validation rules will be run"

    /// What the rule says; nil when it has no answer, which is then told.
    private mutating func evaluate(
        _ program: Program, _ selves: Selves, _ rule: CompiledRule, _ type: JSON
    ) -> Bool? {
        var spent: UInt64 = 0
        let result: Result<Value, EvaluationError>
        do throws(EvaluationError) {
            result = .success(try program.evaluate(selves, limit: CompiledRule.callLimit, spent: &spent))
        } catch {
            result = .failure(error)
        }
        guard let cost = Int64(exactly: spent), cost <= budget else {
            stop(type, Self.outOfBudget)
            return nil
        }
        budget -= cost
        let title = rule.text.title
        switch result {
        case .success(.bool(let verdict)): return verdict
        case .success: return false
        case .failure(let error) where error.kind == .costLimit:
            stop(
                type,
                "'\(error.message)': no further validation rules will be run due to call cost exceeds limit for rule: "
                    + title)
        case .failure(let error) where error.message.hasPrefix("no such overload"):
            add(
                .invalid, type,
                "'\(error.message)': call arguments did not match a supported operator, function or macro signature "
                    + "for rule: \(title)")
        case .failure(let error): add(.invalid, type, "\(error.message) evaluating rule: \(title)")
        }
        return nil
    }

    private mutating func add(_ reason: FieldIssue.Reason, _ value: JSON?, _ detail: String) {
        issues.append(FieldIssue(field: field, reason: reason, value: value, detail: detail))
    }

    private mutating func stop(_ type: JSON, _ detail: String) {
        add(.invalid, type, detail)
        budget = -1
    }

    // MARK: Messages

    private static let longestMessage = 5 * 1024

    /// The message of a rule that is broken; nil when making it ended the run.
    private mutating func message(
        _ rule: CompiledRule, _ selves: Selves, _ type: JSON, _ isTolerated: Bool
    ) -> String? {
        let fallback =
            rule.text.message.isEmpty ? "failed rule: \(rule.text.title)" : rule.text.message.trimmingBlanks
        guard let program = rule.messageProgram else { return fallback }
        var spent: UInt64 = 0
        let result: Value?
        var isOverLimit = false
        do throws(EvaluationError) {
            result = try program.evaluate(selves, limit: CompiledRule.callLimit, spent: &spent)
        } catch {
            result = nil
            isOverLimit = error.kind == .costLimit
        }
        guard let cost = Int64(exactly: spent), cost <= budget, !isOverLimit else {
            let quoted = FieldIssue.quoted(rule.text.messageExpression)
            issues.append(
                FieldIssue(
                    field: place(rule), reason: .invalid, value: type,
                    detail: isOverLimit
                        ? "no further validation rules will be run due to call cost exceeds limit for "
                            + "messageExpression: \(quoted)"
                        : "messageExpression evaluation failed due to running out of cost budget, "
                            + "no further validation rules will be run",
                    isTolerated: isTolerated))
            budget = -1
            return nil
        }
        budget -= cost
        guard case .string(let text)? = result else { return fallback }
        let trimmed = text.trimmingBlanks
        if trimmed.isEmpty || trimmed.utf8.count > Self.longestMessage || trimmed.utf8.contains(10) { return fallback }
        return trimmed
    }

    private func place(_ rule: CompiledRule) -> String {
        guard let relative = rule.fieldPath else { return field }
        return path.isEmpty ? relative : "\(field).\(relative)"
    }

    private mutating func report(
        _ rule: CompiledRule, _ value: JSON, _ node: RuleNode, _ detail: String, _ isTolerated: Bool
    ) {
        let reason: FieldIssue.Reason =
            switch rule.text.reason {
            case "FieldValueForbidden": .forbidden
            case "FieldValueRequired": .required
            case "FieldValueDuplicate": .duplicate
            default: .invalid
            }
        let isPart = node.schema.type == "object" || node.schema.type == "array"
        issues.append(
            FieldIssue(
                field: place(rule), reason: reason, value: isPart ? nil : value,
                detail: reason == .duplicate ? "" : detail, showsValue: !isPart, isTolerated: isTolerated))
    }
}
