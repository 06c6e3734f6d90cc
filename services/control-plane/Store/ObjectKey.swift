/// Which object of the cluster: its resource, namespace and name.
public struct ObjectKey: Hashable, Sendable, CustomStringConvertible {
    /// Plural name with the group: `pods`, `notebooks.kubeflow.org`.
    public let resource: String
    /// Namespace, empty for objects of the cluster.
    public let namespace: String
    /// Name within the namespace.
    public let name: String

    /// Place of the object among those of its resource. Compared as text, paths sort as the keys of a real cluster do.
    let path: String

    /// Names an object.
    public init(resource: String, namespace: String = "", name: String) {
        (self.resource, self.namespace, self.name) = (resource, namespace, name)
        path = namespace.isEmpty ? name : "\(namespace)/\(name)"
    }

    /// `configmaps/default/settings`, for messages.
    public var description: String { "\(resource)/\(path)" }

    public static func == (left: ObjectKey, right: ObjectKey) -> Bool {
        left.path == right.path && left.resource == right.resource
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(resource)
        hasher.combine(path)
    }
}
