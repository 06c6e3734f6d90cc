import ControllerKit
import KubeClient
import KubeModel
import Synchronization

/// Keeps one Pod of a DaemonSet on every node that it fits.
struct DaemonSetReconciler: Reconciler {
    let context: ClusterContext
    let events: EventLog
    private let failures = FailureMemory()

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
        guard let set = caches.daemonSets.get(request), !set.isBeingDeleted else { return .settled }
        _ = try await Ownership(client: context.client, ownerType: .daemonSets, cache: caches.pods)
            .claim(set, selector: LabelSelector(set.spec["selector"]))
        let history = try await RevisionHistory(context: context, owner: set, ownerType: .daemonSets)
        let (revision, collisions) = try await history.latest(collisions: set.status.count("collisionCount"))
        let hash = revision.labels[RevisionHistory.hashKey] ?? ""
        let nodes = caches.nodes.all()
        let plan = DaemonSetPlan(set, hash: hash, now: context.now())

        var failure: (any Error)?
        var waits: [Duration] = []
        do {
            try await carryOut(plan.steps(pods: pods(of: set), nodes: nodes), plan, &waits)
        } catch {
            failure = error
        }
        let after = pods(of: set)
        var status = plan.status(pods: after, nodes: nodes)
        if collisions > 0 { status["collisionCount"] = .int(Int64(collisions)) }
        try await context.writeStatus(status, of: set, in: caches.daemonSets)
        if let failure { throw failure }
        try await history.truncate(keeping: Set(after.map(StatefulSetPlan.revision)).union([hash]))
        waits += after.compactMap { $0.waitUntilAvailable(minReadySeconds: plan.minReadySeconds, at: plan.now) }
        return waits.min().map { .checkAgain(after: $0) } ?? .settled
    }

    private func carryOut(
        _ steps: DaemonSetPlan.Steps, _ plan: DaemonSetPlan, _ waits: inout [Duration]
    ) async throws {
        let set = plan.set
        var held: Set<String> = []
        for pod in steps.ended {
            // A Pod that fails over and over is replaced ever more slowly.
            let key = "\(set.uid)/\(DaemonSetPlan.node(of: pod) ?? "")"
            if pod.phase == "Failed", let wait = failures.wait(key) {
                held.insert(pod.uid)
                waits.append(wait)
                continue
            }
            let isFailure = pod.phase == "Failed"
            let what = "\(pod.namespace ?? "")/\(pod.name) on node \(DaemonSetPlan.node(of: pod) ?? "")"
            if isFailure {
                failures.note(key)
                events.warning(
                    "FailedDaemonPod", "Found failed daemon pod \(what), will try to kill it", about: set)
            } else {
                events.normal(
                    "SucceededDaemonPod", "Found succeeded daemon pod \(what), will try to delete it", about: set)
            }
        }
        do {
            try await context.concurrently(steps.createOn) { node in
                let made = try await context.client.create(.pods, plan.pod(on: node))
                context.caches.pods.note(made)
                events.normal("SuccessfulCreate", "Created pod: \(made.name)", about: set)
            }
        } catch {
            events.warning("FailedCreate", "Error creating: \(ReplicaSetReconciler.describe(error))", about: set)
            throw error
        }
        let doomed = Dictionary(steps.delete.map { ($0.uid, $0) }, uniquingKeysWith: { first, _ in first })
        try await context.concurrently(doomed.values.filter { !held.contains($0.uid) }) { pod in
            try await context.delete(pod, in: context.caches.pods)
            events.normal("SuccessfulDelete", "Deleted pod: \(pod.name)", about: set)
        }
    }

    private func pods(of set: KubeObject) -> [KubeObject] {
        context.caches.pods.all(indexedBy: OwnerIndex.owner(set.uid))
    }
}

/// How often Pods failed at a place, and how long their replacement has to wait: 1 s, doubled up to 15 min, and forgotten
/// after twice that.
final class FailureMemory: Sendable {
    private struct Entry {
        var delay: Duration
        var last: ContinuousClock.Instant
    }

    private static let longest = Duration.seconds(900)
    private let entries = Mutex<[String: Entry]>([:])

    /// How long it is until the next try; nil when it may be made now.
    func wait(_ key: String) -> Duration? {
        entries.withLock { entries in
            guard let entry = entries[key] else { return nil }
            let passed = ContinuousClock.now - entry.last
            if passed > Self.longest * 2 { entries[key] = nil }
            return passed < entry.delay ? entry.delay - passed : nil
        }
    }

    /// It failed once more.
    func note(_ key: String) {
        entries.withLock { entries in
            let delay = entries[key].map { min($0.delay * 2, Self.longest) } ?? .seconds(1)
            entries[key] = Entry(delay: delay, last: .now)
        }
    }
}
