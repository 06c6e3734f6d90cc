import Foundation
import KubeModel

extension BuiltinKinds {
    static let storage: [KindDefinition] = [storageClass]

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
