import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Rolls a Deployment out: one ReplicaSet for each version of its template, the newest growing as the others shrink.
struct DeploymentReconciler: Reconciler {
    static let revisionKey = "deployment.kubernetes.io/revision"
    static let historyKey = "deployment.kubernetes.io/revision-history"
    static let desiredKey = "deployment.kubernetes.io/desired-replicas"
    static let maximumKey = "deployment.kubernetes.io/max-replicas"
    static let hashKey = "pod-template-hash"

    let context: ClusterContext
    let events: EventLog

    init(context: ClusterContext) {
        self.context = context
        events = context.events("deployment-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.deployments)
        feed.followOwned(caches.replicaSets, ownedBy: caches.deployments)
        // Recreate waits for the last old Pod to go.
        feed.follow(caches.pods) { change in
            guard change.isDeleted, let owner = change.object.controller, owner.kind == "ReplicaSet",
                let set = caches.replicaSets.get(owner.name, namespace: change.object.namespace),
                let deployment = set.controller, deployment.kind == "Deployment"
            else { return [] }
            return [ReconcileRequest(namespace: change.object.namespace, name: deployment.name)]
        }
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        guard let deployment = context.caches.deployments.get(request) else { return .settled }
        if LabelSelector(deployment.spec["selector"]).isEmpty {
            events.warning(
                "SelectingAll", "This deployment is selecting all pods. A non-empty selector is required.",
                about: deployment)
            return .settled
        }
        let sets = try await Ownership(
            client: context.client, ownerType: .deployments, cache: context.caches.replicaSets
        ).claim(deployment, selector: LabelSelector(deployment.spec["selector"]))
        let rollout = Rollout(deployment, sets)
        if deployment.isBeingDeleted { return try await writeStatus(rollout, isRollingOut: false) }
        try await markPaused(deployment)
        let isPaused = deployment.spec["paused"]?.bool ?? false
        if isPaused || rollout.isScaling {
            if let new = rollout.new { try await annotate(new, rollout) }
            try await scale(proportional(rollout), rollout)
            if isPaused { try await cleanUp(rollout) }
            return try await writeStatus(now(rollout), isRollingOut: false)
        }
        try await rollOut(rollout)
        let now = now(rollout)
        let judge = now.status(at: context.now())
        if judge.isComplete(judge.counts(deployment.status)) { try await cleanUp(now) }
        return try await writeStatus(now, isRollingOut: true)
    }

    /// The same with the ReplicaSets as they are after our own changes.
    private func now(_ rollout: Rollout) -> Rollout {
        let sets = context.caches.replicaSets.all(indexedBy: OwnerIndex.owner(rollout.deployment.uid))
        return Rollout(rollout.deployment, sets)
    }

    /// While a Deployment is paused its progress is not judged.
    private func markPaused(_ deployment: KubeObject) async throws {
        guard let seconds = deployment.spec["progressDeadlineSeconds"]?.int, seconds < Int64(Int32.max) else { return }
        let isPaused = deployment.spec["paused"]?.bool ?? false
        let reason = deployment.status.condition("Progressing")?["reason"]?.string
        // A rollout that timed out stays so.
        guard reason != "ProgressDeadlineExceeded", isPaused != (reason == "DeploymentPaused") else { return }
        try await setProgress(
            of: deployment, "Unknown", isPaused ? "DeploymentPaused" : "DeploymentResumed",
            isPaused ? "Deployment is paused" : "Deployment is resumed")
    }

    private func setProgress(of deployment: KubeObject, _ value: String, _ reason: String, _ message: String)
        async throws
    {
        let latest = context.caches.deployments.get(deployment.name, namespace: deployment.namespace) ?? deployment
        var status = latest.status
        status.setDeploymentCondition("Progressing", value, reason, message, at: context.now())
        try await context.writeStatus(status, of: latest, in: context.caches.deployments)
    }

    private func rollOut(_ rollout: Rollout) async throws {
        let plan = rollout.plan
        if plan.isRecreate {
            let running = rollout.old.filter { $0.spec.count("replicas") > 0 }
            if !running.isEmpty {
                return try await scale(Dictionary(uniqueKeysWithValues: running.map { ($0.name, 0) }), rollout)
            }
            guard !hasUnfinishedPods(rollout.old) else { return }
        }
        guard let new = try await newReplicaSet(rollout) else { return }
        let current = new.spec["replicas"]?.int.map(Int.init) ?? 1
        let total = rollout.old.reduce(current) { $0 + $1.spec.count("replicas") }
        let target = plan.newReplicas(current: current, total: total)
        if target != current { return try await scale([new.name: target], rollout, among: rollout.old + [new]) }
        guard !plan.isRecreate else { return }
        try await scale(plan.oldReplicas(rollout.old.map(Rollout.member), new: Rollout.member(new)), rollout)
    }

    private func hasUnfinishedPods(_ sets: [KubeObject]) -> Bool {
        sets.contains { set in
            context.caches.pods.all(indexedBy: OwnerIndex.owner(set.uid)).contains { !$0.isFinished }
        }
    }

    /// What scaling alone changes: the one ReplicaSet that matters, or all of them in proportion.
    private func proportional(_ rollout: Rollout) -> [String: Int] {
        let all = rollout.old + (rollout.new.map { [$0] } ?? [])
        let active = all.filter { $0.spec.count("replicas") > 0 }
        if active.count <= 1 {
            guard let only = active.first ?? rollout.new ?? rollout.old.last else { return [:] }
            return [only.name: rollout.plan.replicas]
        }
        if let new = rollout.new, new.spec.count("replicas") == rollout.plan.replicas,
            new.status.count("availableReplicas") == rollout.plan.replicas
        {
            return Dictionary(uniqueKeysWithValues: active.filter { $0.name != new.name }.map { ($0.name, 0) })
        }
        guard !rollout.plan.isRecreate else { return [:] }
        return rollout.plan.proportional(active.map(Rollout.member))
    }

    /// Sets replicas, and the annotations by which a later change of `spec.replicas` is noticed.
    private func scale(_ targets: [String: Int], _ rollout: Rollout, among sets: [KubeObject]? = nil) async throws {
        for set in sets ?? rollout.all {
            let current = set.spec["replicas"]?.int.map(Int.init) ?? 1
            let target = targets[set.name] ?? current
            var changes: JSON = [:]
            if target != current { changes.set(.int(Int64(target)), at: "spec", "replicas") }
            if target > 0 {
                for (key, value) in rollout.sizeAnnotations where set.annotations[key] != value {
                    changes.set(.string(value), at: "metadata", "annotations", key)
                }
            }
            guard changes.object?.isEmpty == false else { continue }
            try await context.patch(set, in: context.caches.replicaSets, changes)
            guard target != current else { continue }
            events.normal(
                "ScalingReplicaSet",
                "Scaled \(target > current ? "up" : "down") replica set \(set.name) from \(current) to \(target)",
                about: rollout.deployment)
        }
    }

    /// The ReplicaSet of the present template, made when there is none. Nil when its name was taken.
    private func newReplicaSet(_ rollout: Rollout) async throws -> KubeObject? {
        if let new = rollout.new { return try await annotate(new, rollout) }
        let deployment = rollout.deployment
        let collisions = deployment.status.count("collisionCount")
        let hash = Rollout.templateHash(deployment.spec["template"] ?? [:], collisions: collisions)
        let total = rollout.old.reduce(0) { $0 + $1.spec.count("replicas") }
        let set = rollout.makeReplicaSet(hash: hash, replicas: rollout.plan.newReplicas(current: 0, total: total))
        do {
            let made = try await context.client.create(.replicaSets, set)
            context.caches.replicaSets.note(made)
            try await setRevision(rollout)
            if made.spec.count("replicas") > 0 {
                events.normal(
                    "ScalingReplicaSet",
                    "Scaled up replica set \(made.name) from 0 to \(made.spec.count("replicas"))", about: deployment)
            }
            if rollout.status(at: context.now()).deadlineSeconds != nil {
                try await setProgress(
                    of: deployment, "True", "NewReplicaSetCreated", "Created new replica set \"\(made.name)\"")
            }
            return made
        } catch let error as APIError where error.reason == .alreadyExists {
            if let other = try await context.client.find(.replicaSets, set.name, namespace: set.namespace) {
                context.caches.replicaSets.note(other)
                if other.controller?.uid == deployment.uid, Rollout.isSameTemplate(other, deployment) { return other }
            }
            var status = deployment.status
            status["collisionCount"] = .int(Int64(collisions + 1))
            try await context.writeStatus(status, of: deployment, in: context.caches.deployments)
            throw error
        } catch let error as APIError {
            let message = "Failed to create new replica set \"\(set.name)\": \(error.message)"
            events.warning("ReplicaSetCreateError", message, about: deployment)
            if rollout.status(at: context.now()).deadlineSeconds != nil {
                try await setProgress(of: deployment, "False", "ReplicaSetCreateError", message)
            }
            throw error
        }
    }

    /// Gives the ReplicaSet in use the highest revision, the annotations of the Deployment, and the sizes.
    @discardableResult
    private func annotate(_ new: KubeObject, _ rollout: Rollout) async throws -> KubeObject {
        var changes: JSON = [:]
        for (key, value) in rollout.wantedAnnotations(of: new) where new.annotations[key] != value {
            changes.set(.string(value), at: "metadata", "annotations", key)
        }
        let minReady = rollout.deployment.spec.count("minReadySeconds")
        if new.spec.count("minReadySeconds") != minReady {
            changes.set(.int(Int64(minReady)), at: "spec", "minReadySeconds")
        }
        var annotated = new
        if changes.object?.isEmpty == false {
            annotated = try await context.patch(new, in: context.caches.replicaSets, changes)
        }
        try await setRevision(rollout)
        if rollout.deployment.status.condition("Progressing") == nil,
            rollout.status(at: context.now()).deadlineSeconds != nil
        {
            try await setProgress(
                of: rollout.deployment, "True", "FoundNewReplicaSet", "Found new replica set \"\(new.name)\"")
        }
        return annotated
    }

    private func setRevision(_ rollout: Rollout) async throws {
        let revision = String(rollout.newRevision)
        guard rollout.deployment.annotations[Self.revisionKey] != revision else { return }
        try await context.patch(
            rollout.deployment, in: context.caches.deployments,
            ["metadata": ["annotations": [Self.revisionKey: .string(revision)]]])
    }

    private func cleanUp(_ rollout: Rollout) async throws {
        guard let limit = rollout.deployment.spec["revisionHistoryLimit"]?.int, limit < Int64(Int32.max) else { return }
        let kept = rollout.old.filter { !$0.isBeingDeleted }
        let names = Set(DeploymentPlan.surplus(kept.map { ($0.name, Rollout.revision($0)) }, limit: Int(limit)))
        for set in kept where names.contains(set.name) {
            let isUnused =
                set.spec["replicas"]?.int == 0 && set.status.count("replicas") == 0
                && set.status["observedGeneration"]?.int == set.generation
            if isUnused { try await context.delete(set, in: context.caches.replicaSets) }
        }
    }

    private func writeStatus(_ rollout: Rollout, isRollingOut: Bool) async throws -> ReconcileOutcome {
        // Our own patch of the annotation, and conditions set on the way, have moved the Deployment on.
        let latest =
            context.caches.deployments.get(rollout.deployment.name, namespace: rollout.deployment.namespace)
            ?? rollout.deployment
        let judge = rollout.status(at: context.now(), of: latest)
        let status = isRollingOut ? judge.rollout(latest.status) : judge.counts(latest.status)
        try await context.writeStatus(status, of: latest, in: context.caches.deployments)
        return isRollingOut ? judge.timeToDeadline(status).map { .checkAgain(after: $0) } ?? .settled : .settled
    }
}
