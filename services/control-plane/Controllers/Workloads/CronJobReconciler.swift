import ControllerKit
import Foundation
import KubeClient
import KubeModel

/// Starts a Job each time the schedule of a CronJob comes round.
struct CronJobReconciler: Reconciler {
    static let timeKey = "batch.kubernetes.io/cronjob-scheduled-timestamp"

    let context: ClusterContext
    let events: EventLog

    init(context: ClusterContext) {
        self.context = context
        events = context.events("cronjob-controller")
    }

    static func feed(_ caches: ClusterCaches) -> RequestFeed {
        let feed = RequestFeed()
        feed.follow(caches.cronJobs)
        feed.followOwned(caches.jobs, ownedBy: caches.cronJobs)
        return feed
    }

    func reconcile(_ request: ReconcileRequest) async throws -> ReconcileOutcome {
        let caches = context.caches
        guard let cron = caches.cronJobs.get(request), !cron.isBeingDeleted else { return .settled }
        let jobs = caches.jobs.all(indexedBy: OwnerIndex.owner(cron.uid))
        try await trimHistory(cron, jobs)
        let running = jobs.filter { !Self.isOver($0) }
        var status = cron.status
        status["active"] = running.isEmpty ? nil : .array(running.sorted { $0.name < $1.name }.map(Self.reference))
        if let success = jobs.filter({ $0.status.isTrue("Complete") })
            .compactMap({ $0.status["completionTime"]?.string }).max(),
            success > status["lastSuccessfulTime"]?.string ?? ""
        {
            status["lastSuccessfulTime"] = .string(success)
        }
        var wait: Duration?
        do {
            wait = try await start(cron, running: running, status: &status)
        } catch let error as APIError where error.reason == .invalid {
            events.warning("UnparseableSchedule", error.message, about: cron)
        }
        try await context.writeStatus(status, of: cron, in: caches.cronJobs)
        return wait.map { .checkAgain(after: $0) } ?? .settled
    }

    private static func isOver(_ job: KubeObject) -> Bool {
        job.status.isTrue("Complete") || job.status.isTrue("Failed")
    }

    private static func reference(_ job: KubeObject) -> JSON {
        [
            "apiVersion": "batch/v1", "kind": "Job", "namespace": .string(job.namespace ?? ""),
            "name": .string(job.name), "uid": .string(job.uid),
        ]
    }

    /// Starts the Job that is due. Returns how long it is until the next one.
    private func start(_ cron: KubeObject, running: [KubeObject], status: inout JSON) async throws -> Duration? {
        guard cron.spec["suspend"]?.bool != true else { return nil }
        let schedule = try CronSchedule(cron.spec["schedule"]?.string ?? "")
        let zone = try Self.zone(cron)
        let now = context.now()
        let (due, next) = CronPlan.due(cron, schedule: schedule, zone: zone, now: now)
        let wait = next.map { Duration.seconds($0.timeIntervalSince(now) + 0.05) }
        guard let due else { return wait }
        let name = "\(cron.name)-\(Int(due.timeIntervalSince1970) / 60)"
        // Made before, in a run whose status was not written.
        guard !running.contains(where: { $0.name == name }) else {
            status["lastScheduleTime"] = .string(Timestamp.text(due))
            return wait
        }
        switch cron.spec["concurrencyPolicy"]?.string {
        case "Forbid" where !running.isEmpty:
            events.normal(
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is Forbid", about: cron)
            return wait
        case "Replace":
            for job in running {
                try await context.delete(job, in: context.caches.jobs, propagation: "Background")
                events.normal("SuccessfulDelete", "Deleted job \(job.name)", about: cron)
            }
            if !running.isEmpty { status["active"] = nil }
        default: break
        }
        do {
            let job = try await context.client.create(.jobs, CronPlan.job(cron, name: name, due: due, zone: zone))
            context.caches.jobs.note(job)
            status["active"] = .array((status["active"]?.array ?? []) + [Self.reference(job)])
            events.normal("SuccessfulCreate", "Created job \(job.name)", about: cron)
        } catch let error as APIError where error.reason == .alreadyExists {
            // The same time is never started twice: the name says which it is.
        } catch {
            events.warning("FailedCreate", "Error creating job: \(ReplicaSetReconciler.describe(error))", about: cron)
            throw error
        }
        status["lastScheduleTime"] = .string(Timestamp.text(due))
        return wait
    }

    private static func zone(_ cron: KubeObject) throws(APIError) -> TimeZone {
        guard let name = cron.spec["timeZone"]?.string else { return .current }
        guard let zone = TimeZone(identifier: name) else {
            throw APIError(.invalid, "the time zone \"\(name)\" is not known")
        }
        return zone
    }

    private func trimHistory(_ cron: KubeObject, _ jobs: [KubeObject]) async throws {
        let limits = [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
        for (condition, key, fallback) in limits {
            let limit = cron.spec[key]?.int.map(Int.init) ?? fallback
            let over = jobs.filter { $0.status.isTrue(condition) && !$0.isBeingDeleted }
                .sorted { ($0.creationTimestamp, $0.name) < ($1.creationTimestamp, $1.name) }
            for job in over.prefix(max(0, over.count - limit)) {
                try await context.delete(job, in: context.caches.jobs, propagation: "Background")
            }
        }
    }
}

/// Which run of a CronJob is due.
enum CronPlan {
    /// The latest time that has come and was not started, and the next one to come.
    static func due(
        _ cron: KubeObject, schedule: CronSchedule, zone: TimeZone, now: Date
    ) -> (due: Date?, next: Date?) {
        var earliest =
            Timestamp.date(cron.status["lastScheduleTime"]?.string)
            ?? Timestamp.date(cron.creationTimestamp) ?? now
        let deadline = cron.spec["startingDeadlineSeconds"]?.int.map { now.addingTimeInterval(-Double($0)) }
        if let deadline, deadline > earliest { earliest = deadline }
        let next = schedule.next(after: now, in: zone)
        var due: Date?
        var time = schedule.next(after: earliest, in: zone)
        var missed = 0
        while let candidate = time, candidate <= now {
            due = candidate
            missed += 1
            // After a long pause only the last hours are walked through.
            if missed == 1000 {
                time = schedule.next(after: max(candidate, now.addingTimeInterval(-86_400)), in: zone)
            } else {
                time = schedule.next(after: candidate, in: zone)
            }
            if missed > 3000 { break }
        }
        return (due, next)
    }

    static func job(_ cron: KubeObject, name: String, due: Date, zone: TimeZone) -> KubeObject {
        let template = cron.spec["jobTemplate"]
        var job = KubeObject(
            apiVersion: "batch/v1", kind: "Job", name: name, namespace: cron.namespace,
            labels: template?.value(at: "metadata", "labels")?.stringMap ?? [:],
            annotations: template?.value(at: "metadata", "annotations")?.stringMap ?? [:])
        job.metadata.set(.string(Timestamp.text(due)), at: "annotations", CronJobReconciler.timeKey)
        job.metadata["ownerReferences"] = [cron.controllerReference(.cronJobsOfBatch)]
        job.spec = template?["spec"] ?? [:]
        return job
    }
}
