import KubeModel

extension BuiltinKinds {
    static let eventsV1 = ResourceType("events.k8s.io", "v1", "events", "Event")
    static let componentStatuses = ResourceType("", "v1", "componentstatuses", "ComponentStatus", isNamespaced: false)

    static let core: [KindDefinition] = [
        pod, podTemplate, replicationController, service, endpoints, configMap, secret, serviceAccount, namespace, node,
        persistentVolume, persistentVolumeClaim, event, eventV1, resourceQuota, limitRange,
    ]

    static let namespace = kind(
        .namespaces, short: ["ns"], hasStatus: true, subresources: ["finalize"],
        defaults: { object in
            // Every namespace carries its name as a label, so that selectors can name it.
            let name = object.value(at: "metadata", "name")?.string ?? ""
            if !name.isEmpty { object.set(.string(name), at: "metadata", "labels", "kubernetes.io/metadata.name") }
            object.fill("status", [:])
            object.edit("status") { $0.fillText("phase", "Active") }
        },
        create: { object in
            object["status"] = ["phase": "Active"]
            var finalizers = object.value(at: "spec", "finalizers")?.array ?? []
            if !finalizers.contains("kubernetes") { finalizers.append("kubernetes") }
            object.set(.array(finalizers), at: "spec", "finalizers")
        },
        update: { object, old in object.set(old.value(at: "spec", "finalizers"), at: "spec", "finalizers") },
        validate: { object, _, issues in
            for name in object["spec"]?.list("finalizers") ?? [] {
                MetadataRules.finalizer(name.string ?? "", "spec.finalizers", &issues)
            }
        },
        validateStatus: { object, old, issues in
            let isDeleted = old.value(at: "metadata", "deletionTimestamp")?.string != nil
            let wanted = isDeleted ? "Terminating" : "Active"
            guard object.value(at: "status", "phase")?.string != wanted else { return }
            issues.invalid(
                "status.Phase", object.value(at: "status", "phase") ?? "",
                "may only be '\(wanted)' if `deletionTimestamp` is \(isDeleted ? "not " : "")empty")
        },
        validateSubresource: { object, _, name in
            guard name == "finalize" else { return nil }
            var issues = Issues()
            for (index, name) in (object["spec"]?.list("finalizers") ?? []).enumerated() {
                MetadataRules.finalizer(name.string ?? "", "spec.finalizers[\(index)]", &issues)
            }
            return issues.all
        },
        columns: [.name, TableColumn("Status", description: "Active or Terminating."), .age],
        cells: { [Cell.name($0), Cell.text($0.value(at: "status", "phase")), Cell.age($0, $1)] })
}
