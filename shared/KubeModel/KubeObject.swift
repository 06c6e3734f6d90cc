/// A Kubernetes object: its JSON tree, with names for the parts that every kind has.
///
/// Unknown fields stay in the tree, so that writing an object back loses nothing.
public struct KubeObject: Sendable, Equatable {
    /// The whole object.
    public var json: JSON

    /// Wraps a tree.
    public init(_ json: JSON) { self.json = json }

    /// A new object with the given names, to be filled by subscript.
    public init(
        apiVersion: String, kind: String, name: String, namespace: String? = nil, labels: [String: String] = [:],
        annotations: [String: String] = [:]
    ) {
        var metadata: JSON = ["name": .string(name)]
        metadata["namespace"] = namespace.map(JSON.string)
        if !labels.isEmpty { metadata["labels"] = JSON(labels) }
        if !annotations.isEmpty { metadata["annotations"] = JSON(annotations) }
        json = ["apiVersion": .string(apiVersion), "kind": .string(kind), "metadata": metadata]
    }

    /// A top-level field, such as `spec`.
    public subscript(key: String) -> JSON? {
        get { json[key] }
        set { json[key] = newValue }
    }

    /// `group/version`, or `v1` for the core group.
    public var apiVersion: String { json["apiVersion"]?.string ?? "" }
    /// Kind, in CamelCase.
    public var kind: String { json["kind"]?.string ?? "" }
    /// `metadata`.
    public var metadata: JSON {
        get { json["metadata"] ?? [:] }
        set { json["metadata"] = newValue }
    }
    /// `metadata.name`, empty before one was given.
    public var name: String { metadata["name"]?.string ?? "" }
    /// `metadata.namespace`, nil for objects of the cluster.
    public var namespace: String? { metadata["namespace"]?.string }
    /// `metadata.uid`, empty before the server gave one.
    public var uid: String { metadata["uid"]?.string ?? "" }
    /// `metadata.resourceVersion`, empty before the server gave one.
    public var resourceVersion: String { metadata["resourceVersion"]?.string ?? "" }
    /// `metadata.generation`.
    public var generation: Int64 { metadata["generation"]?.int ?? 0 }
    /// `metadata.labels`.
    public var labels: [String: String] { metadata["labels"]?.stringMap ?? [:] }
    /// `metadata.annotations`.
    public var annotations: [String: String] { metadata["annotations"]?.stringMap ?? [:] }
    /// `metadata.finalizers`.
    public var finalizers: [String] { metadata["finalizers"]?.array?.compactMap(\.string) ?? [] }
    /// True once deletion was asked for.
    public var isBeingDeleted: Bool { metadata["deletionTimestamp"]?.string != nil }
    /// `metadata.creationTimestamp` as written (RFC 3339).
    public var creationTimestamp: String { metadata["creationTimestamp"]?.string ?? "" }
    /// `metadata.ownerReferences`.
    public var ownerReferences: [OwnerReference] {
        metadata["ownerReferences"]?.array?.map(OwnerReference.init) ?? []
    }
    /// The owner that controls this object.
    public var controller: OwnerReference? { ownerReferences.first(where: \.isController) }
    /// `spec`.
    public var spec: JSON {
        get { json["spec"] ?? [:] }
        set { json["spec"] = newValue }
    }
    /// `status`.
    public var status: JSON {
        get { json["status"] ?? [:] }
        set { json["status"] = newValue }
    }
}

/// `metadata.ownerReferences[]` (meta/v1).
public struct OwnerReference: Sendable, Hashable {
    /// apiVersion of the owner.
    public let apiVersion: String
    /// Kind of the owner.
    public let kind: String
    /// Name of the owner, in the namespace of the owned object or in none.
    public let name: String
    /// uid of the owner.
    public let uid: String
    /// True for the one owner that manages the object.
    public let isController: Bool
    /// True when foreground deletion of the owner waits for the object.
    public let blocksOwnerDeletion: Bool

    /// Reads one reference.
    public init(_ json: JSON) {
        apiVersion = json["apiVersion"]?.string ?? ""
        kind = json["kind"]?.string ?? ""
        name = json["name"]?.string ?? ""
        uid = json["uid"]?.string ?? ""
        isController = json["controller"]?.bool ?? false
        blocksOwnerDeletion = json["blockOwnerDeletion"]?.bool ?? false
    }

    /// The reference that makes `owner` the controller of another object.
    public init(controlledBy owner: KubeObject) {
        apiVersion = owner.apiVersion
        kind = owner.kind
        name = owner.name
        uid = owner.uid
        isController = true
        blocksOwnerDeletion = true
    }

    /// The reference as written in an object.
    public var json: JSON {
        [
            "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name), "uid": .string(uid),
            "controller": .bool(isController), "blockOwnerDeletion": .bool(blocksOwnerDeletion),
        ]
    }
}
