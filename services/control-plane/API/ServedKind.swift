import ClusterRules
import ClusterStore
import KubeModel

/// A kind in one version, as the API serves it: a built-in one or one that a CustomResourceDefinition brought.
final class ServedKind: Sendable {
    /// What a CustomResourceDefinition adds.
    struct Custom: Sendable {
        let definitionName: String
        let schema: StructuralSchema?
        let storageVersion: String
        let scale: ScalePaths?
        /// JSON schema as written, for OpenAPI.
        let openAPI: JSON?
        let selectableFields: [String]
        let isDeprecated: Bool
    }

    /// Where a custom kind keeps what its `scale` subresource shows.
    struct ScalePaths: Sendable {
        let specReplicas: [String]
        let statusReplicas: [String]
        let labelSelector: [String]?
    }

    let definition: KindDefinition
    let custom: Custom?
    let shape: MergeShape
    let selectableFields: Set<String>
    /// Bytes that every stored object of the kind begins with, up to the version: `{"kind":"Pod","apiVersion":"`.
    let prefix: [UInt8]
    let typePrefix: [UInt8]

    init(_ definition: KindDefinition, custom: Custom? = nil) {
        self.definition = definition
        self.custom = custom
        let type = definition.type
        shape =
            custom.map {
                $0.openAPI.map { MergeShape(schema: $0, isRoot: true) } ?? MergeShape(fields: ["metadata": .metadata])
            }
            ?? (Self.declared.contains(type.kind) ? MergeShape.declared(type) : nil) ?? .builtin(kind: type.kind)
        selectableFields = Set(
            ["metadata.name", "metadata.namespace"] + (custom?.selectableFields ?? Self.selectable(type)))
        prefix = Array("{\"kind\":\"\(type.kind)\",\"apiVersion\":\"".utf8)
        typePrefix = Array("{\"kind\":\"\(type.kind)\",\"apiVersion\":\"\(type.apiVersion)\"".utf8)
    }

    /// Built-in kinds whose shape is read from the table of types.
    private static let declared: Set<String> = [
        "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    ]

    var type: ResourceType { definition.type }
    var isCustom: Bool { custom != nil }
    /// The name of the kind in the store: all versions share one.
    var storageName: String { (definition.storedAs ?? type).qualifiedPlural }
    /// The apiVersion under which objects are stored.
    var storageAPIVersion: String {
        guard let custom else { return (definition.storedAs ?? type).apiVersion }
        return "\(type.group)/\(custom.storageVersion)"
    }

    var listKind: String { type.kind + "List" }

    /// Kinds whose deletion answers the object rather than a Status.
    var returnsDeletedObject: Bool { Self.returned.contains(type.kind) && !isCustom }
    private static let returned: Set<String> = [
        "Pod", "Service", "ServiceAccount", "PersistentVolumeClaim", "PersistentVolume", "PodTemplate", "ResourceQuota",
        "Namespace", "CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass", "DeviceClass",
        "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice",
    ]

    /// Built-in kinds that a PUT creates when they are missing.
    var allowsCreateOnUpdate: Bool { !isCustom && Self.createdByUpdate.contains(type.kind) }
    private static let createdByUpdate: Set<String> = [
        "Endpoints", "Event", "LimitRange", "RuntimeClass", "PriorityClass", "Service", "Lease", "Role", "RoleBinding",
        "ClusterRole", "ClusterRoleBinding",
    ]

    /// Custom kinds, and some others, may only be replaced with the version that was read.
    var requiresResourceVersion: Bool { isCustom || Self.conditional.contains(type.kind) }
    private static let conditional: Set<String> = [
        "CustomResourceDefinition", "Lease", "APIService", "PodDisruptionBudget", "RuntimeClass", "CSIDriver",
        "CSINode",
        "CSIStorageCapacity", "VolumeAttachment", "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration", "PriorityLevelConfiguration", "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
    ]

    /// Kinds whose first generation is the first change; created ones have none.
    var countsChangesOnly: Bool { !isCustom && type.kind == "CSIDriver" }

    /// Kinds that count changes of their spec.
    var hasGeneration: Bool { isCustom || Self.generations.contains(type.kind) }
    private static let generations: Set<String> = [
        "Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job", "CronJob",
        "Ingress",
        "NetworkPolicy", "PodDisruptionBudget", "CustomResourceDefinition", "PriorityClass", "EndpointSlice",
        "PodTemplate",
        "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "IngressClass", "DeviceClass",
        "ResourceSlice", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    ]

    private static func selectable(_ type: ResourceType) -> [String] {
        let fields = selectable[type.kind] ?? []
        return type.group == "events.k8s.io" ? fields.map { newEventPath($0) } : fields
    }

    /// Events of the newer group name some fields otherwise.
    private static func newEventPath(_ path: String) -> String {
        if path == "reportingComponent" { return "reportingController" }
        return path.hasPrefix("involvedObject.") ? "regarding." + path.dropFirst(15) : path
    }

    /// The refusal of a field that cannot be selected by.
    func cannotSelect(_ field: String) -> APIError {
        isCustom || selectableFields.count > 2
            ? APIError(.badRequest, "field label not supported: \(field)")
            : APIError(
                .badRequest,
                "\"\(field)\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    }

    /// The path of a selectable field in what is stored.
    func storedPath(_ path: String) -> String {
        guard type.group == "events.k8s.io" else { return path }
        return (Self.selectable[type.kind] ?? []).first { Self.newEventPath($0) == path } ?? path
    }

    private static let selectable: [String: [String]] = [
        "Pod": [
            "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
        ],
        "Event": [
            "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
            "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
            "reportingComponent", "source", "type",
        ],
        "Namespace": ["status.phase"], "Node": ["spec.unschedulable"], "Secret": ["type"],
        "Job": ["status.successful"], "ReplicationController": ["status.replicas"],
        "Service": ["spec.clusterIP", "spec.type"], "CertificateSigningRequest": ["spec.signerName"],
    ]

    func key(_ namespace: String, _ name: String) -> ObjectKey {
        ObjectKey(resource: storageName, namespace: type.isNamespaced ? namespace : "", name: name)
    }

    /// Subresources, `status` included.
    var subresources: [String] {
        var all = definition.extraSubresources
        if definition.hasStatus { all.insert("status", at: 0) }
        return all
    }

    /// Verbs of the resource itself, as discovery lists them.
    var verbs: [String] {
        definition.isCreateOnly
            ? ["create"]
            : definition.isMeasured
                ? ["get", "list"]
                : isCustom
                    ? ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
                    : type == .namespaces
                        ? ["create", "delete", "get", "list", "patch", "update", "watch"]
                        : ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    }

    func notFound(_ name: String) -> APIError {
        APIError(
            .notFound, "\(type.qualifiedPlural) \"\(name)\" not found", kind: type.plural,
            group: type.group.isEmpty ? nil : type.group, name: name)
    }

    func conflict(_ name: String, _ detail: String) -> APIError {
        APIError(
            .conflict, "Operation cannot be fulfilled on \(type.qualifiedPlural) \"\(name)\": \(detail)",
            kind: type.plural,
            group: type.group.isEmpty ? nil : type.group, name: name)
    }

    /// A precondition that does not hold; the real server names the kind here, not the resource.
    func failedPrecondition(_ name: String, _ field: String, wanted: String, found: String, _ reason: String)
        -> APIError
    {
        APIError(
            .conflict,
            "Operation cannot be fulfilled on \(type.kind) \"\(name)\": the \(field) in the precondition (\(wanted)) does not "
                + "match the \(field) in record (\(found)). The object might have been \(reason)",
            kind: type.kind, group: type.group.isEmpty ? nil : type.group, name: name)
    }

    static let modified = "the object has been modified; please apply your changes to the latest version and try again"

    func exists(_ name: String) -> APIError {
        APIError(
            .alreadyExists, "\(type.qualifiedPlural) \"\(name)\" already exists", kind: type.plural,
            group: type.group.isEmpty ? nil : type.group, name: name)
    }

    func forbidden(_ name: String, _ detail: String, causes: [APIError.Cause] = []) -> APIError {
        APIError(
            .forbidden, "\(type.qualifiedPlural) \"\(name)\" is forbidden: \(detail)", kind: type.plural,
            group: type.group.isEmpty ? nil : type.group, name: name, causes: causes)
    }

    func invalid(_ name: String, _ issues: [FieldIssue]) -> APIError {
        var causes: [APIError.Cause] = []
        for issue in issues where !causes.contains(issue.cause) { causes.append(issue.cause) }
        let texts = causes.map { "\($0.field): \($0.message)" }
        let list = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        let kind = type.group.isEmpty ? type.kind : "\(type.kind).\(type.group)"
        return APIError(
            .invalid, "\(kind) \"\(name)\" is invalid: \(list)", kind: type.kind,
            group: type.group.isEmpty ? nil : type.group, name: name.isEmpty ? nil : name, causes: causes)
    }
}
