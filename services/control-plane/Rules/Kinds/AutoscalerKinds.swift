import Foundation
import KubeModel

extension BuiltinKinds {
    static let horizontalPodAutoscaler = kind(
        horizontalPodAutoscalers, short: ["hpa"], categories: ["all"], hasStatus: true,
        defaults: AutoscalerRules.applyDefaults, validate: AutoscalerRules.check,
        validateStatus: { object, _, issues in
            for field in ["currentReplicas", "desiredReplicas"] {
                issues.notNegative("status.\(field)", object.value(at: "status", field))
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
}
