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
        guard !set.isBeingDeleted else { return .settled }
        let history = try await RevisionHistory(context: context, owner: set, ownerType: .statefulSets)
        let collisions = set.status.count("collisionCount")
        let update = try await history.latest(collisions: collisions)
        let current = history.revisions.first { $0.name == set.status["currentRevision"]?.string } ?? update
        let plan = StatefulSetPlan(
            set, currentRevision: current.name, updateRevision: update.name, now: context.now())

        var failure: (any Error)?
        do {
            try await carryOut(plan.steps(pods), set, pods: pods, current: current, update: update)
            try await keepIdentity(set, pods)
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
        let wait = after.compactMap { $0.waitUntilAvailable(minReadySeconds: plan.minReadySeconds, at: plan.now) }.min()
        return wait.map { .checkAgain(after: $0) } ?? .settled
    }

    private func carryOut(
        _ steps: [StatefulSetPlan.Step], _ set: KubeObject, pods: [KubeObject], current: KubeObject, update: KubeObject
    ) async throws {
        try await context.concurrently(steps, limit: 16) { step in
            switch step {
            case .create(let ordinal, let isUpdated):
                try await create(set, ordinal: ordinal, revision: isUpdated ? update : current)
            case .delete(let name, let isScaleDown):
                guard let pod = pods.first(where: { $0.name == name }) else { return }
                if isScaleDown { try await releaseClaims(of: pod, set) }
                try await context.delete(pod, in: context.caches.pods)
                events.normal(
                    "SuccessfulDelete", "delete Pod \(name) in StatefulSet \(set.name) successful", about: set)
            }
        }
    }

    private func create(_ set: KubeObject, ordinal: Int, revision: KubeObject) async throws {
        let pod = StatefulSetPods.pod(
            set, ordinal: ordinal, template: RevisionHistory.template(of: revision), revision: revision.name)
        do {
            try await makeClaims(set, ordinal: ordinal)
            context.caches.pods.note(try await context.client.create(.pods, pod))
            events.normal(
                "SuccessfulCreate", "create Pod \(pod.name) in StatefulSet \(set.name) successful", about: set)
        } catch let error as APIError {
            if error.reason == .alreadyExists,
                let other = try await context.client.find(
                    .pods, pod.name, namespace: pod.namespace)
            {
                context.caches.pods.note(other)
                if other.controller?.uid == set.uid { return }
            }
            events.warning(
                "FailedCreate",
                "create Pod \(pod.name) in StatefulSet \(set.name) failed error: \(error.message)", about: set)
            throw error
        }
    }

    private func makeClaims(_ set: KubeObject, ordinal: Int) async throws {
        for claim in StatefulSetPods.claims(set, ordinal: ordinal) {
            let claims = context.caches.persistentVolumeClaims
            if let known = claims.get(claim.name, namespace: claim.namespace) {
                guard !known.isBeingDeleted else {
                    throw APIError(.conflict, "the claim \(claim.name) is being deleted")
                }
                continue
            }
            do {
                claims.note(try await context.client.create(.persistentVolumeClaims, claim))
                events.normal(
                    "SuccessfulCreate",
                    "create Claim \(claim.name) Pod \(set.name)-\(ordinal) in StatefulSet \(set.name) success",
                    about: set)
            } catch let error as APIError where error.reason == .alreadyExists {
                continue
            }
        }
    }

    /// With `whenScaled: Delete` the claims of a Pod that is scaled away go with it: the Pod becomes their owner.
    private func releaseClaims(of pod: KubeObject, _ set: KubeObject) async throws {
        guard set.spec.value(at: "persistentVolumeClaimRetentionPolicy", "whenScaled")?.string == "Delete",
            let ordinal = StatefulSetPlan.ordinal(of: pod.name, in: set.name)
        else { return }
        for claim in StatefulSetPods.claims(set, ordinal: ordinal) {
            let claims = context.caches.persistentVolumeClaims
            guard let known = claims.get(claim.name, namespace: claim.namespace),
                !known.ownerReferences.contains(where: { $0.uid == pod.uid })
            else { continue }
            let reference: JSON = [
                "apiVersion": "v1", "kind": "Pod", "name": .string(pod.name), "uid": .string(pod.uid),
            ]
            let references = (known.metadata["ownerReferences"]?.array ?? []) + [reference]
            try await context.patch(known, in: claims, ["metadata": ["ownerReferences": .array(references)]])
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
