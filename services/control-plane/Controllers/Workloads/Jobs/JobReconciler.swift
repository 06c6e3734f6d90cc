import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Runs a Job to its completions. Every Pod carries a finalizer until its end is counted, so none is lost or counted
/// twice, whatever is killed when.
struct JobReconciler: Reconciler {
    let context: ClusterContext
    let events: EventLog
    private let backoff = JobBackoff.Store()

    init(context: ClusterContext) {
        self.context = context
        events = context.events("job-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.jobs)
        feed.followOwned(caches.pods, ownedBy: caches.jobs)
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let job = caches.jobs.get(request) else { return try await freeOrphans(of: request) }
        if let manager = job.spec["managedBy"]?.string, manager != "kubernetes.io/job-controller" { return .settled }
        if job.status.isTrue("Complete") || job.status.isTrue("Failed") {
            backoff.forget(job.uid)
            try await removeFinalizers(caches.pods.all(indexedBy: OwnerIndex.owner(job.uid)))
            return job.isBeingDeleted ? .settled : try await expire(job)
        }
        let pods = try await claimedPods(of: job)
        let plan = JobPlan(job: job, pods: pods, now: context.now())
        var record = backoff.record(of: job.uid)
        record.note(succeeded: plan.newlySucceeded, failed: plan.newlyFailed)
        var run = JobRun(plan: plan)
        var failure: (any Error)?
        do {
            if let end = plan.end() {
                try await delete(plan.active, of: job, countsAsFailure: true)
                run.note(deleted: plan.active)
                run.end = end
            } else {
                if !job.isBeingDeleted { try await manage(&run, record) }
                if plan.isComplete(active: run.active) { run.end = .completions }
            }
        } catch {
            failure = error
        }
        try await track(&run) { backoff.keep(record, of: job.uid) }
        if let failure { throw failure }
        return run.wait.map { .checkAgain(after: $0) } ?? .settled
    }

    /// Those that the selector takes; adopted ones are tracked from then on.
    private func claimedPods(of job: KubeObject) async throws -> [KubeObject] {
        let selector =
            job.spec["selector"].map { LabelSelector($0) }
            ?? LabelSelector(labels: ["batch.kubernetes.io/controller-uid": job.uid])
        return try await Ownership(client: context.client, ownerType: .jobs, cache: context.caches.pods)
            .claim(job, selector: selector, adding: JobPlan.finalizer)
    }

    /// Brings the number of Pods to what is wanted: either takes away or adds.
    private func manage(_ run: inout JobRun, _ record: JobBackoff) async throws {
        let plan = run.plan
        run.isManaged = true
        run.wait = plan.timeToDeadline.map { max($0, .zero) + .milliseconds(50) }
        let surplus = plan.surplus
        if !surplus.isEmpty || plan.isSuspended {
            try await delete(surplus, of: plan.job, countsAsFailure: false)
            return run.note(deleted: surplus)
        }
        guard plan.missing > 0 else { return }
        if plan.backoffLimitPerIndex == nil {
            let wait = record.remaining(at: plan.now)
            if wait > 0 { return run.come(back: wait) }
        }
        var indexes: [Int?] = Array(repeating: nil, count: plan.missing)
        if plan.isIndexed {
            let free = plan.freeIndexes(plan.missing)
            let due = free.filter { plan.wait(forIndex: $0) <= 0 }
            if let next = free.map(plan.wait).filter({ $0 > 0 }).min() { run.come(back: next) }
            indexes = due
        }
        try await create(plan, indexes, &run)
    }

    /// Slow start: what refuses the first would refuse all of them.
    private func create(_ plan: JobPlan, _ indexes: [Int?], _ run: inout JobRun) async throws {
        var rest = indexes[...]
        var size = 1
        while !rest.isEmpty {
            let batch = Array(rest.prefix(size))
            try await context.concurrently(batch) { try await create(plan, index: $0) }
            run.active += batch.count
            rest = rest.dropFirst(size)
            size *= 2
        }
    }

    private func create(_ plan: JobPlan, index: Int?) async throws {
        let pod = plan.pod(index: index)
        do {
            let made = try await context.client.create(.pods, pod)
            context.caches.pods.note(made)
            events.normal("SuccessfulCreate", "Created pod: \(made.name)", about: plan.job)
        } catch {
            events.warning(
                "FailedCreate", "Error creating: \(ReplicaSetReconciler.describe(error, creating: pod))",
                about: plan.job)
            throw error
        }
    }

    /// Pods that the Job itself gives up do not count as failures: their finalizer goes first. When the Job ends they do.
    private func delete(_ pods: [KubeObject], of job: KubeObject, countsAsFailure: Bool) async throws {
        if !countsAsFailure { try await removeFinalizers(pods) }
        try await context.concurrently(pods) { pod in
            try await context.delete(pod, in: context.caches.pods)
            events.normal("SuccessfulDelete", "Deleted pod: \(pod.name)", about: job)
        }
    }

    func removeFinalizers(_ pods: [KubeObject]) async throws {
        let current = pods.map { context.caches.pods.get($0.name, namespace: $0.namespace) ?? $0 }
        try await context.concurrently(current.filter { $0.finalizers.contains(JobPlan.finalizer) }) { pod in
            let rest = pod.finalizers.filter { $0 != JobPlan.finalizer }
            do {
                let written = try await context.patch(
                    pod, in: context.caches.pods,
                    [
                        "metadata": [
                            "resourceVersion": .string(pod.resourceVersion),
                            "finalizers": rest.isEmpty ? .null : .array(rest.map(JSON.string)),
                        ]
                    ])
                // The last finalizer of a Pod whose time to end is over: it is gone.
                if rest.isEmpty, written.isBeingDeleted, written.metadata["deletionGracePeriodSeconds"]?.int == 0 {
                    context.caches.pods.noteDeleted(written)
                }
            } catch let error as APIError where error.reason == .notFound {
                context.caches.pods.noteDeleted(pod)
            }
        }
    }

    /// Pods whose Job is gone have nobody to count them.
    private func freeOrphans(of request: ReconcileRequest) async throws -> ReconcileOutcome {
        let pods = context.caches.pods.all(indexedBy: PodIndex.namespace(request.namespace ?? "")).filter {
            $0.finalizers.contains(JobPlan.finalizer) && $0.controller?.kind == "Job"
                && $0.controller?.name == request.name
        }
        guard !pods.isEmpty, try await context.client.find(.jobs, request.name, namespace: request.namespace) == nil
        else { return .settled }
        for pod in pods { if let uid = pod.controller?.uid { backoff.forget(uid) } }
        try await removeFinalizers(pods)
        return .settled
    }

    /// `ttlSecondsAfterFinished`.
    private func expire(_ job: KubeObject) async throws -> ReconcileOutcome {
        guard let seconds = job.spec["ttlSecondsAfterFinished"]?.int else { return .settled }
        let end = job.status.isTrue("Complete") ? job.status.condition("Complete") : job.status.condition("Failed")
        guard let finished = Timestamp.date(end?["lastTransitionTime"]?.string) else { return .settled }
        let rest = finished.addingTimeInterval(Double(seconds)).timeIntervalSince(context.now())
        guard rest <= 0 else { return .checkAgain(after: .seconds(rest + 0.05)) }
        try await context.delete(job, in: context.caches.jobs, propagation: "Foreground")
        return .settled
    }
}
