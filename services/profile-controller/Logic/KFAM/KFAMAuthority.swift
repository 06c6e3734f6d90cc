import Identity
import KubeClient
import KubeModel

/// Who may do what through KFAM, which acts with powers of its own: asked of the Profile's owner, of the roles in the
/// namespace, and of the API server.
struct KFAMAuthority: Sendable {
    private static let clusterRoles = ResourceType(
        "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", isNamespaced: false)

    let reviewer: AccessReviewer
    /// Users who are cluster administrators by the service's own settings.
    let clusterAdmins: Set<String>

    func isClusterAdmin(_ caller: CallerIdentity) async throws -> Bool {
        if clusterAdmins.contains(caller.user) { return true }
        return try await reviewer.isClusterAdministrator(caller)
    }

    /// True for the owner: a user, or any member of a group that owns.
    func owns(_ caller: CallerIdentity, _ profile: KubeObject) -> Bool {
        let owner = profile.spec["owner"]
        guard let name = owner?["name"]?.string, !name.isEmpty else { return false }
        return caller.isNamed(
            byKind: owner?["kind"]?.string ?? "User", name: name, namespace: owner?["namespace"]?.string)
    }

    /// True for those who may see all contributors: owners, contributors with the role admin, administrators, and
    /// whoever may list RoleBindings there.
    func maySee(
        _ caller: CallerIdentity, _ profile: KubeObject, _ bindings: [ContributorBinding]
    ) async throws -> Bool {
        if owns(caller, profile) || isAdmin(caller, bindings) || clusterAdmins.contains(caller.user) { return true }
        return try await reviewer.allows(caller, to: "list", .roleBindings, namespace: profile.name)
    }

    /// True for those who may give and take this role: owners, contributors with the role admin, administrators, and
    /// whoever may both write RoleBindings there and bind this role.
    func mayChange(
        _ caller: CallerIdentity, _ verb: String, _ role: ContributorBinding.Role, _ profile: KubeObject,
        _ bindings: [ContributorBinding]
    ) async throws -> Bool {
        if owns(caller, profile) || isAdmin(caller, bindings) { return true }
        if try await isClusterAdmin(caller) { return true }
        guard try await reviewer.allows(caller, to: verb, .roleBindings, namespace: profile.name) else { return false }
        return try await reviewer.allows(
            caller, to: "bind", Self.clusterRoles, namespace: profile.name, name: role.clusterRole)
    }

    func mayDelete(_ caller: CallerIdentity, _ profile: KubeObject) async throws -> Bool {
        if owns(caller, profile) { return true }
        if try await isClusterAdmin(caller) { return true }
        return try await reviewer.allows(caller, to: "delete", .profiles, name: profile.name)
    }

    private func isAdmin(_ caller: CallerIdentity, _ bindings: [ContributorBinding]) -> Bool {
        bindings.contains { $0.role == .admin && $0.isFor(caller) }
    }
}
