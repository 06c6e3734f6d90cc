import KubeModel

/// Which volume a claim gets.
enum ClaimPlan {
    /// The volume that is meant for the claim, or the smallest that is free and fits.
    static func match(_ claim: KubeObject, className: String, among volumes: [KubeObject]) -> KubeObject? {
        if let mine = volumes.first(where: {
            $0.spec.value(at: "claimRef", "uid")?.string == claim.uid && !$0.isBeingDeleted
        }) {
            return mine
        }
        let wanted = claim.spec.value(at: "resources", "requests", "storage")?.quantity ?? .zero
        let modes = Set(claim.spec["accessModes"]?.array?.compactMap(\.string) ?? [])
        let selector = claim.spec["selector"].map { LabelSelector($0) }
        func size(_ volume: KubeObject) -> Quantity { volume.spec.value(at: "capacity", "storage")?.quantity ?? .zero }
        let fitting = volumes.filter { volume in
            guard !volume.isBeingDeleted, size(volume) >= wanted,
                volume.spec["storageClassName"]?.string ?? "" == className,
                volume.spec["volumeMode"]?.string ?? "Filesystem" == claim.spec["volumeMode"]?.string ?? "Filesystem",
                modes.isSubset(of: volume.spec["accessModes"]?.array?.compactMap(\.string) ?? [])
            else { return false }
            if let reference = volume.spec["claimRef"] {
                // Reserved for a claim of this name that did not exist yet.
                return reference["uid"]?.string ?? "" == "" && names(reference, claim)
            }
            return volume.phase == "Available" && (selector?.matches(volume.labels) ?? true)
        }
        return fitting.min { left, right in
            let reserved = (left.spec["claimRef"] != nil, right.spec["claimRef"] != nil)
            if reserved.0 != reserved.1 { return reserved.0 }
            return size(left) == size(right) ? left.name < right.name : size(left) < size(right)
        }
    }

    static func names(_ reference: JSON?, _ claim: KubeObject) -> Bool {
        reference?["namespace"]?.string == claim.namespace && reference?["name"]?.string == claim.name
    }

    static func claimRef(_ claim: KubeObject) -> JSON {
        [
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": .string(claim.namespace ?? ""),
            "name": .string(claim.name), "uid": .string(claim.uid), "resourceVersion": .string(claim.resourceVersion),
        ]
    }

    /// Where a new volume may lie.
    enum Folder: Sendable, Equatable {
        case free(String)
        /// The folder of a deleted claim of the same name is still being removed.
        case beingRemoved
    }

    /// `<namespace>/<claim>`; when an older volume of that name was retained, with the claim's uid behind the name.
    static func folder(_ claim: KubeObject, folders: VolumeFolders, volumes: [KubeObject]) -> Folder {
        let path = folders.path(namespace: claim.namespace ?? "", claim: claim.name)
        let other = volumes.first {
            $0.spec.value(at: "hostPath", "path")?.string == path
                && $0.spec.value(at: "claimRef", "uid")?.string != claim.uid
        }
        guard let other else { return .free(path) }
        if other.spec["persistentVolumeReclaimPolicy"]?.string == "Delete" || other.isBeingDeleted {
            return .beingRemoved
        }
        return .free(path + "-" + claim.uid.prefix(8))
    }

    /// The volume made for a claim.
    static func volume(for claim: KubeObject, className: String, storageClass: KubeObject, path: String) -> KubeObject {
        let provisioner = storageClass["provisioner"]?.string ?? ClaimReconciler.provisioner
        var volume = KubeObject(
            apiVersion: "v1", kind: "PersistentVolume", name: "pvc-\(claim.uid)",
            annotations: ["pv.kubernetes.io/provisioned-by": provisioner])
        volume.metadata["finalizers"] = [.string(VolumeReconciler.protection)]
        var spec: JSON = [
            "capacity": ["storage": claim.spec.value(at: "resources", "requests", "storage") ?? "1Gi"],
            "accessModes": claim.spec["accessModes"] ?? ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": storageClass["reclaimPolicy"] ?? "Delete",
            "storageClassName": .string(className), "volumeMode": claim.spec["volumeMode"] ?? "Filesystem",
            "hostPath": ["path": .string(path), "type": "DirectoryOrCreate"], "claimRef": claimRef(claim),
        ]
        spec["mountOptions"] = storageClass["mountOptions"]
        volume.spec = spec
        return volume
    }
}
