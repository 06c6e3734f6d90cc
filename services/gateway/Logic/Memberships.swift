import ControllerKit
import KubeClient
import KubeModel
import Synchronization

/// Which namespaces a user has a part in: those of Profiles that the user or a group owns, or in which a RoleBinding
/// names one of them. Kept by subject, so that the answer does not take longer the more Profiles there are.
final class Memberships: Sendable {
    enum Role: String, Sendable, Comparable {
        case viewer, contributor, owner

        private var rank: Int {
            switch self {
            case .viewer: 0
            case .contributor: 1
            case .owner: 2
            }
        }

        static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }

        /// What a ClusterRole makes of those to whom it is bound in a namespace; nil for roles of other kinds.
        init?(clusterRole: String) {
            switch clusterRole {
            case "kubeflow-admin", "admin", "cluster-admin": self = .owner
            case "kubeflow-edit", "edit": self = .contributor
            case "kubeflow-view", "view": self = .viewer
            default: return nil
            }
        }
    }

    private struct Subject: Hashable, Sendable {
        let kind: String
        let name: String
    }

    private struct Index: Sendable {
        /// Profiles that are not being deleted.
        var profiles: Set<String> = []
        var owned: [Subject: Set<String>] = [:]
        /// Roles by subject, namespace and name of the RoleBinding.
        var bound: [Subject: [String: [String: Role]]] = [:]
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextWaiting = 0
    }

    let profiles: WatchCache
    let roleBindings: WatchCache
    private let index = Mutex(Index())

    init(client: KubeClient) {
        profiles = WatchCache(client: client, type: .profiles)
        roleBindings = WatchCache(client: client, type: .roleBindings)
        profiles.observe { [weak self] in self?.profileChanged($0) }
        roleBindings.observe { [weak self] in self?.bindingChanged($0) }
    }

    func waitUntilSynced() async throws {
        try await profiles.waitUntilSynced()
        try await roleBindings.waitUntilSynced()
    }

    /// The namespaces of a user by name, with the most that the user may there.
    func namespaces(of identity: UserIdentity) -> [(namespace: String, role: Role)] {
        let subjects =
            [Subject(kind: "User", name: identity.user)]
            + identity.groups.map { Subject(kind: "Group", name: $0) }
        let best = index.withLock { index in
            var best: [String: Role] = [:]
            for subject in subjects {
                for name in index.owned[subject] ?? [] { best[name] = .owner }
                for (namespace, roles) in index.bound[subject] ?? [:] {
                    guard let role = roles.values.max() else { continue }
                    best[namespace] = max(best[namespace] ?? role, role)
                }
            }
            return best.filter { index.profiles.contains($0.key) }
        }
        return best.map { ($0.key, $0.value) }.sorted { $0.namespace < $1.namespace }
    }

    /// The most that a user may in one namespace; nil for strangers.
    func role(of identity: UserIdentity, in namespace: String) -> Role? {
        namespaces(of: identity).first { $0.namespace == namespace }?.role
    }

    /// True for a Profile that is there and is not being deleted.
    func hasProfile(_ name: String) -> Bool { index.withLock { $0.profiles.contains(name) } }

    /// Returns when something is seen in the caches, or after a while: another service has just written it.
    func wait(atMost limit: Duration = .seconds(2), until holds: @escaping @Sendable () -> Bool) async {
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = index.withLock { index in
            index.nextWaiting += 1
            index.waiting[index.nextWaiting] = continuation
            return index.nextWaiting
        }
        continuation.yield()
        await withTaskGroup { group in
            group.addTask {
                for await _ in signals where holds() { return }
            }
            group.addTask { _ = try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
        index.withLock { $0.waiting[id] = nil }
    }

    private func profileChanged(_ change: CacheChange) {
        index.withLock { index in
            if let old = change.old, let owner = Self.owner(old) { index.owned[owner]?.remove(old.name) }
            let profile = change.object
            if change.type == .deleted || profile.isBeingDeleted {
                index.profiles.remove(profile.name)
            } else {
                index.profiles.insert(profile.name)
                if let owner = Self.owner(profile) { index.owned[owner, default: []].insert(profile.name) }
            }
            for waiting in index.waiting.values { waiting.yield() }
        }
    }

    private func bindingChanged(_ change: CacheChange) {
        index.withLock { index in
            if let old = change.old, let namespace = old.namespace {
                for subject in Self.subjects(old) { index.bound[subject]?[namespace]?[old.name] = nil }
            }
            let binding = change.object
            if change.type != .deleted, let namespace = binding.namespace, let role = Self.role(binding) {
                for subject in Self.subjects(binding) {
                    index.bound[subject, default: [:]][namespace, default: [:]][binding.name] = role
                }
            }
            for waiting in index.waiting.values { waiting.yield() }
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
