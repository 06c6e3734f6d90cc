import ControllerKit
import KubeModel

/// A contributor as KFAM keeps it: a RoleBinding of one subject, which its annotations name.
struct TeamMember: Sendable {
    /// `User` or `Group`.
    let kind: String
    let name: String
    /// `admin`, `edit` or `view`.
    let role: String

    init?(_ binding: KubeObject) {
        guard let user = binding.annotations["user"], let role = binding.annotations["role"],
            let subjects = binding["subjects"]?.array, subjects.count == 1, subjects[0]["name"]?.string == user,
            binding["roleRef"]?["name"]?.string == "kubeflow-\(role)", binding.name != "namespaceAdmin"
        else { return nil }
        (kind, name, self.role) = (subjects[0]["kind"]?.string ?? "User", user, role)
    }

    /// The contributors of a namespace, without its owner.
    static func all(in namespace: String, _ memberships: Memberships) -> [TeamMember] {
        memberships.roleBindings.all(namespace: namespace).compactMap(TeamMember.init)
    }

    var json: JSON { ["kind": .string(kind), "name": .string(name), "role": .string(role)] }
}
