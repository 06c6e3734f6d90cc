import Foundation
import KubeModel

extension BuiltinKinds {
    static let podDisruptionBudgets = ResourceType("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
    static let horizontalPodAutoscalers = ResourceType(
        "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
    static let priorityClasses = ResourceType(
        "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", isNamespaced: false)

    static let policies: [KindDefinition] = [
        podDisruptionBudget, horizontalPodAutoscaler, autoscalerV1, priorityClass, lease, runtimeClass,
    ]

    private static let podDisruptionBudget = kind(
        podDisruptionBudgets, short: ["pdb"], hasStatus: true,
        validate: { object, _, issues in
            let spec = object["spec"] ?? [:]
            if spec.has("minAvailable"), spec.has("maxUnavailable") {
                issues.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
            }
            for field in ["minAvailable", "maxUnavailable"] {
                RolloutRules.amount(spec[field], "spec.\(field)", &issues)
                if let percent = RolloutRules.percentage(spec[field]), percent > 100 {
                    issues.invalid("spec.\(field)", spec[field], "must not be greater than 100%")
                }
            }
            SelectorRules.check(spec["selector"], "spec.selector", &issues)
            if let policy = spec["unhealthyPodEvictionPolicy"]?.string {
                issues.supported(
                    "spec.unhealthyPodEvictionPolicy", .string(policy), ["AlwaysAllow", "IfHealthyBudget"])
            }
        },
        validateStatus: { object, _, issues in
            let status = object["status"] ?? [:]
            ConditionRules.check(status.list("conditions"), "status.conditions", &issues)
            for field in ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] {
                issues.notNegative("status.\(field)", status[field])
            }
        },
        columns: [
            .name, TableColumn("Min Available"), TableColumn("Max Unavailable"),
            TableColumn("Allowed Disruptions", type: "integer"), .age,
        ],
        cells: { object, now in
            func amount(_ key: String) -> JSON {
                switch object.value(at: "spec", key) {
                case .int(let number): .string(String(number))
                case .string(let text): .string(text)
                default: "N/A"
                }
            }
            return [
                Cell.name(object), amount("minAvailable"), amount("maxUnavailable"),
                Cell.number(object.value(at: "status", "disruptionsAllowed")), Cell.age(object, now),
            ]
        })

    private static let priorityClass = kind(
        priorityClasses, short: ["pc"],
        defaults: { $0.fill("preemptionPolicy", "PreemptLowerPriority") },
        validate: { object, old, issues in
            let name = object.value(at: "metadata", "name")?.string ?? ""
            let value = object["value"]?.int ?? 0
            if name.hasPrefix("system-") {
                if let problem = PriorityRules.systemProblem(name, value, object["globalDefault"]?.bool ?? false) {
                    issues.forbidden(
                        "metadata.name",
                        "priority class names with 'system-' prefix are reserved for system use only. error: \(problem)"
                    )
                }
            } else if value > PriorityRules.highest {
                issues.forbidden(
                    "value", "maximum allowed value of a user defined priority is \(PriorityRules.highest)")
            }
            issues.supported(
                "preemptionPolicy", object["preemptionPolicy"], ["PreemptLowerPriority", "Never"], isRequired: true)
            if let old {
                if value != old["value"]?.int ?? 0 { issues.forbidden("value", "may not be changed in an update.") }
                issues.immutable("preemptionPolicy", object["preemptionPolicy"], old["preemptionPolicy"])
            }
        },
        columns: [
            .name, TableColumn("Value", type: "integer"), TableColumn("Global-Default", type: "boolean"), .age,
            TableColumn("PreemptionPolicy"),
        ],
        cells: {
            [
                Cell.name($0), Cell.number($0["value"]), .bool($0["globalDefault"]?.bool ?? false), Cell.age($0, $1),
                Cell.text($0["preemptionPolicy"]),
            ]
        })

    private static let lease = kind(
        .leases,
        // Leases that servers elect among themselves are a feature that is off: their fields are dropped.
        create: { $0.edit("spec") { ($0["strategy"], $0["preferredHolder"]) = (nil, nil) } },
        update: { object, _ in object.edit("spec") { ($0["strategy"], $0["preferredHolder"]) = (nil, nil) } },
        validate: { object, _, issues in
            if let seconds = object.value(at: "spec", "leaseDurationSeconds")?.int, seconds <= 0 {
                issues.invalid("spec.leaseDurationSeconds", .int(seconds), "must be greater than 0")
            }
            issues.notNegative("spec.leaseTransitions", object.value(at: "spec", "leaseTransitions"))
        },
        columns: [.name, TableColumn("Holder"), .age],
        cells: { [Cell.name($0), Cell.text($0.value(at: "spec", "holderIdentity")), Cell.age($0, $1)] })

    private static let runtimeClass = kind(
        ResourceType("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", isNamespaced: false),
        validate: { object, old, issues in
            issues.requiredName("handler", object.text("handler"), NameRules.label)
            if let amounts = object.value(at: "overhead", "podFixed") {
                ResourceRules.check(["limits": amounts], "overhead", &issues)
            }
            let scheduling = object["scheduling"] ?? [:]
            issues.add(MetadataRules.labels(scheduling["nodeSelector"], "scheduling.nodeSelector"))
            let tolerations = scheduling.list("tolerations")
            PodValidation.tolerations(tolerations, "scheduling.tolerations", &issues)
            for (index, toleration) in tolerations.enumerated() where tolerations[..<index].contains(toleration) {
                issues.duplicate("scheduling.tolerations[\(index)]", toleration)
            }
            if let old { issues.immutable("handler", object["handler"], old["handler"]) }
        },
        columns: [.name, TableColumn("Handler"), .age],
        cells: { [Cell.name($0), Cell.text($0["handler"]), Cell.age($0, $1)] })
}

/// Priorities of Pods.
enum PriorityRules {
    /// The highest priority that is not the system's.
    static let highest: Int64 = 1_000_000_000

    private static let system: [String: Int64] = [
        "system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000,
    ]

    /// What is wrong with a class whose name is the system's.
    static func systemProblem(_ name: String, _ value: Int64, _ isDefault: Bool) -> String? {
        guard let expected = system[name] else { return "\(name) is not a known system priority class" }
        if value != expected { return "value of \(name) PriorityClass must be \(expected)" }
        return isDefault ? "globalDefault of \(name) PriorityClass must be false" : nil
    }
}

/// Conditions of the common form (meta/v1 Condition).
enum ConditionRules {
    static func check(_ conditions: [JSON], _ path: String, _ issues: inout Issues) {
        var seen: Set<String> = []
        for (index, condition) in conditions.enumerated() {
            let place = "\(path)[\(index)]"
            let (type, reason) = (condition.text("type"), condition.text("reason"))
            issues.requiredName("\(place).type", type, NameRules.qualifiedName)
            if !type.isEmpty, !seen.insert(type).inserted { issues.duplicate("\(place).type", .string(type)) }
            issues.supported("\(place).status", condition["status"], ["False", "True", "Unknown"])
            issues.notNegative("\(place).observedGeneration", condition["observedGeneration"])
            if !condition.has("lastTransitionTime") { issues.required("\(place).lastTransitionTime", "must be set") }
            if reason.isEmpty {
                issues.required("\(place).reason")
            } else if !isReason(reason) {
                issues.invalid(
                    "\(place).reason", .string(reason),
                    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
                )
            }
            if reason.utf8.count > 1024 { issues.tooLong("\(place).reason", 1024) }
            if condition.text("message").utf8.count > 32768 { issues.tooLong("\(place).message", 32768) }
        }
    }

    private static func isReason(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A }
        func isPlain(_ byte: UInt8) -> Bool { isLetter(byte) || (0x30...0x39).contains(byte) || byte == 0x5F }
        guard let first = bytes.first, let last = bytes.last, isLetter(first), isPlain(last) else { return false }
        return bytes.allSatisfy { isPlain($0) || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ":") }
    }
}
