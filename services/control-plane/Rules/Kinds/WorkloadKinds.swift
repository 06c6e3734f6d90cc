import Foundation
import KubeModel

extension BuiltinKinds {
    static let workloads: [KindDefinition] = [deployment, replicaSet, statefulSet, daemonSet, controllerRevision]

    /// Columns about the containers of a template, shown in wide output.
    private static let containerColumns = [
        TableColumn("Containers", priority: 1), TableColumn("Images", priority: 1),
        TableColumn("Selector", priority: 1),
    ]

    private static func containerCells(_ object: JSON) -> [JSON] {
        let (names, images) = Cell.containers(object.value(at: "spec", "template", "spec"))
        return [names, images, Cell.selector(object.value(at: "spec", "selector"))]
    }

    private static func status(_ object: JSON, _ key: String) -> JSON { Cell.number(object.value(at: "status", key)) }

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
                spec.edit("template") { $0.edit("spec", PodDefaults.apply) }
            }
        },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            WorkloadRules.check(spec, kind: "deployment", &issues)
            issues.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
            issues.notNegative("spec.revisionHistoryLimit", spec["revisionHistoryLimit"])
            issues.notNegative("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"])
            if let deadline = spec["progressDeadlineSeconds"]?.int, deadline <= spec["minReadySeconds"]?.int ?? 0 {
                issues.invalid("spec.progressDeadlineSeconds", .int(deadline), "must be greater than minReadySeconds")
            }
            let strategy = spec["strategy"] ?? [:]
            issues.oneOf("spec.strategy.type", strategy["type"], ["Recreate", "RollingUpdate"], isRequired: true)
            if strategy.text("type") == "Recreate", strategy.has("rollingUpdate") {
                issues.forbidden(
                    "spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
            }
            WorkloadRules.rollingUpdate(strategy["rollingUpdate"], "spec.strategy.rollingUpdate", &issues)
            if let old { issues.immutable("spec.selector", spec["selector"], old.value(at: "spec", "selector")) }
        },
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
                spec.edit("template") { $0.edit("spec", PodDefaults.apply) }
            }
        },
        create: { $0["status"] = ["replicas": 0] },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            WorkloadRules.check(spec, kind: "ReplicaSet", &issues)
            issues.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
            if let old { issues.immutable("spec.selector", spec["selector"], old.value(at: "spec", "selector")) }
        },
        columns: replicaColumns, cells: replicaCells)

    private static let statefulSet = kind(
        .statefulSets, short: ["sts"], categories: ["all"], hasStatus: true, subresources: ["scale"],
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec") { spec in
                spec.fill("replicas", 1)
                spec.fill("revisionHistoryLimit", 10)
                spec.fillText("podManagementPolicy", "OrderedReady")
                spec.fill("updateStrategy", [:])
                spec.edit("updateStrategy") { strategy in
                    strategy.fillText("type", "RollingUpdate")
                    guard strategy.text("type") == "RollingUpdate" else { return }
                    strategy.fill("rollingUpdate", [:])
                    strategy.edit("rollingUpdate") { $0.fill("partition", 0) }
                }
                spec.fill("persistentVolumeClaimRetentionPolicy", [:])
                spec.edit("persistentVolumeClaimRetentionPolicy") { policy in
                    policy.fillText("whenDeleted", "Retain")
                    policy.fillText("whenScaled", "Retain")
                }
                spec.edit("template") { $0.edit("spec", PodDefaults.apply) }
                spec.editEach("volumeClaimTemplates") { claim in
                    claim.fillText("apiVersion", "v1")
                    claim.fillText("kind", "PersistentVolumeClaim")
                    claim.edit("spec") { $0.fill("volumeMode", "Filesystem") }
                    claim.fill("status", ["phase": "Pending"])
                }
            }
        },
        create: { $0["status"] = ["replicas": 0, "availableReplicas": 0] },
        validate: WorkloadRules.statefulSet,
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

    private static let daemonSet = kind(
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
                spec.edit("template") { $0.edit("spec", PodDefaults.apply) }
            }
        },
        create: { object in
            object["status"] = [
                "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
            ]
        },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            WorkloadRules.check(spec, kind: "daemonset", &issues)
            issues.oneOf(
                "spec.updateStrategy.type", spec.value(at: "updateStrategy", "type"), ["OnDelete", "RollingUpdate"],
                isRequired: true)
            if let old { issues.immutable("spec.selector", spec["selector"], old.value(at: "spec", "selector")) }
        },
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

    private static let controllerRevision = kind(
        .controllerRevisions,
        validate: { object, old, issues in
            if let old, (object["data"] ?? .null) != (old["data"] ?? .null) {
                issues.invalid("data", object["data"], "field is immutable")
            }
            if object["revision"] == nil { issues.required("revision") }
        },
        columns: [.name, TableColumn("Controller"), TableColumn("Revision"), .age],
        cells: { object, now in
            let owner = KubeObject(object).controller
            let controller = owner.map { owner in
                let group = owner.apiVersion.split(separator: "/").dropLast().joined()
                return "\(owner.kind.lowercased())\(group.isEmpty ? "" : ".")\(group)/\(owner.name)"
            }
            return [
                Cell.name(object), .string(controller ?? "<none>"), .string(String(object["revision"]?.int ?? 0)),
                Cell.age(object, now),
            ]
        })
}

/// Rules that the workloads share.
enum WorkloadRules {
    static func check(_ spec: JSON, kind: String, _ issues: inout Issues) {
        issues.notNegative("spec.replicas", spec["replicas"])
        guard let selector = spec["selector"], !selector.isNull else {
            // DaemonSets leave it at the second issue: a missing selector matches no template.
            if kind != "daemonset" { issues.required("spec.selector") }
            return template(spec["template"], .nothing, &issues)
        }
        SelectorRules.check(selector, "spec.selector", &issues)
        if selector["matchLabels"]?.object?.isEmpty ?? true, selector.list("matchExpressions").isEmpty {
            issues.invalid("spec.selector", selector, "empty selector is invalid for \(kind)")
        }
        template(spec["template"], LabelSelector(object: selector), &issues)
    }

    static func template(_ template: JSON?, _ selector: LabelSelector?, _ issues: inout Issues) {
        let labels = template?.value(at: "metadata", "labels")
        if let selector, !selector.isEmpty, !selector.matches(labels?.stringMap ?? [:]) {
            issues.invalid(
                "spec.template.metadata.labels", labels ?? [:], "`selector` does not match template `labels`")
        }
        TemplateRules.check(template, "spec.template", restartPolicies: ["Always"], &issues)
    }

    static func rollingUpdate(_ update: JSON?, _ path: String, _ issues: inout Issues) {
        guard let update else { return }
        for field in ["maxUnavailable", "maxSurge"] {
            switch update[field] {
            case .int(let number) where number < 0:
                issues.invalid("\(path).\(field)", .int(number), "must be greater than or equal to 0")
            case .string(let text):
                guard text.hasSuffix("%"), let percent = Int(text.dropLast()), percent >= 0 else {
                    issues.invalid(
                        "\(path).\(field)", .string(text),
                        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
                    )
                    continue
                }
                if field == "maxUnavailable", percent > 100 {
                    issues.invalid("\(path).\(field)", .string(text), "must not be greater than 100%")
                }
            default: break
            }
        }
        func isNothing(_ value: JSON?) -> Bool { value == 0 || value == "0%" || value == nil }
        if isNothing(update["maxUnavailable"]), isNothing(update["maxSurge"]) {
            issues.invalid("\(path).maxUnavailable", update["maxUnavailable"] ?? 0, "may not be 0 when `maxSurge` is 0")
        }
    }

    @Sendable static func statefulSet(_ object: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = object["spec"] ?? [:]
        check(spec, kind: "statefulset", &issues)
        issues.oneOf(
            "spec.podManagementPolicy", spec["podManagementPolicy"], ["OrderedReady", "Parallel"], isRequired: true)
        issues.oneOf(
            "spec.updateStrategy.type", spec.value(at: "updateStrategy", "type"), ["OnDelete", "RollingUpdate"],
            isRequired: true)
        issues.notNegative(
            "spec.updateStrategy.rollingUpdate.partition",
            spec.value(at: "updateStrategy", "rollingUpdate", "partition"))
        issues.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
        issues.notNegative("spec.ordinals.start", spec.value(at: "ordinals", "start"))
        for field in ["whenDeleted", "whenScaled"] {
            issues.oneOf(
                "spec.persistentVolumeClaimRetentionPolicy.\(field)",
                spec.value(at: "persistentVolumeClaimRetentionPolicy", field), ["Delete", "Retain"])
        }
        guard let before = old?["spec"] else { return }
        var masked = spec
        var maskedBefore = before
        for field in [
            "replicas", "template", "updateStrategy", "ordinals", "minReadySeconds", "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
        ] {
            masked[field] = nil
            maskedBefore[field] = nil
        }
        for field in ["status"] {
            masked.editEach("volumeClaimTemplates") { $0[field] = nil }
            maskedBefore.editEach("volumeClaimTemplates") { $0[field] = nil }
        }
        if masked != maskedBefore {
            issues.forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
            )
        }
    }
}
