import KubeModel

/// How the parts of a kind merge: which lists are maps by key, which maps belong together.
final class MergeShape: Sendable {
    enum Rule: Sendable, Equatable {
        /// Maps merge field by field; scalars are leaves; lists are replaced whole.
        case standard
        /// Owned and replaced as one value.
        case atomic
        /// A list whose elements are told apart by these fields.
        case listMap([String])
        /// A list of distinct scalars.
        case set
    }

    let rule: Rule
    /// Values that a key takes when an element leaves it out, such as `protocol: TCP`.
    let keyDefaults: [String: JSON]
    let fields: [String: MergeShape]
    /// Shape of list elements, or of the values of a map without declared fields.
    let element: MergeShape?
    /// True for fields that the empty object of the kind has already: they are never owned by themselves.
    let isAlwaysPresent: Bool

    init(
        rule: Rule = .standard, keyDefaults: [String: JSON] = [:], fields: [String: MergeShape] = [:],
        element: MergeShape? = nil, isAlwaysPresent: Bool = false
    ) {
        (self.rule, self.keyDefaults, self.fields, self.element) = (rule, keyDefaults, fields, element)
        self.isAlwaysPresent = isAlwaysPresent
    }

    static let standard = MergeShape()
    static let atomic = MergeShape(rule: .atomic)

    func child(_ name: String) -> MergeShape { fields[name] ?? element ?? .standard }
    var elements: MergeShape { element ?? .standard }

    /// The step that names an element of a list with this shape; nil when a key is missing.
    func step(of item: JSON) -> PathStep? {
        switch rule {
        case .set: return .value(PathStep.canonical(item))
        case .listMap(let keys):
            var named = JSONObject()
            for key in keys.sorted() {
                guard let value = item[key] ?? keyDefaults[key] else {
                    if keys.count == 1 { return nil }
                    continue
                }
                named[key] = value
            }
            return named.isEmpty ? nil : .key(JSON.object(named).text)
        default: return nil
        }
    }
}

extension MergeShape {
    private static func list(
        _ keys: String..., defaults: [String: JSON] = [:], of element: MergeShape = .standard, present: Bool = false
    ) -> MergeShape {
        MergeShape(rule: .listMap(keys), keyDefaults: defaults, element: element, isAlwaysPresent: present)
    }

    private static func map(_ fields: [String: MergeShape], present: Bool = false) -> MergeShape {
        MergeShape(fields: fields, isAlwaysPresent: present)
    }

    static let metadata = MergeShape(
        fields: ["finalizers": MergeShape(rule: .set), "ownerReferences": list("uid", of: .atomic)],
        isAlwaysPresent: true)

    private static let reference = MergeShape.atomic
    private static let container: MergeShape = map([
        "env": list(
            "name",
            of: map([
                "valueFrom": map([
                    "fieldRef": reference, "configMapKeyRef": reference, "secretKeyRef": reference,
                    "resourceFieldRef": reference,
                ])
            ])),
        "ports": list("containerPort", "protocol", defaults: ["protocol": "TCP"]),
        "volumeMounts": list("mountPath"), "volumeDevices": list("devicePath"),
        "resources": map(["claims": list("name")]),
    ])
    private static let podSpec: [String: MergeShape] = [
        "containers": list("name", of: container, present: true), "initContainers": list("name", of: container),
        "ephemeralContainers": list("name", of: container), "imagePullSecrets": list("name"),
        "volumes": list(
            "name",
            of: map([
                "configMap": map(["items": .atomic]), "secret": map(["items": .atomic]),
                "projected": map(["sources": .atomic]),
            ])),
        "hostAliases": list("ip"), "tolerations": .atomic, "nodeSelector": .atomic, "schedulingGates": list("name"),
        "topologySpreadConstraints": list("topologyKey", "whenUnsatisfiable", of: map(["labelSelector": .atomic])),
        "resourceClaims": list("name"), "readinessGates": .atomic,
    ]
    private static let conditions = list("type")
    private static func template(present: Bool = true) -> MergeShape {
        map(["metadata": metadata, "spec": map(podSpec, present: present)], present: present)
    }
    private static let workload: MergeShape = map(
        [
            "selector": .atomic, "template": template(), "strategy": map([:], present: true),
            "updateStrategy": map([:], present: true),
        ], present: true)
    private static let present: MergeShape = map([:], present: true)
    private static let conditioned: MergeShape = map(["conditions": conditions], present: true)
    private static let quota: MergeShape = present

    /// The shapes of the built-in kinds that are not all standard.
    private static let builtin: [String: MergeShape] = [
        "Pod": map([
            "metadata": metadata, "spec": map(podSpec, present: true),
            "status": map(
                [
                    "conditions": conditions, "podIPs": list("ip"), "hostIPs": .atomic, "containerStatuses": .atomic,
                    "initContainerStatuses": .atomic,
                ], present: true),
        ]),
        "PodTemplate": map(["metadata": metadata, "template": template()]),
        "ReplicationController": map([
            "metadata": metadata, "spec": map(["selector": .atomic, "template": template()], present: true),
            "status": conditioned,
        ]),
        "Deployment": map(["metadata": metadata, "spec": workload, "status": conditioned]),
        "ReplicaSet": map(["metadata": metadata, "spec": workload, "status": conditioned]),
        "DaemonSet": map(["metadata": metadata, "spec": workload, "status": conditioned]),
        "StatefulSet": map(["metadata": metadata, "spec": workload, "status": conditioned]),
        "Job": map(["metadata": metadata, "spec": workload, "status": map(["conditions": .atomic], present: true)]),
        "CronJob": map([
            "metadata": metadata,
            "spec": map(
                [
                    "jobTemplate": map(["metadata": metadata, "spec": workload], present: true)
                ], present: true), "status": map(["active": .atomic], present: true),
        ]),
        "Service": map([
            "metadata": metadata,
            "spec": map(
                [
                    "ports": list("port", "protocol", defaults: ["protocol": "TCP"]), "selector": .atomic,
                ], present: true), "status": map(["conditions": conditions, "loadBalancer": present], present: true),
        ]),
        "ServiceAccount": map(["metadata": metadata, "secrets": list("name"), "imagePullSecrets": .atomic]),
        "Endpoints": map(["metadata": metadata, "subsets": .atomic]),
        "EndpointSlice": map(["metadata": metadata, "endpoints": .atomic, "ports": .atomic, "addressType": present]),
        "Namespace": map([
            "metadata": metadata, "spec": map(["finalizers": .atomic], present: true), "status": conditioned,
        ]),
        "Node": map([
            "metadata": metadata, "spec": map(["taints": .atomic, "podCIDRs": MergeShape(rule: .set)], present: true),
            "status": map(
                [
                    "conditions": conditions, "addresses": list("type"), "daemonEndpoints": present,
                    "nodeInfo": present,
                ], present: true),
        ]),
        "PersistentVolumeClaim": map([
            "metadata": metadata,
            "spec": map(
                [
                    "selector": .atomic, "dataSource": .atomic, "resources": present,
                ], present: true), "status": conditioned,
        ]),
        "PersistentVolume": map([
            "metadata": metadata, "spec": map(["claimRef": .atomic], present: true), "status": present,
        ]),
        "ResourceQuota": map(["metadata": metadata, "spec": quota, "status": quota]),
        "LimitRange": map(["metadata": metadata, "spec": map(["limits": .atomic], present: true)]),
        "ClusterRole": map([
            "metadata": metadata, "rules": MergeShape(rule: .atomic, isAlwaysPresent: false),
            "aggregationRule": map(["clusterRoleSelectors": .atomic]),
        ]),
        "ClusterRoleBinding": map(["metadata": metadata, "roleRef": .atomic]),
        "RoleBinding": map(["metadata": metadata, "roleRef": .atomic]),
        "Ingress": map(["metadata": metadata, "spec": present, "status": map(["loadBalancer": present], present: true)]
        ),
        "NetworkPolicy": map(["metadata": metadata, "spec": map(["podSelector": .atomic], present: true)]),
        "PodDisruptionBudget": map([
            "metadata": metadata, "spec": map(["selector": .atomic], present: true), "status": conditioned,
        ]),
        "HorizontalPodAutoscaler": map([
            "metadata": metadata, "spec": map(["scaleTargetRef": present], present: true),
            "status": map(["conditions": conditions], present: true),
        ]),
        "Lease": map(["metadata": metadata, "spec": present]),
        "Event": map(["metadata": metadata, "involvedObject": present, "source": present]),
        "CustomResourceDefinition": map([
            "metadata": metadata, "spec": map(["names": present, "versions": .atomic], present: true),
            "status": map(
                [
                    "conditions": conditions, "acceptedNames": present,
                ], present: true),
        ]),
        "MutatingWebhookConfiguration": map([
            "metadata": metadata,
            "webhooks": list(
                "name", of: map(["namespaceSelector": .atomic, "objectSelector": .atomic, "rules": .atomic])),
        ]),
        "ValidatingWebhookConfiguration": map([
            "metadata": metadata,
            "webhooks": list(
                "name", of: map(["namespaceSelector": .atomic, "objectSelector": .atomic, "rules": .atomic])),
        ]),
    ]
    private static let plain: MergeShape = map(["metadata": metadata, "spec": present, "status": present])

    /// The shape of a built-in kind.
    static func builtin(kind: String) -> MergeShape { builtin[kind] ?? plain }

    /// The shape that the schema of a custom kind declares.
    convenience init(schema: JSON, isRoot: Bool = false) {
        let type = schema["type"]?.string
        var fields: [String: MergeShape] = [:]
        for (name, child) in schema["properties"]?.object ?? [:] { fields[name] = MergeShape(schema: child) }
        if isRoot || schema["x-kubernetes-embedded-resource"]?.bool == true { fields["metadata"] = .metadata }
        let element = (type == "array" ? schema["items"] : schema["additionalProperties"]).flatMap { child in
            child.object == nil ? nil : MergeShape(schema: child)
        }
        var rule = Rule.standard
        var defaults: [String: JSON] = [:]
        switch (type, schema["x-kubernetes-list-type"]?.string, schema["x-kubernetes-map-type"]?.string) {
        case ("array", "map", _):
            let keys = schema["x-kubernetes-list-map-keys"]?.array?.compactMap(\.string) ?? []
            rule = keys.isEmpty ? .atomic : .listMap(keys)
            for key in keys { defaults[key] = schema.value(at: "items", "properties", key, "default") }
        case ("array", "set", _): rule = .set
        case ("array", _, _): rule = .atomic
        case (_, _, "atomic"): rule = .atomic
        default: break
        }
        self.init(rule: rule, keyDefaults: defaults, fields: fields, element: element)
    }
}
