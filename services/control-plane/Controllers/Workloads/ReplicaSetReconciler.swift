import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Keeps as many Pods as a ReplicaSet (or a ReplicationController) asks for.
struct ReplicaSetReconciler: Reconciler {
    /// The most Pods that one run makes or takes away: between runs the status tells how far it is.
    static let burst = 2500

    let context: ClusterContext
    let events: EventLog
    private let cache: ObjectCache
    private let isReplicaSet: Bool

    /// For ReplicaSets.
    init(context: ClusterContext) {
        self.context = context
        events = context.events("replicaset-controller")
        cache = context.caches.replicaSets
        isReplicaSet = true
    }

    private init(controllers context: ClusterContext) {
        self.context = context
        events = context.events("replication-controller")
        cache = context.caches.replicationControllers
        isReplicaSet = false
    }

    /// For ReplicationControllers, which differ by the form of their selector.
    static func replicationControllers(_ context: ClusterContext) -> Self { Self(controllers: context) }

    static func feed(_ caches: ClusterCaches, _ sets: ObjectCache) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(sets)
        feed.followOwned(caches.pods, ownedBy: sets)
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let set = cache.get(request) else { return .settled }
        let pods = try await Ownership(client: context.client, ownerType: cache.type, cache: caches.pods)
            .claim(set, selector: .ofWorkload(set))
        var failure: (any Error)?
        if !set.isBeingDeleted {
            do { try await adjust(set, pods: pods.filter(\.isActive)) } catch { failure = error }
        }
        let current = caches.pods.all(indexedBy: OwnerIndex.owner(set.uid))
        var status = ReplicaSetPlan.status(
            of: set, pods: current, failure: failure.map(Self.describe), now: context.now())
        if !isReplicaSet { status["terminatingReplicas"] = nil }
        try await context.writeStatus(status, of: set, in: cache)
        if let failure { throw failure }
        let minReady = set.spec.count("minReadySeconds")
        let wait = current.compactMap { $0.waitUntilAvailable(minReadySeconds: minReady, at: context.now()) }.min()
        return wait.map { .checkAgain(after: $0) } ?? .settled
    }

    private func adjust(_ set: KubeObject, pods: [KubeObject]) async throws {
        let missing = (set.spec["replicas"]?.int.map(Int.init) ?? 1) - pods.count
        if missing > 0 {
            try await create(min(missing, Self.burst), for: set)
            // What is left comes with the next run, which our own Pods wake.
        } else if missing < 0 {
            let count = min(-missing, Self.burst)
            try await delete(
                ReplicaSetPlan.victims(
                    among: pods, count: count, readyOnNode: count < pods.count ? readyCounts(set) : [:]), of: set)
        }
    }

    private func delete(_ victims: [KubeObject], of set: KubeObject) async throws {
        try await context.concurrently(victims) { pod in
            do {
                try await context.delete(pod, in: context.caches.pods)
                events.normal("SuccessfulDelete", "Deleted pod: \(pod.name)", about: set)
            } catch {
                events.warning("FailedDelete", "Error deleting: \(Self.describe(error))", about: set)
                throw error
            }
        }
    }

    /// How many ready Pods of this and of sibling ReplicaSets each node has: crowded nodes give up Pods first.
    private func readyCounts(_ set: KubeObject) -> [String: Int] {
        let siblings = set.controller.map { cache.all(indexedBy: OwnerIndex.owner($0.uid)) } ?? [set]
        var counts: [String: Int] = [:]
        for sibling in siblings {
            for pod in context.caches.pods.all(indexedBy: OwnerIndex.owner(sibling.uid))
            where pod.isActive && pod.isReady {
                if let node = pod.spec["nodeName"]?.string { counts[node, default: 0] += 1 }
            }
        }
        return counts
    }

    /// Slow start: 1, 2, 4... at a time, so that a Pod that is refused is refused once and not five hundred times.
    private func create(_ count: Int, for set: KubeObject) async throws {
        var template = set.pod(fromTemplate: set.spec["template"] ?? [:], type: cache.type)
        template.metadata["generateName"] = .string(Self.podNamePrefix(set.name))
        let pod = template
        let caches = context.caches
        var rest = count
        var batch = 1
        while rest > 0 {
            let size = min(batch, rest)
            try await context.concurrently(Array(0..<size)) { _ in
                do {
                    let made = try await context.client.create(.pods, pod)
                    caches.pods.note(made)
                    events.normal("SuccessfulCreate", "Created pod: \(made.name)", about: set)
                } catch {
                    let reason = Self.describe(error, creating: pod)
                    events.warning("FailedCreate", "Error creating: \(reason)", about: set)
                    throw error
                }
            }
            rest -= size
            batch *= 2
        }
    }

    static func describe(_ error: any Error) -> String { (error as? APIError)?.message ?? "\(error)" }

    /// The error without the random end of the name, so that every attempt says the same and counts up one Event.
    static func describe(_ error: any Error, creating object: KubeObject) -> String {
        let text = describe(error)
        guard let prefix = object.metadata["generateName"]?.string, let start = text.range(of: "\"" + prefix),
            let end = text[start.upperBound...].firstIndex(of: "\"")
        else { return text }
        return text.replacingCharacters(in: start.upperBound..<end, with: "")
    }

    /// A prefix that leaves room for the random suffix.
    static func podNamePrefix(_ name: String) -> String {
        name.utf8.count > 252 ? String(name.prefix(252)) : name + "-"
    }
}
