import KubeModel

/// Pods and claims of a StatefulSet, by ordinal.
enum StatefulSetPods {
    static let podNameKey = "statefulset.kubernetes.io/pod-name"
    static let indexKey = "apps.kubernetes.io/pod-index"

    /// The Pod with the given ordinal, from the template of a revision.
    static func pod(_ set: KubeObject, ordinal: Int, template: JSON, revision: String) -> KubeObject {
        var pod = set.pod(fromTemplate: template, type: .statefulSets)
        let name = "\(set.name)-\(ordinal)"
        pod.metadata["name"] = .string(name)
        for (key, value) in identity(name: name, ordinal: ordinal) {
            pod.metadata.set(.string(value), at: "labels", key)
        }
        pod.metadata.set(.string(revision), at: "labels", RevisionHistory.hashKey)
        pod.spec["hostname"] = .string(name)
        if let service = set.spec["serviceName"]?.string, !service.isEmpty { pod.spec["subdomain"] = .string(service) }
        let templates = (set.spec["volumeClaimTemplates"]?.array ?? []).map(KubeObject.init)
        if !templates.isEmpty {
            let claims = templates.map { template -> JSON in
                [
                    "name": .string(template.name),
                    "persistentVolumeClaim": ["claimName": .string(claimName(template.name, set, ordinal))],
                ]
            }
            let names = Set(templates.map(\.name))
            let others = (pod.spec["volumes"]?.array ?? []).filter { !names.contains($0["name"]?.string ?? "") }
            pod.spec["volumes"] = .array(claims + others)
        }
        return pod
    }

    /// The labels that say which Pod of the set it is.
    static func identity(name: String, ordinal: Int) -> [String: String] {
        [podNameKey: name, indexKey: String(ordinal)]
    }

    static func claimName(_ template: String, _ set: KubeObject, _ ordinal: Int) -> String {
        "\(template)-\(set.name)-\(ordinal)"
    }

    /// The claims of the Pod with the given ordinal.
    static func claims(_ set: KubeObject, ordinal: Int) -> [KubeObject] {
        (set.spec["volumeClaimTemplates"]?.array ?? []).map { json in
            let template = KubeObject(json)
            let labels = template.labels.merging(
                set.spec.value(at: "selector", "matchLabels")?.stringMap ?? [:]
            ) { _, selector in selector }
            var claim = KubeObject(
                apiVersion: "v1", kind: "PersistentVolumeClaim", name: claimName(template.name, set, ordinal),
                namespace: set.namespace, labels: labels, annotations: template.annotations)
            claim.spec = template.spec
            if set.spec.value(at: "persistentVolumeClaimRetentionPolicy", "whenDeleted")?.string == "Delete" {
                var reference = set.controllerReference(.statefulSets)
                reference["controller"] = nil
                reference["blockOwnerDeletion"] = nil
                claim.metadata["ownerReferences"] = [reference]
            }
            return claim
        }
    }
}
