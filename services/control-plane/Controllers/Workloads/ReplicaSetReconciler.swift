import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Keeps as many Pods as a ReplicaSet asks for.
struct ReplicaSetReconciler: Reconciler {
    let context: ClusterContext
    let events: EventLog

    init(context: ClusterContext) {
        self.context = context
        events = context.events("replicaset-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.replicaSets)
        feed.followOwned(caches.pods, ownedBy: caches.replicaSets)
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let set = caches.replicaSets.get(request) else { return .settled }
        let pods = try await claimedPods(of: set)
        var failure: (any Error)?
        if !set.isBeingDeleted {
            do { try await adjust(set, pods: pods.filter(\.isActive)) } catch { failure = error }
        }
        let current = caches.pods.all(indexedBy: OwnerIndex.owner(set.uid))
        let status = ReplicaSetPlan.status(
            of: set, pods: current, failure: failure.map(Self.describe), now: context.now())
        try await context.writeStatus(status, of: set, in: caches.replicaSets)
        if let failure { throw failure }
        let minReady = set.spec.count("minReadySeconds")
        let wait = current.compactMap { $0.waitUntilAvailable(minReadySeconds: minReady, at: context.now()) }.min()
        return wait.map { .checkAgain(after: $0) } ?? .settled
    }

    private func claimedPods(of set: KubeObject) async throws -> [KubeObject] {
        try await Ownership(client: context.client, ownerType: .replicaSets, cache: context.caches.pods)
            .claim(set, selector: LabelSelector(set.spec["selector"]))
    }

    private func adjust(_ set: KubeObject, pods: [KubeObject]) async throws {
        let missing = (set.spec["replicas"]?.int.map(Int.init) ?? 1) - pods.count
        if missing > 0 {
            try await create(min(missing, 500), for: set)
            // A burst is limited; what is left comes with the next run, which our own Pods wake.
        } else if missing < 0 {
            let caches = context.caches
            let victims = ReplicaSetPlan.victims(among: pods, count: min(-missing, 500), relatedOn: relatedCounts(set))
            try await context.concurrently(victims) { pod in
                try await context.delete(pod, in: caches.pods)
                events.normal("SuccessfulDelete", "Deleted pod: \(pod.name)", about: set)
            }
        }
    }

    /// How many Pods of sibling ReplicaSets each node has: crowded nodes give up Pods first.
    private func relatedCounts(_ set: KubeObject) -> [String: Int] {
        guard let owner = set.controller else { return [:] }
        var counts: [String: Int] = [:]
        for sibling in context.caches.replicaSets.all(indexedBy: OwnerIndex.owner(owner.uid)) {
            for pod in context.caches.pods.all(indexedBy: OwnerIndex.owner(sibling.uid)) where pod.isActive {
                if let node = pod.spec["nodeName"]?.string { counts[node, default: 0] += 1 }
            }
        }
        return counts
    }

    /// Slow start: 1, 2, 4... at a time, so that a Pod that is refused is refused once and not five hundred times.
    private func create(_ count: Int, for set: KubeObject) async throws {
        var template = set.pod(fromTemplate: set.spec["template"] ?? [:], type: .replicaSets)
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
