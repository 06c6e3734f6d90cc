public import KubeModel

/// What is sent to a subresource and is not the kind of the object itself.
public struct SubresourceKind: Sendable {
    /// Kind and group, in the version in which it is answered.
    public let type: ResourceType
    /// The versions in which it may be sent.
    public let apiVersions: [String]

    /// `policy/v1 Eviction`.
    public static let eviction = SubresourceKind(
        type: ResourceType("policy", "v1", "evictions", "Eviction"), apiVersions: ["policy/v1", "policy/v1beta1"])
    /// `authentication.k8s.io/v1 TokenRequest`.
    public static let tokenRequest = SubresourceKind(
        type: ResourceType("authentication.k8s.io", "v1", "tokenrequests", "TokenRequest"),
        apiVersions: ["authentication.k8s.io/v1"])

    /// Reads an object that was sent: drops what the kind does not have.
    ///
    /// - Returns: the paths of the fields that were dropped.
    /// - Throws: ``APIError`` for values of wrong types.
    public func read(_ object: inout JSON) throws(APIError) -> [String] {
        var reader = TypedReader(kind: type)
        try reader.read(&object, as: type.kind)
        return reader.unknown
    }
}
