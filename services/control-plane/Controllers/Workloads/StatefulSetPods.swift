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
        pod.metadata["generateName"] = .string(ReplicaSetReconciler.podNamePrefix(set.name))
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
            return claim
        }
    }

    /// `persistentVolumeClaimRetentionPolicy`: whether the claims go with the set, and with a Pod that is scaled away.
    struct Retention: Sendable {
        let deletesWithSet, deletesWithPod: Bool

        init(_ set: KubeObject) {
            let policy = set.spec["persistentVolumeClaimRetentionPolicy"]
            deletesWithSet = policy?["whenDeleted"]?.string == "Delete"
            deletesWithPod = policy?["whenScaled"]?.string == "Delete"
        }
    }

    /// The owners that a claim is to have: with another controller ours leave it alone.
    static func owners(of claim: KubeObject, set: KubeObject, pod: KubeObject, isScaledAway: Bool) -> [JSON] {
        let retention = Retention(set)
        let references = claim.metadata["ownerReferences"]?.array ?? []
        func isSet(_ reference: JSON) -> Bool {
            reference["kind"] == "StatefulSet" && reference["name"]?.string == set.name
        }
        func isPod(_ reference: JSON) -> Bool { reference["kind"] == "Pod" && reference["name"]?.string == pod.name }
        let others = references.filter { !isSet($0) && !isPod($0) }
        guard !hasForeignController(references, set: set, pod: pod) else { return others }
        if retention.deletesWithPod, isScaledAway { return others + [pod.controllerReference(.pods)] }
        if retention.deletesWithSet { return others + [set.controllerReference(.statefulSets)] }
        return others
    }

    /// Something else controls the claim, or a set or Pod of the same name that is gone.
    static func hasForeignController(_ references: [JSON], set: KubeObject, pod: KubeObject) -> Bool {
        let retention = Retention(set)
        guard retention.deletesWithSet || retention.deletesWithPod else { return false }
        return references.contains { reference in
            for (kind, object) in [("StatefulSet", set), ("Pod", pod)]
            where reference["kind"]?.string == kind && reference["name"]?.string == object.name {
                return reference["uid"]?.string != object.uid
            }
            return reference["controller"]?.bool ?? false
        }
    }

    /// A claim that goes with a Pod of the same name that is gone: nobody may use it any more.
    static func isStale(_ claim: KubeObject, set: KubeObject, podName: String, podUID: String = "") -> Bool {
        guard Retention(set).deletesWithPod else { return false }
        return claim.ownerReferences.contains { $0.kind == "Pod" && $0.name == podName && $0.uid != podUID }
    }
}
