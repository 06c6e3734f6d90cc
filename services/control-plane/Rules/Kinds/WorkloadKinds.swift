import Foundation
import KubeModel

extension BuiltinKinds {
    static let workloads: [KindDefinition] = [deployment, replicaSet, statefulSet, daemonSet, controllerRevision]

    /// Columns about the containers of a template, shown in wide output.
    static let containerColumns = [
        TableColumn("Containers", priority: 1), TableColumn("Images", priority: 1),
        TableColumn("Selector", priority: 1),
    ]

    static func containerCells(_ object: JSON) -> [JSON] {
        let (names, images) = Cell.containers(object.value(at: "spec", "template", "spec"))
        return [names, images, Cell.selector(object.value(at: "spec", "selector"))]
    }

    static func status(_ object: JSON, _ key: String) -> JSON { Cell.number(object.value(at: "status", key)) }

    private static let deployment = kind(
        .deployments, short: ["deploy"], categories: ["all"], hasStatus: true, subresources: ["scale"],
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec") { spec in
                spec.fill("replicas", 1)
                spec.fill("revisionHistoryLimit", 10)
                spec.fill("progressDeadlineSeconds", 600)
                spec.fill("strategy", [:])
                spec.edit("strategy") { strategy in
                    strategy.fillText("type", "RollingUpdate")
                    guard strategy.text("type") == "RollingUpdate" else { return }
                    strategy.fill("rollingUpdate", [:])
                    strategy.edit("rollingUpdate") { update in
                        update.fill("maxUnavailable", "25%")
                        update.fill("maxSurge", "25%")
                    }
                }
                WorkloadRules.fillTemplate(of: &spec)
            }
        },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            WorkloadRules.check(spec, kind: "deployment", &issues)
            for field in ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
                issues.notNegative("spec.\(field)", spec[field])
            }
            if let deadline = spec["progressDeadlineSeconds"]?.int, deadline <= spec["minReadySeconds"]?.int ?? 0 {
                issues.invalid("spec.progressDeadlineSeconds", .int(deadline), "must be greater than minReadySeconds")
            }
            RolloutRules.deployment(spec["strategy"] ?? [:], "spec.strategy", &issues)
            if let old { issues.immutable("spec.selector", spec["selector"], old.value(at: "spec", "selector")) }
        },
        validateStatus: { object, old, issues in
            StatusRules.check(
                object["status"] ?? [:], old["status"] ?? [:],
                counts: [
                    "observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas",
                    "unavailableReplicas", "terminatingReplicas",
                ], withinReplicas: ["updatedReplicas", "readyReplicas", "availableReplicas"], &issues)
        },
        warnings: WorkloadWarnings.named,
        columns: [.name, TableColumn("Ready"), TableColumn("Up-to-date"), TableColumn("Available"), .age]
            + containerColumns,
        cells: { object, now in
            let ready = object.value(at: "status", "readyReplicas")?.int ?? 0
            let wanted = object.value(at: "spec", "replicas")?.int ?? 0
            return [
                Cell.name(object), .string("\(ready)/\(wanted)"), status(object, "updatedReplicas"),
                status(object, "availableReplicas"), Cell.age(object, now),
            ] + containerCells(object)
        })

    private static let replicaColumns =
        [
            TableColumn.name, TableColumn("Desired", type: "integer"), TableColumn("Current", type: "integer"),
            TableColumn("Ready", type: "integer"), .age,
        ] + containerColumns

    @Sendable private static func replicaCells(_ object: JSON, _ now: Date) -> [JSON] {
        [
            Cell.name(object), Cell.number(object.value(at: "spec", "replicas")), status(object, "replicas"),
            status(object, "readyReplicas"), Cell.age(object, now),
        ] + containerCells(object)
    }

    private static let replicaSet = kind(
        .replicaSets, short: ["rs"], categories: ["all"], hasStatus: true, subresources: ["scale"],
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec") { spec in
                spec.fill("replicas", 1)
                WorkloadRules.fillTemplate(of: &spec)
            }
        },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            WorkloadRules.check(spec, kind: "deployment", &issues)
            issues.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
            if let old { issues.immutable("spec.selector", spec["selector"], old.value(at: "spec", "selector")) }
        },
        validateStatus: { object, old, issues in
            StatusRules.check(
                object["status"] ?? [:], old["status"] ?? [:],
                counts: [
                    "observedGeneration", "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas",
                    "terminatingReplicas",
                ], withinReplicas: ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"], &issues)
        },
        warnings: WorkloadWarnings.named,
        columns: replicaColumns, cells: replicaCells)
}
