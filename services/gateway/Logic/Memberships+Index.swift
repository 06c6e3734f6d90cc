import ControllerKit
import KubeModel

extension Memberships {
    /// Who owns what and who has which role, by subject. Holds nothing of objects that are gone.
    struct Index: Sendable {
        private struct Subject: Hashable, Sendable {
            let kind: String
            let name: String
        }

        /// Profiles that are not being deleted.
        private(set) var profiles: Set<String> = []
        private var owned: [Subject: Set<String>] = [:]
        /// Roles by subject, namespace and name of the RoleBinding.
        private var bound: [Subject: [String: [String: Role]]] = [:]

        var isEmpty: Bool { profiles.isEmpty && owned.isEmpty && bound.isEmpty }

        /// The most that a user may in each namespace with a Profile.
        func roles(of identity: UserIdentity) -> [String: Role] {
            let subjects =
                [Subject(kind: "User", name: identity.user)]
                + identity.groups.map { Subject(kind: "Group", name: $0) }
            var best: [String: Role] = [:]
            for subject in subjects {
                for name in owned[subject] ?? [] { best[name] = .owner }
                for (namespace, roles) in bound[subject] ?? [:] {
                    guard let role = roles.values.max() else { continue }
                    best[namespace] = max(best[namespace] ?? role, role)
                }
            }
            return best.filter { profiles.contains($0.key) }
        }

        mutating func profileChanged(_ change: CacheChange) {
            if let old = change.old, let owner = Self.owner(old) { disown(old.name, owner) }
            let profile = change.object
            if change.type == .deleted || profile.isBeingDeleted {
                profiles.remove(profile.name)
                if let owner = Self.owner(profile) { disown(profile.name, owner) }
            } else {
                profiles.insert(profile.name)
                if let owner = Self.owner(profile) { owned[owner, default: []].insert(profile.name) }
            }
        }

        mutating func bindingChanged(_ change: CacheChange) {
            if let old = change.old { unbind(old) }
            let binding = change.object
            guard change.type != .deleted else { return unbind(binding) }
            guard let namespace = binding.namespace, let role = Self.role(binding) else { return }
            for subject in Self.subjects(binding) {
                bound[subject, default: [:]][namespace, default: [:]][binding.name] = role
            }
        }

        private mutating func disown(_ profile: String, _ owner: Subject) {
            owned[owner]?.remove(profile)
            if owned[owner]?.isEmpty ?? false { owned[owner] = nil }
        }

        private mutating func unbind(_ binding: KubeObject) {
            guard let namespace = binding.namespace else { return }
            for subject in Self.subjects(binding) {
                bound[subject]?[namespace]?[binding.name] = nil
                if bound[subject]?[namespace]?.isEmpty ?? false { bound[subject]?[namespace] = nil }
                if bound[subject]?.isEmpty ?? false { bound[subject] = nil }
            }
        }

        private static func owner(_ profile: KubeObject) -> Subject? {
            guard let name = profile.spec["owner"]?["name"]?.string, !name.isEmpty else { return nil }
            return Subject(kind: profile.spec["owner"]?["kind"]?.string ?? "User", name: name)
        }

        private static func role(_ binding: KubeObject) -> Role? {
            guard binding["roleRef"]?["kind"]?.string == "ClusterRole" else { return nil }
            return binding["roleRef"]?["name"]?.string.flatMap(Role.init(clusterRole:))
        }

        private static func subjects(_ binding: KubeObject) -> [Subject] {
            (binding["subjects"]?.array ?? []).compactMap { subject in
                guard let kind = subject["kind"]?.string, ["User", "Group"].contains(kind),
                    let name = subject["name"]?.string
                else { return nil }
                return Subject(kind: kind, name: name)
            }
        }
    }
}
