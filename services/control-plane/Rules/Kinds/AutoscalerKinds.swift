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
            let targets = spec.list("metrics").enumerated().map { index, metric in
                AutoscalerCells.target(of: metric, now: index < current.count ? current[index] : nil)
            }
            return [
                Cell.name(object), .string("\(target.text("kind"))/\(target.text("name"))"),
                .string(AutoscalerCells.shortened(targets)),
                .string(spec["minReplicas"]?.int.map(String.init) ?? "<unset>"),
                Cell.number(spec["maxReplicas"]), Cell.number(object.value(at: "status", "currentReplicas")),
                Cell.age(object, now),
            ]
        })
}
