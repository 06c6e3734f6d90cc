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
        guard let cron = caches.cronJobs.get(request) else { return .settled }
        let jobs = caches.jobs.all(indexedBy: OwnerIndex.owner(cron.uid)).sorted { $0.name < $1.name }
        try await trimHistory(cron, jobs)
        var status = cron.status
        note(jobs, of: cron, &status)
        try await dropMissing(jobs, of: cron, &status)
        var wait: Duration?
        var failure: (any Error)?
        do {
            if !cron.isBeingDeleted { wait = try await start(cron, &status) }
        } catch {
            failure = error
        }
        try await context.writeStatus(status, of: cron, in: caches.cronJobs)
        if let failure { throw failure }
        return wait.map { .checkAgain(after: $0) } ?? .settled
    }

    /// Jobs that ended leave the list of those that run.
    private func note(_ jobs: [KubeObject], of cron: KubeObject, _ status: inout JSON) {
        for job in jobs {
            let isActive = Self.active(status).contains { $0["uid"]?.string == job.uid }
            guard let condition = Self.finalCondition(job) else {
                if !isActive {
                    events.warning(
                        "UnexpectedJob", "Saw a job that the controller did not create or forgot: \(job.name)",
                        about: cron)
                }
                continue
            }
            if isActive {
                Self.remove(job.uid, from: &status)
                events.normal(
                    "SawCompletedJob", "Saw completed job: \(job.name), condition: \(condition)", about: cron)
            }
            if condition == "Complete", let time = job.status["completionTime"]?.string,
                time > status["lastSuccessfulTime"]?.string ?? ""
            {
                status["lastSuccessfulTime"] = .string(time)
            }
        }
    }

    private func dropMissing(_ jobs: [KubeObject], of cron: KubeObject, _ status: inout JSON) async throws {
        let known = Set(jobs.map(\.uid))
        for entry in Self.active(status) {
            guard let uid = entry["uid"]?.string, !known.contains(uid), let name = entry["name"]?.string else {
                continue
            }
            guard try await context.client.find(.jobs, name, namespace: cron.namespace) == nil else { continue }
            events.normal("MissingJob", "Active job went missing: \(name)", about: cron)
            Self.remove(uid, from: &status)
        }
    }

    private static func active(_ status: JSON) -> [JSON] { status["active"]?.array ?? [] }

    private static func remove(_ uid: String, from status: inout JSON) {
        let rest = active(status).filter { $0["uid"]?.string != uid }
        status["active"] = rest.isEmpty ? nil : .array(rest)
    }

    /// `Complete` or `Failed`, nil while the Job is not over.
    private static func finalCondition(_ job: KubeObject) -> String? {
        ["Complete", "Failed"].first { job.status.isTrue($0) }
    }

    private static func reference(_ job: KubeObject) -> JSON {
        [
            "apiVersion": "batch/v1", "kind": "Job", "namespace": .string(job.namespace ?? ""),
            "name": .string(job.name), "uid": .string(job.uid), "resourceVersion": .string(job.resourceVersion),
        ]
    }

    /// Starts the Job that is due. Returns how long it is until the next one.
    private func start(_ cron: KubeObject, _ status: inout JSON) async throws -> Duration? {
        let zoneName = cron.spec["timeZone"]?.string
        guard let zone = zoneName.map({ TimeZone(identifier: $0) }) ?? .current else {
            let name = zoneName ?? ""
            events.warning("UnknownTimeZone", "invalid timeZone: \"\(name)\": unknown time zone \(name)", about: cron)
            return nil
        }
        guard cron.spec["suspend"]?.bool != true else { return nil }
        let text = cron.spec["schedule"]?.string ?? ""
        let schedule: CronSchedule
        do {
            schedule = try CronSchedule(text)
        } catch {
            events.warning(
                "UnparseableSchedule", "unparseable schedule: \"\(text)\" : \(error.message)", about: cron)
            return nil
        }
        let now = context.now()
        let plan = CronPlan(cron, schedule: schedule, zone: zone, now: now)
        let wait = plan.next.map { Duration.seconds(max(0, $0.timeIntervalSince(now)) + 0.1) }
        guard let due = plan.due else { return wait }
        if plan.missed > 100 {
            events.warning(
                "TooManyMissedTimes",
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
                about: cron)
        }
        guard !plan.isTooLate(due) else {
            events.warning(
                "MissSchedule", "Missed scheduled time to start a job: \(CronPlan.mailText(due))", about: cron)
            return wait
        }
        let name = CronPlan.jobName(cron, due)
        let isKnown = Self.active(status).contains { $0["name"]?.string == name }
        guard !isKnown, status["lastScheduleTime"]?.string != Timestamp.text(due) else { return wait }
        guard try await makeRoom(cron, &status) else { return wait }
        guard let job = try await create(CronPlan.job(cron, due: due), for: cron, status) else { return wait }
        status["active"] = .array(Self.active(status) + [Self.reference(job)])
        status["lastScheduleTime"] = .string(Timestamp.text(due))
        return wait
    }

    /// What the concurrency policy says about Jobs that still run; false when the new one is not to start.
    private func makeRoom(_ cron: KubeObject, _ status: inout JSON) async throws -> Bool {
        let running = Self.active(status)
        switch cron.spec["concurrencyPolicy"]?.string {
        case "Forbid" where !running.isEmpty:
            events.normal(
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is Forbid", about: cron)
            return false
        case "Replace":
            for entry in running {
                let name = entry["name"]?.string ?? ""
                if let job = context.caches.jobs.get(name, namespace: cron.namespace) {
                    try await context.delete(job, in: context.caches.jobs, propagation: "Background")
                    events.normal("SuccessfulDelete", "Deleted job \(name)", about: cron)
                }
                Self.remove(entry["uid"]?.string ?? "", from: &status)
            }
            return true
        default: return true
        }
    }

    /// The Job; nil when one of its name exists that is not ours or is known already.
    private func create(_ job: KubeObject, for cron: KubeObject, _ status: JSON) async throws -> KubeObject? {
        do {
            let made = try await context.client.create(.jobs, job)
            context.caches.jobs.note(made)
            events.normal("SuccessfulCreate", "Created job \(made.name)", about: cron)
            return made
        } catch let error as APIError where error.reason == .alreadyExists {
            // The same time is never started twice: the name says which it is.
            let other = try await context.client.get(.jobs, job.name, namespace: job.namespace)
            let isKnown = Self.active(status).contains { $0["uid"]?.string == other.uid }
            return other.controller?.uid == cron.uid && !isKnown ? other : nil
        } catch {
            events.warning("FailedCreate", "Error creating job: \(ReplicaSetReconciler.describe(error))", about: cron)
            throw error
        }
    }

    private func trimHistory(_ cron: KubeObject, _ jobs: [KubeObject]) async throws {
        let limits = [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
        for (condition, key, fallback) in limits {
            let limit = cron.spec[key]?.int.map(Int.init) ?? fallback
            let over = jobs.filter { Self.finalCondition($0) == condition && !$0.isBeingDeleted }
                .map { (start: $0.status["startTime"]?.string ?? "", job: $0) }
                .sorted { ($0.start, $0.job.name) < ($1.start, $1.job.name) }.map(\.job)
            for job in over.prefix(max(0, over.count - limit)) {
                try await context.delete(job, in: context.caches.jobs, propagation: "Background")
                events.normal("SuccessfulDelete", "Deleted job \(job.name)", about: cron)
            }
        }
    }
}
