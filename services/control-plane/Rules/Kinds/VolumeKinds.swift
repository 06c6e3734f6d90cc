import Foundation
import KubeModel

extension BuiltinKinds {
    static let storage: [KindDefinition] = [storageClass]

    private static let accessModes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]

    private static func check(accessModes modes: [JSON], _ path: String, _ issues: inout Issues) {
        if modes.isEmpty { issues.required(path) }
        for mode in modes { issues.oneOf(path, mode, accessModes) }
        if modes.contains("ReadWriteOncePod"), modes.count > 1 {
            issues.forbidden(path, "may not use ReadWriteOncePod with other access modes")
        }
    }

    /// Finds what is wrong with the spec of a claim, or of the template of one.
    static func checkClaim(_ spec: JSON, _ path: String, _ issues: inout Issues) {
        check(accessModes: spec.list("accessModes"), "\(path).accessModes", &issues)
        SelectorRules.check(spec["selector"], "\(path).selector", &issues)
        if let storage = spec.value(at: "resources", "requests", "storage") {
            if let amount = Quantity(storage), amount <= .zero {
                issues.invalid("\(path).resources[storage]", .string(amount.text), "must be greater than zero")
            }
        } else {
            issues.required("\(path).resources[storage]")
        }
        let storageClass = spec.text("storageClassName")
        if !storageClass.isEmpty {
            issues.invalid("\(path).storageClassName", storageClass, NameRules.subdomain(storageClass))
        }
        issues.oneOf("\(path).volumeMode", spec["volumeMode"], ["Block", "Filesystem"])
    }

    static let persistentVolumeClaim = kind(
        .persistentVolumeClaims, short: ["pvc"], hasStatus: true,
        defaults: { $0.edit("spec") { $0.fill("volumeMode", "Filesystem") } },
        create: { $0["status"] = ["phase": "Pending"] },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            checkClaim(spec, "spec", &issues)
            guard let old else { return }
            let before = old["spec"] ?? [:]
            var masked = spec
            var maskedBefore = before
            for field in ["volumeAttributesClassName"] {
                masked[field] = nil
                maskedBefore[field] = nil
            }
            if before.text("volumeName").isEmpty { masked["volumeName"] = before["volumeName"] }
            // The default class may be set later on claims that were made when there was none.
            if !before.has("storageClassName") { masked["storageClassName"] = before["storageClassName"] }
            masked.set(before.value(at: "resources", "requests", "storage"), at: "resources", "requests", "storage")
            if masked != maskedBefore {
                issues.forbidden(
                    "spec",
                    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
                )
            }
            if let new = Quantity(spec.value(at: "resources", "requests", "storage")),
                let was = Quantity(before.value(at: "resources", "requests", "storage")), new < was
            {
                issues.forbidden("spec.resources.requests.storage", "field can not be less than previous value")
            }
        },
        columns: [
            .name, TableColumn("Status"), TableColumn("Volume"), TableColumn("Capacity"), TableColumn("Access Modes"),
            TableColumn("StorageClass"), TableColumn("VolumeAttributesClass"), .age,
            TableColumn("VolumeMode", priority: 1),
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let status = object["status"] ?? [:]
            let isDeleted = object.value(at: "metadata", "deletionTimestamp")?.string != nil
            let isBound = !spec.text("volumeName").isEmpty
            return [
                Cell.name(object), isDeleted ? "Terminating" : Cell.text(status["phase"]),
                Cell.text(spec["volumeName"]),
                isBound ? Cell.text(status.value(at: "capacity", "storage")) : "",
                isBound ? Cell.accessModes(status["accessModes"]) : "", Cell.text(spec["storageClassName"]),
                Cell.text(spec["volumeAttributesClassName"], or: "<unset>"), Cell.age(object, now),
                Cell.text(spec["volumeMode"], or: "<unset>"),
            ]
        })

    static let persistentVolume = kind(
        .persistentVolumes, short: ["pv"], hasStatus: true,
        defaults: { object in
            object.edit("spec") { spec in
                spec.fillText("persistentVolumeReclaimPolicy", "Retain")
                spec.fill("volumeMode", "Filesystem")
                spec.edit("hostPath") { $0.fill("type", "") }
            }
        },
        create: { $0["status"] = ["phase": "Pending"] },
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            check(accessModes: spec.list("accessModes"), "spec.accessModes", &issues)
            if spec["capacity"]?.object?.isEmpty ?? true { issues.required("spec.capacity") }
            issues.oneOf(
                "spec.persistentVolumeReclaimPolicy", spec["persistentVolumeReclaimPolicy"],
                ["Delete", "Recycle", "Retain"])
            issues.oneOf("spec.volumeMode", spec["volumeMode"], ["Block", "Filesystem"])
            let sources = spec.object?.keys.filter { volumeSources.contains($0) } ?? []
            if sources.isEmpty { issues.required("spec", "must specify a volume type") }
            for source in sources.dropFirst() {
                issues.forbidden("spec.\(source)", "may not specify more than 1 volume type")
            }
            if let host = spec["hostPath"], host.text("path").isEmpty { issues.required("spec.hostPath.path") }
            if let before = old?["spec"] {
                for source in volumeSources where (spec[source] ?? .null) != (before[source] ?? .null) {
                    issues.forbidden(
                        "spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")
                    break
                }
                issues.immutable("spec.volumeMode", spec["volumeMode"], before["volumeMode"])
            }
        },
        columns: [
            .name, TableColumn("Capacity"), TableColumn("Access Modes"), TableColumn("Reclaim Policy"),
            TableColumn("Status"), TableColumn("Claim"), TableColumn("StorageClass"),
            TableColumn("VolumeAttributesClass"),
            TableColumn("Reason"), .age, TableColumn("VolumeMode", priority: 1),
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let claim = spec["claimRef"].map { "\($0.text("namespace"))/\($0.text("name"))" } ?? ""
            let isDeleted = object.value(at: "metadata", "deletionTimestamp")?.string != nil
            return [
                Cell.name(object), Cell.text(spec.value(at: "capacity", "storage")),
                Cell.accessModes(spec["accessModes"]),
                Cell.text(spec["persistentVolumeReclaimPolicy"]),
                isDeleted ? "Terminating" : Cell.text(object.value(at: "status", "phase")), .string(claim),
                Cell.text(spec["storageClassName"]), Cell.text(spec["volumeAttributesClassName"], or: "<unset>"),
                Cell.text(object.value(at: "status", "reason")), Cell.age(object, now),
                Cell.text(spec["volumeMode"], or: "<unset>"),
            ]
        })

    private static let volumeSources: [String] = [
        "hostPath", "nfs", "local", "csi", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "rbd", "iscsi",
        "cinder",
        "cephfs", "fc", "flocker", "flexVolume", "azureFile", "vsphereVolume", "quobyte", "azureDisk",
        "photonPersistentDisk",
        "portworxVolume", "scaleIO", "storageos",
    ]

    private static let storageClass = kind(
        .storageClasses, short: ["sc"],
        defaults: { object in
            object.fillText("reclaimPolicy", "Delete")
            object.fillText("volumeBindingMode", "Immediate")
        },
        validate: { object, old, issues in
            if object.text("provisioner").isEmpty { issues.required("provisioner") }
            issues.oneOf("reclaimPolicy", object["reclaimPolicy"], ["Delete", "Retain"])
            issues.oneOf("volumeBindingMode", object["volumeBindingMode"], ["Immediate", "WaitForFirstConsumer"])
            guard let old else { return }
            if (object["parameters"] ?? [:]) != (old["parameters"] ?? [:]) {
                issues.forbidden("parameters", "updates to parameters are forbidden.")
            }
            for field in ["provisioner", "reclaimPolicy"] where object[field] != old[field] {
                issues.forbidden(field, "updates to \(field) are forbidden.")
            }
            issues.immutable("volumeBindingMode", object["volumeBindingMode"], old["volumeBindingMode"])
        },
        columns: [
            .name, TableColumn("Provisioner"), TableColumn("ReclaimPolicy"), TableColumn("VolumeBindingMode"),
            TableColumn("AllowVolumeExpansion"), .age,
        ],
        cells: { object, now in
            let annotations = object.value(at: "metadata", "annotations")
            let isDefault = annotations?.text("storageclass.kubernetes.io/is-default-class") == "true"
            let name = object.value(at: "metadata", "name")?.string ?? ""
            return [
                .string(isDefault ? "\(name) (default)" : name), Cell.text(object["provisioner"]),
                Cell.text(object["reclaimPolicy"], or: "Delete"), Cell.text(object["volumeBindingMode"], or: "<unset>"),
                .bool(object["allowVolumeExpansion"]?.bool ?? false), Cell.age(object, now),
            ]
        })
}
