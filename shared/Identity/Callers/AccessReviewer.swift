public import KubeClient
public import KubeModel

/// Asks the API server what a caller may do, so that RBAC stays the only authority.
public struct AccessReviewer: Sendable {
    private let client: KubeClient

    /// Asks with a client that may create SubjectAccessReviews.
    public init(client: KubeClient) { self.client = client }

    /// True when the caller may do that to objects of the type: in a namespace, or in all.
    public func allows(
        _ caller: CallerIdentity, to verb: String, _ type: ResourceType, namespace: String? = nil, name: String? = nil
    ) async throws -> Bool {
        var attributes: JSON = [
            "verb": .string(verb), "group": .string(type.group), "version": .string(type.version),
            "resource": .string(type.plural),
        ]
        attributes["namespace"] = namespace.map(JSON.string)
        attributes["name"] = name.map(JSON.string)
        let review = KubeObject([
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": [
                "user": .string(caller.user),
                "groups": .array((caller.groups + ["system:authenticated"]).map(JSON.string)),
                "resourceAttributes": attributes,
            ],
        ])
        return try await client.create(.subjectAccessReviews, review).status["allowed"]?.bool ?? false
    }

    /// True for those who may do everything everywhere.
    public func isClusterAdministrator(_ caller: CallerIdentity) async throws -> Bool {
        try await allows(caller, to: "*", ResourceType("*", "*", "*", "*"))
    }
}
