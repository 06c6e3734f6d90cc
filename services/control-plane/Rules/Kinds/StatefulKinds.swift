import Foundation
import KubeModel

extension BuiltinKinds {
    static let statefulSet = kind(
        .statefulSets, short: ["sts"], categories: ["all"], hasStatus: true, subresources: ["scale"],
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec") { spec in
                spec.fill("replicas", 1)
                spec.fill("revisionHistoryLimit", 10)
                spec.fillText("podManagementPolicy", "OrderedReady")
                spec.fill("updateStrategy", [:])
                spec.edit("updateStrategy") { strategy in
                    if strategy.text("type").isEmpty {
                        strategy["type"] = "RollingUpdate"
                        strategy.fill("rollingUpdate", [:])
                    }
                    guard strategy.text("type") == "RollingUpdate" else { return }
                    strategy.edit("rollingUpdate") { $0.fill("partition", 0) }
                }
                spec.fill("persistentVolumeClaimRetentionPolicy", [:])
                spec.edit("persistentVolumeClaimRetentionPolicy") { policy in
                    policy.fillText("whenDeleted", "Retain")
                    policy.fillText("whenScaled", "Retain")
                }
                WorkloadRules.fillTemplate(of: &spec)
                spec.editEach("volumeClaimTemplates") { claim in
                    claim.fillText("apiVersion", "v1")
                    claim.fillText("kind", "PersistentVolumeClaim")
                    claim.edit("spec") { $0.fill("volumeMode", "Filesystem") }
                    claim.fill("status", ["phase": "Pending"])
                }
            }
        },
        create: WorkloadRules.dropUnavailable, update: { object, _ in WorkloadRules.dropUnavailable(&object) },
        validate: WorkloadRules.statefulSet,
        validateStatus: { object, old, issues in
            StatusRules.check(
                object["status"] ?? [:], old["status"] ?? [:],
                counts: [
                    "replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas",
                    "observedGeneration",
                ], withinReplicas: ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
                &issues)
        },
        warnings: WorkloadWarnings.stateful,
        columns: [
            .name, TableColumn("Ready"), .age, TableColumn("Containers", priority: 1),
            TableColumn("Images", priority: 1),
        ],
        cells: { object, now in
            let ready = object.value(at: "status", "readyReplicas")?.int ?? 0
            let wanted = object.value(at: "spec", "replicas")?.int ?? 0
            return [Cell.name(object), .string("\(ready)/\(wanted)"), Cell.age(object, now)]
                + containerCells(object).prefix(2)
        })

    static let daemonSet = kind(
        .daemonSets, short: ["ds"], categories: ["all"], hasStatus: true,
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec") { spec in
                spec.fill("revisionHistoryLimit", 10)
                spec.fill("updateStrategy", [:])
                spec.edit("updateStrategy") { strategy in
                    strategy.fillText("type", "RollingUpdate")
                    guard strategy.text("type") == "RollingUpdate" else { return }
                    strategy.fill("rollingUpdate", [:])
                    strategy.edit("rollingUpdate") { update in
                        update.fill("maxUnavailable", 1)
                        update.fill("maxSurge", 0)
                    }
                }
                WorkloadRules.fillTemplate(of: &spec)
            }
        },
        create: { DaemonSetGenerations.set(&$0, "1") },
        update: DaemonSetGenerations.count,
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            WorkloadRules.check(spec, kind: "daemonset", &issues)
            issues.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
            issues.notNegative("spec.revisionHistoryLimit", spec["revisionHistoryLimit"])
            RolloutRules.daemonSet(spec["updateStrategy"] ?? [:], "spec.updateStrategy", &issues)
            if let old { issues.immutable("spec.selector", spec["selector"], old.value(at: "spec", "selector")) }
        },
        validateStatus: { object, old, issues in
            StatusRules.check(
                object["status"] ?? [:], old["status"] ?? [:],
                counts: [
                    "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady",
                    "observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable",
                ], withinReplicas: [], &issues)
        },
        warnings: WorkloadWarnings.unnamed,
        columns: [
            .name, TableColumn("Desired", type: "integer"), TableColumn("Current", type: "integer"),
            TableColumn("Ready", type: "integer"), TableColumn("Up-to-date", type: "integer"),
            TableColumn("Available", type: "integer"), TableColumn("Node Selector"), .age,
        ] + containerColumns,
        cells: { object, now in
            [
                Cell.name(object), status(object, "desiredNumberScheduled"), status(object, "currentNumberScheduled"),
                status(object, "numberReady"), status(object, "updatedNumberScheduled"),
                status(object, "numberAvailable"),
                Cell.labels(object.value(at: "spec", "template", "spec", "nodeSelector")), Cell.age(object, now),
            ] + containerCells(object)
        })

    static let controllerRevision = kind(
        .controllerRevisions,
        validate: { object, old, issues in
            issues.notNegative("revision", object["revision"])
            if let old {
                if (object["data"] ?? .null) != (old["data"] ?? .null) {
                    issues.invalid("data", object["data"] ?? .null, "field is immutable")
                }
            } else if object["data"]?.object == nil {
                issues.required("data", object.has("data") ? "data must be a valid JSON object" : "data is mandatory")
            }
        },
        columns: [.name, TableColumn("Controller"), TableColumn("Revision"), .age],
        cells: { object, now in
            let owner = KubeObject(object).controller
            let controller = owner.map { owner in
                let group = owner.apiVersion.split(separator: "/").dropLast().joined()
                return "\(owner.kind.lowercased())\(group.isEmpty ? "" : ".")\(group)/\(owner.name)"
            }
            return [
                Cell.name(object), .string(controller ?? "<none>"), Cell.number(object["revision"]),
                Cell.age(object, now),
            ]
        })
}

/// The number of a DaemonSet's template, which older controllers went by.
enum DaemonSetGenerations {
    private static let annotation = "deprecated.daemonset.template.generation"

    static func set(_ object: inout JSON, _ text: String) {
        object.set(.string(text), at: "metadata", "annotations", annotation)
    }

    /// Counts another template.
    @Sendable static func count(_ object: inout JSON, _ old: JSON) {
        let text = old.value(at: "metadata", "annotations", annotation)?.string ?? ""
        let before = Int64(text) ?? 1
        var (new, stored) = (object["spec"] ?? [:], old["spec"] ?? [:])
        WorkloadRules.fillTemplate(of: &new)
        WorkloadRules.fillTemplate(of: &stored)
        TypedReader.complete(&new, as: "DaemonSetSpec")
        TypedReader.complete(&stored, as: "DaemonSetSpec")
        set(&object, String(new["template"] == stored["template"] ? before : before + 1))
    }
}
