public import KubeModel

/// What holds for the metadata of every object.
public enum MetadataRules {
    /// Most bytes that all annotations of an object may have together.
    public static let annotationLimit = 256 * 1024

    /// Finds what is wrong with an object's metadata; `old` is the stored object when it is changed.
    public static func validate(_ json: JSON, old: JSON?, kind: KindDefinition) -> [FieldIssue] {
        var issues = Issues()
        let metadata = json["metadata"] ?? [:]
        names(metadata, kind, &issues)
        issues.notNegative("metadata.generation", metadata["generation"])
        issues.add(labels(metadata["labels"], "metadata.labels"))
        annotations(metadata["annotations"], "metadata.annotations", &issues)
        finalizers(metadata["finalizers"], isStrict: isStrict(kind.type, isCustom: kind.mergeKeys == nil), &issues)
        owners(metadata["ownerReferences"], &issues)
        if let old { changes(metadata, old["metadata"] ?? [:], &issues) }
        return issues.all
    }

    private static func names(_ metadata: JSON, _ kind: KindDefinition, _ issues: inout Issues) {
        let name = metadata["name"]?.string ?? ""
        if let prefix = metadata["generateName"]?.string, !prefix.isEmpty, kind.type.kind != "ReplicationController" {
            // A dash at the end is fine: random characters follow.
            let probe = prefix.hasSuffix("-") && prefix.count > 1 ? String(prefix.dropLast()) + "a" : prefix
            issues.invalid("metadata.generateName", prefix, rule(kind)(probe))
        }
        if name.isEmpty {
            issues.required("metadata.name", "name or generateName is required")
        } else {
            issues.invalid("metadata.name", name, rule(kind)(name))
        }
        let namespace = metadata["namespace"]?.string ?? ""
        if kind.type.isNamespaced {
            if namespace.isEmpty {
                issues.required("metadata.namespace")
            } else {
                issues.invalid("metadata.namespace", namespace, NameRules.label(namespace))
            }
        } else if !namespace.isEmpty {
            issues.forbidden("metadata.namespace", "not allowed on this type")
        }
    }

    private static func rule(_ kind: KindDefinition) -> (String) -> [String] {
        switch (kind.type.group, kind.type.kind) {
        case ("", "Namespace"): NameRules.label
        case ("", "Service"): NameRules.label  // a digit may come first since Kubernetes 1.36
        case ("rbac.authorization.k8s.io", _), ("apiregistration.k8s.io", _): NameRules.pathSegment
        // Nobody ever checked these names.
        case ("", "Event"), ("policy", "PodDisruptionBudget"), ("networking.k8s.io", "IPAddress"):
            NameRules.pathSegment
        default: NameRules.subdomain
        }
    }

    /// Finds what is wrong with labels at any path.
    static func labels(_ labels: JSON?, _ field: String) -> [FieldIssue] {
        var issues = Issues()
        guard let labels, !labels.isNull else { return [] }
        guard let map = labels.object else {
            issues.add(
                FieldIssue(field: field, reason: .typeInvalid, value: labels, detail: "must be a map of strings"))
            return issues.all
        }
        for (key, value) in map {
            issues.invalid(field, key, NameRules.qualifiedName(key))
            if let text = value.string {
                issues.invalid(field, text, NameRules.labelValue(text))
            } else {
                issues.add(FieldIssue(field: field, reason: .typeInvalid, value: value, detail: "must be a string"))
            }
        }
        return issues.all
    }

    static func annotations(_ annotations: JSON?, _ field: String, _ issues: inout Issues) {
        guard let annotations, !annotations.isNull else { return }
        guard let map = annotations.object else {
            issues.add(
                FieldIssue(field: field, reason: .typeInvalid, value: annotations, detail: "must be a map of strings"))
            return
        }
        var size = 0
        for (key, value) in map {
            issues.invalid(field, key, NameRules.qualifiedName(key.lowercased()))
            guard let text = value.string else {
                issues.add(FieldIssue(field: field, reason: .typeInvalid, value: value, detail: "must be a string"))
                continue
            }
            size += key.utf8.count + text.utf8.count
        }
        if size > annotationLimit {
            issues.add(
                FieldIssue(field: field, reason: .tooLong, detail: "may not be more than \(annotationLimit) bytes"))
        }
    }

    /// True for the kinds of the core server; those that extend it leave more to their controllers.
    private static func isStrict(_ type: ResourceType, isCustom: Bool) -> Bool {
        let extensions = [
            "apiextensions.k8s.io", "admissionregistration.k8s.io", "apiregistration.k8s.io", "coordination.k8s.io",
        ]
        return !isCustom && !extensions.contains(type.group)
    }

    /// Finds what is wrong with the name of a finalizer.
    static func finalizer(_ name: String, _ field: String, _ issues: inout Issues) {
        issues.invalid(field, name, NameRules.qualifiedName(name))
        qualified(name, field, &issues)
    }

    private static func qualified(_ name: String, _ field: String, _ issues: inout Issues) {
        guard !name.contains("/"), !standardFinalizers.contains(name) else { return }
        issues.invalid(
            field, .string(name), "name is neither a standard finalizer name nor is it fully qualified")
    }

    private static let standardFinalizers = ["kubernetes", "orphan", "foregroundDeletion"]

    private static func finalizers(_ finalizers: JSON?, isStrict: Bool, _ issues: inout Issues) {
        let names = finalizers?.array ?? []
        for (index, name) in names.enumerated() {
            guard let text = name.string else {
                issues.add(
                    FieldIssue(
                        field: "metadata.finalizers[\(index)]", reason: .typeInvalid, value: name,
                        detail: "must be a string"))
                continue
            }
            issues.invalid("metadata.finalizers", text, NameRules.qualifiedName(text))
            // The kinds of the core server look once more, under its index, whether it is qualified at all.
            if isStrict { qualified(text, "metadata.finalizers[\(index)]", &issues) }
        }
        if names.contains("orphan"), names.contains("foregroundDeletion") {
            issues.invalid(
                "metadata.finalizers", finalizers,
                "finalizer orphan and foregroundDeletion cannot be both set")
        }
    }

    private static func owners(_ owners: JSON?, _ issues: inout Issues) {
        var controllers: [String] = []
        for json in owners?.array ?? [] {
            let owner = OwnerReference(json)
            let field = "metadata.ownerReferences"  // without an index, as the real server has it
            if owner.apiVersion.isEmpty {
                issues.invalid("\(field).apiVersion", "", "version must not be empty")
            }
            if owner.kind.isEmpty { issues.invalid("\(field).kind", "", "must not be empty") }
            if owner.name.isEmpty { issues.invalid("\(field).name", "", "must not be empty") }
            if owner.uid.isEmpty { issues.invalid("\(field).uid", "", "must not be empty") }
            if owner.apiVersion == "v1", owner.kind == "Event" {
                issues.invalid(field, json, "/v1, Kind=Event is disallowed from being an owner")
            }
            if owner.isController { controllers.append("\(owner.kind)/\(owner.name)") }
        }
        if controllers.count > 1 {
            issues.invalid(
                "metadata.ownerReferences", owners,
                "Only one reference can have Controller set to true. Found \"true\" in references for \(controllers[0]) and \(controllers[1])"
            )
        }
    }

    private static func changes(_ metadata: JSON, _ old: JSON, _ issues: inout Issues) {
        for key in ["name", "namespace", "uid", "creationTimestamp"] where !(old[key] ?? "").isNull {
            issues.immutable("metadata.\(key)", metadata[key], old[key])
        }
        for key in ["deletionTimestamp", "deletionGracePeriodSeconds"] where old["deletionTimestamp"] != nil {
            issues.immutable("metadata.\(key)", metadata[key], old[key])
        }
        if old["deletionTimestamp"]?.string != nil {
            let before = Set((old["finalizers"]?.array ?? []).compactMap(\.string))
            let added = (metadata["finalizers"]?.array ?? []).compactMap(\.string).filter { !before.contains($0) }
            if !added.isEmpty {
                issues.forbidden(
                    "metadata.finalizers",
                    "no new finalizers can be added if the object is being deleted, found new finalizers []string{\(added.map(FieldIssue.quoted).joined(separator: ", "))}"
                )
            }
        }
        if let generation = metadata["generation"]?.int, let before = old["generation"]?.int, generation < before {
            issues.invalid("metadata.generation", .int(generation), "must not be decremented")
        }
    }
}
