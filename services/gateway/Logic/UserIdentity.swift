import KubeClient

/// Who a request was proven to come from.
struct UserIdentity: Sendable, Hashable {
    static let serviceAccountPrefix = "system:serviceaccount:"

    /// User name, as RBAC knows it.
    let user: String
    /// Groups, without those that the API server adds itself.
    let groups: [String]

    /// The client that acts as this user, so that RBAC decides and nothing else.
    func client(_ client: KubeClient) -> KubeClient {
        // The API server knows itself which groups a service account has.
        let isAccount = user.hasPrefix(Self.serviceAccountPrefix)
        return client.impersonating(user: user, groups: isAccount ? [] : groups)
    }
}
