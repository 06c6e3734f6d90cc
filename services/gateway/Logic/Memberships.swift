import ControllerKit
import KubeClient
import KubeModel

/// Which namespaces a user has a part in: those of Profiles in which a RoleBinding names the user or a group.
struct Memberships: Sendable {
    enum Role: String, Sendable { case owner, contributor, viewer }

    private static let editing: Set<String> = ["kubeflow-admin", "kubeflow-edit", "admin", "edit", "cluster-admin"]
    private static let viewing: Set<String> = ["kubeflow-view", "view"]

    let profiles: WatchCache
    let roleBindings: WatchCache

    init(client: KubeClient) {
        profiles = WatchCache(client: client, type: .profiles)
        roleBindings = WatchCache(client: client, type: .roleBindings)
    }

    func waitUntilSynced() async throws {
        try await profiles.waitUntilSynced()
        try await roleBindings.waitUntilSynced()
    }

    func namespaces(of identity: UserIdentity) -> [(namespace: String, role: Role)] {
        profiles.all().compactMap { profile in
            guard !profile.isBeingDeleted, let role = role(of: identity, in: profile) else { return nil }
            return (profile.name, role)
        }
    }

    private func role(of identity: UserIdentity, in profile: KubeObject) -> Role? {
        let owner = profile.spec["owner"]
        if owner?["name"]?.string == identity.user, owner?["kind"]?.string ?? "User" == "User" { return .owner }
        var best: Role?
        for binding in roleBindings.all(namespace: profile.name) {
            guard binding["roleRef"]?["kind"]?.string == "ClusterRole",
                let name = binding["roleRef"]?["name"]?.string, Self.names(identity, binding)
            else { continue }
            if Self.editing.contains(name) { best = .contributor }
            if Self.viewing.contains(name), best == nil { best = .viewer }
        }
        return best
    }

    private static func names(_ identity: UserIdentity, _ binding: KubeObject) -> Bool {
        (binding["subjects"]?.array ?? []).contains { subject in
            guard let name = subject["name"]?.string else { return false }
            switch subject["kind"]?.string {
            case "User": return name == identity.user
            case "Group": return identity.groups.contains(name)
            default: return false
            }
        }
    }
}
