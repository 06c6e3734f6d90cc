import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Runs a Job to its completions. Every Pod carries a finalizer until its end is counted, so none is lost or counted
/// twice, whatever is killed when.
struct JobReconciler: Reconciler {
    let context: ClusterContext
    let events: EventLog

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
        let selector =
            job.spec["selector"].map { LabelSelector($0) }
            ?? LabelSelector(labels: ["batch.kubernetes.io/controller-uid": job.uid])
        let pods = try await Ownership(client: context.client, ownerType: .jobs, cache: caches.pods)
            .claim(job, selector: selector)
        if job.isBeingDeleted || job.status.isTrue("Complete") || job.status.isTrue("Failed") {
            try await removeFinalizers(pods)
            return job.isBeingDeleted ? .settled : try await expire(job)
        }
        let plan = JobPlan(job: job, pods: pods, now: context.now())
        let end = plan.end()
        let counted = try await count(plan, end: end)
        if !uncounted(counted).isEmpty, let latest = caches.jobs.get(request) {
            // The counts are safe: now the Pods may go. The next run moves them out of the list.
            try await removeFinalizers(listed(latest, pods))
            try await settleCounts(latest)
        }
        if let end {
            try await delete(plan.active, of: job)
            return try await finish(request, end)
        }
        return try await adjust(plan)
    }

    /// Step 1: writes down what ended since the last time, with the uids, and what else the status says.
    private func count(_ plan: JobPlan, end: JobPlan.End?) async throws -> KubeObject {
        let job = plan.job
        var status = job.status
        var uncounted = status["uncountedTerminatedPods"] ?? [:]
        for (key, new) in [("succeeded", plan.newlySucceeded), ("failed", plan.newlyFailed)] where !new.isEmpty {
            uncounted[key] = .array((uncounted[key]?.array ?? []) + new.map { .string($0.uid) })
        }
        status["uncountedTerminatedPods"] = uncounted
        if plan.isIndexed {
            status["completedIndexes"] =
                plan.completedIndexes.values.isEmpty ? nil : .string(plan.completedIndexes.text)
        }
        status.setCount("active", plan.active.count)
        status["ready"] = .int(Int64(plan.active.count(where: \.isReady)))
        status["terminating"] = .int(Int64(plan.terminating))
        if plan.isSuspended {
            if !status.isTrue("Suspended") { events.normal("Suspended", "Job suspended", about: job) }
            status["startTime"] = nil
            status.setCondition(
                "Suspended", true, reason: "JobSuspended", message: "Job suspended", at: context.timestamp)
        } else {
            if status.isTrue("Suspended") {
                events.normal("Resumed", "Job resumed", about: job)
                status.setCondition(
                    "Suspended", false, reason: "JobResumed", message: "Job resumed", at: context.timestamp)
            }
            if status["startTime"] == nil { status["startTime"] = .string(context.timestamp) }
        }
        if let end {
            status.setCondition(
                end.isSuccess ? "SuccessCriteriaMet" : "FailureTarget", true, reason: end.reason, message: end.message,
                at: context.timestamp)
        }
        try await context.writeStatus(status, of: job, in: context.caches.jobs)
        var counted = job
        counted.status = status
        return counted
    }

    private func listed(_ job: KubeObject, _ pods: [KubeObject]) -> [KubeObject] {
        let uids = uncounted(job)
        return pods.filter { uids.contains($0.uid) }
    }

    private func uncounted(_ job: KubeObject) -> Set<String> {
        let lists = job.status["uncountedTerminatedPods"]
        return Set(["succeeded", "failed"].flatMap { lists?[$0]?.array?.compactMap(\.string) ?? [] })
    }

    /// Step 3: uids whose Pod no longer has the finalizer become part of the counts.
    private func settleCounts(_ job: KubeObject) async throws {
        let tracked = Set(
            context.caches.pods.all(indexedBy: OwnerIndex.owner(job.uid))
                .filter { $0.finalizers.contains(JobPlan.finalizer) }.map(\.uid))
        var status = job.status
        var lists: JSON = [:]
        for key in ["succeeded", "failed"] {
            let uids = job.status["uncountedTerminatedPods"]?[key]?.array?.compactMap(\.string) ?? []
            let rest = uids.filter(tracked.contains)
            status.setCount(key, status.count(key) + uids.count - rest.count)
            if !rest.isEmpty { lists[key] = .array(rest.map(JSON.string)) }
        }
        status["uncountedTerminatedPods"] = lists
        try await context.writeStatus(status, of: job, in: context.caches.jobs)
    }

    private func removeFinalizers(_ pods: [KubeObject]) async throws {
        let current = pods.map { context.caches.pods.get($0.name, namespace: $0.namespace) ?? $0 }
        try await context.concurrently(current.filter { $0.finalizers.contains(JobPlan.finalizer) }) { pod in
            let rest = pod.finalizers.filter { $0 != JobPlan.finalizer }
            do {
                try await context.patch(
                    pod, in: context.caches.pods,
                    [
                        "metadata": [
                            "resourceVersion": .string(pod.resourceVersion),
                            "finalizers": rest.isEmpty ? .null : .array(rest.map(JSON.string)),
                        ]
                    ])
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
        try await removeFinalizers(pods)
        return .settled
    }

    /// Pods that the Job itself gives up do not count as failures: their finalizer goes first.
    private func delete(_ pods: [KubeObject], of job: KubeObject) async throws {
        try await removeFinalizers(pods)
        try await context.concurrently(pods) { pod in
            try await context.delete(pod, in: context.caches.pods)
            events.normal("SuccessfulDelete", "Deleted pod: \(pod.name)", about: job)
        }
    }

    private func adjust(_ plan: JobPlan) async throws -> ReconcileOutcome {
        let missing = plan.missing
        if missing < 0 {
            try await delete(ReplicaSetPlan.victims(among: plan.active, count: -missing), of: plan.job)
        } else if missing > 0 {
            if let wait = plan.timeToRetry {
                return .checkAgain(after: min(wait, plan.timeToDeadline ?? wait) + .milliseconds(50))
            }
            let indexes: [Int?] =
                plan.isIndexed ? plan.freeIndexes(min(missing, 500)) : Array(repeating: nil, count: min(missing, 500))
            // The first alone: what refuses it would refuse all of them.
            try await context.concurrently(Array(indexes.prefix(1))) { try await create(plan, index: $0) }
            try await context.concurrently(Array(indexes.dropFirst())) { try await create(plan, index: $0) }
        }
        return plan.timeToDeadline.map { .checkAgain(after: max($0, .zero) + .milliseconds(50)) } ?? .settled
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

    /// The final condition, once no Pod runs any more and all are counted.
    private func finish(_ request: ReconcileRequest, _ end: JobPlan.End) async throws -> ReconcileOutcome {
        guard let job = context.caches.jobs.get(request) else { return .settled }
        let pods = context.caches.pods.all(indexedBy: OwnerIndex.owner(job.uid))
        guard uncounted(job).isEmpty, !pods.contains(where: { !$0.isFinished }) else { return .settled }
        var status = job.status
        status.setCount("active", 0)
        status["ready"] = 0
        status["terminating"] = 0
        status["uncountedTerminatedPods"] = [:]
        status.setCondition(
            end.isSuccess ? "Complete" : "Failed", true, reason: end.reason, message: end.message, at: context.timestamp
        )
        if end.isSuccess { status["completionTime"] = .string(context.timestamp) }
        try await context.writeStatus(status, of: job, in: context.caches.jobs)
        if end.isSuccess {
            events.normal("Completed", "Job completed", about: job)
        } else {
            events.warning(end.reason, end.message, about: job)
        }
        return .settled
    }

    /// `ttlSecondsAfterFinished`.
    private func expire(_ job: KubeObject) async throws -> ReconcileOutcome {
        guard let seconds = job.spec["ttlSecondsAfterFinished"]?.int else { return .settled }
        let end = job.status.isTrue("Complete") ? job.status.condition("Complete") : job.status.condition("Failed")
        guard let finished = Timestamp.date(end?["lastTransitionTime"]?.string) else { return .settled }
        let rest = finished.addingTimeInterval(Double(seconds)).timeIntervalSince(context.now())
        guard rest <= 0 else { return .checkAgain(after: .seconds(rest + 0.05)) }
        try await context.delete(job, in: context.caches.jobs, propagation: "Background")
        return .settled
    }
}
