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

    private struct State: Sendable {
        var index = Index()
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextWaiting = 0
    }

    let profiles: WatchCache
    let roleBindings: WatchCache
    private let state = Mutex(State())

    init(client: KubeClient) {
        profiles = WatchCache(client: client, type: .profiles)
        roleBindings = WatchCache(client: client, type: .roleBindings)
        profiles.observe { [weak self] change in self?.changed { $0.profileChanged(change) } }
        roleBindings.observe { [weak self] change in self?.changed { $0.bindingChanged(change) } }
    }

    func waitUntilSynced() async throws {
        try await profiles.waitUntilSynced()
        try await roleBindings.waitUntilSynced()
    }

    /// The namespaces of a user by name, with the most that the user may there.
    func namespaces(of identity: UserIdentity) -> [(namespace: String, role: Role)] {
        let best = state.withLock { $0.index.roles(of: identity) }
        return best.map { ($0.key, $0.value) }.sorted { $0.namespace < $1.namespace }
    }

    /// The most that a user may in one namespace; nil for strangers.
    func role(of identity: UserIdentity, in namespace: String) -> Role? {
        namespaces(of: identity).first { $0.namespace == namespace }?.role
    }

    /// True for a Profile that is there and is not being deleted.
    func hasProfile(_ name: String) -> Bool { state.withLock { $0.index.profiles.contains(name) } }

    /// Returns when something is seen in the caches, or after a while: another service has just written it.
    func wait(atMost limit: Duration = .seconds(2), until holds: @escaping @Sendable () -> Bool) async {
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextWaiting += 1
            state.waiting[state.nextWaiting] = continuation
            return state.nextWaiting
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
        state.withLock { $0.waiting[id] = nil }
    }

    private func changed(_ body: (inout Index) -> Void) {
        state.withLock { state in
            body(&state.index)
            for waiting in state.waiting.values { waiting.yield() }
        }
    }
}
