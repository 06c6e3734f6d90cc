import KubeModel

/// What claims of volumes may say.
enum ClaimRules {
    private static let modes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]

    static func accessModes(_ listed: [JSON], _ field: String, missing: String, _ issues: inout Issues) {
        if listed.isEmpty { issues.required(field, missing) }
        for mode in listed { issues.supported(field, mode, modes) }
        if listed.contains("ReadWriteOncePod"),
            listed.contains(where: { $0 != "ReadWriteOncePod" && modes.contains($0.string ?? "") })
        {
            issues.forbidden(field, "may not use ReadWriteOncePod with other access modes")
        }
    }

    /// Finds what is wrong with the spec of a claim, or of the template of one.
    static func check(_ spec: JSON, _ path: String, old: JSON? = nil, _ issues: inout Issues) {
        accessModes(
            spec.list("accessModes"), "\(path).accessModes", missing: "at least 1 access mode is required", &issues)
        SelectorRules.check(spec["selector"], "\(path).selector", &issues)
        let storage = "\(path).resources[storage]"
        if let amount = Quantity(spec.value(at: "resources", "requests", "storage")) {
            if amount <= .zero { issues.invalid(storage, .string(amount.text), "must be greater than zero") }
        } else {
            issues.required(storage)
        }
        issues.name("\(path).storageClassName", spec.text("storageClassName"), NameRules.subdomain)
        if spec.has("volumeMode") {
            issues.supported("\(path).volumeMode", spec["volumeMode"], ["Block", "Filesystem"])
        }
        let hadGroup = ["dataSource", "dataSourceRef"].contains { old?[$0]?.has("apiGroup") == true }
        for field in ["dataSource", "dataSourceRef"] {
            if let source = spec[field], !source.isNull {
                self.source(source, "\(path).\(field)", checksGroup: !hadGroup, &issues)
            }
        }
        sources(spec, path, &issues)
        issues.name(
            "\(path).volumeAttributesClassName", spec.text("volumeAttributesClassName"), NameRules.subdomain)
    }

    private static func source(_ source: JSON, _ path: String, checksGroup: Bool, _ issues: inout Issues) {
        issues.requiredText(path, source, "name")
        issues.requiredText(path, source, "kind")
        let group = source.text("apiGroup")
        if group.isEmpty, source.text("kind") != "PersistentVolumeClaim" {
            issues.invalid(
                path, .string(source.text("kind")),
                "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
        }
        if checksGroup { issues.name("\(path).apiGroup", group, NameRules.subdomain) }
        issues.name("\(path).namespace", source.text("namespace"), NameRules.label)
    }

    private static func sources(_ spec: JSON, _ path: String, _ issues: inout Issues) {
        guard let reference = spec["dataSourceRef"], !reference.isNull, let source = spec["dataSource"], !source.isNull
        else { return }
        if !reference.text("namespace").isEmpty {
            issues.invalid(
                path, .string("\(path).dataSource"), "may not be specified when dataSourceRef.namespace is specified")
        } else if ["apiGroup", "kind", "name"].contains(where: { source[$0] != reference[$0] }) {
            issues.invalid(path, .string("\(path).dataSource"), "must match dataSourceRef")
        }
    }

    /// Makes the older field of a source and the newer one say the same. Sources that the older one cannot name are
    /// taken out of it, and those of other namespaces are not supported.
    static func normalize(_ spec: inout JSON, old: JSON? = nil) {
        if !(spec["dataSourceRef"]?.text("namespace") ?? "").isEmpty, old?.has("dataSourceRef") != true {
            spec["dataSourceRef"] = nil
        }
        let hadSource = old.map { $0.has("dataSource") || $0.has("dataSourceRef") } ?? false
        if !hadSource, !spec.has("dataSourceRef"), let source = spec["dataSource"], !source.isNull, !isClassic(source) {
            spec["dataSource"] = nil
        }
        if spec.has("dataSource"), !spec.has("dataSourceRef") {
            spec["dataSourceRef"] = spec["dataSource"]
        } else if !spec.has("dataSource"), let reference = spec["dataSourceRef"], !reference.isNull,
            reference.text("namespace").isEmpty
        {
            var source = reference
            source["namespace"] = nil
            spec["dataSource"] = source
        }
    }

    private static func isClassic(_ source: JSON) -> Bool {
        switch source.text("kind") {
        case "PersistentVolumeClaim": source.text("apiGroup").isEmpty
        case "VolumeSnapshot": source.text("apiGroup") == "snapshot.storage.k8s.io"
        default: false
        }
    }

    static let classAnnotation = "volume.beta.kubernetes.io/storage-class"

    static func checkChanges(_ claim: JSON, _ old: JSON, _ issues: inout Issues) {
        let (spec, before) = (claim["spec"] ?? [:], old["spec"] ?? [:])
        let isBound = claim.value(at: "status", "phase")?.string == "Bound"
        var masked = spec
        var wanted = before
        if before.text("volumeName").isEmpty { wanted["volumeName"] = spec["volumeName"] }
        let annotation = claim.value(at: "metadata", "annotations", classAnnotation)
        let was = old.value(at: "metadata", "annotations", classAnnotation)
        if let was, !before.has("storageClassName"), spec["storageClassName"] == was,
            annotation == nil || annotation == was
        {
            masked["storageClassName"] = nil
        } else {
            if annotation != was {
                issues.invalid(
                    "metadata.annotations.\(classAnnotation)", annotation ?? "", "field is immutable")
            }
            if spec.has("storageClassName"), !before.has("storageClassName"),
                was == nil || spec["storageClassName"] == was
            {
                masked["storageClassName"] = before["storageClassName"]
            }
        }
        if isBound {
            masked.set(before.value(at: "resources", "requests", "storage"), at: "resources", "requests", "storage")
            masked["volumeAttributesClassName"] = before["volumeAttributesClassName"]
        }
        if masked != wanted {
            issues.forbidden(
                "spec",
                "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
            )
        }
        let size = Quantity(spec.value(at: "resources", "requests", "storage")) ?? .zero
        let oldSize = Quantity(before.value(at: "resources", "requests", "storage")) ?? .zero
        if size < oldSize, size <= Quantity(old.value(at: "status", "capacity", "storage")) ?? .zero {
            issues.forbidden(
                "spec.resources.requests.storage", "field can not be less than status.capacity")
        }
        issues.immutable("volumeMode", spec["volumeMode"], before["volumeMode"])
        if (spec["volumeAttributesClassName"] ?? .null) != (before["volumeAttributesClassName"] ?? .null),
            old["status"]?.has("currentVolumeAttributesClassName") == true
        {
            let field = "spec.volumeAttributesClassName"
            let ending = "is forbidden when status.currentVolumeAttributesClassName is not nil"
            if !spec.has("volumeAttributesClassName") {
                issues.forbidden(field, "update to nil \(ending)")
            } else if spec.text("volumeAttributesClassName").isEmpty {
                issues.forbidden(field, "update to empty string \(ending)")
            }
        }
    }

    private static let resizeStatuses = [
        "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizePending", "NodeResizeInProgress",
        "NodeResizeInfeasible",
    ]

    static func checkStatus(_ claim: JSON, _ old: JSON, _ issues: inout Issues) {
        let status = claim["status"] ?? [:]
        for (name, amount) in status["capacity"]?.object ?? [:] {
            basic(amount, "status.capacity[\(name)]", &issues)
        }
        for (name, state) in status["allocatedResourceStatuses"]?.object ?? [:] {
            resource(name, "status.allocatedResourceStatuses", &issues)
            if !resizeStatuses.contains(state.string ?? "") {
                issues.notSupported(
                    "status.allocatedResourceStatuses", .string(name), resizeStatuses.sorted())
            }
        }
        for (name, amount) in status["allocatedResources"]?.object ?? [:] {
            let before = issues.all.count
            resource(name, "status.allocatedResources", &issues)
            if issues.all.count == before { basic(amount, "status.allocatedResources[\(name)]", &issues) }
        }
    }

    private static func resource(_ name: String, _ field: String, _ issues: inout Issues) {
        let problems = NameRules.qualifiedName(name)
        issues.invalid(field, name, problems)
        if problems.isEmpty, ResourceRules.isNative(name), name != "storage" {
            issues.notSupported(field, .string(name), ["storage"])
        }
    }

    static func basic(_ amount: JSON, _ field: String, _ issues: inout Issues) {
        if let quantity = Quantity(amount), quantity.value < 0 {
            issues.invalid(field, .int(quantity.value), "must be a valid resource quantity")
        }
    }

    static func warnings(_ spec: JSON, _ path: String) -> [String] {
        ["requests", "limits"].compactMap { field in
            guard let amount = Quantity(spec.value(at: "resources", field, "storage")),
                amount.nanos % 1_000_000_000 != 0
            else { return nil }
            return
                "\(path).resources.\(field)[storage]: fractional byte value \(FieldIssue.quoted(amount.text)) is invalid, must be an integer"
        }
    }
}
