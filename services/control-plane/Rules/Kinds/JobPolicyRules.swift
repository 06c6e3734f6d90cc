import KubeModel

/// What a Job says about the failure of its Pods, and about its own success.
enum JobPolicyRules {
    private static let actions = ["Count", "FailIndex", "FailJob", "Ignore"]
    private static let mostRules = 20

    private static func quoted(_ words: [String]) -> String {
        "valid values: [\(words.map(FieldIssue.quoted).joined(separator: " "))]"
    }

    private static func tooMany(_ field: String, _ count: Int, _ most: Int, _ issues: inout Issues) {
        guard count > most else { return }
        issues.add(
            .init(
                field: field, reason: .tooMany, value: .int(Int64(count)), detail: "must have at most \(most) items"))
    }

    static func checkFailure(_ spec: JSON, _ path: String, _ issues: inout Issues) {
        let rules = spec["podFailurePolicy"]?.list("rules") ?? []
        tooMany("\(path).rules", rules.count, mostRules, &issues)
        let pod = spec.value(at: "template", "spec") ?? [:]
        let names = Set((pod.list("containers") + pod.list("initContainers")).map { $0.text("name") })
        for (index, rule) in rules.enumerated() {
            let place = "\(path).rules[\(index)]"
            let action = rule.text("action")
            if action.isEmpty {
                issues.required("\(place).action", quoted(actions))
            } else if action == "FailIndex" {
                if !spec.has("backoffLimitPerIndex") {
                    issues.invalid(
                        "\(place).action", .string(action), "requires the backoffLimitPerIndex to be set")
                }
            } else {
                issues.supported("\(place).action", .string(action), actions)
            }
            let conditions = rule.list("onPodConditions")
            if let codes = rule["onExitCodes"], !codes.isNull {
                check(exitCodes: codes, "\(place).onExitCodes", names, &issues)
                if !conditions.isEmpty {
                    issues.invalid(place, nil, "specifying both OnExitCodes and OnPodConditions is not supported")
                }
            } else if conditions.isEmpty {
                issues.invalid(place, nil, "specifying one of OnExitCodes and OnPodConditions is required")
            }
            check(conditions: conditions, "\(place).onPodConditions", &issues)
        }
    }

    private static func check(exitCodes: JSON, _ path: String, _ names: Set<String>, _ issues: inout Issues) {
        let comparison = exitCodes.text("operator")
        if comparison.isEmpty {
            issues.required("\(path).operator", quoted(["In", "NotIn"]))
        } else {
            issues.supported("\(path).operator", .string(comparison), ["In", "NotIn"])
        }
        if let name = exitCodes["containerName"]?.string, !names.contains(name) {
            issues.invalid(
                "\(path).containerName", .string(name),
                "must be one of the container or initContainer names in the pod template")
        }
        let values = exitCodes.list("values").compactMap(\.int)
        if values.isEmpty {
            issues.invalid("\(path).values", exitCodes["values"] ?? .null, "at least one value is required")
        }
        tooMany("\(path).values", values.count, 255, &issues)
        var seen: Set<Int64> = []
        for (index, value) in values.enumerated() {
            let place = "\(path).values[\(index)]"
            if comparison == "In", value == 0 {
                issues.invalid(place, .int(value), "must not be 0 for the In operator")
            }
            if !seen.insert(value).inserted { issues.duplicate(place, .int(value)) }
        }
        if zip(values, values.dropFirst()).contains(where: { $0 > $1 }) {
            issues.invalid("\(path).values", exitCodes["values"], "must be ordered")
        }
    }

    private static func check(conditions: [JSON], _ path: String, _ issues: inout Issues) {
        tooMany(path, conditions.count, 20, &issues)
        for (index, condition) in conditions.enumerated() {
            let type = condition.text("type")
            issues.invalid("\(path)[\(index)].type", type, NameRules.qualifiedName(type))
            let status = condition.text("status")
            if status.isEmpty {
                issues.required("\(path)[\(index)].status", quoted(["False", "True", "Unknown"]))
            } else {
                issues.supported("\(path)[\(index)].status", .string(status), ["False", "True", "Unknown"])
            }
        }
    }

    static func checkSuccess(_ spec: JSON, _ path: String, _ issues: inout Issues) {
        let rules = spec["successPolicy"]?.list("rules") ?? []
        if rules.isEmpty {
            issues.required(
                "\(path).rules", "at least one rules must be specified when the successPolicy is specified")
        }
        tooMany("\(path).rules", rules.count, mostRules, &issues)
        guard let completions = spec["completions"]?.int else { return }
        for (index, rule) in rules.enumerated() {
            let place = "\(path).rules[\(index)]"
            let indexes = rule["succeededIndexes"]?.string
            let count = rule["succeededCount"]?.int
            if indexes == nil, count == nil {
                issues.required(place, "at least one of succeededCount or succeededIndexes must be specified")
            }
            var total: Int64?
            if let indexes {
                let field = "\(place).succeededIndexes"
                if indexes.utf8.count > 64 * 1024 {
                    issues.add(.init(field: field, reason: .tooLong, detail: "may not be more than 65536 bytes"))
                }
                switch JobIndexText.count(indexes, completions: completions) {
                case .success(let number): total = number
                case .failure(let problem):
                    total = 0
                    issues.invalid(field, .string(indexes), "error parsing succeededIndexes: \(problem.text)")
                }
            }
            guard let count else { continue }
            let field = "\(place).succeededCount"
            issues.notNegative(field, .int(count))
            if count > completions {
                issues.invalid(
                    field, .int(count),
                    "must be less than or equal to \(completions) (the number of specified completions)")
            }
            if let total, count > total {
                issues.invalid(
                    field, .int(count),
                    "must be less than or equal to \(total) (the number of indexes in the specified succeededIndexes field)"
                )
            }
        }
    }
}

/// Indexes of a Job as text: `0,2-4,7`.
enum JobIndexText {
    /// Why a text names no indexes.
    struct Problem: Error {
        let text: String
    }

    /// The intervals of a text, in rising order.
    static func intervals(_ text: String, completions: Int64) -> Result<[ClosedRange<Int64>], Problem> {
        var intervals: [ClosedRange<Int64>] = []
        guard !text.isEmpty else { return .success([]) }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false)
            guard bounds.count <= 2 else {
                return failure(
                    "the fragment \(FieldIssue.quoted(String(part))) violates the requirement that an index interval can have at most two parts separated by '-'"
                )
            }
            var numbers: [Int64] = []
            for bound in bounds {
                let name = FieldIssue.quoted(String(bound))
                guard let number = Int64(bound) else {
                    return failure("cannot convert string to integer for index: \(name)")
                }
                guard number < completions else { return failure("too large index: \(name)") }
                numbers.append(number)
            }
            let (first, last) = (numbers[0], numbers[numbers.count - 1])
            if numbers.count == 2, first >= last {
                return failure("non-increasing order, previous: \(first), current: \(last)")
            }
            if let before = intervals.last, first <= before.upperBound {
                return failure("non-increasing order, previous: \(before.upperBound), current: \(first)")
            }
            intervals.append(first...last)
        }
        return .success(intervals)
    }

    /// How many indexes a text names.
    static func count(_ text: String, completions: Int64) -> Result<Int64, Problem> {
        intervals(text, completions: completions).map { $0.reduce(0) { $0 + $1.upperBound - $1.lowerBound + 1 } }
    }

    private static func failure(_ text: String) -> Result<[ClosedRange<Int64>], Problem> {
        .failure(Problem(text: text))
    }
}
