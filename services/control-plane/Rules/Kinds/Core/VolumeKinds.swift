import Foundation
import KubeModel

extension BuiltinKinds {
    /// The class of a claim or volume; an annotation that is older than the field wins.
    private static func storageClassName(_ object: JSON) -> JSON {
        object.value(at: "metadata", "annotations", ClaimRules.classAnnotation)
            ?? Cell.text(object.value(at: "spec", "storageClassName"))
    }

    private static func phase(_ object: JSON) -> JSON {
        object.value(at: "metadata", "deletionTimestamp")?.string != nil
            ? "Terminating" : Cell.text(object.value(at: "status", "phase"))
    }

    static let persistentVolumeClaim = kind(
        .persistentVolumeClaims, short: ["pvc"], hasStatus: true,
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec") { $0.fill("volumeMode", "Filesystem") }
            object.fill("status", [:])
            object.edit("status") { $0.fillText("phase", "Pending") }
        },
        create: { object in
            object["status"] = ["phase": "Pending"]
            object.edit("spec") { ClaimRules.normalize(&$0) }
        },
        update: { object, old in object.edit("spec") { ClaimRules.normalize(&$0, old: old["spec"]) } },
        validate: { object, old, issues in
            ClaimRules.check(object["spec"] ?? [:], "spec", old: old?["spec"], &issues)
            if let old { ClaimRules.checkChanges(object, old, &issues) }
        },
        validateStatus: ClaimRules.checkStatus,
        warnings: { object, _, subresource in
            guard subresource.isEmpty else { return [] }
            let key = ClaimRules.classAnnotation
            let isOld = object.value(at: "metadata", "annotations", key) != nil
            return
                (isOld
                ? ["metadata.annotations[\(key)]: deprecated since v1.8; use \"storageClassName\" attribute instead"]
                : []) + ClaimRules.warnings(object["spec"] ?? [:], "spec")
        },
        columns: [
            .name, TableColumn("Status"), TableColumn("Volume"), TableColumn("Capacity"), TableColumn("Access Modes"),
            TableColumn("StorageClass"), TableColumn("VolumeAttributesClass"), .age,
            TableColumn("VolumeMode", priority: 1),
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let status = object["status"] ?? [:]
            let isBound = !spec.text("volumeName").isEmpty
            return [
                Cell.name(object), phase(object), Cell.text(spec["volumeName"]),
                isBound ? Cell.text(status.value(at: "capacity", "storage"), or: "0") : "",
                isBound ? Cell.accessModes(status["accessModes"]) : "", storageClassName(object),
                spec["volumeAttributesClassName"] ?? "<unset>", Cell.age(object, now),
                spec["volumeMode"] ?? "<unset>",
            ]
        })

    static let persistentVolume = kind(
        .persistentVolumes, short: ["pv"], hasStatus: true,
        defaults: { object in
            object.fill("spec", [:])
            object.edit("spec") { spec in
                spec.fillText("persistentVolumeReclaimPolicy", "Retain")
                spec.fill("volumeMode", "Filesystem")
                PodDefaults.source(&spec)
            }
            object.fill("status", [:])
            object.edit("status") { $0.fillText("phase", "Pending") }
        },
        create: { $0["status"] = ["phase": "Pending", "lastPhaseTransitionTime": Timestamp.now.json] },
        validate: PersistentVolumeRules.check,
        prepareForSubresource: { object, old, name in
            guard name == "status" else { return }
            let before = old["status"] ?? [:]
            object.edit("status") { status in
                let time = status["lastPhaseTransitionTime"]
                if status.text("phase") == before.text("phase") {
                    if time == nil { status["lastPhaseTransitionTime"] = before["lastPhaseTransitionTime"] }
                } else if time == nil || time == before["lastPhaseTransitionTime"] {
                    status["lastPhaseTransitionTime"] = Timestamp.now.json
                }
            }
        },
        warnings: PersistentVolumeRules.warnings,
        columns: [
            .name, TableColumn("Capacity"), TableColumn("Access Modes"), TableColumn("Reclaim Policy"),
            TableColumn("Status"), TableColumn("Claim"), TableColumn("StorageClass"),
            TableColumn("VolumeAttributesClass"), TableColumn("Reason"), .age, TableColumn("VolumeMode", priority: 1),
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            let claim = spec["claimRef"].map { "\($0.text("namespace"))/\($0.text("name"))" } ?? ""
            return [
                Cell.name(object), Cell.text(spec.value(at: "capacity", "storage"), or: "0"),
                Cell.accessModes(spec["accessModes"]), Cell.text(spec["persistentVolumeReclaimPolicy"]),
                phase(object), .string(claim), storageClassName(object),
                spec["volumeAttributesClassName"] ?? "<unset>", Cell.text(object.value(at: "status", "reason")),
                Cell.age(object, now), spec["volumeMode"] ?? "<unset>",
            ]
        })
}

/// What persistent volumes may say.
enum PersistentVolumeRules {
    /// In the order in which a second source is noticed.
    private static let sources = [
        "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte",
        "cephfs", "iscsi", "cinder", "fc", "flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk",
        "portworxVolume", "azureDisk", "scaleIO", "local", "storageos", "csi",
    ]

    @Sendable static func check(_ volume: JSON, _ old: JSON?, _ issues: inout Issues) {
        let spec = volume["spec"] ?? [:]
        ClaimRules.accessModes(spec.list("accessModes"), "spec.accessModes", missing: "", &issues)
        capacity(spec, &issues)
        if !spec.text("persistentVolumeReclaimPolicy").isEmpty {
            issues.supported(
                "spec.persistentVolumeReclaimPolicy", spec["persistentVolumeReclaimPolicy"],
                ["Delete", "Recycle", "Retain"])
        }
        let affinity = spec["nodeAffinity"] ?? .null
        if !affinity.isNull {
            if let required = affinity["required"], !required.isNull {
                NodeSelectorRules.check(required, "spec.nodeAffinity.required", &issues)
            } else {
                issues.required("spec.nodeAffinity.required", "must specify required node constraints")
            }
        }
        let given = sources.filter { spec.has($0) }
        if given.isEmpty { issues.required("spec", "must specify a volume type") }
        for kind in given.dropFirst() where kind != "flexVolume" {
            issues.forbidden(
                "spec.\(kind == "cephfs" ? "cephFS" : kind)", "may not specify more than 1 volume type")
        }
        let name = volume.value(at: "metadata", "name")?.string ?? ""
        if let kind = given.first, let source = spec[kind] {
            VolumeRules.check(kind, source, "spec", volume: name, isPersistent: true, &issues)
            if kind == "local", affinity.isNull {
                issues.required("spec.nodeAffinity", "Local volume requires node affinity")
            }
        }
        if let path = spec["hostPath"]?.text("path"), !path.isEmpty, path.allSatisfy({ $0 == "/" || $0 == "." }),
            path.hasPrefix("/"), spec.text("persistentVolumeReclaimPolicy") == "Recycle"
        {
            issues.forbidden(
                "spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'")
        }
        issues.name("spec.storageClassName", spec.text("storageClassName"), NameRules.subdomain)
        if spec.has("volumeMode") {
            issues.supported("spec.volumeMode", spec["volumeMode"], ["Block", "Filesystem"])
        }
        if let name = spec["volumeAttributesClassName"]?.string {
            if name.isEmpty {
                issues.required("spec.volumeAttributesClassName", "an empty string is disallowed")
            } else {
                issues.invalid("spec.volumeAttributesClassName", name, NameRules.subdomain(name))
            }
            if !spec.has("csi") {
                issues.required("spec.csi", "has to be specified when using volumeAttributesClassName")
            }
        }
        if let before = old?["spec"] { changes(spec, before, &issues) }
    }

    private static func capacity(_ spec: JSON, _ issues: inout Issues) {
        let capacity = spec["capacity"]?.object ?? [:]
        if capacity.isEmpty { issues.required("spec.capacity") }
        if capacity["storage"] == nil || capacity.count > 1 {
            issues.notSupported("spec.capacity", capacity.isEmpty ? .null : .object(capacity), ["storage"])
        }
        for (name, amount) in capacity {
            let field = "spec.capacity[\(name)]"
            ClaimRules.basic(amount, field, &issues)
            if let quantity = Quantity(amount), quantity <= .zero {
                issues.invalid(field, .string(quantity.text), "must be greater than zero")
            }
        }
    }

    private static func changes(_ spec: JSON, _ before: JSON, _ issues: inout Issues) {
        let isChanged = sources.contains { kind in
            var source = spec[kind] ?? .null
            // Volumes that were made without a Secret for expansion may get one.
            if kind == "csi", before["csi"]?.has("controllerExpandSecretRef") == false {
                source["controllerExpandSecretRef"] = nil
            }
            return source != before[kind] ?? .null
        }
        if isChanged {
            issues.forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")
        }
        issues.immutable("volumeMode", spec["volumeMode"], before["volumeMode"])
        if let affinity = before["nodeAffinity"], !affinity.isNull, !isSame(spec["nodeAffinity"] ?? .null, affinity) {
            issues.invalid(
                "nodeAffinity", spec["nodeAffinity"] ?? .null,
                "field is immutable, except for updating from beta label to GA")
        }
        if before.has("volumeAttributesClassName"), !spec.has("volumeAttributesClassName") {
            issues.forbidden(
                "spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden")
        }
    }

    private static let renamedLabels = [
        "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
        "beta.kubernetes.io/os": "kubernetes.io/os", "beta.kubernetes.io/arch": "kubernetes.io/arch",
        "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
    ]

    /// True when at most old names of labels were replaced by their present ones.
    private static func isSame(_ new: JSON, _ old: JSON) -> Bool {
        func renamed(_ affinity: JSON, like other: JSON) -> JSON {
            var affinity = affinity
            affinity.edit("required") { required in
                let others = other["required"]?.list("nodeSelectorTerms") ?? []
                var index = -1
                required.editEach("nodeSelectorTerms") { term in
                    index += 1
                    let expressions = others.indices.contains(index) ? others[index].list("matchExpressions") : []
                    var position = -1
                    term.editEach("matchExpressions") { part in
                        position += 1
                        guard expressions.indices.contains(position) else { return }
                        let key = expressions[position].text("key")
                        if renamedLabels[part.text("key")] == key { part["key"] = .string(key) }
                    }
                }
            }
            return affinity
        }
        return new == old || new == renamed(old, like: new)
    }

    @Sendable static func warnings(_ volume: JSON, _ old: JSON?, _ subresource: String) -> [String] {
        guard subresource.isEmpty else { return [] }
        let annotations = volume.value(at: "metadata", "annotations")?.object ?? [:]
        let spec = volume["spec"] ?? [:]
        var found: [String] = []
        for (key, text) in [
            (ClaimRules.classAnnotation, "deprecated since v1.8; use \"storageClassName\" attribute instead"),
            (
                "volume.beta.kubernetes.io/mount-options",
                "deprecated since v1.31; use \"mountOptions\" attribute instead"
            ),
        ] where annotations[key] != nil {
            found.append("metadata.annotations[\(key)]: \(text)")
        }
        if spec.text("persistentVolumeReclaimPolicy") == "Recycle" {
            found.append(
                "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning."
            )
        }
        let terms = spec.value(at: "nodeAffinity", "required")?.list("nodeSelectorTerms") ?? []
        for (index, term) in terms.enumerated() {
            found += PodWarnings.ofTerm(
                term, "spec.nodeAffinity.required.nodeSelectorTerms[\(index)]", checksValues: false)
        }
        for (kind, shown, text) in [
            ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
            ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
            ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
            ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
            ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
            ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
        ] where spec.has(kind) {
            found.append("spec.\(shown): \(text)")
        }
        return found
    }
}
