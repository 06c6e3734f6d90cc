import ControllerKit
import KubeClient
import KubeModel

/// Keeps one Pod of a DaemonSet on every node that it fits.
struct DaemonSetReconciler: Reconciler {
    let context: ClusterContext
    let events: EventLog

    init(context: ClusterContext) {
        self.context = context
        events = context.events("daemonset-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.daemonSets)
        feed.followOwned(caches.pods, ownedBy: caches.daemonSets)
        feed.follow(caches.nodes) { change in
            // Heartbeats change nothing here.
            if let old = change.old, !change.isDeleted, old.spec == change.object.spec,
                old.labels == change.object.labels
            {
                return []
            }
            return caches.daemonSets.all().map { ObjectName($0).request }
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let set = caches.daemonSets.get(request) else { return .settled }
        _ = try await Ownership(client: context.client, ownerType: .daemonSets, cache: caches.pods)
            .claim(set, selector: LabelSelector(set.spec["selector"]))
        guard !set.isBeingDeleted else { return .settled }
        let history = try await RevisionHistory(context: context, owner: set, ownerType: .daemonSets)
        let revision = try await history.latest(collisions: set.status.count("collisionCount"))
        let hash = revision.labels[RevisionHistory.hashKey] ?? ""
        let nodes = caches.nodes.all()
        let plan = DaemonSetPlan(set, hash: hash, now: context.now())

        var failure: (any Error)?
        do {
            let steps = plan.steps(pods: pods(of: set), nodes: nodes)
            try await context.concurrently(steps.delete) { pod in
                try await context.delete(pod, in: caches.pods)
                events.normal("SuccessfulDelete", "Deleted pod: \(pod.name)", about: set)
            }
            try await context.concurrently(steps.createOn) { node in
                let made = try await context.client.create(.pods, plan.pod(on: node))
                caches.pods.note(made)
                events.normal("SuccessfulCreate", "Created pod: \(made.name)", about: set)
            }
        } catch {
            events.warning("FailedCreate", "Error creating: \(ReplicaSetReconciler.describe(error))", about: set)
            failure = error
        }
        let after = pods(of: set)
        try await context.writeStatus(plan.status(pods: after, nodes: nodes), of: set, in: caches.daemonSets)
        if let failure { throw failure }
        try await history.truncate(keeping: Set(after.map(StatefulSetPlan.revision)).union([hash]))
        let wait = after.compactMap { $0.waitUntilAvailable(minReadySeconds: plan.minReadySeconds, at: plan.now) }.min()
        return wait.map { .checkAgain(after: $0) } ?? .settled
    }

    private func pods(of set: KubeObject) -> [KubeObject] {
        context.caches.pods.all(indexedBy: OwnerIndex.owner(set.uid))
    }
}
