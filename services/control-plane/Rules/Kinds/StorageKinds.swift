import Foundation
import KubeModel

extension BuiltinKinds {
    private static let group = "storage.k8s.io"

    static let storage: [KindDefinition] = [
        storageClass, volumeAttachment, driver, driverNode, storageCapacity, attributesClass,
    ]

    private static func isDefault(_ object: JSON, _ key: String) -> Bool {
        object.value(at: "metadata", "annotations", key)?.string == "true"
    }

    private static func named(_ object: JSON, isDefault: Bool) -> JSON {
        let name = object.value(at: "metadata", "name")?.string ?? ""
        return .string(isDefault ? "\(name) (default)" : name)
    }

    private static let storageClass = kind(
        .storageClasses, short: ["sc"],
        defaults: { object in
            object.fill("reclaimPolicy", "Delete")
            object.fill("volumeBindingMode", "Immediate")
        },
        validate: { object, old, issues in
            if let old {
                for field in ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"] {
                    issues.immutable(field, object[field], old[field])
                }
            }
            StorageRules.provisioner(object.text("provisioner"), "provisioner", &issues)
            StorageRules.parameters(object["parameters"], isRequired: false, &issues)
            let policy = object.text("reclaimPolicy")
            if !policy.isEmpty { issues.supported("reclaimPolicy", .string(policy), ["Delete", "Retain"]) }
            issues.supported("volumeBindingMode", object["volumeBindingMode"], ["Immediate", "WaitForFirstConsumer"])
            StorageRules.topologies(object.list("allowedTopologies"), "allowedTopologies", &issues)
        },
        columns: [
            .name, TableColumn("Provisioner"), TableColumn("ReclaimPolicy"), TableColumn("VolumeBindingMode"),
            TableColumn("AllowVolumeExpansion"), .age,
        ],
        cells: { object, now in
            [
                named(object, isDefault: isDefault(object, "storageclass.kubernetes.io/is-default-class")),
                Cell.text(object["provisioner"]), Cell.text(object["reclaimPolicy"], or: "Delete"),
                Cell.text(object["volumeBindingMode"], or: "<unset>"),
                .bool(object["allowVolumeExpansion"]?.bool ?? false), Cell.age(object, now),
            ]
        })

    private static let volumeAttachment = kind(
        ResourceType(group, "v1", "volumeattachments", "VolumeAttachment", isNamespaced: false), hasStatus: true,
        validate: { object, old, issues in
            let spec = object["spec"] ?? [:]
            let source = spec["source"] ?? [:]
            StorageRules.driver(spec.text("attacher"), "spec.attacher", &issues)
            let volume = source["persistentVolumeName"]?.string
            switch (volume, source.has("inlineVolumeSpec")) {
            case (nil, false):
                issues.required(
                    "spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
            case (.some, true):
                issues.forbidden(
                    "spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
            default: break
            }
            if let volume {
                let field = "spec.source.persistentVolumeName"
                if volume.isEmpty, !source.has("inlineVolumeSpec") {
                    issues.required(field, "must specify non empty persistentVolumeName")
                }
                issues.invalid(field, volume, NameRules.subdomain(volume))
            }
            let node = spec.text("nodeName")
            issues.invalid("spec.nodeName", node, NameRules.subdomain(node))
            if let old { issues.immutable("spec", spec, old["spec"]) }
        },
        validateStatus: { object, _, issues in
            for field in ["attachError", "detachError"] {
                let problem = object.value(at: "status", field) ?? [:]
                if problem.text("message").utf8.count > 1024 { issues.tooLong("status.\(field).message", 2048) }
                if let code = problem["errorCode"]?.int, code < 0 {
                    issues.invalid(
                        "status.\(field).errorCode", .int(code), "must be between 0 and 2147483647, inclusive")
                }
            }
        },
        columns: [
            .name, TableColumn("Attacher", format: "name"), TableColumn("PV"), TableColumn("Node"),
            TableColumn("Attached", type: "boolean"), .age,
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            return [
                Cell.name(object), Cell.text(spec["attacher"]),
                Cell.text(spec.value(at: "source", "persistentVolumeName")), Cell.text(spec["nodeName"]),
                .bool(object.value(at: "status", "attached")?.bool ?? false), Cell.age(object, now),
            ]
        })

    private static let driver = kind(
        ResourceType(group, "v1", "csidrivers", "CSIDriver", isNamespaced: false),
        defaults: StorageRules.fillDriver, validate: StorageRules.checkDriver, warnings: StorageRules.warnAboutTokens,
        columns: [
            .name, TableColumn("AttachRequired", type: "boolean"), TableColumn("PodInfoOnMount", type: "boolean"),
            TableColumn("StorageCapacity", type: "boolean"), TableColumn("TokenRequests"),
            TableColumn("RequiresRepublish", type: "boolean"), TableColumn("Modes"), .age,
        ],
        cells: { object, now in
            let spec = object["spec"] ?? [:]
            func texts(_ list: [String]) -> JSON {
                .string(list.isEmpty ? "<unset>" : list.joined(separator: ","))
            }
            return [
                Cell.name(object), .bool(spec["attachRequired"]?.bool ?? true),
                .bool(spec["podInfoOnMount"]?.bool ?? false), .bool(spec["storageCapacity"]?.bool ?? false),
                texts(spec.list("tokenRequests").map { $0.text("audience") }),
                .bool(spec["requiresRepublish"]?.bool ?? false),
                texts(spec.list("volumeLifecycleModes").compactMap(\.string)), Cell.age(object, now),
            ]
        })

    private static let driverNode = kind(
        ResourceType(group, "v1", "csinodes", "CSINode", isNamespaced: false), validate: StorageRules.checkNode,
        columns: [.name, TableColumn("Drivers", type: "integer"), .age],
        cells: { [Cell.name($0), .int(Int64($0["spec"]?.list("drivers").count ?? 0)), Cell.age($0, $1)] })

    private static let storageCapacity = kind(
        ResourceType(group, "v1", "csistoragecapacities", "CSIStorageCapacity"),
        validate: { object, old, issues in
            if let old {
                issues.immutable("nodeTopology", object["nodeTopology"], old["nodeTopology"])
                issues.immutable("storageClassName", object["storageClassName"], old["storageClassName"])
            }
            SelectorRules.check(object["nodeTopology"], "nodeTopology", &issues)
            let name = object.text("storageClassName")
            issues.invalid("storageClassName", name, NameRules.subdomain(name))
            if let amount = Quantity(object["capacity"]), amount < .zero {
                issues.invalid("capacity", object["capacity"], "must be greater than or equal to 0")
            }
        },
        columns: [.name, .createdAt], cells: { object, _ in [Cell.name(object), Cell.createdAt(object)] })

    private static let attributesClass = kind(
        ResourceType(group, "v1", "volumeattributesclasses", "VolumeAttributesClass", isNamespaced: false),
        short: ["vac"],
        validate: { object, old, issues in
            StorageRules.provisioner(object.text("driverName"), "driverName", &issues)
            StorageRules.parameters(object["parameters"], isRequired: true, &issues)
            guard let old else { return }
            for field in ["driverName", "parameters"] where (object[field] ?? .null) != (old[field] ?? .null) {
                issues.forbidden(field, "updates to \(field) are forbidden.")
            }
        },
        columns: [.name, TableColumn("DriverName"), .age],
        cells: { object, now in
            [
                named(object, isDefault: isDefault(object, "storageclass.kubernetes.io/is-default-class")),
                Cell.text(object["driverName"]), Cell.age(object, now),
            ]
        })
}
