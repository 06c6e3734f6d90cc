import ControllerKit
import KubeClient
import KubeModel

/// Keeps the Pods of a StatefulSet: named, numbered, each with its own claims.
struct StatefulSetReconciler: Reconciler {
    let context: ClusterContext
    let events: EventLog

    init(context: ClusterContext) {
        self.context = context
        events = context.events("statefulset-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.statefulSets)
        feed.followOwned(caches.pods, ownedBy: caches.statefulSets)
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let set = caches.statefulSets.get(request) else { return .settled }
        let pods = try await Ownership(client: context.client, ownerType: .statefulSets, cache: caches.pods).claim(
            set, selector: LabelSelector(set.spec["selector"]),
            accepts: { StatefulSetPlan.ordinal(of: $0.name, in: set.name) != nil })
        let history = try await RevisionHistory(context: context, owner: set, ownerType: .statefulSets)
        let (update, collisions) = try await history.latest(collisions: set.status.count("collisionCount"))
        let current = history.revisions.first { $0.name == set.status["currentRevision"]?.string } ?? update
        let plan = StatefulSetPlan(
            set, currentRevision: current.name, updateRevision: update.name, now: context.now())

        var failure: (any Error)?
        var mustWait = false
        do {
            if !set.isBeingDeleted {
                try await keepIdentity(set, pods)
                try await keepClaims(set, pods)
                mustWait = try await carryOut(plan.steps(pods), set, pods: pods, current: current, update: update)
            }
        } catch {
            failure = error
        }
        let after = caches.pods.all(indexedBy: OwnerIndex.owner(set.uid)).filter {
            StatefulSetPlan.ordinal(of: $0.name, in: set.name) != nil
        }
        let status = plan.status(set.status, pods: after, generation: set.generation, collisions: collisions)
        try await context.writeStatus(status, of: set, in: caches.statefulSets)
        if let failure { throw failure }
        try await history.truncate(
            keeping: Set(after.map(StatefulSetPlan.revision)).union([current.name, update.name]))
        if mustWait { return .checkAgain(after: .seconds(1)) }
        let wait = after.compactMap { $0.waitUntilAvailable(minReadySeconds: plan.minReadySeconds, at: plan.now) }.min()
        return wait.map { .checkAgain(after: $0) } ?? .settled
    }

    /// True when something has to be waited for that does not wake us: a claim that goes.
    private func carryOut(
        _ steps: [StatefulSetPlan.Step], _ set: KubeObject, pods: [KubeObject], current: KubeObject, update: KubeObject
    ) async throws -> Bool {
        let byName = Dictionary(pods.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let stale = steps.contains { step in
            guard case .create(let ordinal, _) = step else { return false }
            return hasStaleClaim(set, ordinal)
        }
        try await context.concurrently(steps, limit: 16) { step in
            switch step {
            case .create(let ordinal, let isUpdated):
                guard !hasStaleClaim(set, ordinal) else { return }
                try await create(set, ordinal: ordinal, revision: isUpdated ? update : current)
            case .delete(let name, _):
                guard let pod = byName[name] else { return }
                try await context.delete(pod, in: context.caches.pods)
                events.normal(
                    "SuccessfulDelete", "Delete Pod \(name) in StatefulSet \(set.name) successful", about: set)
            }
        }
        return stale
    }

    private func hasStaleClaim(_ set: KubeObject, _ ordinal: Int) -> Bool {
        StatefulSetPods.claims(set, ordinal: ordinal).contains { claim in
            context.caches.persistentVolumeClaims.get(claim.name, namespace: claim.namespace).map {
                StatefulSetPods.isStale($0, set: set, podName: "\(set.name)-\(ordinal)")
            } ?? false
        }
    }

    private func create(_ set: KubeObject, ordinal: Int, revision: KubeObject) async throws {
        let pod = StatefulSetPods.pod(
            set, ordinal: ordinal, template: RevisionHistory.template(of: revision), revision: revision.name)
        do {
            try await makeClaims(set, ordinal: ordinal)
            let made = try await context.client.create(.pods, pod)
            context.caches.pods.note(made)
            try await keepClaims(set, [made])
            events.normal(
                "SuccessfulCreate", "Create Pod \(pod.name) in StatefulSet \(set.name) successful", about: set)
        } catch let error as APIError {
            if error.reason == .alreadyExists,
                let other = try await context.client.find(.pods, pod.name, namespace: pod.namespace)
            {
                context.caches.pods.note(other)
                if other.controller?.uid == set.uid { return }
            }
            events.warning(
                "FailedCreate",
                "Create Pod \(pod.name) in StatefulSet \(set.name) failed error: \(error.message)", about: set)
            throw error
        }
    }

    private func makeClaims(_ set: KubeObject, ordinal: Int) async throws {
        for claim in StatefulSetPods.claims(set, ordinal: ordinal) {
            let claims = context.caches.persistentVolumeClaims
            if let known = claims.get(claim.name, namespace: claim.namespace) {
                guard !known.isBeingDeleted else {
                    throw APIError(.conflict, "pvc \(claim.name) is being deleted")
                }
                continue
            }
            do {
                claims.note(try await context.client.create(.persistentVolumeClaims, claim))
                events.normal(
                    "SuccessfulCreate",
                    "Create Claim \(claim.name) Pod \(set.name)-\(ordinal) in StatefulSet \(set.name) success",
                    about: set)
            } catch let error as APIError where error.reason == .alreadyExists {
                continue
            }
        }
    }

    /// Gives each claim the owners that the retention policy says, and makes those that a pending Pod waits for.
    private func keepClaims(_ set: KubeObject, _ pods: [KubeObject]) async throws {
        guard !(set.spec["volumeClaimTemplates"]?.array ?? []).isEmpty else { return }
        let wanted = StatefulSetPlan.ordinals(of: set)
        let claims = context.caches.persistentVolumeClaims
        for pod in pods {
            guard let ordinal = StatefulSetPlan.ordinal(of: pod.name, in: set.name) else { continue }
            if pod.phase == "Pending", !pod.isBeingDeleted { try await makeClaims(set, ordinal: ordinal) }
            for claim in StatefulSetPods.claims(set, ordinal: ordinal) {
                guard let known = claims.get(claim.name, namespace: claim.namespace), !known.isBeingDeleted else {
                    continue
                }
                let old = known.metadata["ownerReferences"]?.array ?? []
                if StatefulSetPods.hasForeignController(old, set: set, pod: pod) {
                    events.warning(
                        "ConflictingController",
                        "PersistentVolumeClaim \(claim.name) has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim",
                        about: set)
                }
                let new = StatefulSetPods.owners(
                    of: known, set: set, pod: pod, isScaledAway: !wanted.contains(ordinal))
                guard new != old else { continue }
                try await context.patch(
                    known, in: claims, ["metadata": ["ownerReferences": new.isEmpty ? .null : .array(new)]])
            }
        }
    }

    /// Adopted Pods get the labels that say who they are.
    private func keepIdentity(_ set: KubeObject, _ pods: [KubeObject]) async throws {
        for pod in pods where !pod.isBeingDeleted {
            guard let ordinal = StatefulSetPlan.ordinal(of: pod.name, in: set.name) else { continue }
            let wanted = StatefulSetPods.identity(name: pod.name, ordinal: ordinal)
            let labels = pod.labels
            guard wanted.contains(where: { labels[$0.key] != $0.value }) else { continue }
            try await context.patch(pod, in: context.caches.pods, ["metadata": ["labels": JSON(wanted)]])
        }
    }
}
