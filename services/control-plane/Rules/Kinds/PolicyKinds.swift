import Foundation
import KubeModel

extension BuiltinKinds {
    static let podDisruptionBudgets = ResourceType("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
    static let horizontalPodAutoscalers = ResourceType(
        "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
    static let priorityClasses = ResourceType(
        "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", isNamespaced: false)

    static let policies: [KindDefinition] = [
        podDisruptionBudget, horizontalPodAutoscaler, autoscalerV1, priorityClass, lease,
    ]

    private static let podDisruptionBudget = kind(
        podDisruptionBudgets, short: ["pdb"], hasStatus: true,
        create: { object in
            object["status"] = ["disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0]
        },
        validate: { object, _, issues in
            let spec = object["spec"] ?? [:]
            if spec.has("minAvailable"), spec.has("maxUnavailable") {
                issues.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
            }
            for field in ["minAvailable", "maxUnavailable"] {
                if let number = spec[field]?.int, number < 0 {
                    issues.invalid("spec.\(field)", .int(number), "must be greater than or equal to 0")
                }
            }
            SelectorRules.check(spec["selector"], "spec.selector", &issues)
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

    static let horizontalPodAutoscaler = kind(
        horizontalPodAutoscalers, short: ["hpa"], categories: ["all"], hasStatus: true,
        defaults: { object in
            object.edit("spec") { spec in
                spec.fill("minReplicas", 1)
                if spec.list("metrics").isEmpty {
                    spec["metrics"] = [
                        [
                            "type": "Resource",
                            "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": 80]],
                        ]
                    ]
                }
            }
        },
        create: { $0["status"] = ["desiredReplicas": 0, "currentMetrics": .null] },
        validate: { object, _, issues in
            let spec = object["spec"] ?? [:]
            let minimum = spec["minReplicas"]?.int ?? 1
            if minimum < 1 { issues.invalid("spec.minReplicas", .int(minimum), "must be greater than or equal to 1") }
            let maximum = spec["maxReplicas"]?.int ?? 0
            if maximum < 1 { issues.invalid("spec.maxReplicas", .int(maximum), "must be greater than 0") }
            if maximum < minimum {
                issues.invalid("spec.maxReplicas", .int(maximum), "must be greater than or equal to `minReplicas`")
            }
            for field in ["kind", "name"] where spec["scaleTargetRef"]?.text(field).isEmpty ?? true {
                issues.required("spec.scaleTargetRef.\(field)")
            }
            for (index, metric) in spec.list("metrics").enumerated() {
                issues.oneOf(
                    "spec.metrics[\(index)].type", metric["type"],
                    ["ContainerResource", "External", "Object", "Pods", "Resource"], isRequired: true)
            }
        },
        columns: [
            .name, TableColumn("Reference"), TableColumn("Targets"), TableColumn("MinPods"), TableColumn("MaxPods"),
            TableColumn("Replicas"), .age,
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let target = spec["scaleTargetRef"] ?? [:]
            let current = object["status"]?.list("currentMetrics") ?? []
            let targets = spec.list("metrics").enumerated().map { index, metric -> String in
                let source = metric[metric.text("type").prefix(1).lowercased() + metric.text("type").dropFirst()] ?? [:]
                let wanted = source["target"] ?? [:]
                let now = index < current.count ? current[index].object?.values.compactMap { $0["current"] }.first : nil
                if let percent = wanted["averageUtilization"]?.int {
                    let seen = now?["averageUtilization"]?.int.map { "\($0)%" } ?? "<unknown>"
                    return "\(source.text("name")): \(seen)/\(percent)%"
                }
                let seen = Quantity(now?["averageValue"])?.text ?? "<unknown>"
                return "\(seen)/\(Quantity(wanted["averageValue"] ?? wanted["value"])?.text ?? "<unknown>")"
            }
            return [
                Cell.name(object), .string("\(target.text("kind"))/\(target.text("name"))"),
                .string(targets.isEmpty ? "<none>" : targets.joined(separator: ", ")), Cell.number(spec["minReplicas"]),
                Cell.number(spec["maxReplicas"]), Cell.number(object.value(at: "status", "currentReplicas")),
                Cell.age(object, now),
            ]
        })

    private static let priorityClass = kind(
        priorityClasses, short: ["pc"],
        defaults: { object in
            object.fill("value", 0)
            object.fillText("preemptionPolicy", "PreemptLowerPriority")
        },
        validate: { object, old, issues in
            let name = object.value(at: "metadata", "name")?.string ?? ""
            let value = object["value"]?.int ?? 0
            if name.hasPrefix("system-"), !["system-node-critical", "system-cluster-critical"].contains(name) {
                issues.forbidden(
                    "metadata.name",
                    "priority class names with 'system-' prefix are reserved for system use only. error: \(name) is not a known system priority class"
                )
            } else if !name.hasPrefix("system-"), value > 1_000_000_000 {
                issues.forbidden("value", "maximum allowed value of a user defined priority is 1000000000")
            }
            issues.oneOf("preemptionPolicy", object["preemptionPolicy"], ["Never", "PreemptLowerPriority"])
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
        validate: { object, _, issues in
            if let seconds = object.value(at: "spec", "leaseDurationSeconds")?.int, seconds <= 0 {
                issues.invalid("spec.leaseDurationSeconds", .int(seconds), "must be greater than 0")
            }
            issues.notNegative("spec.leaseTransitions", object.value(at: "spec", "leaseTransitions"))
        },
        columns: [.name, TableColumn("Holder"), .age],
        cells: { [Cell.name($0), Cell.text($0.value(at: "spec", "holderIdentity")), Cell.age($0, $1)] })
}
